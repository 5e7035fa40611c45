//! The tests of lab 2 and the strict tests of Raft, with PreVote, with CheckQuorum, and with both. The name of
//! a case is the name of the option and the name of the test: `pre_vote_basic_agree_2b`.
//!
//! A few tests expect what only the Raft of Figure 2 does. They are left out, see [`not_for`].

use std::process::ExitCode;

use labapi::RaftPeer;
use labtest::harness::{self, Case};
use labtest::lab2::{self, Part};
use labtest::strict;
use mit6824::raft::{Raft, Tuned};

fn main() -> ExitCode {
    let cases = [
        all::<Tuned<true, false>>("pre_vote"),
        all::<Tuned<false, true>>("check_quorum"),
        all::<Tuned<true, true>>("both"),
    ];
    harness::main(labrt::here!(), Raft::STRICTNESS, &cases.concat())
}

/// All tests for the Raft `R`, with the name of its options in front of their names.
fn all<R: RaftPeer>(option: &str) -> Vec<Case> {
    let parts = [Part::A, Part::B, Part::C, Part::D];
    let course = parts.into_iter().flat_map(lab2::cases::<R>);
    let cases = course.chain(strict::cases::<R>()).filter(|case| !not_for(option).contains(&&*case.name));
    cases.map(|case| Case::ours(format!("{option}_{}", case.name), move || (case.body)())).collect()
}

/// The tests that a Raft with this option cannot pass, because they expect what only the Raft of Figure 2
/// does.
fn not_for(option: &str) -> &'static [&'static str] {
    match option {
        "pre_vote" => &[],
        _ => &[],
    }
}
