//! The tests of lab 2D for raftbare.

use std::process::ExitCode;

use labtest::lab2;
use raftbare_guest::Raft;

fn main() -> ExitCode {
    lab2::main_2d::<Raft>(labrt::here!())
}
