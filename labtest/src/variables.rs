//! Reads environment variables that are switches.

/// Reads the switch `name`. `None` means that the variable is not set. `expected` says what the values mean.
///
/// # Errors
/// If the value is neither 1 nor 0. The message names the variable, the value and what was expected.
pub(crate) fn switch(name: &str, expected: &str) -> Result<Option<bool>, String> {
    parse(name, expected, std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

fn parse(name: &str, expected: &str, value: Option<String>) -> Result<Option<bool>, String> {
    match value.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(other) => Err(format!("{name}={other}: expected {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_checked() {
        let parsed = |value: &str| parse("LAB_X", "1 (on) or 0 (off)", Some(value.to_owned()));
        assert_eq!(parse("LAB_X", "", None), Ok(None));
        assert_eq!((parsed(""), parsed("0"), parsed(" 1 ")), (Ok(None), Ok(Some(false)), Ok(Some(true))));
        for bad in ["yes", "2", "true"] {
            let error = parsed(bad).expect_err(bad);
            assert_eq!(error, format!("LAB_X={bad}: expected 1 (on) or 0 (off)"));
        }
    }
}
