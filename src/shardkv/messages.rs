//! The RPCs of the service, and the operations in a group's log.
//!
//! Clients send the same arguments as in lab 3. The reply has one more error, `ErrWrongGroup`.

use super::migration::Verdict;
use crate::kvraft::{GetArgs, Kv, PutAppendArgs, Value};
use labapi::{Config, Gid};
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// A read of a client.
    Get(GetArgs),
    /// A write of a client.
    PutAppend(PutAppendArgs),
    /// The group takes the next configuration.
    Reconfigure(Config),
    /// Another group delivers shards to this one.
    Deliver(DeliverArgs),
    /// This group has given these shards away, and now their new owner has them.
    Acknowledge {
        /// The number of the configuration that gave the shards away.
        num: u64,
        /// The shards.
        shards: Vec<usize>,
    },
    /// The first operation of a new leader. When it is committed, all entries before it are committed, too.
    NewTerm,
}

/// Arguments of `ShardKV.Deliver`. The call brings shards to their new group. All these shards move because
/// of the same configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverArgs {
    /// The group that had the shards.
    pub from: Gid,
    /// The number of the configuration that gave the shards away.
    pub num: u64,
    /// The shards and their data.
    pub shards: Vec<(usize, Arc<Kv>)>,
}

/// The reply of `ShardKV.Deliver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliverReply {
    /// This group has the data of the shards, or had it and has given it away. No crash can undo that.
    Taken,
    /// This group has not reached the delivery's configuration yet. The sender should try again soon.
    Early,
    /// The delivery's configuration does not give the shards to this group. So one of the two groups has made
    /// a mistake.
    Refused,
    /// This server does not lead.
    ErrWrongLeader,
}

impl DeliverReply {
    /// The reply to a delivery with this verdict. If the verdict is [`Wanted`](Verdict::Wanted), the caller
    /// must apply the delivery before it calls this function.
    pub(super) fn of(verdict: Verdict) -> DeliverReply {
        match verdict {
            Verdict::Wanted | Verdict::Known => DeliverReply::Taken,
            Verdict::Early => DeliverReply::Early,
            Verdict::Wrong => DeliverReply::Refused,
        }
    }
}

/// The result of applying an operation of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The reply to a client.
    Client(Reply),
    /// The reply to another group, which has delivered shards.
    Deliver(DeliverReply),
    /// No caller waits for a reply.
    Done,
}

/// The reply of `ShardKV.Get` and `ShardKV.PutAppend`. The reply to a `PutAppend` is the empty value.
pub type Reply = Result<Value, ShardKvError>;

/// The reason why a reply has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardKvError {
    /// The key was never written.
    ErrNoKey,
    /// This group does not serve the key's shard, or does not serve the shard yet. The operation was not
    /// done.
    ErrWrongGroup {
        /// The number of the group's configuration.
        num: u64,
    },
    /// This server does not lead. But if the operation is already in a log, the servers may do it later.
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
