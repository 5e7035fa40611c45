//! The MIT 6.824 labs in Rust.
//!
//! | module | lab | what it holds |
//! |---|---|---|
//! | [`raft`] | 2 | Raft: elections, log replication, persistence, snapshots |
//! | [`rsm`] | 3, 4 | the replicated state machine that the services share |
//! | [`kvraft`] | 3 | a key/value service on Raft |
//! | [`shardctrler`] | 4A | the shard controller |
//! | [`shardkv`] | 4B | the sharded key/value service: groups, and shards that move between them |
//!
//! They stand on four crates of this workspace: `labapi`, what they and their tests agree on; `labrpc`, the simulated
//! network; `labgob`, bytes to values and back; `labrt`, threads, locks, channels, clock and randomness on real or
//! virtual time. They do not know the tests: those are in the crate `labtest`, and meet them in `tests/`.
//!
//! # Where to begin
//!
//! With the module of the lab you are at: [`raft`], [`kvraft`], [`shardctrler`] and [`shardkv`] each begin with what they promise, a
//! table of their files and a small program that runs. All these programs have the same shape: a `labrpc::Network`, servers on it,
//! each within its `labrt::node`, and [`labrt::run`](fn@labrt::run) around everything, which gives the threads their clock and ends the
//! run when they have ended. `docs/guide.md` has the same pieces by the names of the Go files and of the paper.

#![forbid(unsafe_code)]

pub mod kvraft;
pub mod raft;
pub mod rsm;
pub mod shardctrler;
pub mod shardkv;
