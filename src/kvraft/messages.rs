//! The RPCs of the service, and the operations in the log.
//!
//! An operation in the log consists of the arguments of the RPC.

use crate::rsm::Stamp;
use labrt::sync::Arc;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A value of the store. Clones share the text until one of them is changed. Followers also make a reply to
/// each `Get`, and then drop it. This takes little time even for a long value, because the reply shares the
/// text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Value(Arc<String>);

impl Value {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends `more` to the text.
    pub fn append(&mut self, more: &str) {
        Arc::make_mut(&mut self.0).push_str(more);
    }

    /// Returns the text. The text is copied only if there is another clone.
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

/// The change that `KVServer.PutAppend` makes to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutOrAppend {
    /// Replaces the value.
    Put,
    /// Appends to the value. If the key has no value, `Append` acts as `Put`.
    Append,
}

/// Arguments of `KVServer.PutAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAppendArgs {
    /// The kind of change.
    pub op: PutOrAppend,
    /// The key to write.
    pub key: String,
    /// The new value, or the text to append.
    pub value: String,
    /// The identity of the operation. If the clerk sends the operation again, the identity stays the same.
    pub stamp: Stamp,
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// A read.
    Get(GetArgs),
    /// A write.
    PutAppend(PutAppendArgs),
}

/// The reply of both RPCs. The reply to a `PutAppend` is the empty value.
pub type Reply = Result<Value, KvError>;

/// The reason why a reply has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvError {
    /// The key was never written.
    ErrNoKey,
    /// This server does not lead. But if the operation is already in a log, the servers may do it later.
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
