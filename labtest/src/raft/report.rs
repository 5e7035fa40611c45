//! The counters of the course, and the line that is printed when a test has passed.
//!
//! The line is `  ... Passed --` with five columns: the seconds that the test took, the number of peers, the
//! number of RPCs that were sent, the number of bytes in RPCs, and the number of commands that were
//! committed.

use labapi::RaftPeer;
use labrt::time::Instant;

use super::Cluster;
use crate::output;

/// The time and the counters when the test began.
pub(super) struct Begun {
    at: Instant,
    rpcs: u64,
    bytes: u64,
    max_index: u64,
}

impl Begun {
    pub(super) fn now() -> Begun {
        Begun { at: Instant::now(), rpcs: 0, bytes: 0, max_index: 0 }
    }
}

impl<R: RaftPeer> Cluster<R> {
    /// Stores the present values of the counters, and prints the test's title.
    pub fn begin(&self, title: &str) {
        output::begin(title);
        let begun = Begun {
            at: Instant::now(),
            rpcs: self.net.total_count(),
            bytes: self.net.total_bytes(),
            max_index: 0,
        };
        let mut state = self.state.lock();
        state.begun = Begun { max_index: state.max_index, ..begun };
    }

    /// The line to print when the test has passed.
    pub(super) fn passed_line(&self) -> String {
        let (rpcs, bytes) = (self.net.total_count(), self.net.total_bytes());
        let state = self.state.lock();
        let begun = &state.begun;
        let seconds = begun.at.elapsed().as_secs_f64();
        let peers = self.setup.servers;
        let commands = state.max_index - begun.max_index;
        passed(seconds, peers, rpcs - begun.rpcs, bytes - begun.bytes, commands)
    }

    /// The number of requests that have reached peer `i` since its last start.
    pub fn rpc_count(&self, i: usize) -> u64 {
        self.net.count(i)
    }

    /// The number of requests that all peers have sent, including requests that were lost.
    pub fn rpc_total(&self) -> u64 {
        self.net.total_count()
    }

    /// The number of bytes of all arguments that were sent and of all replies that arrived.
    pub fn bytes_total(&self) -> u64 {
        self.net.total_bytes()
    }
}

fn passed(seconds: f64, peers: usize, rpcs: u64, bytes: u64, commands: u64) -> String {
    format!("  ... Passed --  {seconds:4.1}  {peers} {rpcs:4} {bytes:7} {commands:4}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns are right-aligned with spaces. If a number is wider than its column, the columns after it move
    /// to the right.
    #[test]
    fn the_columns_are_the_courses() {
        assert_eq!(passed(3.04, 3, 44, 16524, 0), "  ... Passed --   3.0  3   44   16524    0");
        assert_eq!(passed(38.0, 5, 14171, 39_654_033, 455), "  ... Passed --  38.0  5 14171 39654033  455");
    }
}
