//! How a suite treats breaches of good order.

/// What becomes of breaches of good order that the course does not look for: threads that live on after `kill`, locks
/// that are taken in both orders, an RPC that is made under a lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// The suite prints a warning. The course's own verdicts do not change.
    Warn,
    /// The test fails.
    Fail,
}
