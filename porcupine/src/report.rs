//! The result of a check.

use std::fmt;

use labrt::time::Duration;

/// Is a history linearizable?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is.
    Ok,
    /// It is not.
    Illegal,
    /// The search was stopped before it knew.
    Unknown,
}

/// Why a search was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Options::limit`](super::Options::limit).
    Time,
    /// [`Options::steps`](super::Options::steps).
    Steps,
    /// [`Options::memory`](super::Options::memory).
    Memory,
    /// [`Options::cancel`](super::Options::cancel).
    Cancelled,
    /// Another part is illegal, which settles the verdict.
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
    /// Illegal if any part is; else Unknown if any part is; else Ok.
    pub verdict: Verdict,
    /// What stopped the first of the Unknown parts, if the verdict is Unknown.
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

/// What is known of one part of a history.
///
/// Operations are named by their index in the history. In a history of events, the index is the number of
/// earlier calls.
#[derive(Clone, Debug)]
pub struct Part {
    /// The operations of this part, in ascending order.
    pub operations: Vec<usize>,
    /// Is the part linearizable? If the verdict on another part stopped this search, the result may depend on
    /// the threads' schedule.
    pub verdict: Verdict,
    /// What stopped the search, if the verdict is Unknown.
    pub why_unknown: Option<Limit>,
    /// Partial linearizations, if they were asked for ([`Options::partials`](super::Options::partials)) and
    /// the history is Ok or Illegal. The longest comes first. Each is a sequence of operations that the model
    /// allows from the start. A part that is Ok has one complete sequence; only operations that were never
    /// answered may be missing in it. Of the other parts, take any operation that was placed on the way to a
    /// dead end: it is in one of the sequences, and none of the paths with this operation is longer. (If
    /// there are very many sequences, the shortest are dropped.)
    pub partials: Vec<Vec<usize>>,
    /// An operation that has no place after the longest partial linearization. It is `None` if the part is
    /// Ok, or if the search found no such operation before it was stopped.
    pub blocked: Option<usize>,
    /// How many steps the search took.
    pub steps: u64,
}
