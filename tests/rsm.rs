//! Tests of the replicated state machine without a service. The state of the machine is only a counter. The
//! course has had such a lab since 2025.

mod counter;

use std::process::ExitCode;

use labtest::rsm;

fn main() -> ExitCode {
    rsm::main::<counter::CounterServer>(labrt::here!())
}
