//! The tests of lab 2C for tikv's Raft.

use std::process::ExitCode;

use labtest::lab2;
use tikv_raft::Raft;

fn main() -> ExitCode {
    lab2::main_2c::<Raft>(labrt::here!())
}
