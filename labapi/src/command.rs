//! A command of the replicated log. Raft does not know the meaning of its bytes.
//!
//! The service encodes an operation once, as a command. After that, all copies of the command on this server
//! share its bytes: in the log, in messages and in the service.

use labrt::sync::Arc;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes that are made once and then shared, such as those of a snapshot.
///
/// A message's field of this type needs `#[serde(with = "labapi::shared_bytes")]`. Without this attribute,
/// serde handles each byte separately, which is slow.
pub type Bytes = Arc<[u8]>;

/// A command, as the bytes that its service has encoded. A clone shares these bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command(Bytes);

/// How many bytes of a command the `Debug` output shows.
const SHOWN: usize = 16;

impl Command {
    /// Makes a command from `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Command {
        Command(bytes.into().into())
    }

    /// Encodes an operation as a command. If the events of the run are kept, this also reports to the trace
    /// what is in the operation ([`observe::command`](crate::observe::command)), so that the page of the run
    /// can show it.
    pub fn encode<T: Serialize + ?Sized>(operation: &T) -> Command {
        let command = Command::new(labgob::encode(operation));
        crate::observe::command(&command, || labgob::short(operation));
        command
    }

    /// The bytes of the command.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes of the command.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if the command has no bytes. Such a command is allowed.
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

/// The functions with which serde writes and reads [`Bytes`]. The encoding is the length, and then the bytes.
/// The reader copies the bytes once.
pub mod shared_bytes {
    use super::*;

    /// Writes the bytes.
    ///
    /// # Errors
    /// If the serializer fails.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// If the deserializer fails, or if the input is not a byte string.
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
