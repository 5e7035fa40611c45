//! Lab 4, sharded key/value service.
//!
//! | part | file | about |
//! |---|---|---|
//! | 4B | `part_b/` | groups that serve shards, and shards that move |
//!
//! Numbers of servers, pauses, counts and limits are the course's. Cases that are ours stand last in their part.

mod part_b;

use std::process::ExitCode;

use labrt::Identity;

use super::harness::{self, Case};
use super::shards::Sharded;

/// The tests of part 4B, in the course's order, for the service `S`.
pub fn cases_4b<S: Sharded>() -> Vec<Case> {
    part_b::cases::<S>()
}

/// The `main` of a test binary for part 4B, with `labrt::here!()` of that binary.
pub fn main_4b<S: Sharded>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases_4b::<S>())
}
