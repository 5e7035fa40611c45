//! What the log and the trace are told of configurations and shards. Every server of a group tells it, when it
//! applies the operation; also once more after a restart.

use super::migration::Shard;
use crate::kvraft::Kv;
use labapi::Config;
use labrt::dlog;
use labrt::trace::{self, Kind, Links};

/// A configuration was taken.
pub const CONFIGURED: Kind = Kind::new("shardkv.configured");
/// A shard was given away: its data is frozen.
pub const GIVEN: Kind = Kind::new("shardkv.given");
/// A shard is served from now on; the cause says why.
pub const SERVED: Kind = Kind::new("shardkv.served");
/// The data of a shard that was given away was deleted.
pub const DELETED: Kind = Kind::new("shardkv.deleted");

/// A state without its data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    state: State,
    has_parcel: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Elsewhere,
    Serving,
    Awaiting,
    Parked,
    Giving,
}

impl Look {
    pub fn at(shard: &Shard<Kv>) -> Look {
        let state = match shard {
            Shard::Elsewhere => State::Elsewhere,
            Shard::Serving(_) => State::Serving,
            Shard::Awaiting(_) => State::Awaiting,
            Shard::Parked(_) => State::Parked,
            Shard::Giving(_) => State::Giving,
        };
        Look { state, has_parcel: shard.parcel().is_some() }
    }
}

pub(super) fn reconfigured(config: &Config) {
    dlog!(SHRD, "takes configuration {}: {:?}", config.num, config.shards);
    trace::emit(CONFIGURED, Links::NONE, &[("num", config.num.into())]);
}

/// A shard has gone from one state to another in configuration `num`.
pub(super) fn moved(num: u64, shard: usize, before: Look, after: Look) {
    let fields = [("shard", shard.into()), ("num", num.into())];
    let emit = |kind, cause| trace::emit(kind, Links::NONE.because(cause), &fields);
    match (before.state, after.state) {
        (State::Elsewhere, State::Serving) => {
            dlog!(SHRD, "is the first to have shard {shard}, in configuration {num}");
            emit(SERVED, "new");
        }
        (State::Awaiting, State::Serving) => {
            dlog!(SHRD, "has received shard {shard} of configuration {num}");
            emit(SERVED, "received");
        }
        (State::Parked, State::Serving) => {
            dlog!(SHRD, "has shard {shard} again, in configuration {num}");
            emit(SERVED, "never left");
        }
        (State::Serving, State::Parked) => {
            dlog!(SHRD, "keeps shard {shard}, which no group has in configuration {num}");
        }
        (State::Serving | State::Parked, State::Giving) => {
            dlog!(SHRD, "gives shard {shard} away in configuration {num}");
            emit(GIVEN, "");
        }
        _ => {}
    }
    if before.has_parcel && !after.has_parcel {
        dlog!(SHRD, "deletes shard {shard}, in configuration {num}: its new owner has it");
        emit(DELETED, "");
    }
}
