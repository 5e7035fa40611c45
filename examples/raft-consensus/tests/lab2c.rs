//! The tests of lab 2C for raft-consensus.

use std::process::ExitCode;

use labtest::lab2;
use raft_consensus_guest::Raft;

fn main() -> ExitCode {
    lab2::main_2c::<Raft>(labrt::here!())
}
