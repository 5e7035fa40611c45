//! What a test has done, for the picture of its history.

use labrt::sync::Mutex;

use super::now;

/// Something that happened beside the operations, in nanoseconds of the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// When it began.
    pub from: u64,
    /// When it ended; `None`: it was an instant.
    pub to: Option<u64>,
    /// What it is.
    pub kind: MarkKind,
    /// In words.
    pub text: String,
}

/// What a [`Mark`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MarkKind {
    /// Somebody is cut off, or not any more.
    Partition,
    /// A server is down.
    Crash,
    /// The network becomes reliable or unreliable.
    Network,
    /// Groups join or leave.
    Configuration,
}

/// The marks of a test.
pub(super) struct Marks(Mutex<Vec<Mark>>);

impl Marks {
    pub(super) fn new() -> Marks {
        Marks(Mutex::new(Vec::new()))
    }

    /// Something that happens now.
    pub(super) fn instant(&self, kind: MarkKind, text: &str) {
        self.0.lock().push(Mark { from: now(), to: None, kind, text: text.to_owned() });
    }

    /// Something that has lasted until now.
    pub(super) fn span(&self, kind: MarkKind, from: u64, text: &str) {
        self.0.lock().push(Mark { from, to: Some(now()), kind, text: text.to_owned() });
    }

    pub(super) fn all(&self) -> Vec<Mark> {
        self.0.lock().clone()
    }
}
