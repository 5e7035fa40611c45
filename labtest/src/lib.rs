//! The tests of the course, and the harness that runs them. They can test any implementation of the labs.
//!
//! | file | content | in the Go labs |
//! |---|---|---|
//! | [`harness`] | the `main` function of a test binary: cases in the course's order | `go test` |
//! | [`value`] | the commands that the tests submit | commands of type `interface{}` |
//! | [`events`] | the events that a test writes into the trace: faults, operations of clients | |
//! | [`output`] | the lines that the tests print | |
//! | [`marks`] | the faults and other steps of a test, for the picture of a history | |
//! | [`page`] | the HTML page that is written for the first failure of a test | |
//! | [`owner`] | the owner of a cluster, which ends the test | `cfg.end()`, `cfg.cleanup()` |
//! | [`raft`] | a cluster under test: crashes, partitions, agreement | `raft/config.go` |
//! | [`service`] | a cluster of [`Replicated`](labapi::Replicated) servers | `config.go` of labs 3, 4A |
//! | [`kv`] | clients of a key/value service: appends, histories, the generic test | `kvraft/test_test.go` |
//! | [`shards`] | a sharded service under test: a controller and groups | `shardkv/config.go` |
//! | [`lab2`], [`lab3`], [`lab4`] | the bodies of the tests of a lab | `test_test.go` |
//! | [`rsm`] | a counter on the replicated state machine, and its tests | `rsm/rsm_test.go` (2025) |
//! | [`partial`] | networks in which some links do not work | |
//! | [`strict`] | tests of Raft that are stricter than the tests of the course | |
//! | [`strict3`], [`strict4`] | tests of the services that are stricter than the tests of the course | |
//! | [`migration`] | shards that move while servers crash and are cut off | |
//!
//! To test a Raft of your own, implement [`RaftPeer`](labapi::RaftPeer) for it, and write a `main` function
//! like the one below for each test binary. In `Cargo.toml` such a binary has `harness = false`. For a
//! key/value service of your own, implement [`Replicated`](labapi::Replicated) for its servers and
//! [`KvClerk`](labapi::KvClerk) for its clerk. Then call `lab3::main_3a` and `lab3::main_3b` in the same way.
//! To write a suite of your own, make a list of [`harness::Case`]s and call [`harness::main`] with it.
//!
//! ```text
//! fn main() -> std::process::ExitCode {
//!     labtest::lab2::main_2a::<MyRaft>(labrt::here!())
//! }
//! ```

#![forbid(unsafe_code)]

mod beside;
pub mod events;
mod fates;
pub mod harness;
pub mod hints;
pub mod kv;
pub mod lab2;
pub mod lab3;
pub mod lab4;
mod limit;
mod lives;
pub mod marks;
pub mod migration;
mod moments;
pub mod monitor;
mod network;
pub mod output;
pub mod owner;
pub mod page;
pub mod partial;
pub mod raft;
pub mod rsm;
pub mod service;
pub mod shards;
pub mod strict;
pub mod strict3;
pub mod strict4;
mod strictness;
pub mod value;
mod variables;

pub use value::Value;
