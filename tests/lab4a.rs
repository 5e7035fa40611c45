//! The tests of lab 4A for this project's shard controller.

use std::process::ExitCode;

use labtest::lab4;
use mit6824::shardctrler::ShardCtrler;

fn main() -> ExitCode {
    lab4::main_4a::<ShardCtrler>(labrt::here!())
}
