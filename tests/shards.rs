//! Shards that move while there are faults. These tests go further than lab 4B.

use std::process::ExitCode;

use labtest::migration;
use mit6824::shardkv::ShardKv;

fn main() -> ExitCode {
    migration::main::<ShardKv>(labrt::here!())
}
