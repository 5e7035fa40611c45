//! The RPCs of the service, and what goes through the log.
//!
//! An operation in the log is what its client sent, to the letter.

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
    /// Who they are.
    pub gids: Vec<Gid>,
    /// The identity of the operation: the same in all its copies.
    pub stamp: Stamp,
}

/// Arguments of `ShardCtrler.Move`: one shard, and where it is to be.
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
    /// The configuration with this number; the latest, if there is none with it or none is given (-1 in the course).
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

/// The reply of all four RPCs: the configuration that was asked for, or that the change has made.
pub type Reply = Result<Arc<Config>, CtrlerError>;

/// Why there is no configuration to reply with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtrlerError {
    /// Another server leads: nothing is known about whether the operation will be done.
    ErrWrongLeader,
    /// The change cannot be made, and was not.
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
