//! The operations of a test's clients, for the linearizability check.

use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;

use super::system::Sharded;
use super::{Cluster, now};

/// What a client asked, and what it was told.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The client's number.
    pub client: u32,
    /// Nanoseconds since the run's start.
    pub call: u64,
    /// The same, when the answer was there.
    pub ret: u64,
    /// The key.
    pub key: String,
    /// What was done.
    pub op: Op,
    /// What was read, or written.
    pub value: String,
}

/// The kinds of operations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// Read.
    Get,
    /// Replace.
    Put,
    /// Add to the end.
    Append,
}

/// What several clients have done.
#[derive(Clone, Default)]
pub struct History(Arc<Mutex<Vec<Recorded>>>);

impl History {
    /// An empty one.
    pub fn new() -> History {
        History::default()
    }

    /// Runs an operation and records it when it has ended.
    pub(super) fn record(&self, client: u32, key: &str, op: Op, f: impl FnOnce() -> String) -> String {
        let call = now();
        let value = f();
        let ret = now();
        self.0.lock().push(Recorded { client, call, ret, key: key.to_owned(), op, value: value.clone() });
        value
    }
}

/// How long the course gives its checker.
pub const CHECK_LIMIT: Duration = Duration::from_secs(1);

/// What becomes of a history about which the checker cannot tell in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// It is taken for a good one, with a line that says so: as in the course. In virtual time, where nothing else
    /// wants the machine's time, it fails the test.
    IsCourses,
    /// It fails the test.
    Fails,
}

impl<S: Sharded> Cluster<S> {
    /// The history must be linearizable.
    #[track_caller]
    pub fn check_linearizable(&self, history: &History, limit: Duration, unknown: Unknown) {
        let _ = (history, limit, unknown);
        todo!("the checker");
    }
}
