//! Lab 4, a sharded key/value service.
//!
//! | part | file | about |
//! |---|---|---|
//! | 4A | `part_a/` | the controller: it gives each shard to a group |
//! | 4B | `part_b/` | groups that serve shards, and shards that move |
//!
//! The numbers of servers, the pauses, the counts and the limits are the same as in the course. Each part
//! ends with the cases that the course does not have.

pub(crate) mod part_a;
mod part_b;

use labapi::{CtrlerService, Sharded};
use std::process::ExitCode;

use labrt::Identity;

use super::harness::{self, Case};

/// The tests of part 4A for the controller `S`, in the order of the course.
pub fn cases_4a<S: CtrlerService>() -> Vec<Case> {
    part_a::cases::<S>()
}

/// The `main` function of a test binary for part 4A. The argument `here` is the value of `labrt::here!()` in
/// that binary.
pub fn main_4a<S: CtrlerService>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases_4a::<S>())
}

/// The tests of part 4B for the service `S`, in the order of the course.
pub fn cases_4b<S: Sharded>() -> Vec<Case> {
    part_b::cases::<S>()
}

/// The `main` function of a test binary for part 4B. The argument `here` is the value of `labrt::here!()` in
/// that binary.
pub fn main_4b<S: Sharded>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases_4b::<S>())
}
