//! The client of the sharded key/value service.

use super::messages::{Reply, ShardKvError};
use crate::kvraft::{GetArgs, PutAppendArgs, PutOrAppend, Value};
use crate::rsm::{Backoff, Servers, Session};
use crate::shardctrler;
use labapi::{Config, Gid, KvClerk, MakeEnd, key2shard};
use labrpc::End;
use labrt::collections::BTreeMap;
use labrt::time::sleep;
use serde::Serialize;

/// A client that does one operation at a time. A call returns only when the operation is done, even if this
/// takes long.
///
/// The client has a copy of a configuration. It asks the group that has the shard in this copy. If that group
/// does not serve the shard or cannot be reached, the client asks the controller for a newer configuration.
pub struct Clerk {
    ctrler: shardctrler::Clerk,
    config: Config,
    groups: BTreeMap<Gid, Servers>,
    make_end: MakeEnd,
    session: Session,
}

/// The reason why a group has not done an operation.
enum Failed {
    /// The group does not serve the shard. The value is the number of the group's configuration.
    WrongGroup(u64),
    /// None of the group's servers has replied, or no group has the shard.
    NoReply,
}

impl Clerk {
    /// A new client. The ends in `ctrlers` lead to the controller's servers, in any order. `ctrlers` must not
    /// be empty. `make_end` makes an end to a server of a group, from the name of this server.
    pub fn new(ctrlers: Vec<End>, make_end: MakeEnd) -> Clerk {
        Clerk {
            ctrler: shardctrler::Clerk::new(ctrlers),
            config: Config::default(),
            groups: BTreeMap::new(),
            make_end,
            session: Session::new(),
        }
    }

    /// The value of `key`. It is empty if the key has no value.
    pub fn get(&mut self, key: &str) -> String {
        let args = GetArgs { key: key.to_owned() };
        self.call(key, "ShardKV.Get", &args).into_string()
    }

    /// Sets the value of `key` to `value`.
    pub fn put(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Put, key, value);
    }

    /// Adds `value` to the end of the value of `key`.
    pub fn append(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Append, key, value);
    }

    fn put_append(&mut self, op: PutOrAppend, key: &str, value: &str) {
        let stamp = self.session.next_stamp();
        let args = PutAppendArgs { op, key: key.to_owned(), value: value.to_owned(), stamp };
        self.call(key, "ShardKV.PutAppend", &args);
    }

    fn call(&mut self, key: &str, method: &str, args: &impl Serialize) -> Value {
        let shard = key2shard(key);
        let mut backoff = Backoff::new();
        loop {
            let known = self.config.num;
            let newer = match self.try_group(self.config.shards[shard], method, args) {
                Ok(value) => return value,
                // The group has an older configuration, or it still waits for the shard. In both cases it
                // usually serves the shard soon. So the client asks for a newer configuration only after
                // several tries.
                Err(Failed::WrongGroup(num)) if num <= known && !backoff.is_longest() => false,
                Err(Failed::WrongGroup(_) | Failed::NoReply) => self.refresh(),
            };
            if newer {
                backoff = Backoff::new();
            } else {
                sleep(backoff.pause());
            }
        }
    }

    fn try_group(&mut self, gid: Gid, method: &str, args: &impl Serialize) -> Result<Value, Failed> {
        // Configuration 0 has no groups.
        let Some(names) = self.config.groups.get(&gid).filter(|names| !names.is_empty()) else {
            return Err(Failed::NoReply);
        };
        let make_end = &self.make_end;
        let servers = self
            .groups
            .entry(gid)
            .or_insert_with(|| Servers::new(names.iter().map(|name| make_end(name)).collect()));
        let reply = servers.round(method, args, |reply: Reply| match reply {
            Ok(value) => Some(Ok(value)),
            Err(ShardKvError::ErrNoKey) => Some(Ok(Value::default())),
            Err(ShardKvError::ErrWrongGroup { num }) => Some(Err(Failed::WrongGroup(num))),
            Err(ShardKvError::ErrWrongLeader) => None,
        });
        reply.unwrap_or(Err(Failed::NoReply))
    }

    /// Gets the latest configuration. Returns true if it is newer than the known one.
    fn refresh(&mut self) -> bool {
        let config = self.ctrler.query(None);
        if config.num <= self.config.num {
            return false;
        }
        let before = std::mem::replace(&mut self.config, config);
        // A group with the same servers as before keeps its ends and remembers its leader.
        let now = &self.config.groups;
        self.groups.retain(|gid, _| now.get(gid).is_some_and(|names| before.groups.get(gid) == Some(names)));
        true
    }
}

impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        Clerk::append(self, key, value);
    }
}
