//! Shards that move while things go wrong: further than lab 4B goes.

use std::process::ExitCode;

use labtest::migration;
use mit6824::shardkv::ShardKv;

fn main() -> ExitCode {
    migration::main::<ShardKv>(labrt::here!())
}
