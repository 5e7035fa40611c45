//! The tests of lab 2A for tikv's Raft.

use std::process::ExitCode;

use labtest::lab2;
use tikv_raft::Raft;

fn main() -> ExitCode {
    lab2::main_2a::<Raft>(labrt::here!())
}
