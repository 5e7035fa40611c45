//! How long a test may take.

use labrt::time::{Duration, Instant};

/// The time limit that the course gives each test.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(120);

/// The time limit of one test. The time of a test begins when its harness is made.
pub(crate) struct Limit {
    start: Instant,
    limit: Duration,
}

impl Limit {
    /// Returns a limit. The time of the test begins now.
    pub fn from_now(limit: Duration) -> Limit {
        Limit { start: Instant::now(), limit }
    }

    /// Fails the test if it has taken longer than its limit. This method does not interrupt a test that is
    /// still working.
    #[track_caller]
    pub fn check(&self) {
        let taken = self.start.elapsed();
        if taken > self.limit {
            let (limit, taken) = (self.limit.as_secs(), taken.as_secs_f64());
            panic!("test took longer than {limit} seconds: {taken:.1} s");
        }
    }
}
