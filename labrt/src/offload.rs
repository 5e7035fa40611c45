//! Long computations inside a run, such as a linearizability check.
//!
//! The computation may use real threads. In virtual time the computation takes no time, and no other task
//! runs until it ends. So the run is still deterministic if the *result* of the computation is deterministic.
//! The watchdog of the virtual clock does not count the time of the computation.

use crate::imp;
use std::sync::OnceLock;
use std::time::Duration;

/// Real threads for use inside an [`offload`](fn@offload): std's scoped threads, and the number of
/// threads that can run at once.
pub use std::thread::{available_parallelism, scope};

/// The machine's monotonic clock, with and without the feature `sim`. Returns the time since the first call
/// in this process.
pub fn real_time() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Runs `f` outside the run and returns its result.
///
/// `f` must not use labrt. In virtual time this fails the run. A panic in `f` fails the run, too.
pub fn offload<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    imp::offload(f)
}
