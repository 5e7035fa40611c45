//! Lab 2D against the Raft of this crate.

use std::process::ExitCode;

use mit6824::tester::lab2;
use starter::Raft;

fn main() -> ExitCode {
    lab2::main_2d::<Raft>(labrt::here!())
}
