//! Tests of the pure parts of Raft: each rule as a table, and all of them together on a bad network.

mod chaos;
mod commitment;
mod elections;
mod log;
mod progress;
mod replication;
mod server;
mod snapshots;
mod storage;
mod support;
