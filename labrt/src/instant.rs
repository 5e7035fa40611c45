//! [`Instant`] and [`WaitTimeoutResult`], which are the same types in virtual time and in real time.

use crate::imp;
use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in time.
///
/// An `Instant` is a number of nanoseconds. In virtual time it is the time since the start of the run. On
/// real threads it is the time since this process read the clock for the first time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub(crate) u64);

impl Instant {
    /// Returns the present time.
    #[track_caller]
    pub fn now() -> Instant {
        Instant(imp::now())
    }

    /// Returns the time that has passed since this point.
    #[track_caller]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }

    /// Returns the time from `earlier` to this point, or zero if `earlier` is later than this point.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The same as [`Instant::duration_since`].
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }

    /// Returns this point plus `d`, or `None` if the result is too large.
    pub fn checked_add(&self, d: Duration) -> Option<Instant> {
        Some(Instant(self.0.checked_add(u64::try_from(d.as_nanos()).ok()?)?))
    }

    /// Returns this point minus `d`, or `None` if the result is below zero.
    pub fn checked_sub(&self, d: Duration) -> Option<Instant> {
        Some(Instant(self.0.checked_sub(u64::try_from(d.as_nanos()).ok()?)?))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    #[track_caller]
    fn add(self, d: Duration) -> Instant {
        self.checked_add(d).expect("overflow when adding a duration to an instant")
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    #[track_caller]
    fn sub(self, d: Duration) -> Instant {
        self.checked_sub(d).expect("overflow when subtracting a duration from an instant")
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, other: Instant) -> Duration {
        self.duration_since(other)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t+{:.6}s", self.0 as f64 / 1e9)
    }
}

/// The result of a wait with a time limit: it says whether the limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(pub(crate) bool);

impl WaitTimeoutResult {
    /// True if the limit was reached.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}
