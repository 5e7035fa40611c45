//! How a suite treats faults of a server that the course does not look for.

/// What a suite does when a server leaves threads behind after `kill`, takes locks in both orders, or makes
/// an RPC under a lock. The course does not look for these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// The suite prints a warning. The course's own verdicts do not change. A run with `LAB_STRICT=1` fails
    /// instead.
    Warn,
    /// The test fails.
    Fail,
}
