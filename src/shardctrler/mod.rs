//! Lab 4A: the shard controller, which decides which replica group serves which shard.
//!
//! A [`ShardCtrler`] is one server of the controller. Its state is the history of configurations, which an
//! [`Rsm`](crate::rsm::Rsm) replicates. A [`Clerk`] asks one server after the other until the leader replies.
//! The controller guarantees:
//!
//! * **Operations are linearizable**: a `Query` for the latest configuration goes through the log. Its reply
//!   includes every change that was complete before the `Query` began.
//! * **A change is made exactly once**: the client numbers each `Join`, `Leave` and `Move`. The servers
//!   remember the number of each client's last change. So a change is made once, even if it is sent several
//!   times.
//! * **All configurations are kept**: a client can query each configuration by its number.
//! * **The shards are distributed evenly, with the fewest moves**, after each `Join` and `Leave`: see
//!   [`rebalance`](rebalance()).
//!
//! This program computes two new configurations, without a server:
//!
//! ```
//! use labapi::{Config, Gid, NSHARDS};
//! use labrt::collections::BTreeMap;
//! use mit6824::shardctrler;
//!
//! let group = |gid: Gid| BTreeMap::from([(gid, vec![format!("server-{gid}")])]);
//! let one = shardctrler::join(&Config::default(), &group(100)).expect("a new group");
//! assert_eq!(one.shards, [100; NSHARDS]);
//!
//! let two = shardctrler::join(&one, &group(101)).expect("a new group");
//! let moved = (0..NSHARDS).filter(|&shard| two.shards[shard] != one.shards[shard]).count();
//! assert_eq!((two.num, moved), (2, NSHARDS / 2));
//! ```
//!
//! # Which changes make a configuration, and which are refused
//!
//! Each `Join`, `Leave` and `Move` makes exactly one configuration. Its number is one more than the number of
//! the configuration before. A `Move` of a shard to the group that already has it makes a new configuration,
//! too. A `Join` or a `Leave` with no groups also makes a new configuration, in which the shards are
//! distributed again. This may undo earlier `Move`s. An impossible change is refused as a whole: it makes no
//! configuration, and the client gets a [`ConfigError`].
//!
//! | refused | why |
//! |---|---|
//! | joining gid 0 | gid 0 means "no group" |
//! | joining a group without servers | no client could reach the group's shards |
//! | joining a group that is already in the configuration | two groups would have the same gid |
//! | leaving an unknown group, or moving a shard to an unknown group | the configuration has no such group |
//! | moving a shard that does not exist | there is no such shard |
//!
//! The course says nothing about these refused changes, and its tests make none of them.
//!
//! | file | what is in it | in the Go labs |
//! |---|---|---|
//! | `changes` | the next configuration after a change |  |
//! | `peer` | the traits through which the suites of lab 4 use the controller | |
//! | `rebalance` | distributing shards over groups | |
//! | `messages` | the RPCs, the operations in the log, the errors | `common.go` |
//! | `machine` | the history of configurations | |
//! | `server` | [`ShardCtrler`]: the handlers | `server.go` |
//! | `client` | [`Clerk`] | `client.go` |

mod changes;
mod client;
mod machine;
mod messages;
mod peer;
mod rebalance;
mod server;

#[cfg(test)]
mod tests;

pub use changes::{ConfigError, join, leave, move_shard};
pub use client::Clerk;
pub use messages::{CtrlerError, JoinArgs, LeaveArgs, MoveArgs, QueryArgs, Reply};
pub use rebalance::rebalance;
pub use server::ShardCtrler;
