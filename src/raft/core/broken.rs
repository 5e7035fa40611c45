//! These tests break each invariant of the whole state, and expect that a check notices it.

use super::{Core, Standing};
use crate::raft::log::RaftLog;
use crate::raft::messages::Entry;
use crate::raft::progress::Progress;
use labapi::{Command, Persister, Role};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Server 0 of 3 in term 2, with entries of the terms 1 and 2.
fn server(role: Role) -> Core {
    let entry = |term| Entry { term, command: Command::new("x") };
    let log = RaftLog::after(0, 0, vec![entry(1), entry(2)]);
    let mut core = Core::of(0, 3, 2, Some(0), log, role);
    core.effects.clear();
    core
}

/// Breaks the state of a sound server, and expects that a check names the invariant `name`.
fn breaks(role: Role, name: &str, change: impl FnOnce(&mut Core)) {
    let mut core = server(role);
    core.check_invariants();
    change(&mut core);
    let message = message_of(|| core.check_invariants());
    assert!(message.contains(name), "expected {name:?}, got {message:?}");
}

fn message_of(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).err();
    panic.and_then(|it| it.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Lets the leader know that S1 has the log up to `last`.
fn has(core: &mut Core, last: u64) {
    let Standing::Leader(progress) = &mut core.standing else { panic!("the server leads") };
    progress[1] = Progress::new(2, None);
    progress[1].succeeded(0, last, 0);
}

#[test]
fn an_entry_of_a_later_term_is_noticed() {
    breaks(Role::Follower, "no entry is of a later term than the server (5.3)", |core| core.current_term = 1);
}

#[test]
fn a_term_that_does_not_rise_is_noticed() {
    for term in [1, 2] {
        let mut core = server(Role::Follower);
        let message = message_of(|| core.set_term(term));
        assert!(message.contains(&format!("from 2 to {term} on S0")), "{message:?}");
    }
}

#[test]
fn a_commit_index_that_does_not_rise_is_noticed() {
    let mut core = server(Role::Follower);
    let message = message_of(|| core.commit(0));
    assert!(message.contains("from 0 to 0 on S0"), "{message:?}");
}

#[test]
fn a_wrong_applied_index_is_noticed() {
    for index in [0, 1] {
        let mut core = server(Role::Follower);
        let message = message_of(|| core.set_applied(index));
        assert!(message.contains(&format!("from 0 to {index} on S0, commit index 0")), "{message:?}");
    }
}

#[test]
fn a_wrong_view_of_a_follower_is_noticed() {
    breaks(Role::Leader, "a leader's views end with its log (5.3)", |core| {
        let Standing::Leader(progress) = &mut core.standing else { panic!("the server leads") };
        progress[2] = Progress::new(3, None);
    });
}

#[test]
fn a_vote_for_an_unknown_server_is_noticed() {
    breaks(Role::Follower, "a vote goes to a server of the group (5.2)", |core| core.voted_for = Some(3));
}

#[test]
fn indices_out_of_order_are_noticed() {
    let name = "snapshot, last_applied, commit index and log end are in order (Figure 2)";
    breaks(Role::Follower, name, |core| core.last_applied = 1);
    breaks(Role::Follower, name, |core| core.commit_index = 3);
    breaks(Role::Follower, name, |core| core.log.compact(1));
    breaks(Role::Follower, name, |core| core.saved_from = 1);
}

#[test]
fn a_candidate_or_leader_without_its_own_vote_is_noticed() {
    for role in [Role::Candidate, Role::Leader] {
        for other in [None, Some(1)] {
            let name = "candidates and leaders have voted for themselves (5.2)";
            breaks(role, name, |core| core.voted_for = other);
        }
    }
}

#[test]
fn a_candidate_with_a_majority_is_noticed() {
    breaks(Role::Candidate, "a candidate with a majority leads (5.2)", |core| {
        let Standing::Candidate(ballots) = &mut core.standing else { panic!("the server is a candidate") };
        ballots[2] = super::election::Ballot::granted();
    });
}

#[test]
fn a_view_too_many_is_noticed() {
    let name = "there is one ballot or progress for each server (5.2)";
    for role in [Role::Candidate, Role::Leader] {
        breaks(role, name, |core| match &mut core.standing {
            Standing::Candidate(ballots) => ballots.truncate(2),
            Standing::Leader(progress) => progress.truncate(2),
            Standing::Follower => panic!("the server stands"),
        });
    }
}

/// Of the entries of its own term, the leader must commit those that a majority has, and no others.
#[test]
fn a_commit_index_that_does_not_keep_up_is_noticed() {
    breaks(Role::Leader, "what a majority has of the own term is committed (5.3)", |core| has(core, 2));
    breaks(Role::Leader, "what is committed in the own term is on a majority (5.4.2)", |core| {
        has(core, 1);
        core.commit_index = 2;
    });
    // A majority has an entry of an older term, but the entry is not committed. This is correct (Figure 8).
    let mut core = server(Role::Leader);
    has(&mut core, 1);
    core.check_invariants();
}

#[test]
fn a_change_that_is_not_saved_is_noticed() {
    let persister = Persister::new();
    let mut core = Core::new(0, 3);
    core.check_persisted(&persister);
    core.election_timeout(std::time::Duration::from_secs(1));
    let noticed = |core: &Core| message_of(|| core.check_persisted(&persister));
    assert!(noticed(&core).contains("what others see is saved (Figure 2)"), "{}", noticed(&core));
    let effects = core.take_effects();
    core.persist_to(&persister, &effects.persist);
    core.check_persisted(&persister);
    for change in [
        |core: &mut Core| core.current_term += 1,
        |core: &mut Core| core.voted_for = None,
        |core: &mut Core| core.snapshot = vec![1].into(),
        |core: &mut Core| core.log.reset(1, 1),
        |core: &mut Core| {
            core.log.append(Entry { term: 1, command: Command::new("x") });
        },
    ] {
        let mut core = core.clone();
        change(&mut core);
        assert!(noticed(&core).contains("what others see is saved (Figure 2)"), "{}", noticed(&core));
    }
}
