//! How long a test may take.

use labrt::time::{Duration, Instant};

/// The course's limit, measured from the start of the test's cluster on.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(120);

/// Fails a test that began at `start` and is older than `limit`. It does not interrupt one.
#[track_caller]
pub(crate) fn check_limit(start: Instant, limit: Duration) {
    let taken = start.elapsed();
    if taken > limit {
        panic!("test took longer than {} seconds: {:.1} s", limit.as_secs(), taken.as_secs_f64());
    }
}
