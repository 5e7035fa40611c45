//! Losses and delays, as the user writes them on the command line and reads them in the tables.

use std::fmt;
use std::str::FromStr;

use labrt::time::Duration;

/// How many messages are lost, in tenths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss(u32);

impl Loss {
    /// A loss of so many percent.
    pub const fn percent(percent: u32) -> Loss {
        Loss(percent * 10)
    }

    /// How many of 1000 messages are lost.
    pub fn per_thousand(self) -> u32 {
        self.0
    }
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Loss, String> {
        match tenths(text) {
            Some(tenths) if tenths <= 500 => Ok(Loss(tenths)),
            _ => Err("expected a number of percent from 0 to 50, for example 2 or 0.5".to_owned()),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 10.0)
    }
}

/// The time that a message takes one way, in tenths of a millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(u32);

impl Delay {
    /// A delay of so many milliseconds.
    pub const fn ms(ms: u32) -> Delay {
        Delay(ms * 10)
    }

    /// The delay as a time.
    pub fn time(self) -> Duration {
        Duration::from_micros(u64::from(self.0) * 100)
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Delay, String> {
        match tenths(text) {
            Some(tenths) if (1..=10_000).contains(&tenths) => Ok(Delay(tenths)),
            _ => Err("expected a number of milliseconds from 0.1 to 1000, for example 5 or 0.5".to_owned()),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", f64::from(self.0) / 10.0)
    }
}

/// A number with at most one digit after the point, in tenths. `None` if the text is no such number.
fn tenths(text: &str) -> Option<u32> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(tenth) || tenth.len() != 1 {
        return None;
    }
    whole.parse::<u32>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["0", "0.5", "2", "49.9", "50"] {
            assert_eq!(text.parse::<Loss>().map(|it| it.to_string()), Ok(format!("{text} %")));
        }
        for text in ["0.1", "5", "12.5", "1000"] {
            assert_eq!(text.parse::<Delay>().map(|it| it.to_string()), Ok(format!("{text} ms")));
        }
        assert_eq!(("0.5".parse(), Loss::percent(2).per_thousand()), (Ok(Loss(5)), 20));
        assert_eq!(("0.5".parse(), Delay::ms(5).time()), (Ok(Delay(5)), Duration::from_millis(5)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", ".", "-1", "+1", "1.", ".5", "0.25", "1e1", "NaN", "5 %", "99999999999"] {
            assert!(text.parse::<Loss>().is_err() && text.parse::<Delay>().is_err(), "{text:?}");
        }
        assert!("50.1".parse::<Loss>().is_err() && "0".parse::<Delay>().is_err());
        assert!("1000.1".parse::<Delay>().is_err());
    }
}
