//! The commands that the tests submit. A command is an integer. In tests in which the size of a command
//! matters, it is a text.
//!
//! Raft sees only bytes. A value is encoded when it is submitted, and decoded when a server applies it. The
//! suites compare decoded values, so `7` and `"7"` are different commands.

use labapi::Command;
use std::fmt;

use labrt::rng;
use serde::{Deserialize, Serialize};

/// One command of a test.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// An integer. Nearly all tests use integers.
    Int(i64),
    /// A text, for tests in which the size of a command matters.
    Text(String),
}

impl Value {
    /// A random integer from 0 to 2^63 - 1. All random values come from the random numbers of the run, so
    /// they depend on the seed of the run.
    pub fn random() -> Value {
        Value::Int(rng::below(1 << 63).cast_signed())
    }

    /// A random integer from 0 to `n` - 1.
    pub fn random_below(n: u32) -> Value {
        Value::Int(i64::from(random_u32_below(n)))
    }

    /// A random text of `len` letters and digits.
    pub fn random_text(len: usize) -> Value {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |_| char::from(ALPHABET[random_u32_below(62) as usize]);
        Value::Text((0..len).map(letter).collect())
    }

    /// Encodes the value as a command for Raft.
    pub fn to_command(&self) -> Command {
        let command = Command::new(labgob::encode(self));
        labapi::observe::command(&command, || self.to_string());
        command
    }

    /// Decodes the value of a command that Raft has applied.
    ///
    /// # Errors
    /// If the bytes are not the encoding of a value. The error message shows the bytes.
    pub fn from_command(command: &Command) -> Result<Value, String> {
        labgob::decode(command.as_bytes())
            .map_err(|error| format!("{command:?} is no command of this test: {error}"))
    }
}

fn random_u32_below(n: u32) -> u32 {
    u32::try_from(rng::below(u64::from(n))).expect("a number below a u32 is a u32")
}

/// Shows integers and short texts completely. Of a long text, it shows the beginning and the length.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        match self {
            Value::Int(number) => write!(f, "{number}"),
            Value::Text(text) if text.chars().count() <= SHOWN => write!(f, "{text:?}"),
            Value::Text(text) => {
                let beginning: String = text.chars().take(SHOWN).collect();
                write!(f, "{beginning:?}... ({} bytes)", text.len())
            }
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_the_way_through_raft() {
        for value in
            [Value::from(0), Value::from(i64::MAX), Value::from(i64::MIN), Value::from("x"), Value::from("")]
        {
            assert_eq!(Value::from_command(&value.to_command()), Ok(value));
        }
    }

    #[test]
    fn a_number_is_not_its_text() {
        assert_ne!(Value::from(7), Value::from("7"));
        assert_ne!(Value::from(7).to_command().as_bytes(), Value::from("7").to_command().as_bytes());
    }

    #[test]
    fn foreign_bytes_are_named_not_accepted() {
        let error = Value::from_command(&Command::new(vec![9, 9, 9])).unwrap_err();
        assert!(error.contains("no command of this test"), "{error}");
    }

    #[test]
    fn a_long_text_is_shown_by_its_beginning() {
        let text = Value::from("x".repeat(5000).as_str());
        assert_eq!(text.to_string(), format!("{:?}... (5000 bytes)", "x".repeat(32)));
        assert_eq!(Value::from("short").to_string(), "\"short\"");
    }
}
