//! The log lines and trace events about configurations and shards. Each server of a group writes them when it
//! applies an operation. After a restart, a server applies some operations again. Then it also writes their
//! lines and events again.

use super::messages::{Reply, ShardKvError};
use super::migration::Shard;
use crate::kvraft::Kv;
use labapi::observe::shards::{self as observe, Contents, Source};
use labapi::{Config, Gid, Holding};
use labrt::dlog;

/// The state of a shard, without its data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    state: Holding,
    has_handoff: bool,
}

impl Summary {
    pub fn of<D>(shard: &Shard<D>) -> Summary {
        Summary { state: shard.state(), has_handoff: shard.handoff().is_some() }
    }
}

/// Writes the state of a server of group `gid`. This is done when the server starts, and when it takes over a
/// snapshot.
pub(super) fn restored(gid: Gid, config: &Config, shards: &[Shard<Kv>]) {
    let serves = shards
        .iter()
        .enumerate()
        .filter(|(_, shard)| shard.state() == Holding::Serving)
        .map(|(shard, _)| shard);
    observe::restore(gid, config, serves);
}

pub(super) fn reconfigured(config: &Config) {
    dlog!(SHRD, "takes configuration {}: {:?}", config.num, config.shards);
    observe::configured(config);
}

/// Writes the reply to an operation of a client, unless the reply is a refusal.
pub(super) fn replied(shard: usize, reply: &Reply) {
    match reply {
        Ok(_) | Err(ShardKvError::ErrNoKey) => observe::answered(shard),
        Err(ShardKvError::ErrWrongGroup { .. } | ShardKvError::ErrWrongLeader) => {}
    }
}

/// Writes the change of a shard from one state to another in configuration `num`.
pub(super) fn changed(num: u64, shard: usize, before: Summary, now: &Shard<Kv>) {
    let after = Summary::of(now);
    let contents = || now.data().map_or(Contents { data: 0, sessions: 0 }, Kv::contents);
    match (before.state, after.state) {
        (Holding::Nothing, Holding::Serving) => {
            dlog!(SHRD, "is the first to have shard {shard}, in configuration {num}");
            observe::served(shard, num, || Source::New);
        }
        (Holding::Awaiting, Holding::Serving) => {
            dlog!(SHRD, "has received shard {shard} of configuration {num}");
            observe::served(shard, num, || Source::Received(contents()));
        }
        (Holding::Parked, Holding::Serving) => {
            dlog!(SHRD, "has shard {shard} again, in configuration {num}");
            observe::served(shard, num, || Source::NeverLeft);
        }
        (Holding::Serving, Holding::Parked) => {
            dlog!(SHRD, "keeps shard {shard}, which no group has in configuration {num}");
        }
        (Holding::Serving | Holding::Parked, Holding::Giving) => {
            dlog!(SHRD, "gives shard {shard} away in configuration {num}");
            observe::given(shard, num, contents);
        }
        _ => {}
    }
    if before.has_handoff && !after.has_handoff {
        dlog!(SHRD, "deletes shard {shard}, in configuration {num}: its new owner has it");
        observe::deleted(shard, num);
    }
}
