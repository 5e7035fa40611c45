//! Functions that report to the trace what a server of the sharded service (lab 4B) does with its shards.
//!
//! Any sharded service can use these functions. With their events, the monitor checks two things:
//!
//! * In each configuration, only the owner of a shard serves the shard.
//! * When a shard moves, its data and the memory of its clients move with it.
//!
//! The monitor checks only servers that call [`restore`] when they start. Such a server must make all other
//! calls, too.
//!
//! A server makes each call at the moment at which it *applies* the change: right after its copy of the
//! group's state has changed, and under the lock of this state. Each server of a group makes the calls, not
//! only the leader. After a restart, a server applies some entries again, and makes the calls for these
//! entries again.

use crate::{Config, Gid};
use labrt::trace::{self, Field, Kind, Links};

const RESTORE: Kind = Kind::new("shardkv.restore");
const CONFIGURED: Kind = Kind::new("shardkv.configured");
const GIVEN: Kind = Kind::new("shardkv.given");
const SERVED: Kind = Kind::new("shardkv.served");
const ANSWERED: Kind = Kind::new("shardkv.answered");
const DELETED: Kind = Kind::new("shardkv.deleted");

/// Digests of a shard that moves. Equal contents must have equal digests, in all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// A digest of the keys and values.
    pub data: u64,
    /// A digest of the memory of the clients: which requests were done, and their replies.
    pub sessions: u64,
}

/// The reason why a group serves a shard from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No group had the shard before.
    New,
    /// The data of the shard has arrived from another group.
    Received(Contents),
    /// The group had the shard before, and no other group had it since then.
    NeverLeft,
}

/// Reports the present state of a server of group `gid`. `serves` lists the shards that the server may serve,
/// because it has their data.
///
/// Call it when the server starts, before all other calls. Also call it each time a snapshot replaces the
/// server's state.
#[track_caller]
pub fn restore(gid: Gid, config: &Config, serves: impl IntoIterator<Item = usize>) {
    if !trace::on() {
        return;
    }
    let owners = owners(config);
    let serves = list(serves);
    let fields = [
        ("gid", gid.into()),
        ("num", config.num.into()),
        ("owners", owners.as_str().into()),
        ("serves", serves.as_str().into()),
    ];
    trace::emit(RESTORE, Links::NONE, &fields);
}

/// Reports that the group has taken a configuration.
///
/// Call it before the calls about the shards that this configuration moves.
#[track_caller]
pub fn configured(config: &Config) {
    if !trace::on() {
        return;
    }
    let owners = owners(config);
    trace::emit(CONFIGURED, Links::NONE, &[("num", config.num.into()), ("owners", owners.as_str().into())]);
}

/// Reports that the group gives a shard away in configuration `num`. From now on, the shard does not change.
/// `contents` returns the digests of what the next owner gets. `contents` is only called if someone reads the
/// trace.
#[track_caller]
pub fn given(shard: usize, num: u64, contents: impl FnOnce() -> Contents) {
    if !trace::on() {
        return;
    }
    let Contents { data, sessions } = contents();
    let fields = [
        ("shard", shard.into()),
        ("num", num.into()),
        ("data", Field::X(data)),
        ("sessions", Field::X(sessions)),
    ];
    trace::emit(GIVEN, Links::NONE, &fields);
}

/// Reports that the group serves a shard from now on. `num` is the number of the configuration that has given
/// the shard to the group. The old owner has reported the same number with [`given`]. `source` is only called
/// if someone reads the trace.
#[track_caller]
pub fn served(shard: usize, num: u64, source: impl FnOnce() -> Source) {
    if !trace::on() {
        return;
    }
    let source = source();
    let (cause, contents) = match source {
        Source::New => ("new", None),
        Source::Received(contents) => ("received", Some(contents)),
        Source::NeverLeft => ("never left", None),
    };
    let Contents { data, sessions } = contents.unwrap_or(Contents { data: 0, sessions: 0 });
    let fields = [
        ("shard", shard.into()),
        ("num", num.into()),
        ("data", Field::X(data)),
        ("sessions", Field::X(sessions)),
    ];
    // If the shard has not moved, the event has no contents.
    let known = if contents.is_some() { fields.len() } else { 2 };
    trace::emit(SERVED, Links::NONE.because(cause), &fields[..known]);
}

/// Reports that the group answers a Get, Put or Append of a client. The key of the operation is in this
/// shard. The answer that the key has no value counts, too. A refusal does not count.
#[track_caller]
pub fn answered(shard: usize) {
    trace::emit(ANSWERED, Links::NONE, &[("shard", shard.into())]);
}

/// Reports that the group has deleted the data of a shard that it gave away. `num` is the number of the
/// group's configuration.
#[track_caller]
pub fn deleted(shard: usize, num: u64) {
    trace::emit(DELETED, Links::NONE, &[("shard", shard.into()), ("num", num.into())]);
}

/// The owners of all shards: `100,100,0`.
fn owners(config: &Config) -> String {
    list(config.shards)
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
