//! Messages whose fate is chosen by the variable `LAB_FATES`, for example
//! `LAB_FATES=5.12=lost,3.40=late:250`.
//!
//! A message is named by the fields `end` and `nth` of its event `rpc.sent`. With the same seed, a message
//! has the same name in each run, until the runs differ. So the variable can change the fate of one message,
//! and the run is the same up to this message.

use std::sync::OnceLock;

use labrpc::Fate;
use labrt::time::Duration;

/// The environment variable.
pub(crate) const VARIABLE: &str = "LAB_FATES";

const EXPECTED: &str = "expected END.NTH=FATE, several of them separated by commas; FATE is delivered, lost, \
                        reply-lost or late:MS";

/// The longest time in ms by which a message can be late.
const LATEST_MS: u64 = 3_600_000;

/// One message, and what happens to it.
pub(crate) type Chosen = ((u64, u64), Fate);

/// Reads the variable. `None` means that it is not set.
///
/// # Errors
/// If the value is wrong, or if the clock is real: on real threads the messages of two runs are not the same.
pub(crate) fn read() -> Result<Option<String>, String> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.to_string_lossy().into_owned();
    parse(&value)?;
    match labrt::is_sim() {
        true => Ok(Some(value)),
        false => Err(format!("{VARIABLE}={value}: works only in virtual time (cargo test --features sim)")),
    }
}

/// The messages whose fate the variable chooses.
pub(crate) fn chosen() -> &'static [Chosen] {
    static CHOSEN: OnceLock<Vec<Chosen>> = OnceLock::new();
    CHOSEN.get_or_init(|| match read() {
        Ok(Some(value)) => parse(&value).unwrap_or_default(),
        _ => Vec::new(),
    })
}

fn parse(value: &str) -> Result<Vec<Chosen>, String> {
    value
        .split(',')
        .map(|part| one(part.trim()).ok_or(part))
        .collect::<Result<_, _>>()
        .map_err(|part| format!("{VARIABLE}={value}: {part:?} is no message with a fate; {EXPECTED}"))
}

fn one(text: &str) -> Option<Chosen> {
    let (message, fate) = text.split_once('=')?;
    let (end, nth) = message.split_once('.')?;
    let fate = match fate {
        "delivered" => Fate::Delivered,
        "lost" => Fate::RequestLost,
        "reply-lost" => Fate::ReplyLost,
        _ => {
            let ms = fate.strip_prefix("late:")?.parse().ok().filter(|ms| *ms <= LATEST_MS)?;
            Fate::Late(Duration::from_millis(ms))
        }
    };
    Some(((end.parse().ok()?, nth.parse().ok()?), fate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_checked() {
        let late = Fate::Late(Duration::from_millis(250));
        assert_eq!(
            parse("5.12=lost, 3.40=late:250,1.1=delivered,1.2=reply-lost"),
            Ok(vec![
                ((5, 12), Fate::RequestLost),
                ((3, 40), late),
                ((1, 1), Fate::Delivered),
                ((1, 2), Fate::ReplyLost)
            ])
        );
        for bad in [
            "5",
            "5.1",
            "5.1=",
            "5=lost",
            "x.1=lost",
            "5.1=gone",
            "5.1=late",
            "5.1=late:-1",
            "5.1=late:9999999999",
            "",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(error.contains("expected END.NTH=FATE") && error.starts_with("LAB_FATES="), "{error}");
        }
    }
}
