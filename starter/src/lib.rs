//! Write your own Raft: the skeleton of lab 2.
//!
//! The work is in [`raft`]. It compiles as it is and passes no test:
//!
//! ```text
//! cargo test -p starter --test lab2a                                  # on real threads, as in the course
//! LAB_RUNS=100 cargo test -p starter --features sim --test lab2a      # in virtual time, from 100 seeds
//! ```
//!
//! A failure in virtual time prints a line that runs the same seed again. Put `LAB_LOG=all` in front of that line to see
//! your log lines, too ([`labrt::dlog!`]).

#![forbid(unsafe_code)]

pub mod raft;

pub use raft::Raft;
