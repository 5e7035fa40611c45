//! How strict the test suites are.
//!
//! The value of `LAB_STRICT` is `1` or `0`. With `1`, a test fails where it would otherwise only print a
//! warning. With `0`, which is the default, the constant `STRICTNESS` of the code under test decides this.
//! The `main` function of a test binary reads the variable with [`read`]. All other code calls [`in_force`].

use labapi::Strictness;
use labrt::sync::atomic::{AtomicBool, Ordering};

/// The name of the environment variable.
pub(crate) const VARIABLE: &str = "LAB_STRICT";

/// True if `LAB_STRICT` is 1. This value is set before the first test of the process.
static FORCED: AtomicBool = AtomicBool::new(false);

/// Reads the variable, for all tests of this process. Returns whether its value is 1.
///
/// # Errors
/// If the value is neither 1 nor 0. The message names the variable, the value and what was expected.
pub(crate) fn read() -> Result<bool, String> {
    let forced = parse(std::env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned()))?;
    FORCED.store(forced, Ordering::SeqCst);
    Ok(forced)
}

/// The strictness that the tests use. `own` is the `STRICTNESS` of the code under test.
pub(crate) fn in_force(own: Strictness) -> Strictness {
    if FORCED.load(Ordering::SeqCst) { Strictness::Fail } else { own }
}

fn parse(value: Option<String>) -> Result<bool, String> {
    match value.as_deref().map(str::trim) {
        None | Some("" | "0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(format!(
            "{VARIABLE}={other}: expected 1 (warnings are failures) or 0 (the code under test decides)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_checked() {
        let parsed = |value: &str| parse(Some(value.to_owned()));
        assert_eq!(parse(None), Ok(false));
        assert_eq!((parsed(""), parsed("0"), parsed(" 1 ")), (Ok(false), Ok(false), Ok(true)));
        for bad in ["yes", "2", "true"] {
            let error = parsed(bad).expect_err(bad);
            assert!(error.starts_with(&format!("LAB_STRICT={bad}: expected 1")), "{error}");
        }
    }
}
