//! What the suites ask of clients.
//!
//! A call never gives up: it returns when it is done, or its thread ends with the test. A client makes one call at
//! a time.

use labrt::collections::BTreeMap;

use crate::shardctrler::{self, Config, Gid};

/// A client of a key/value service (the course's `Clerk` of `kvraft` and `shardkv`).
pub trait KvClerk: Send + 'static {
    /// The value of `key`; empty when it was never written.
    fn get(&mut self, key: &str) -> String;
    /// Makes `value` the value of `key`.
    fn put(&mut self, key: &str, value: &str);
    /// Adds `value` to the end of the value of `key`.
    fn append(&mut self, key: &str, value: &str);
}

/// A client of the shard controller (the course's `Clerk` of `shardctrler`).
pub trait CtrlerClerk: Send + 'static {
    /// Configuration `num`; the latest for `None` and for a number that is not there yet.
    fn query(&mut self, num: Option<u64>) -> Config;
    /// Adds groups, with the names of their servers.
    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>);
    /// Removes groups.
    fn leave(&mut self, gids: Vec<Gid>);
    /// Gives a shard to a group.
    fn move_shard(&mut self, shard: usize, gid: Gid);
}

impl KvClerk for crate::kvraft::Clerk {
    fn get(&mut self, key: &str) -> String {
        crate::kvraft::Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        crate::kvraft::Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        crate::kvraft::Clerk::append(self, key, value);
    }
}

impl CtrlerClerk for shardctrler::Clerk {
    fn query(&mut self, num: Option<u64>) -> Config {
        shardctrler::Clerk::query(self, num)
    }

    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>) {
        made("join", shardctrler::Clerk::join(self, groups));
    }

    fn leave(&mut self, gids: Vec<Gid>) {
        made("leave", shardctrler::Clerk::leave(self, &gids));
    }

    fn move_shard(&mut self, shard: usize, gid: Gid) {
        made("move", shardctrler::Clerk::move_shard(self, shard, gid));
    }
}

/// The tests ask for nothing that could be refused.
#[track_caller]
fn made(what: &str, outcome: Result<Config, shardctrler::ConfigError>) {
    if let Err(error) = outcome {
        panic!("the controller has refused a {what}: {error}");
    }
}
