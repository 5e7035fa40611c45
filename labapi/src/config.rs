//! Lab 4: a configuration says which group serves which shard.
//!
//! This file has only the data. Lab 4A implements how `Join`, `Leave` and `Move` change a configuration.

use labrt::collections::BTreeMap;
use serde::{Deserialize, Serialize};

/// How many shards there are. Their numbers begin with 0.
pub const NSHARDS: usize = 10;

/// The name of a replica group. A group keeps its name, also when it leaves and joins again later.
pub type Gid = u64;

/// A gid that no group has. If a shard is assigned to `NO_GROUP`, no group serves the shard.
pub const NO_GROUP: Gid = 0;

/// Which group serves which shard.
///
/// The first configuration has the number 0 and no groups. A configuration never changes: each operation
/// makes a new configuration with the next number. Either each shard is assigned to a group of `groups`, or
/// there are no groups and all shards are assigned to [`NO_GROUP`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// The number of the configuration: 0, 1, 2, ...
    pub num: u64,
    /// For each shard, the group that serves the shard.
    pub shards: [Gid; NSHARDS],
    /// For each group, the names of its servers on the network. The names have the order that `Join` gave.
    pub groups: BTreeMap<Gid, Vec<String>>,
}

/// The shard of a key: the key's first byte modulo [`NSHARDS`]. The empty key is in shard 0.
pub fn key2shard(key: &str) -> usize {
    key.as_bytes().first().map_or(0, |&byte| usize::from(byte) % NSHARDS)
}
