//! The strict tests of lab 3 for this project's key/value service and its replicated state machine.

mod counter;

use std::process::ExitCode;

use labtest::strict3;
use mit6824::kvraft::KvServer;

fn main() -> ExitCode {
    strict3::main_strict3_and_counter::<KvServer, counter::CounterServer>(labrt::here!())
}
