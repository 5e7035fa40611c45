//! The interface between the code of a lab and its tests.
//!
//! A solution is the code that solves the labs: this project's code or your own. The suites are the tests
//! that judge a solution. A solution and the suites have only this crate in common: a solution implements the
//! traits below, and the suites are generic over these traits.
//!
//! | lab | your type implements | its clients implement | in the Go labs |
//! |---|---|---|---|
//! | 2 | [`RaftPeer`] | | `raft.go`: `Make`, `Start`, `GetState`, `Snapshot`, `Kill` |
//! | 3 | [`Replicated`] | [`KvClerk`] | `kvraft`: `StartKVServer`, `MakeClerk` |
//! | 4A | [`Replicated`] | [`CtrlerClerk`] | `shardctrler`: `StartServer`, `MakeClerk` |
//! | 4B | [`Sharded`], [`Replica`] | [`KvClerk`], [`CtrlerClerk`] | `shardkv`: `StartServer`, `MakeClerk` |
//!
//! | file | what is in the file |
//! |---|---|
//! | `apply_msg` | [`ApplyMsg`]: a message from Raft to its service |
//! | `command` | [`Command`]: an entry of the log; [`Bytes`] |
//! | `persister` | [`Persister`]: the simulated disk of a server |
//! | [`observe`] | functions that report to the trace what a Raft does |
//! | `raft_peer` | [`RaftPeer`], [`Started`], [`Role`], [`RaftStatus`]; causes such as [`NO_QUORUM`] |
//! | `replicated` | [`Replicated`], [`ServerStart`], [`KvService`], [`CtrlerService`] |
//! | `clerks` | [`KvClerk`], [`CtrlerClerk`] |
//! | `config` | [`Config`] of lab 4, [`Gid`], [`NSHARDS`], [`key2shard`] |
//! | `sharded` | [`Sharded`], [`Replica`], [`GroupStart`], [`MakeEnd`], [`Holding`], [`ReplicaStatus`] |
//! | `strictness` | [`Strictness`]: what a suite does if it finds a fault that the course does not check |
//!
//! # The threads and the order of calls
//!
//! The suites start a server, put its services on the network, and then connect the server. While the suites
//! call a server, the server is labrt's current node. So the threads that the server spawns, its log lines
//! and its events are recorded as the server's own. The suites may call every method at any time and from any
//! thread, also after `kill`. No method may block for a long time. After `kill` the threads of a server must
//! end within 100 ms.

#![forbid(unsafe_code)]

mod apply_msg;
mod clerks;
mod command;
mod config;
pub mod observe;
mod persister;
mod raft_peer;
mod replicated;
mod sharded;
mod strictness;

pub use apply_msg::ApplyMsg;
pub use clerks::{CtrlerClerk, KvClerk};
pub use command::{Bytes, Command, shared_bytes};
pub use config::{Config, Gid, NO_GROUP, NSHARDS, key2shard};
pub use persister::{Explain, FrameError, Frames, Persister, SaveStep, Saved, Writer};
pub use raft_peer::{HAS_A_LEADER, NO_QUORUM, PROMISED, RaftPeer, RaftStatus, Role, Started};
pub use replicated::{CtrlerService, KvService, Replicated, ServerStart};
pub use sharded::{GroupStart, Holding, MakeEnd, Replica, ReplicaStatus, Running, Sharded};
pub use strictness::Strictness;
