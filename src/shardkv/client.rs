//! The client's side.

use super::messages::{Reply, ShardKvError};
use crate::kvraft::{GetArgs, PutAppendArgs, PutOrAppend, Value};
use crate::rsm::{Servers, Session};
use crate::shardctrler::{self};
use labapi::{Config, Gid, KvClerk, MakeEnd, key2shard};
use labrpc::End;
use labrt::collections::BTreeMap;
use labrt::time::{Duration, sleep};
use serde::Serialize;

/// The pauses before another try when there is nobody to ask: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));

/// A client: one operation at a time. Its calls return when they are done, however long that takes.
///
/// It works with the configuration that it knows, and asks the controller for another one when that does not lead
/// it anywhere.
pub struct Clerk {
    ctrler: shardctrler::Clerk,
    config: Config,
    groups: BTreeMap<Gid, Servers>,
    make_end: MakeEnd,
    session: Session,
}

/// Why a group has given no answer.
enum Failed {
    /// It does not serve the shard, and is in this configuration.
    WrongGroup(u64),
    /// None of its servers could say anything, or there is no group.
    NoAnswer,
}

impl Clerk {
    /// A client of the controller's servers behind these ends, in any order, not empty; and of all groups, whose servers
    /// it reaches by their names.
    pub fn new(ctrlers: Vec<End>, make_end: MakeEnd) -> Clerk {
        Clerk {
            ctrler: shardctrler::Clerk::new(ctrlers),
            config: Config::default(),
            groups: BTreeMap::new(),
            make_end,
            session: Session::new(),
        }
    }

    /// The value of `key`; empty if it has none.
    pub fn get(&mut self, key: &str) -> String {
        let args = GetArgs { key: key.to_owned() };
        self.call(key, "ShardKV.Get", &args).into_string()
    }

    /// Makes `value` the value of `key`.
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
        let mut pause = PAUSE.0;
        loop {
            let known = self.config.num;
            let newer = match self.try_group(self.config.shards[shard], method, args) {
                Ok(value) => return value,
                // The group lags behind, or still awaits the shard: the controller has nothing to add to that, unless
                // it takes long.
                Err(Failed::WrongGroup(num)) if num <= known && pause < PAUSE.1 => false,
                Err(Failed::WrongGroup(_) | Failed::NoAnswer) => self.refresh(),
            };
            if newer {
                pause = PAUSE.0;
            } else {
                sleep(pause);
                pause = PAUSE.1.min(pause * 2);
            }
        }
    }

    fn try_group(&mut self, gid: Gid, method: &str, args: &impl Serialize) -> Result<Value, Failed> {
        // Configuration 0 has no groups.
        let Some(names) = self.config.groups.get(&gid).filter(|names| !names.is_empty()) else {
            return Err(Failed::NoAnswer);
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
        reply.unwrap_or(Err(Failed::NoAnswer))
    }

    /// Gets the latest configuration. False: it is not newer than the one that was known.
    fn refresh(&mut self) -> bool {
        let config = self.ctrler.query(None);
        if config.num <= self.config.num {
            return false;
        }
        let before = std::mem::replace(&mut self.config, config);
        // What stays keeps its ends, and who its leader is.
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
