//! A bug to hunt. To see what a failure looks like:
//!
//! ```text
//! cargo test --features sim --test hunt -- --ignored
//! ```
//!
//! and then paste one of the replay lines, with `LAB_LOG=all` in front.

use std::process::ExitCode;

use mit6824::tester::{Strictness, harness, hunt};

fn main() -> ExitCode {
    harness::main(labrt::here!(), Strictness::Fail, &hunt::cases())
}
