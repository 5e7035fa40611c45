//! What the benches share: a quiet world to measure in, the price of a hand-over, tables, a Raft cluster, a
//! key/value group, a sharded service.
//!
//! ```text
//! cargo bench -p mit6824-benches                  # all of them, about a minute
//! cargo bench -p mit6824-benches --bench raft     # one
//! ```
//!
//! | bench | what it measures |
//! |---|---|
//! | `handover` | the price of waking another thread, which is what most other figures are made of |
//! | `spawn` | a pooled thread for an empty job, beside a thread of the system |
//! | `labgob` | encoding and decoding of Raft's messages (criterion) |
//! | `rpc` | a call over a reliable network, for each kind of handler (criterion, and a table) |
//! | `raft` | entries a second, at the start of a log and far into it; the latency of one entry |
//! | `kv_throughput` | the key/value service: operations a second by the number of clerks |
//! | `shard_throughput` | the sharded service: operations a second by the number of groups, waits while shards move |
//! | `porcupine` | checking histories for linearizability, recorded and made ones |
//! | `trace` | what recording events and watching locks cost, as tests do both |
//!
//! # Reading the tables
//!
//! A **hand-over** is: one thread wakes another, which was asleep, and goes to sleep itself. It costs 3 to 45 us,
//! depending on the machine and on how busy it is, and so every bench measures it first, and again beside its own
//! samples: a figure *in hand-overs*, one median over the other, says more about the code than one in microseconds
//! does. *min* and *median* are taken over samples, each of which is a mean of many repetitions.
//! On a machine that is busy with other things two threads often share a core, where a hand-over costs about 1 us;
//! a floor as low as that says that figures in hand-overs are not to be relied on.
//! An *aim* is what a quiet machine should reach. No bench fails for being slow.
//!
//! Benches run on the real clock, with events and lock discipline off. Without `--bench` among the arguments (as
//! under `cargo test --benches`) they run in miniature, to show that they work.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod floor;
pub mod kv;
pub mod samples;
pub mod shards;
pub mod table;
pub mod world;

pub use cluster::{Cluster, Setup};
pub use floor::Floor;
pub use samples::{Samples, format_ns};
pub use table::Table;
pub use world::{Effort, Watched, bench_main, in_run};
