//! The result of a check.

use std::fmt;

use labrt::time::Duration;

/// The answer to the question whether a history is linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The history is linearizable.
    Ok,
    /// The history is not linearizable.
    Illegal,
    /// The search was stopped before it had a result.
    Unknown,
}

/// The reason why a search was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The check has reached its time limit, [`Options::limit`](super::Options::limit).
    Time,
    /// The search has taken as many steps as [`Options::steps`](super::Options::steps) allows.
    Steps,
    /// The check needs more memory than [`Options::memory`](super::Options::memory) allows.
    Memory,
    /// The caller has set [`Options::cancel`](super::Options::cancel).
    Cancelled,
    /// Another part is illegal, so the whole history is illegal.
    Settled,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Time => "the time limit was reached",
            Limit::Steps => "the limit of steps was reached",
            Limit::Memory => "the memory cap was reached",
            Limit::Cancelled => "the check was cancelled",
            Limit::Settled => "another part is illegal",
        })
    }
}

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict on the whole history. It is Illegal if a part is Illegal. If no part is Illegal, it is
    /// Unknown if a part is Unknown. If all parts are Ok, it is Ok.
    pub verdict: Verdict,
    /// If the verdict is Unknown, this is the reason why the search of the first Unknown part was stopped.
    pub why_unknown: Option<Limit>,
    /// The parts, in the order of [`Model::partition`](super::Model::partition).
    pub parts: Vec<Part>,
    /// How long the check took, on the machine's clock.
    pub took: Duration,
}

impl Report {
    /// The parts that are illegal.
    pub fn illegal(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.verdict == Verdict::Illegal)
    }
}

/// The result of the check for one part of a history.
///
/// An operation is given by its index in the history. In a history of events, the index of an operation is
/// the number of calls before its call.
#[derive(Clone, Debug)]
pub struct Part {
    /// The operations of this part, in ascending order.
    pub operations: Vec<usize>,
    /// The verdict on this part. If another part is illegal, the search of this part may be stopped early.
    /// Then this verdict may depend on the threads' schedule.
    pub verdict: Verdict,
    /// If the verdict is Unknown, this is the reason why the search was stopped.
    pub why_unknown: Option<Limit>,
    /// Partial linearizations, if they were asked for ([`Options::partials`](super::Options::partials)) and
    /// the history is Ok or Illegal. Each is a sequence of operations that the model allows from the initial
    /// state. The longest sequence comes first.
    ///
    /// If the part is Ok, there is one complete sequence. Only operations that were never answered may be
    /// missing in it. If the part is not Ok, look at any operation that was placed when the search came to a
    /// dead end. The list has at least one sequence with this operation. Of all sequences with this operation
    /// that the search has found, the list has the longest one. (If there are very many sequences, the
    /// shortest sequences are left out.)
    pub partials: Vec<Vec<usize>>,
    /// An operation that cannot follow the longest partial linearization. It is `None` if the part is Ok, or
    /// if the search was stopped before it found such an operation.
    pub blocked: Option<usize>,
    /// How many steps the search took.
    pub steps: u64,
}
