//! The tests of lab 3B for this project's key/value service.

use std::process::ExitCode;

use labtest::lab3;
use mit6824::kvraft::KvServer;

fn main() -> ExitCode {
    lab3::main_3b::<KvServer>(labrt::here!())
}
