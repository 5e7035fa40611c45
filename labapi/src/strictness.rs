//! What a suite does if a server has a fault that the course does not check.

/// What a suite does about three faults: a server still has threads after `kill`, it makes an RPC while it
/// holds a lock, or it locks two locks sometimes in one order and sometimes in the other. The course does not
/// check for these faults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// The suite prints a warning. The warning does not change the result of the test. If the environment has
    /// `LAB_STRICT=1`, the test fails instead.
    Warn,
    /// The test fails.
    Fail,
}
