//! The RPCs of the service, and what goes through a group's log.
//!
//! Clients send the arguments of lab 3. The reply has one more error.

use super::migration::Verdict;
use crate::kvraft::{GetArgs, Kv, PutAppendArgs, Value};
use labapi::{Config, Gid};
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// A client reads.
    Get(GetArgs),
    /// A client writes.
    PutAppend(PutAppendArgs),
    /// The next configuration.
    Reconfigure(Config),
    /// Another group delivers shards to this one.
    Deliver(DeliverArgs),
    /// Shards that this group has given away have arrived.
    Acknowledge {
        /// The configuration that gave them away.
        num: u64,
        /// The shards.
        shards: Vec<usize>,
    },
    /// The first operation of a leader. When it is committed, everything before it is.
    NewTerm,
}

/// Arguments of `ShardKV.Deliver`: shards that one configuration has given to the group that is
/// called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverArgs {
    /// The group that had the shards.
    pub from: Gid,
    /// The configuration that gave them away.
    pub num: u64,
    /// The shards and their data.
    pub shards: Vec<(usize, Arc<Kv>)>,
}

/// The reply of `ShardKV.Deliver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliverReply {
    /// This group has the shards for good.
    Taken,
    /// This group is not at that configuration yet: try again soon.
    Early,
    /// This group does not expect the shards; one of the groups has a mistake.
    Refused,
    /// This server does not lead.
    ErrWrongLeader,
}

impl DeliverReply {
    /// The reply to a delivery with this verdict, when nothing of it is [wanted](Verdict::Wanted)
    /// any more.
    pub(super) fn of(verdict: Verdict) -> DeliverReply {
        match verdict {
            Verdict::Wanted | Verdict::Known => DeliverReply::Taken,
            Verdict::Early => DeliverReply::Early,
            Verdict::Wrong => DeliverReply::Refused,
        }
    }
}

/// What a group replies to an operation of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The reply to a client.
    Client(Reply),
    /// The reply to a group that has delivered shards.
    Deliver(DeliverReply),
    /// No caller waits for a reply.
    Done,
}

/// The reply of `ShardKV.Get` and `ShardKV.PutAppend`; that of a `PutAppend` is the empty value.
pub type Reply = Result<Value, ShardKvError>;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardKvError {
    /// The key was never written.
    ErrNoKey,
    /// This group does not serve the key's shard, or not yet; the operation was not done.
    ErrWrongGroup {
        /// The number of the group's configuration.
        num: u64,
    },
    /// Another server leads. The operation may still be done.
    ErrWrongLeader,
}

impl fmt::Display for ShardKvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShardKvError::ErrNoKey => f.write_str("the key has no value"),
            ShardKvError::ErrWrongGroup { num } => {
                write!(f, "this group, in configuration {num}, does not serve the shard of the key")
            }
            ShardKvError::ErrWrongLeader => f.write_str("this server is not the leader"),
        }
    }
}

impl std::error::Error for ShardKvError {}
