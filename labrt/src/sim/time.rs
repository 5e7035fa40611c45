//! The functions that read the virtual clock, and that wait for it.

use super::kernel as k;
pub use crate::instant::Instant;
pub use crate::timer::Timer;
pub use std::time::Duration;

/// Returns the present time plus `d`, in nanoseconds since the start of the run.
#[track_caller]
pub(super) fn after(d: Duration) -> u64 {
    k::now().saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

/// Waits for `d`, or until the run is over.
#[track_caller]
pub fn sleep(d: Duration) {
    let at = after(d);
    k::block(k::prepare(), Some(at), "sleep");
}

/// Returns the time since the start of the run, or zero outside a run.
#[track_caller]
pub fn since_start() -> Duration {
    if !k::active() {
        return Duration::ZERO;
    }
    Duration::from_nanos(k::now())
}
