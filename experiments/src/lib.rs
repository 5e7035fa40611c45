//! What the experiments have in common, and the protocols with which this project's Raft is compared.

#![forbid(unsafe_code)]

pub mod multi_paxos;
