//! The strict tests of lab 4 for this project's shard controller and sharded service.

use std::process::ExitCode;

use labtest::strict4;
use mit6824::shardctrler::ShardCtrler;
use mit6824::shardkv::ShardKv;

fn main() -> ExitCode {
    strict4::main_strict4::<ShardCtrler, ShardKv>(labrt::here!())
}
