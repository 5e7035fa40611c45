//! What the clients did, and whether it is linearizable.

use labrt::sync::Mutex;
use labrt::time::Duration;

use crate::tester::marks::Mark;

/// What a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// The value of a key.
    Get,
    /// A new value.
    Put,
    /// More at the end of the value.
    Append,
}

impl Request {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Request::Get => "get",
            Request::Put => "put",
            Request::Append => "append",
        }
    }
}

/// What becomes of a history that the checker could not judge within its limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfUnknown {
    /// It is taken to be fine, and a line says so. The checker has this long.
    Passes(Duration),
    /// The test fails. The checker has this long.
    Fails(Duration),
}

impl Default for IfUnknown {
    /// On the real clock the course's rule: a second, then it passes. In virtual time a minute, then it fails.
    fn default() -> IfUnknown {
        match labrt::is_sim() {
            true => IfUnknown::Fails(Duration::from_secs(60)),
            false => IfUnknown::Passes(Duration::from_secs(1)),
        }
    }
}

/// All operations of a test's clients.
pub struct History {
    operations: Mutex<Vec<()>>,
}

impl History {
    pub fn new() -> History {
        History { operations: Mutex::new(Vec::new()) }
    }

    pub fn push(
        &self,
        _client: u32,
        _request: Request,
        _key: &str,
        _value: &str,
        _output: &str,
        _times: (u64, u64),
    ) {
        self.operations.lock().push(());
    }

    pub fn check(&self, _if_unknown: IfUnknown, _title: &str, _marks: Vec<Mark>) {}
}
