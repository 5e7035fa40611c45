//! How strict the test suites are.
//!
//! The value of `LAB_STRICT` is `1` or `0`. With `1`, a test fails where it would otherwise only print a
//! warning. With `0`, which is the default, the constant `STRICTNESS` of the code under test decides this.
//! The `main` function of a test binary reads the variable with [`read`]. All other code calls [`in_force`].

use labapi::Strictness;
use labrt::sync::atomic::{AtomicBool, Ordering};

use crate::variables::switch;

/// The name of the environment variable.
pub(crate) const VARIABLE: &str = "LAB_STRICT";

/// True if `LAB_STRICT` is 1. This value is set before the first test of the process.
static FORCED: AtomicBool = AtomicBool::new(false);

/// Reads the variable, for all tests of this process. Returns whether its value is 1.
///
/// # Errors
/// If the value is neither 1 nor 0. The message names the variable, the value and what was expected.
pub(crate) fn read() -> Result<bool, String> {
    let expected = "1 (warnings are failures) or 0 (the code under test decides)";
    let forced = switch(VARIABLE, expected)? == Some(true);
    FORCED.store(forced, Ordering::SeqCst);
    Ok(forced)
}

/// The strictness that the tests use. `own` is the `STRICTNESS` of the code under test.
pub(crate) fn in_force(own: Strictness) -> Strictness {
    if FORCED.load(Ordering::SeqCst) { Strictness::Fail } else { own }
}
