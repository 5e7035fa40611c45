//! Lab 3, a fault-tolerant key/value service: the 23 tests of 2022.
//!
//! | part | file | about |
//! |---|---|---|
//! | 3A | `part_a.rs` | linearizable and exactly once, without snapshots |
//! | 3B | `part_b.rs` | linearizable and exactly once, with snapshots |
//!
//! The numbers of clients and servers, the pauses and the limits are the same as in the course. Each part
//! ends with the cases that the course does not have.

mod part_a;
mod part_b;

use labapi::KvService;
use std::process::ExitCode;

use labrt::Identity;

use super::harness::{self, Case};

/// A part of lab 3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// 3A, without snapshots.
    A,
    /// 3B, with snapshots.
    B,
}

/// The tests of a part for the service `S`, in the order of the course.
pub fn cases<S: KvService>(part: Part) -> Vec<Case> {
    match part {
        Part::A => part_a::cases::<S>(),
        Part::B => part_b::cases::<S>(),
    }
}

/// The `main` function of a test binary for a part. The argument `here` is the value of `labrt::here!()` in
/// that binary.
pub fn main<S: KvService>(part: Part, here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases::<S>(part))
}

/// The `main` function of a test binary for part 3A, without snapshots.
pub fn main_3a<S: KvService>(here: Identity) -> ExitCode {
    main::<S>(Part::A, here)
}

/// The `main` function of a test binary for part 3B, with snapshots.
pub fn main_3b<S: KvService>(here: Identity) -> ExitCode {
    main::<S>(Part::B, here)
}
