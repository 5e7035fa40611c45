//! How long a test may take.

use labrt::time::{Duration, Instant};

/// The course's limit.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(120);

/// The limit of one test. Its time begins when the harness is made.
pub(crate) struct Limit {
    start: Instant,
    limit: Duration,
}

impl Limit {
    /// The test begins now.
    pub fn from_now(limit: Duration) -> Limit {
        Limit { start: Instant::now(), limit }
    }

    /// Fails a test that has taken longer than its limit. It does not interrupt a test.
    #[track_caller]
    pub fn check(&self) {
        let taken = self.start.elapsed();
        if taken > self.limit {
            let (limit, taken) = (self.limit.as_secs(), taken.as_secs_f64());
            panic!("test took longer than {limit} seconds: {taken:.1} s");
        }
    }
}
