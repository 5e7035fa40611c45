//! The strict tests of lab 2 for the Raft of this crate.

use std::process::ExitCode;

use labtest::strict;
use starter::Raft;

fn main() -> ExitCode {
    strict::main_strict2::<Raft>(labrt::here!())
}
