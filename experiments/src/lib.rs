//! What the experiments have in common, and a protocol with which this project's Raft is compared.
//!
//! | module | what is in it |
//! |---|---|
//! | [`command_line`] | the `main` of an experiment that prints tables and draws a picture |
//! | [`multi_paxos`] | a small Multi-Paxos |
//! | [`quantile`] | quantiles of measured times |
//! | [`svg`] | what the pictures have in common |
//! | [`wire`] | a network with delay and loss, which decides when a sender notices a loss |

#![forbid(unsafe_code)]

pub mod command_line;
pub mod multi_paxos;
pub mod quantile;
pub mod svg;
pub mod wire;
