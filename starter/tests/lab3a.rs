//! The tests of lab 3A for the key/value service of this crate.

use std::process::ExitCode;

use labtest::lab3;
use starter::KvServer;

fn main() -> ExitCode {
    lab3::main_3a::<KvServer>(labrt::here!().with_feature("solved-raft", cfg!(feature = "solved-raft")))
}
