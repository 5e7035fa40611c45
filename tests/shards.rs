//! Tests of shards that move during faults. These tests check more than the tests of lab 4B.

use std::process::ExitCode;

use labtest::migration;
use mit6824::shardkv::ShardKv;

fn main() -> ExitCode {
    migration::main::<ShardKv>(labrt::here!())
}
