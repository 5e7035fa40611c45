//! The tests of lab 3A for this project's key/value service.

use std::process::ExitCode;

use labtest::lab3;
use mit6824::kvraft::KvServer;

fn main() -> ExitCode {
    lab3::main_3a::<KvServer>(labrt::here!())
}
