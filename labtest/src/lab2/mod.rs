//! Lab 2, Raft. This module has the 25 tests of 2022 and three more tests of the course. Two of the three are
//! in the code of 2022, but the course has run them only since 2023. The third one was added in 2023.
//!
//! | part | file | about |
//! |---|---|---|
//! | 2A | `part_a.rs` | leader election |
//! | 2B | `part_b.rs` | the log |
//! | 2C | `part_c.rs` | persistence |
//! | 2D | `part_d.rs` | log compaction |
//!
//! The numbers of servers, the pauses, the counts and the limits are the same as in the course. The last two
//! cases of 2D are not in the course of 2022. They are like the two tests that restart all servers, but their
//! network is unreliable. The courses of later years have these tests in this form.

mod part_a;
mod part_b;
mod part_c;
mod part_d;

use labapi::RaftPeer;
use std::process::ExitCode;

use labrt::Identity;

use super::harness::{self, Case};

/// A part of lab 2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// 2A, leader election.
    A,
    /// 2B, the log.
    B,
    /// 2C, persistence.
    C,
    /// 2D, log compaction.
    D,
}

/// The tests of a part for the Raft `R`, in the order of the course.
pub fn cases<R: RaftPeer>(part: Part) -> Vec<Case> {
    match part {
        Part::A => part_a::cases::<R>(),
        Part::B => part_b::cases::<R>(),
        Part::C => part_c::cases::<R>(),
        Part::D => part_d::cases::<R>(),
    }
}

/// The `main` function of a test binary for a part. The argument `here` is the value of `labrt::here!()` in
/// that binary.
pub fn main<R: RaftPeer>(part: Part, here: Identity) -> ExitCode {
    harness::main(here, R::STRICTNESS, &cases::<R>(part))
}

/// The `main` function of a test binary for part 2A, leader election.
pub fn main_2a<R: RaftPeer>(here: Identity) -> ExitCode {
    main::<R>(Part::A, here)
}

/// The `main` function of a test binary for part 2B, the log.
pub fn main_2b<R: RaftPeer>(here: Identity) -> ExitCode {
    main::<R>(Part::B, here)
}

/// The `main` function of a test binary for part 2C, persistence.
pub fn main_2c<R: RaftPeer>(here: Identity) -> ExitCode {
    main::<R>(Part::C, here)
}

/// The `main` function of a test binary for part 2D, log compaction.
pub fn main_2d<R: RaftPeer>(here: Identity) -> ExitCode {
    main::<R>(Part::D, here)
}
