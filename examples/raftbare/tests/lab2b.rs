//! The tests of lab 2B for raftbare.

use std::process::ExitCode;

use labtest::lab2;
use raftbare_guest::Raft;

fn main() -> ExitCode {
    lab2::main_2b::<Raft>(labrt::here!())
}
