//! The strict tests of Raft for raftbare.

use std::process::ExitCode;

use labtest::strict;
use raftbare_guest::Raft;

fn main() -> ExitCode {
    strict::main_strict2::<Raft>(labrt::here!())
}
