//! The tests of lab 2B for this project's Raft.

use std::process::ExitCode;

use labtest::lab2;
use mit6824::raft::Raft;

fn main() -> ExitCode {
    lab2::main_2b::<Raft>(labrt::here!())
}
