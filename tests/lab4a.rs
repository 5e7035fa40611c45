//! Lab 4A against this project's shard controller.

use std::process::ExitCode;

use mit6824::shardctrler::ShardCtrler;
use mit6824::tester::lab4;

fn main() -> ExitCode {
    lab4::main_4a::<ShardCtrler>(labrt::here!())
}
