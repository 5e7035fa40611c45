//! The tests of lab 2D for the Raft of this crate.

use std::process::ExitCode;

use labtest::lab2;
use starter::Raft;

fn main() -> ExitCode {
    lab2::main_2d::<Raft>(labrt::here!())
}
