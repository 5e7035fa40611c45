//! The course's counters, and the line of a test that has passed.
//!
//! The line is `  ... Passed --` with five columns: seconds, peers, RPCs sent, bytes in RPCs, and
//! commands that were agreed on.

use labapi::RaftPeer;
use labrt::time::Instant;

use super::Cluster;
use crate::output;

/// The counters when the test began.
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
    /// Starts the counters and prints the test's title.
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

    /// The line of a test that has passed.
    pub(super) fn passed_line(&self) -> String {
        let (rpcs, bytes) = (self.net.total_count(), self.net.total_bytes());
        let state = self.state.lock();
        let begun = &state.begun;
        let seconds = begun.at.elapsed().as_secs_f64();
        let peers = self.setup.servers;
        let commands = state.max_index - begun.max_index;
        passed(seconds, peers, rpcs - begun.rpcs, bytes - begun.bytes, commands)
    }

    /// The requests that have reached peer `i` since it was last started.
    pub fn rpc_count(&self, i: usize) -> u64 {
        self.net.count(i)
    }

    /// The requests that all peers have sent, including those that were lost.
    pub fn rpc_total(&self) -> u64 {
        self.net.total_count()
    }

    /// The bytes of all arguments that were sent and of all replies that arrived.
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

    /// Columns are right-aligned with blanks. A number that is wider than its column moves the columns after
    /// it.
    #[test]
    fn the_columns_are_the_courses() {
        assert_eq!(passed(3.04, 3, 44, 16524, 0), "  ... Passed --   3.0  3   44   16524    0");
        assert_eq!(passed(38.0, 5, 14171, 39_654_033, 455), "  ... Passed --  38.0  5 14171 39654033  455");
    }
}
