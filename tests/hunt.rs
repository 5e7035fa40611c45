//! Mistakes to search for as an exercise: this project's Raft with one wrong rule, and scenarios that find
//! the mistake.
//!
//! The cases with a wrong Raft fail, so they are ignored by default. They show a new reader how a failure is
//! reported, with its replay line and its log. The same scenarios pass with the correct rules. This command
//! shows the failures:
//!
//! ```text
//! cargo test --features sim --test hunt -- --ignored
//! ```
//!
//! Then run the command of one of the replay lines again, with `LAB_LOG=all` before it.

#[path = "hunt/cases.rs"]
mod cases;

use std::process::ExitCode;

use labapi::Strictness;
use labtest::harness;

fn main() -> ExitCode {
    harness::main(labrt::here!(), Strictness::Fail, &cases::cases())
}
