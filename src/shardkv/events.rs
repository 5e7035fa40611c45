//! The log lines and trace events about configurations and shards. Each server of a group writes them when it
//! applies an operation. After a restart, a server applies some operations again. Then it also writes their
//! lines and events again.

use super::migration::Shard;
use labapi::{Config, Holding};
use labrt::dlog;
use labrt::trace::{self, Kind, Links};

/// The event: the group has taken a configuration.
pub const CONFIGURED: Kind = Kind::new("shardkv.configured");
/// The event: a shard was given away. Its data does not change any more.
pub const GIVEN: Kind = Kind::new("shardkv.given");
/// The event: the group serves a shard from now on. The event's cause says why.
pub const SERVED: Kind = Kind::new("shardkv.served");
/// The event: the data of a shard that was given away was deleted.
pub const DELETED: Kind = Kind::new("shardkv.deleted");

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

pub(super) fn reconfigured(config: &Config) {
    dlog!(SHRD, "takes configuration {}: {:?}", config.num, config.shards);
    trace::emit(CONFIGURED, Links::NONE, &[("num", config.num.into())]);
}

/// Writes the change of a shard from one state to another in configuration `num`.
pub(super) fn changed(num: u64, shard: usize, before: Summary, after: Summary) {
    let fields = [("shard", shard.into()), ("num", num.into())];
    let emit = |kind, cause| trace::emit(kind, Links::NONE.because(cause), &fields);
    match (before.state, after.state) {
        (Holding::Nothing, Holding::Serving) => {
            dlog!(SHRD, "is the first to have shard {shard}, in configuration {num}");
            emit(SERVED, "new");
        }
        (Holding::Awaiting, Holding::Serving) => {
            dlog!(SHRD, "has received shard {shard} of configuration {num}");
            emit(SERVED, "received");
        }
        (Holding::Parked, Holding::Serving) => {
            dlog!(SHRD, "has shard {shard} again, in configuration {num}");
            emit(SERVED, "never left");
        }
        (Holding::Serving, Holding::Parked) => {
            dlog!(SHRD, "keeps shard {shard}, which no group has in configuration {num}");
        }
        (Holding::Serving | Holding::Parked, Holding::Giving) => {
            dlog!(SHRD, "gives shard {shard} away in configuration {num}");
            emit(GIVEN, "");
        }
        _ => {}
    }
    if before.has_handoff && !after.has_handoff {
        dlog!(SHRD, "deletes shard {shard}, in configuration {num}: its new owner has it");
        emit(DELETED, "");
    }
}
