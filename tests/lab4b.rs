//! The tests of lab 4B for this project's sharded service.

use std::process::ExitCode;

use labtest::lab4;
use mit6824::shardkv::ShardKv;

fn main() -> ExitCode {
    lab4::main_4b::<ShardKv>(labrt::here!())
}
