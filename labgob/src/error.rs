//! The errors for bytes that cannot be decoded. The message of an error names the type, and the byte at which
//! reading stopped.

use bincode::error::DecodeError as Cause;
use std::fmt;

/// The error for bytes that are not a value of the expected type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The expected type.
    pub expected: &'static str,
    /// The byte at which reading stopped, counted from the start of the buffer.
    pub offset: usize,
    /// The length of the whole buffer in bytes.
    pub length: usize,
    /// What is wrong at this byte.
    pub problem: Problem,
}

/// The reasons why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The bytes end before the value is complete.
    UnexpectedEnd {
        /// The number of bytes that are missing in the field that was being read. The rest of the value is
        /// not counted, so more bytes may be missing.
        missing: usize,
    },
    /// There are more bytes after the value.
    TrailingBytes {
        /// The number of these bytes.
        count: usize,
    },
    /// The value would take more memory than [`LIMIT`](crate::LIMIT).
    LimitExceeded,
    /// The bytes of a field are not a value of its type. The text says what was found and what was expected.
    Invalid(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DecodeError { expected, offset, length, problem } = self;
        write!(f, "cannot decode {expected}: at byte {offset} of {length}: {problem}")
    }
}

impl std::error::Error for DecodeError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnexpectedEnd { missing } => {
                write!(f, "the bytes end here, at least {missing} more expected")
            }
            Problem::TrailingBytes { count } => write!(f, "the value is complete, but {count} bytes follow"),
            Problem::LimitExceeded => {
                write!(f, "a length claims more than the {} bytes that one value may take", crate::LIMIT)
            }
            Problem::Invalid(what) => f.write_str(what),
        }
    }
}

impl From<Cause> for Problem {
    fn from(cause: Cause) -> Problem {
        match cause {
            Cause::UnexpectedEnd { additional } => Problem::UnexpectedEnd { missing: additional },
            // A length that does not fit into a `usize` is also greater than the limit.
            Cause::LimitExceeded | Cause::OutsideUsizeRange(_) => Problem::LimitExceeded,
            Cause::InvalidBooleanValue(found) => {
                Problem::Invalid(format!("found {found} for a bool, expected 0 or 1"))
            }
            Cause::Utf8 { inner } => Problem::Invalid(format!("expected a text in UTF-8: {inner}")),
            Cause::InvalidCharEncoding(found) => {
                Problem::Invalid(format!("expected a char in UTF-8, found the bytes {found:?}"))
            }
            Cause::UnexpectedVariant { type_name, found, allowed } => {
                Problem::Invalid(format!("found variant {found} of {type_name}, expected one of {allowed:?}"))
            }
            Cause::InvalidIntegerType { expected, found } => {
                Problem::Invalid(format!("found an integer of type {found:?}, expected {expected:?}"))
            }
            Cause::OtherString(text) => Problem::Invalid(text),
            Cause::Other(text) => Problem::Invalid(text.to_string()),
            other => Problem::Invalid(format!("{other:?}")),
        }
    }
}
