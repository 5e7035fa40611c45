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
//! The modules use four crates of this workspace:
//!
//! * `labapi` holds what the labs and their tests agree on.
//! * `labrpc` is the simulated network.
//! * `labgob` turns values into bytes and bytes into values.
//! * `labrt` has threads, locks, channels, the clock and randomness, on real or virtual time.
//!
//! The modules do not know the tests. The tests are in the crate `labtest`. They meet these modules in
//! `tests/`.
//!
//! # Where to begin
//!
//! Begin with the module of your lab. [`raft`], [`kvraft`], [`shardctrler`] and [`shardkv`] each begin with
//! what they promise, a table of their files and a small program that runs. All these programs have the same
//! shape: a `labrpc::Network`, servers on it, each in its own `labrt::node`, and
//! [`labrt::run`](fn@labrt::run) around everything. `run` gives the threads their clock and returns when all
//! of them have ended. `docs/guide.md` shows how these pieces relate to the names of the Go files and of the
//! paper.

#![forbid(unsafe_code)]

pub mod kvraft;
pub mod raft;
pub mod rsm;
pub mod shardctrler;
pub mod shardkv;
