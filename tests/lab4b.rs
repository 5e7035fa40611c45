//! Lab 4B against this project's sharded service.

use std::process::ExitCode;

use mit6824::shardkv::ShardKv;
use mit6824::tester::lab4;

fn main() -> ExitCode {
    lab4::main_4b::<ShardKv>(labrt::here!())
}
