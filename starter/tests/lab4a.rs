//! The tests of lab 4A for the shard controller of this crate.

use std::process::ExitCode;

use labtest::lab4;
use starter::ShardCtrler;

fn main() -> ExitCode {
    lab4::main_4a::<ShardCtrler>(labrt::here!().with_feature("solved-raft", cfg!(feature = "solved-raft")))
}
