//! CPU-heavy work inside a run, such as a linearizability check.
//!
//! In virtual time computing takes no time and nothing else runs meanwhile; the work runs on real
//! threads under the real clock and its result is joined at one point of the schedule, so the run
//! stays deterministic as long as the *result* is. The watchdog of the virtual clock knows that the
//! world stands still on purpose.

use crate::imp;
use std::sync::OnceLock;
use std::time::Duration;

/// Real threads for the inside of an [`offload`](fn@offload): std's scoped threads, and how many
/// can run at once.
pub use std::thread::{available_parallelism, scope};

/// The machine's monotonic clock, in either build: time since the first call of this process.
pub fn real_time() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Runs `f` outside the world of the run and returns its result.
///
/// `f` must not use labrt; in virtual time that fails the run, as a panic in `f` does.
pub fn offload<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    imp::offload(f)
}
