//! Shards that move while things go wrong: further than lab 4B goes.

use std::process::ExitCode;

use mit6824::shardkv::ShardKv;
use mit6824::tester::migration;

fn main() -> ExitCode {
    migration::main::<ShardKv>(labrt::here!())
}
