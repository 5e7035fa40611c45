//! A command of the replicated log: opaque bytes.
//!
//! The service encodes an operation once; from then on the log, the persister, the messages and the apply
//! side share one allocation. Raft never looks inside.

use labrt::sync::Arc;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes that are made once and shared, such as a snapshot.
///
/// In a message give the field `#[serde(with = "labapi::shared_bytes")]`: then the bytes are written at once, and not one
/// by one.
pub type Bytes = Arc<[u8]>;

/// A command as its service encoded it. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command(Bytes);

/// How many bytes of a command its `Debug` shows.
const SHOWN: usize = 16;

impl Command {
    /// A command made of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Command {
        Command(bytes.into().into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none? An empty command is legal.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AsRef<[u8]> for Command {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({}", self.0[..self.len().min(SHOWN)].escape_ascii())?;
        if self.len() > SHOWN {
            write!(f, "... {} bytes", self.len())?;
        }
        f.write_str(")")
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        shared_bytes::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Command, D::Error> {
        shared_bytes::deserialize(deserializer).map(Command)
    }
}

/// serde for [`Bytes`]: one length and the bytes, copied once when they are read.
pub mod shared_bytes {
    use super::*;

    /// Writes the bytes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_bytes(CopyOnce)
    }

    struct CopyOnce;

    impl Visitor<'_> for CopyOnce {
        type Value = Bytes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a byte string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
            Ok(bytes.into())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
            Ok(bytes.into())
        }
    }
}
