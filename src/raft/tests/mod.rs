//! Tests of Raft: the rules one by one, all rules together on a bad network (`chaos`), and the threads around
//! the rules (`server`, `applier`).

mod applier;
mod beyond;
mod chaos;
mod commitment;
mod elections;
mod log;
mod progress;
mod reads;
mod replication;
mod server;
mod snapshots;
mod storage;
mod support;
