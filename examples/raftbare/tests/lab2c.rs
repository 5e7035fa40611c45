//! The tests of lab 2C for raftbare.

use std::process::ExitCode;

use labtest::lab2;
use raftbare_guest::Raft;

fn main() -> ExitCode {
    lab2::main_2c::<Raft>(labrt::here!())
}
