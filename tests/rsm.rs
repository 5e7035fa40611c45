//! The tests of the replicated state machine by itself, which the course has had since 2025.

use std::process::ExitCode;

use mit6824::tester::rsm::{self, CounterServer};

fn main() -> ExitCode {
    rsm::main::<CounterServer>(labrt::here!())
}
