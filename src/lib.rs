//! The MIT 6.824 labs in Rust.
//!
//! | module | lab | what is in it |
//! |---|---|---|
//! | [`raft`] | 2 | Raft: elections, log replication, persistence, snapshots |
//! | [`rsm`] | 3, 4 | the replicated state machine that the services share |
//! | [`kvraft`] | 3 | a key/value service on Raft |
//! | [`shardctrler`] | 4A | the shard controller |
//! | [`shardkv`] | 4B | the sharded key/value service: groups, and shards that move between them |
//!
//! The modules use four crates of this workspace:
//!
//! * `labapi` has the types and traits that the labs and their tests share.
//! * `labrpc` is the simulated network.
//! * `labgob` turns values into bytes and bytes into values.
//! * `labrt` has threads, locks, channels, the clock and random numbers, in real time or in virtual time.
//!
//! The modules do not use the tests. The crate `labtest` has the tests. The files in `tests/` run these tests
//! on these modules.
//!
//! # Where to begin
//!
//! Begin with the module of your lab. The documentation of [`raft`], [`kvraft`], [`shardctrler`] and
//! [`shardkv`] begins with a description of what the module promises. Then come a small complete program and
//! a table of the module's files. Nearly all these programs have the same form. They make a `labrpc::Network`
//! with servers, and each server is in its own `labrt::node`. The whole program is inside
//! [`labrt::run`](fn@labrt::run). The function `run` gives the threads their clock, and returns when all of
//! them have ended. `docs/guide.md` shows which names of the Go files and of the paper correspond to these
//! pieces.

#![forbid(unsafe_code)]

pub mod kvraft;
pub mod raft;
pub mod rsm;
pub mod shardctrler;
pub mod shardkv;
