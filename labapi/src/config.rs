//! Lab 4: a configuration says which group serves which shard.
//!
//! This file has only the data. How `Join`, `Leave` and `Move` change a configuration is the work of lab 4A.

use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// How many shards there are. Their numbers begin with 0.
pub const NSHARDS: usize = 10;

/// The name of a replica group. A group keeps its name: it may leave and join again under the same name.
pub type Gid = u64;

/// The gid that no group has. No group serves a shard that is assigned to it.
pub const NO_GROUP: Gid = 0;

/// Which group serves which shard.
///
/// The first configuration has the number 0 and no groups. A configuration never changes: each change makes
/// the next one. Either each shard is assigned to a group of `groups`, or there are no groups and all shards
/// are assigned to [`NO_GROUP`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Its number: 0, 1, 2, ...
    pub num: u64,
    /// For each shard the group that serves it.
    pub shards: [Gid; NSHARDS],
    /// For each group the names of its servers on the network, in the order in which they were given.
    pub groups: BTreeMap<Gid, Vec<String>>,
}

/// The shard of a key: its first byte modulo [`NSHARDS`]; 0 for the empty key.
pub fn key2shard(key: &str) -> usize {
    key.as_bytes().first().map_or(0, |&byte| usize::from(byte) % NSHARDS)
}
