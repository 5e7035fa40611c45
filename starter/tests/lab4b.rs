//! The tests of lab 4B for the sharded service of this crate.

use std::process::ExitCode;

use labtest::lab4;
use starter::ShardKv;

fn main() -> ExitCode {
    lab4::main_4b::<ShardKv>(labrt::here!().with_feature("solved-raft", cfg!(feature = "solved-raft")))
}
