//! The machine's monotonic clock.

use super::current::{cancel_channel, check, waiting, with_run};
use crate::foreign;
use std::panic::Location;
use std::sync::OnceLock;

pub use crate::instant::Instant;
pub use crate::timer::Timer;
pub use std::time::Duration;

fn epoch() -> std::time::Instant {
    static EPOCH: OnceLock<std::time::Instant> = OnceLock::new();
    *EPOCH.get_or_init(std::time::Instant::now)
}

/// Returns the number of nanoseconds since the first call of this function.
#[inline]
#[track_caller]
pub(crate) fn now() -> u64 {
    foreign::touch();
    epoch().elapsed().as_nanos() as u64
}

/// Converts a point in time to the type that the functions of std and crossbeam need.
pub(super) fn to_std(at: Instant) -> std::time::Instant {
    epoch() + Duration::from_nanos(at.0)
}

/// Waits for `d`, or until the run is over.
#[track_caller]
pub fn sleep(d: Duration) {
    foreign::touch();
    let _waiting = waiting("sleep", Location::caller(), None);
    if check() {
        return;
    }
    // No message is ever sent on this channel. So the wait ends only when the time is reached or the run is
    // cancelled.
    match Instant::now().checked_add(d) {
        Some(at) => drop(cancel_channel().recv_deadline(to_std(at))),
        None => drop(cancel_channel().recv()),
    }
    check();
}

/// Returns the time since the start of the run, or zero outside a run.
#[track_caller]
pub fn since_start() -> Duration {
    foreign::touch();
    with_run(|r| r.map_or(Duration::ZERO, |r| r.start.elapsed()))
}
