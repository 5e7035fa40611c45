//! The traits of the clients that the suites use.
//!
//! A call never gives up: it returns only when the operation is done. If the test ends before that, the
//! thread of the call is also ended. A client makes one call at a time. The calls of one client may come from
//! different threads.

use labrt::collections::BTreeMap;

use crate::{Config, Gid};

/// A client of a key/value service (the course's `Clerk` of `kvraft` and `shardkv`).
pub trait KvClerk: Send + 'static {
    /// Returns the value of `key`, or an empty text if the key was never written.
    fn get(&mut self, key: &str) -> String;
    /// Makes `value` the value of `key`.
    fn put(&mut self, key: &str, value: &str);
    /// Adds `value` to the end of the value of `key`.
    fn append(&mut self, key: &str, value: &str);
}

/// A client of the shard controller (the course's `Clerk` of `shardctrler`).
pub trait CtrlerClerk: Send + 'static {
    /// Returns configuration `num`. If `num` is `None`, or if there is no configuration with this number yet,
    /// this returns the latest configuration.
    fn query(&mut self, num: Option<u64>) -> Config;
    /// Adds groups. For each group, `groups` has the names of its servers.
    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>);
    /// Removes groups.
    fn leave(&mut self, gids: Vec<Gid>);
    /// Gives a shard to a group.
    fn move_shard(&mut self, shard: usize, gid: Gid);
}
