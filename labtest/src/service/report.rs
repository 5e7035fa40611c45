//! The counters of the course, and the line that is printed when a test, or a part of a test, has passed.
//!
//! The line is `  ... Passed --` with four columns: the seconds that the test took, the number of servers,
//! the number of RPCs that were sent, and the number of the clerks' operations. The tests of the controller
//! print the line without columns.

use labapi::Replicated;
use labrt::sync::atomic::Ordering;
use labrt::time::Instant;

use super::Cluster;
use crate::output;

/// The time and the values of the counters when the test, or a part of it, began.
pub(super) struct Begun {
    at: Instant,
    rpcs: u64,
}

impl Begun {
    pub(super) fn now() -> Begun {
        Begun { at: Instant::now(), rpcs: 0 }
    }
}

impl<S: Replicated> Cluster<S> {
    /// Resets the counters and prints the title of the test, or of a part of it.
    pub fn begin(&self, title: &str) {
        output::begin(title);
        self.ops.store(0, Ordering::SeqCst);
        self.state.lock().begun = Begun { at: Instant::now(), rpcs: self.net.total_count() };
    }

    /// Counts an operation of a clerk.
    pub fn op(&self) {
        self.ops.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends a part of a test that has passed. Another part of the same test follows.
    #[track_caller]
    pub fn part_passed(&self) {
        self.limit.check();
        output::end(&self.passed_line());
    }

    /// The line to print when a test, or a part of a test, has passed.
    pub(super) fn passed_line(&self) -> String {
        if !self.setup.columns {
            return "  ... Passed".to_owned();
        }
        let (rpcs, ops) = (self.net.total_count(), self.ops.load(Ordering::SeqCst));
        let begun = &self.state.lock().begun;
        passed(begun.at.elapsed().as_secs_f64(), self.setup.servers, rpcs - begun.rpcs, ops)
    }
}

fn passed(seconds: f64, servers: usize, rpcs: u64, ops: u64) -> String {
    format!("  ... Passed --  {seconds:4.1}  {servers} {rpcs:5} {ops:4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are right-aligned with spaces. If a number is wider than its column, the columns after it move
    /// to the right.
    #[test]
    fn the_columns_are_the_courses() {
        assert_eq!(passed(3.04, 3, 44, 0), "  ... Passed --   3.0  3    44    0");
        assert_eq!(passed(15.1, 5, 14171, 3110), "  ... Passed --  15.1  5 14171 3110");
        assert_eq!(passed(115.16, 7, 141_710, 31_103), "  ... Passed --  115.2  7 141710 31103");
    }
}
