//! The RPCs of the service, and what goes through the log.
//!
//! An operation in the log is what its client sent, to the letter.

use crate::rsm::Stamp;
use labrt::sync::Arc;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A value of the store. Clones share the text until one of them is appended to, so that a reply which nobody
/// sends costs nothing however long the value is.
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

    /// The text; it is copied only if somebody else has it, too.
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
    /// Whose value is wanted.
    pub key: String,
}

/// What `KVServer.PutAppend` does to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutOrAppend {
    /// Replaces it.
    Put,
    /// Adds to its end; to a key without a value it is a `Put`.
    Append,
}

/// Arguments of `KVServer.PutAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAppendArgs {
    /// Which of the two.
    pub op: PutOrAppend,
    /// Whose value is changed.
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

/// The reply of both RPCs; that of a `PutAppend` is the empty value.
pub type Reply = Result<Value, KvError>;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvError {
    /// The key was never written.
    ErrNoKey,
    /// Another server leads: nothing is known about whether the operation will be done.
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
