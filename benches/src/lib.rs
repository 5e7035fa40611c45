//! The code that the benches share. It makes the [`labrt::Run`] in which a bench measures. It can start a
//! Raft cluster, a key/value group and a sharded service, and make histories for the checker. It measures the
//! cost of a hand-over (see below), and prints tables.
//!
//! ```text
//! cargo bench -p mit6824-benches                  # all of them, about a minute
//! cargo bench -p mit6824-benches --bench raft     # one
//! ```
//!
//! | bench | what it measures |
//! |---|---|
//! | `handover` | the cost of waking another thread: the main cost wherever a thread waits for another one |
//! | `spawn` | a pooled thread for an empty job, compared with a thread of the system |
//! | `labgob` | encoding and decoding of Raft's messages (criterion) |
//! | `rpc` | a call over a reliable network, for each kind of handler (criterion, and a table) |
//! | `raft` | entries per second, at the start of a log and after many entries; the latency of one entry |
//! | `kv_throughput` | the key/value service: operations per second by the number of clerks |
//! | `shard_throughput` | the sharded service: operations per second, and clients' waits when shards move |
//! | `porcupine` | the check of recorded and generated histories for linearizability |
//! | `trace` | the cost of recording events and watching locks, as in tests |
//!
//! # Reading the tables
//!
//! In a **hand-over** one thread wakes another thread, which was asleep, and then goes to sleep itself. A
//! hand-over costs 3 to 45 us. The time depends on the machine and on how busy it is. So every bench measures
//! a hand-over first, and again between its own samples. A result *in hand-overs* is the median time divided
//! by the median time of a hand-over. If threads wait for each other, this says more about the code than a
//! result in microseconds. Each sample is a mean of many repetitions. *min* and *median* are the smallest and
//! the middle one of the samples. If other programs keep the machine busy, two threads often share a core,
//! and then a hand-over costs 1 to 4 us. If the floor (the measured time of a hand-over) is so low, results
//! in hand-overs are not reliable. An *aim* is the result that a quiet machine should reach. A bench never
//! fails because it is slow.
//!
//! Benches run on the real clock. They record no events and do not watch locks. Without the argument
//! `--bench` they make only very few repetitions, to show that they work. `cargo test --benches` does this.
//!
//! The package `benches/peers` measures this code beside openraft and raft-rs. `scripts/bench.sh` runs it,
//! and writes `docs/performance.md`.

#![forbid(unsafe_code)]

pub mod alone;
pub mod cluster;
pub mod cpu;
pub mod floor;
pub mod kv;
pub mod register;
pub mod samples;
pub mod shards;
pub mod table;
pub mod world;

pub use cluster::{Cluster, Setup};
pub use cpu::CpuTime;
pub use floor::Floor;
pub use samples::{Samples, format_ns};
pub use table::Table;
pub use world::{Effort, Watched, bench_main, in_run};
