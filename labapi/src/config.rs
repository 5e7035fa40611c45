//! The configurations of lab 4. A configuration says which group serves which shard.
//!
//! This file has only the data. Lab 4A implements how `Join`, `Leave` and `Move` change a configuration.

use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// The number of shards. The shards have the numbers 0, 1, 2 and so on.
pub const NSHARDS: usize = 10;

/// The number that identifies a replica group. If a group leaves and later joins again, it has the same
/// number as before.
pub type Gid = u64;

/// A number that no group has. If a shard is assigned to `NO_GROUP`, no group serves the shard.
pub const NO_GROUP: Gid = 0;

/// A configuration: it says which group serves which shard.
///
/// The first configuration has the number 0 and no groups. A configuration never changes: each `Join`,
/// `Leave` and `Move` makes a new configuration with the next number. Either each shard is assigned to a
/// group of `groups`, or there are no groups and all shards are assigned to [`NO_GROUP`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// The number of the configuration: 0, 1, 2, ...
    pub num: u64,
    /// For each shard, the group that serves the shard.
    pub shards: [Gid; NSHARDS],
    /// For each group, the names of its servers on the network. The names are in the order in which `Join`
    /// has listed them.
    pub groups: BTreeMap<Gid, Vec<String>>,
}

/// Returns the shard of a key: the key's first byte modulo [`NSHARDS`]. The empty key is in shard 0.
pub fn key2shard(key: &str) -> usize {
    key.as_bytes().first().map_or(0, |&byte| usize::from(byte) % NSHARDS)
}
