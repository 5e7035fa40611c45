//! The strict tests of lab 4 for the shard controller and the sharded service of this crate.

use std::process::ExitCode;

use labtest::strict4;
use starter::ShardCtrler;
use starter::ShardKv;

fn main() -> ExitCode {
    strict4::main_strict4::<ShardCtrler, ShardKv>(
        labrt::here!().with_feature("solved-raft", cfg!(feature = "solved-raft")),
    )
}
