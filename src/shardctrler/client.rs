//! The client of the shard controller.

use super::changes::ConfigError;
use super::messages::{CtrlerError, JoinArgs, LeaveArgs, MoveArgs, QueryArgs, Reply};
use crate::rsm::{Servers, Session};
use labapi::{Config, CtrlerClerk, Gid};
use labrpc::End;
use labrt::collections::BTreeMap;
use labrt::sync::Arc;
use serde::Serialize;

/// A client that does one operation at a time. A call returns only when the operation is done, even if this
/// takes long.
///
/// A method that changes the configuration returns the new configuration.
pub struct Clerk {
    servers: Servers,
    session: Session,
}

impl Clerk {
    /// Makes a client. `ends` lead to the controller's servers, in any order, and must not be empty.
    pub fn new(ends: Vec<End>) -> Clerk {
        Clerk { servers: Servers::new(ends), session: Session::new() }
    }

    /// The configuration with this number. `None`, or a number that no configuration has, means the latest
    /// configuration. The latest configuration includes every change that was complete before this call.
    pub fn query(&mut self, num: Option<u64>) -> Config {
        self.call("ShardCtrler.Query", &QueryArgs { num }).expect("the controller never refuses a query")
    }

    /// Adds groups. `servers` has the names of each group's servers, by gid. The shards are distributed
    /// again.
    ///
    /// # Errors
    /// The errors of [`join`](super::join). If there is an error, nothing has changed.
    pub fn join(&mut self, servers: BTreeMap<Gid, Vec<String>>) -> Result<Config, ConfigError> {
        let stamp = self.session.next_stamp();
        self.call("ShardCtrler.Join", &JoinArgs { servers, stamp })
    }

    /// Removes groups. The shards are distributed again over the groups that remain.
    ///
    /// # Errors
    /// The errors of [`leave`](super::leave). If there is an error, nothing has changed.
    pub fn leave(&mut self, gids: &[Gid]) -> Result<Config, ConfigError> {
        let stamp = self.session.next_stamp();
        self.call("ShardCtrler.Leave", &LeaveArgs { gids: gids.to_vec(), stamp })
    }

    /// Moves one shard to a group, which may already have it. No other shard moves.
    ///
    /// # Errors
    /// The errors of [`move_shard`](super::move_shard). If there is an error, nothing has changed.
    pub fn move_shard(&mut self, shard: usize, gid: Gid) -> Result<Config, ConfigError> {
        let stamp = self.session.next_stamp();
        self.call("ShardCtrler.Move", &MoveArgs { shard, gid, stamp })
    }

    fn call(&mut self, method: &str, args: &impl Serialize) -> Result<Config, ConfigError> {
        self.servers.call(method, args, |reply: Reply| match reply {
            Ok(config) => Some(Ok(Arc::unwrap_or_clone(config))),
            Err(CtrlerError::Refused(error)) => Some(Err(error)),
            Err(CtrlerError::ErrWrongLeader) => None,
        })
    }
}

impl CtrlerClerk for Clerk {
    fn query(&mut self, num: Option<u64>) -> Config {
        Clerk::query(self, num)
    }

    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>) {
        made("join", Clerk::join(self, groups));
    }

    fn leave(&mut self, gids: Vec<Gid>) {
        made("leave", Clerk::leave(self, &gids));
    }

    fn move_shard(&mut self, shard: usize, gid: Gid) {
        made("move", Clerk::move_shard(self, shard, gid));
    }
}

/// Panics if the controller has refused a change. The tests only make changes that it must accept.
#[track_caller]
fn made(what: &str, outcome: Result<Config, ConfigError>) {
    if let Err(error) = outcome {
        panic!("the controller has refused a {what}: {error}");
    }
}
