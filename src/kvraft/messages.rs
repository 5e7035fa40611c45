//! The RPCs of the service, and what goes through the log.
//!
//! An operation in the log is the arguments of the RPC.

use crate::rsm::Stamp;
use labrt::sync::Arc;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A value of the store. Clones share the text until one of them is appended to. Followers make a
/// reply to each `Get` and drop it; so that costs little, however long the value is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Value(Arc<String>);

impl Value {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds `more` at the end.
    pub fn append(&mut self, more: &str) {
        Arc::make_mut(&mut self.0).push_str(more);
    }

    /// The text. It is copied only if there is another clone.
    pub fn into_string(self) -> String {
        Arc::unwrap_or_clone(self.0)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value(Arc::new(text))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Arguments of `KVServer.Get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetArgs {
    /// The key to read.
    pub key: String,
}

/// What `KVServer.PutAppend` does to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutOrAppend {
    /// Replaces the value.
    Put,
    /// Adds to the end of the value. If the key has no value, it is a `Put`.
    Append,
}

/// Arguments of `KVServer.PutAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAppendArgs {
    /// What to do to the value.
    pub op: PutOrAppend,
    /// The key to write.
    pub key: String,
    /// The new value, or what is added to it.
    pub value: String,
    /// The identity of the operation: the same in all its copies.
    pub stamp: Stamp,
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Reads.
    Get(GetArgs),
    /// Writes.
    PutAppend(PutAppendArgs),
}

/// The reply of both RPCs. For a `PutAppend` it is the empty value.
pub type Reply = Result<Value, KvError>;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvError {
    /// The key was never written.
    ErrNoKey,
    /// Another server leads. The operation may still be done.
    ErrWrongLeader,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KvError::ErrNoKey => "the key has no value",
            KvError::ErrWrongLeader => "this server is not the leader",
        })
    }
}

impl std::error::Error for KvError {}
