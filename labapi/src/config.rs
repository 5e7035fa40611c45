//! Lab 4: a configuration, which says which group serves which shard.
//!
//! This is the data only. What a `Join`, a `Leave` or a `Move` makes of a configuration is lab 4A's work.

use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// The number of shards; they are numbered from 0.
pub const NSHARDS: usize = 10;

/// The name of a replica group. A group keeps its name; one that has left may join again under it.
pub type Gid = u64;

/// The gid that no group has. A shard on it is served by nobody.
pub const NO_GROUP: Gid = 0;

/// Which group serves which shard.
///
/// Configurations are numbered from 0, which has no groups. A configuration never changes: a change makes the next
/// one. Either every shard is on a group of `groups`, or there are no groups and all shards are on [`NO_GROUP`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Its number: 0, 1, 2, ...
    pub num: u64,
    /// For each shard the group that serves it.
    pub shards: [Gid; NSHARDS],
    /// For each group the names of its servers in the network, in the order in which they were given.
    pub groups: BTreeMap<Gid, Vec<String>>,
}

/// The shard of a key: its first byte modulo [`NSHARDS`]; 0 for the empty key.
pub fn key2shard(key: &str) -> usize {
    key.as_bytes().first().map_or(0, |&byte| usize::from(byte) % NSHARDS)
}
