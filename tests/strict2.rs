//! The strict tests of Raft for this project's Raft.

use std::process::ExitCode;

use labtest::strict;
use mit6824::raft::Raft;

fn main() -> ExitCode {
    strict::main_strict2::<Raft>(labrt::here!())
}
