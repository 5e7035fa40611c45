//! Lab 3B against this project's key/value service.

use std::process::ExitCode;

use mit6824::kvraft::KvServer;
use mit6824::tester::lab3;

fn main() -> ExitCode {
    lab3::main_3b::<KvServer>(labrt::here!())
}
