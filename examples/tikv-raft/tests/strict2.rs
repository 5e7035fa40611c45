//! The strict tests of Raft for tikv's Raft.

use std::process::ExitCode;

use labtest::strict;
use tikv_raft::Raft;

fn main() -> ExitCode {
    strict::main_strict2::<Raft>(labrt::here!())
}
