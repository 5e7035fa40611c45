//! The strict tests of Raft for raft-consensus.

use std::process::ExitCode;

use labtest::strict;
use raft_consensus_guest::Raft;

fn main() -> ExitCode {
    strict::main_strict2::<Raft>(labrt::here!())
}
