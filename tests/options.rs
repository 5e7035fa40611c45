//! The tests of lab 2 and the strict tests of Raft, with PreVote, with CheckQuorum, and with both. The name
//! of a case is the name of the option and the name of the test: `pre_vote_basic_agree_2b`.
//!
//! A few tests expect what only the Raft of Figure 2 does. They are left out, see [`not_for`]. There are
//! cases only in virtual time, because on real threads they take a quarter of an hour.

use std::process::ExitCode;

use labapi::RaftPeer;
use labtest::harness::{self, Case};
use labtest::lab2::{self, Part};
use labtest::strict;
use mit6824::raft::{Raft, Tuned};

fn main() -> ExitCode {
    let cases = match labrt::is_sim() {
        true => [
            all::<Tuned<true, false>>("pre_vote"),
            all::<Tuned<false, true>>("check_quorum"),
            all::<Tuned<true, true>>("both"),
        ]
        .concat(),
        false => Vec::new(),
    };
    harness::main(labrt::here!(), Raft::STRICTNESS, &cases)
}

/// All tests for the Raft `R`, with the name of its options in front of their names.
fn all<R: RaftPeer>(option: &str) -> Vec<Case> {
    let parts = [Part::A, Part::B, Part::C, Part::D];
    let course = parts.into_iter().flat_map(lab2::cases::<R>);
    let cases = course.chain(strict::cases::<R>()).filter(|case| !not_for(option).contains(&&*case.name));
    cases.map(|case| Case::ours(format!("{option}_{}", case.name), move || (case.body)())).collect()
}

/// These tests need a server that hears no leader and nevertheless wins an election, although other servers
/// hear the leader. With PreVote this server gets no pre-votes. With CheckQuorum it gets no votes.
const NEED_AN_ELECTION_IN_SPITE_OF_A_LEADER: &[&str] = &[
    "candidate_restarts",
    "voter_hears_the_leader",
    "votes_that_come_late",
    "candidate_hears_the_leader",
    "candidate_asks_the_leader",
    "reply_of_an_earlier_term",
];

/// These tests need a server that raises its term alone. With PreVote no server does this.
const NEED_A_TERM_THAT_RISES_ALONE: &[&str] = &[
    "terms_never_fall",
    "later_term_in_a_reply_to_entries",
    "later_term_in_a_reply_to_a_snapshot",
    "later_term_in_a_refused_vote",
];

/// This test needs a leader that reaches nobody and stays leader. With CheckQuorum it steps down.
const NEED_A_LEADER_WITHOUT_A_MAJORITY: &[&str] = &["deaf_old_leader"];

/// The tests that a Raft with this option cannot pass, because they expect what only the Raft of Figure 2
/// does.
fn not_for(option: &str) -> Vec<&'static str> {
    let (pre_vote, check_quorum) = (option != "check_quorum", option != "pre_vote");
    let mut tests = NEED_AN_ELECTION_IN_SPITE_OF_A_LEADER.to_vec();
    tests.extend(NEED_A_TERM_THAT_RISES_ALONE.iter().filter(|_| pre_vote));
    tests.extend(NEED_A_LEADER_WITHOUT_A_MAJORITY.iter().filter(|_| check_quorum));
    tests
}
