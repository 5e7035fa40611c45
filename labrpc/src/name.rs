//! The names of ends and servers. A name is a text or a number. A text is never equal to a number.

use labrt::sync::Arc;
use labrt::trace::Field;
use std::fmt;

/// The name of an end or of a server. `Name::from("7")` and `Name::from(7u64)` are two different names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    /// A text. The tests of labrpc and of the later labs use texts.
    Text(Arc<str>),
    /// A number. The Raft harness uses numbers for its servers.
    Number(u64),
}

impl Name {
    /// Returns the name as a field of an event.
    pub(crate) fn to_field(&self) -> Field<'_> {
        match self {
            Name::Text(text) => Field::from(&**text),
            Name::Number(number) => Field::from(*number),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Text(text) => f.write_str(text),
            Name::Number(number) => write!(f, "{number}"),
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::Text(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Name {
        Name::Text(text.into())
    }
}

impl From<u64> for Name {
    fn from(number: u64) -> Name {
        Name::Number(number)
    }
}

impl From<usize> for Name {
    fn from(number: usize) -> Name {
        Name::Number(number as u64)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Name {
        name.clone()
    }
}
