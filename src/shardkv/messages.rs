//! The RPCs of the service, and what goes through a group's log.
//!
//! Clients send the messages of lab 3, and get one answer more.

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
    /// Shards that another group has given to this one.
    Deliver(DeliverArgs),
    /// Shards that this group has given away have arrived.
    Acknowledge {
        /// The configuration that gave them away.
        num: u64,
        /// Which shards.
        shards: Vec<usize>,
    },
    /// A leader's first words: with them everything before them is committed.
    NewTerm,
}

/// Arguments of `ShardKV.Deliver`: parcels of one configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverArgs {
    /// Who had the shards.
    pub from: Gid,
    /// The configuration that gives them to the group that is called.
    pub num: u64,
    /// The shards and their data.
    pub shards: Vec<(usize, Arc<Kv>)>,
}

/// The reply of `ShardKV.Deliver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// This group has the shards for good.
    Taken,
    /// This group is not at that configuration yet: try again soon.
    Early,
    /// This group does not expect them; that is a mistake somewhere.
    Refused,
    /// This server does not lead.
    ErrWrongLeader,
}

impl Delivery {
    /// The reply for parcels that were judged so, when nothing of them is [wanted](Verdict::Wanted) any more.
    pub(super) fn of(verdict: Verdict) -> Delivery {
        match verdict {
            Verdict::Wanted | Verdict::Known => Delivery::Taken,
            Verdict::Early => Delivery::Early,
            Verdict::Wrong => Delivery::Refused,
        }
    }
}

/// What an operation in the log has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One of a client.
    Client(Reply),
    /// A delivery.
    Delivery(Delivery),
    /// Nobody asks.
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
    /// Another server leads: nothing is known about whether the operation will be done.
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
