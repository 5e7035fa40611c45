//! The RPCs of the service, and the operations in the log.
//!
//! An operation in the log consists of the arguments of the RPC.

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
    /// The names of the groups' servers, by gid.
    pub servers: BTreeMap<Gid, Vec<String>>,
    /// The identity of the operation. If the clerk sends the operation again, the identity stays the same.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Leave`: groups to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveArgs {
    /// The gids of the groups.
    pub gids: Vec<Gid>,
    /// The identity of the operation. If the clerk sends the operation again, the identity stays the same.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Move`: one shard and its new group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveArgs {
    /// The number of the shard, from 0.
    pub shard: usize,
    /// The gid of the new group.
    pub gid: Gid,
    /// The identity of the operation. If the clerk sends the operation again, the identity stays the same.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryArgs {
    /// The number of the configuration. `None` (-1 in the course), or a number that no configuration has,
    /// means the latest configuration.
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
    /// Reads a configuration.
    Query(QueryArgs),
}

/// The reply of all four RPCs: the requested configuration, or the configuration that the change has made.
pub type Reply = Result<Arc<Config>, CtrlerError>;

/// The reason why a reply has no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtrlerError {
    /// This server does not lead. But if the operation is already in a log, the servers may do it later.
    ErrWrongLeader,
    /// The change is not possible, and was not made.
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
