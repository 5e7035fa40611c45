//! The tests of lab 2B for the Raft of this crate.

use std::process::ExitCode;

use labtest::lab2;
use starter::Raft;

fn main() -> ExitCode {
    lab2::main_2b::<Raft>(labrt::here!())
}
