//! The strict tests of lab 3 for the key/value service of this crate.

use std::process::ExitCode;

use labtest::strict3;
use starter::KvServer;

fn main() -> ExitCode {
    strict3::main_strict3::<KvServer>(
        labrt::here!().with_feature("solved-raft", cfg!(feature = "solved-raft")),
    )
}
