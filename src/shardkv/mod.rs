//! Lab 4B: a key/value service that distributes its keys over groups of servers, and moves keys between
//! groups.
//!
//! Each key is in one of ten shards ([`key2shard`](labapi::key2shard)). The [controller](crate::shardctrler)
//! says which group serves which shard. The servers of a group are [`ShardKv`]s. Each server has a copy of
//! the group's state, which an [`Rsm`](crate::rsm::Rsm) replicates. A [`Clerk`] has a copy of a
//! configuration. It asks the group that has the shard in this copy. If that group does not serve the shard,
//! the clerk asks the controller for a newer configuration. The service guarantees:
//!
//! * **Operations are linearizable, and writes are done exactly once**, as in [lab 3](crate::kvraft). This is
//!   also true while shards move.
//! * **A shard that does not move is always served.** A shard that has arrived is served at once. It does not
//!   have to wait for other shards (challenge 2 of the course).
//! * **A shard that has moved is deleted**: the old owner deletes the shard's data as soon as no crash can
//!   take the data from the new owner (challenge 1 of the course).
//! * **Nothing is lost when all groups leave**: the data of a shard then stays in the last group that had the
//!   shard.
//! * **A call never gives up**: it returns soon after three things are true. The controller has a majority,
//!   the shard's group has a majority, and the shard has arrived in this group.
//!
//! The header of the file `migration.rs` explains how shards move, and why this is safe.
//!
//! This program has a controller and two groups. To keep the program short, each group has only one server.
//! When the second group joins, it gets half of the shards:
//!
//! ```
//! use labrpc::{End, Network, Server, Service};
//! use labrt::{collections::BTreeMap, node::{self, NodeId}, sync::Arc};
//! use labapi::{Gid, GroupStart, MakeEnd, Persister, ServerStart};
//! use mit6824::{shardctrler::{self, ShardCtrler}, shardkv::{Clerk, ShardKv}};
//!
//! labrt::run(|| {
//!     let net = Network::new();
//!     let make_end = |owner: NodeId| -> MakeEnd {
//!         let net = net.clone();
//!         Arc::new(move |server: &str| {
//!             let end = net.make_end(owner, server);
//!             net.enable(&end, true);
//!             end
//!         })
//!     };
//!     let end = |owner, server: &str| -> Vec<End> { vec![make_end(owner)(server)] };
//!     let alone = |ends: Vec<End>| ServerStart {
//!         ends, me: 0, persister: Arc::new(Persister::new()), maxraftstate: Some(1000),
//!     };
//!     let add = |name: &str, services: Vec<Service>| {
//!         net.add_server(name, services.into_iter().fold(Server::new(), Server::service));
//!     };
//!
//!     let node = NodeId { group: 1, ..NodeId::first(0) };
//!     let entered = node::enter(node);
//!     let ctrler = ShardCtrler::start(alone(end(node, "ctrler"))).expect("there is no saved state");
//!     add("ctrler", ctrler.services());
//!     drop(entered);
//!
//!     let start = |gid: Gid| {
//!         let name = format!("server-{gid}");
//!         let node = NodeId { group: gid as u16, ..NodeId::first(0) };
//!         let _node = node::enter(node);
//!         let (server, ctrlers) = (alone(end(node, &name)), end(node, "ctrler"));
//!         let start = GroupStart { server, gid, ctrlers, make_end: make_end(node) };
//!         let server = ShardKv::start(start).expect("there is no saved state");
//!         add(&name, server.services());
//!         server
//!     };
//!     let groups = [start(100), start(101)];
//!
//!     let mut admin = shardctrler::Clerk::new(end(NodeId::NONE, "ctrler"));
//!     let mut join = |gid: Gid| {
//!         let servers = vec![format!("server-{gid}")];
//!         admin.join(BTreeMap::from([(gid, servers)])).expect("a new group");
//!     };
//!     let mut clerk = Clerk::new(end(NodeId::NONE, "ctrler"), make_end(NodeId::NONE));
//!     join(100);
//!     (0..10).for_each(|key| clerk.put(&key.to_string(), "a"));
//!     join(101);
//!     // Half of the keys have moved, and no value is lost.
//!     for key in (0..10).map(|key| key.to_string()) {
//!         clerk.append(&key, "b");
//!         assert_eq!(clerk.get(&key), "ab");
//!     }
//!     drop(groups);
//!     net.delete_server("server-100");
//!     net.delete_server("server-101");
//! });
//! ```
//!
//! | file | what is in it | in the Go labs |
//! |---|---|---|
//! | `messages` | the RPCs, the operations in the log, the errors | `common.go` |
//! | `migration` | the protocol between groups: the states of a shard and their transitions | |
//! | `group` | the state of a group, and what an operation does to it | |
//! | `machine` | the group's state as the state machine of a server | |
//! | `server` | [`ShardKv`]: the handlers | `server.go` |
//! | `migrator` | the thread that takes configurations and delivers shards | |
//! | `mailbox` | the messages for that thread | |
//! | `client` | [`Clerk`] | `client.go` |
//! | `peer` | the traits through which the suites of lab 4B use the service | |
//! | `events` | the log lines and trace events about configurations and shards | |

mod client;
mod events;
mod group;
mod machine;
mod mailbox;
mod messages;
mod migration;
mod migrator;
mod peer;
mod server;

#[cfg(test)]
mod tests;

pub use client::Clerk;
pub use messages::{Reply, ShardKvError};
pub use server::ShardKv;
