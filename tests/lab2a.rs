//! Lab 2A against this project's Raft.

use std::process::ExitCode;

use mit6824::raft::Raft;
use mit6824::tester::lab2;

fn main() -> ExitCode {
    lab2::main_2a::<Raft>(labrt::here!())
}
