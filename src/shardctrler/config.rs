//! A configuration: which group serves which shard, and who the groups are.
//!
//! Configurations are numbered from 0, which has no groups, and never change once made: a change makes the next one.

use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of shards; they are numbered from 0.
pub const NSHARDS: usize = 10;

/// The name of a replica group, for ever: a group that left may join again under it.
pub type Gid = u64;

/// The gid that no group has: a shard on it is served by nobody.
pub const NO_GROUP: Gid = 0;

/// Which group serves which shard.
///
/// Every shard is on a group of `groups`, or all of them are on [`NO_GROUP`] because there are no groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Its number: 0, 1, 2, ...
    pub num: u64,
    /// For each shard the group that serves it.
    pub shards: [Gid; NSHARDS],
    /// For each group its servers' names in the network, in the order in which they were given.
    pub groups: BTreeMap<Gid, Vec<String>>,
}

/// Why a change cannot be made. A change is made as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigError {
    /// A Join named [`NO_GROUP`].
    InvalidGid,
    /// A Join named a group that is there.
    AlreadyJoined {
        /// The first such group.
        gid: Gid,
    },
    /// A Join named a group without servers: nobody could reach its shards.
    NoServers {
        /// The first such group.
        gid: Gid,
    },
    /// A Leave or Move named a group that is not there.
    UnknownGroup {
        /// The first such group.
        gid: Gid,
        /// The groups that are.
        known: Vec<Gid>,
    },
    /// A Move named a shard that does not exist.
    UnknownShard {
        /// Its number.
        shard: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::InvalidGid => {
                write!(
                    f,
                    "a group cannot have the gid {NO_GROUP}, which stands for no group: expected 1 or more"
                )
            }
            ConfigError::AlreadyJoined { gid } => {
                write!(f, "group {gid} has joined already: expected a gid that is not in use")
            }
            ConfigError::NoServers { gid } => {
                write!(f, "group {gid} has no servers: expected the name of at least one")
            }
            ConfigError::UnknownGroup { gid, known } if known.is_empty() => {
                write!(f, "there is no group {gid}: no group has joined")
            }
            ConfigError::UnknownGroup { gid, known } => {
                write!(f, "there is no group {gid}: expected one of {known:?}")
            }
            ConfigError::UnknownShard { shard } => {
                write!(f, "there is no shard {shard}: expected 0 to {}", NSHARDS - 1)
            }
        }
    }
}

impl std::error::Error for ConfigError {}
