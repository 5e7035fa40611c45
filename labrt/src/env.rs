//! The environment variables of a run. This module reads them through a lookup function, so the tests of this
//! crate can pass values without setting variables. If a value is bad, these functions return an error. The
//! text of the error names the variable, the value and the expected form.

/// A function that returns the value of a variable. It returns `None` if the variable is not set or is empty.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Returns the value of a variable of this process, or `None` if the variable is not set or is empty.
pub(crate) fn process(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    let value = value.to_string_lossy().trim().to_string();
    (!value.is_empty()).then_some(value)
}

fn parse_u64(text: &str) -> Option<u64> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => plain.parse().ok(),
    }
}

/// Reads a number in `range`. The number is decimal, or hexadecimal with `0x`.
pub(crate) fn number(
    lookup: &Lookup<'_>,
    name: &str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, String> {
    let Some(text) = lookup(name) else { return Ok(None) };
    match parse_u64(&text).filter(|n| range.contains(n)) {
        Some(n) => Ok(Some(n)),
        None if *range.end() == u64::MAX && *range.start() == 0 => {
            Err(format!("{name}={text}: expected a number, decimal or 0x hexadecimal, below 2^64"))
        }
        None => Err(format!("{name}={text}: expected a number from {} to {}", range.start(), range.end())),
    }
}

/// Reads a variable that switches something on or off: `1` means on, and `0` or no value means off.
pub(crate) fn switch(lookup: &Lookup<'_>, name: &str) -> Result<bool, String> {
    match lookup(name).as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(format!("{name}={other}: expected 1 (on) or 0 (off)")),
    }
}

/// The value of `LAB_SEED`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seed {
    Unset,
    Random,
    Given(u64),
}

pub(crate) fn seed(lookup: &Lookup<'_>) -> Result<Seed, String> {
    match lookup("LAB_SEED").as_deref() {
        None => Ok(Seed::Unset),
        Some("random") => Ok(Seed::Random),
        Some(text) => parse_u64(text).map(Seed::Given).ok_or_else(|| {
            format!("LAB_SEED={text}: expected a number, decimal or 0x hexadecimal, below 2^64, or `random`")
        }),
    }
}

/// Reads a trace hash of sixteen hexadecimal digits.
pub(crate) fn trace_hash(lookup: &Lookup<'_>, name: &str) -> Result<Option<u64>, String> {
    let Some(text) = lookup(name) else { return Ok(None) };
    u64::from_str_radix(&text, 16)
        .map(Some)
        .map_err(|_| format!("{name}={text}: expected the trace hash of a run, 16 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only<'a>(name: &'a str, value: &'a str) -> impl Fn(&str) -> Option<String> + 'a {
        move |n| (n == name).then(|| value.to_string())
    }

    #[test]
    fn seeds() {
        let ask = |v| seed(&only("LAB_SEED", v));
        assert_eq!(ask("17"), Ok(Seed::Given(17)));
        assert_eq!(ask("0xff"), Ok(Seed::Given(255)));
        assert_eq!(ask("random"), Ok(Seed::Random));
        assert_eq!(seed(&|_| None), Ok(Seed::Unset));
        for bad in ["-1", "x", "1.5", "0x", "99999999999999999999"] {
            let e = ask(bad).unwrap_err();
            assert!(e.contains(bad) && e.contains("LAB_SEED") && e.contains("random"), "{e}");
        }
    }

    #[test]
    fn numbers_and_switches() {
        let ask = |v| number(&only("N", v), "N", 1..=9);
        assert_eq!(ask("9"), Ok(Some(9)));
        assert!(ask("10").unwrap_err().contains("N=10: expected a number from 1 to 9"));
        assert!(switch(&only("S", "yes"), "S").unwrap_err().contains("S=yes: expected 1"));
        assert_eq!(switch(&only("S", "1"), "S"), Ok(true));
    }
}
