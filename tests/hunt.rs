//! Bugs to hunt: this project's Raft with one of its rules switched off, and scenarios that find the mistake.
//!
//! The cases with a mistaken Raft fail, so they are ignored by default. They show a newcomer what a failure
//! looks like, with its replay line and its log. The same scenarios pass if all rules are on. To see the
//! failures:
//!
//! ```text
//! cargo test --features sim --test hunt -- --ignored
//! ```
//!
//! Then paste one of the replay lines, with `LAB_LOG=all` in front.

#[path = "hunt/cases.rs"]
mod cases;

use std::process::ExitCode;

use labapi::Strictness;
use labtest::harness;

fn main() -> ExitCode {
    harness::main(labrt::here!(), Strictness::Fail, &cases::cases())
}
