//! The RPCs of the service, and what goes through the log.
//!
//! An operation in the log is the arguments of the RPC.

use super::changes::ConfigError;
use crate::rsm::Stamp;
use labapi::{Config, Gid};
use labrt::collections::BTreeMap;
use labrt::sync::Arc;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Arguments of `ShardCtrler.Join`: new groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinArgs {
    /// Their servers' names, by gid.
    pub servers: BTreeMap<Gid, Vec<String>>,
    /// The identity of the operation: the same in all its copies.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Leave`: groups that go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveArgs {
    /// Their gids.
    pub gids: Vec<Gid>,
    /// The identity of the operation: the same in all its copies.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Move`: one shard and its new group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveArgs {
    /// Its number, from 0.
    pub shard: usize,
    /// Its new group.
    pub gid: Gid,
    /// The identity of the operation: the same in all its copies.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryArgs {
    /// The number of the configuration. `None` (-1 in the course) or a number that no configuration
    /// has means the latest one.
    pub num: Option<u64>,
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Adds groups.
    Join(JoinArgs),
    /// Removes groups.
    Leave(LeaveArgs),
    /// Moves a shard.
    Move(MoveArgs),
    /// Reads.
    Query(QueryArgs),
}

/// The reply of all four RPCs: the configuration that was asked for, or the one that the change has
/// made.
pub type Reply = Result<Arc<Config>, CtrlerError>;

/// Why there is no configuration to reply with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtrlerError {
    /// Another server leads. The operation may still be done.
    ErrWrongLeader,
    /// The change cannot be made, and was not made.
    Refused(ConfigError),
}

impl fmt::Display for CtrlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CtrlerError::ErrWrongLeader => f.write_str("this server is not the leader"),
            CtrlerError::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CtrlerError {}
