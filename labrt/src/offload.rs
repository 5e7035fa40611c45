//! Long computations inside a run, such as a linearizability check.
//!
//! The computation may use real threads. In virtual time the computation takes no time, and no task of the
//! run continues until the computation ends. So the run is still deterministic if the *result* of the
//! computation is deterministic. The run's watchdog ends a run whose virtual clock does not move. The
//! watchdog does not count the time of the computation.

use crate::imp;
use std::sync::OnceLock;
use std::time::Duration;

/// Real threads that can be used inside an [`offload`](fn@offload): std's scoped threads, and the number of
/// threads that can run at the same time.
pub use std::thread::{available_parallelism, scope};

/// Reads the machine's monotonic clock, with and without the feature `sim`. Returns the time since the first
/// call of this function in this process.
pub fn real_time() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// Runs `f` outside the run and returns its result.
///
/// `f` must not use labrt. If it does, the run fails in virtual time. A panic in `f` also fails the run.
pub fn offload<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    imp::offload(f)
}
