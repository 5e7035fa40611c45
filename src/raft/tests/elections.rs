//! Sections 5.1, 5.2 and 5.4.1: terms, votes and roles.

use super::support::*;
use crate::raft::*;
use labapi::{Bytes, Role};
use std::time::Duration;

fn ask(term: u64, candidate_id: usize, last: (u64, u64)) -> RequestVoteArgs {
    RequestVoteArgs { term, candidate_id, last_log_index: last.0, last_log_term: last.1 }
}

/// 5.4.1, the election restriction: the log with the later last term is more up to date. If the last terms
/// are equal, the longer log is more up to date.
#[test]
fn a_vote_goes_only_to_a_log_that_is_up_to_date_5_4_1() {
    struct Case {
        ours: &'static [u64],
        theirs: (u64, u64),
        granted: bool,
    }
    let cases = [
        Case { ours: &[], theirs: (0, 0), granted: true },
        Case { ours: &[1], theirs: (0, 0), granted: false },
        Case { ours: &[1], theirs: (1, 1), granted: true },
        Case { ours: &[1, 1], theirs: (1, 1), granted: false },
        Case { ours: &[1, 1], theirs: (3, 1), granted: true },
        // A log with a later last term is more up to date, even if it is shorter.
        Case { ours: &[1, 1, 1], theirs: (1, 2), granted: true },
        Case { ours: &[1, 2], theirs: (9, 1), granted: false },
    ];
    for Case { ours, theirs, granted } in cases {
        let mut core = follower(3, 3, ours);
        let reply = core.request_vote(&ask(4, 2, theirs));
        assert_eq!(
            reply,
            RequestVoteReply { term: 4, vote_granted: granted },
            "{ours:?} asked by {theirs:?}"
        );
        // The server takes over the higher term in both cases (5.1). It restarts its own election timer only
        // if it has granted its vote (5.2).
        assert_eq!(core.current_term(), 4);
        let effects = core.take_effects();
        assert!(effects.persist.hard_state);
        assert_eq!(effects.election_timer_reset, granted);
    }
}

/// Section 5.2: a server gives one vote in a term, to the first candidate that asks and has an up-to-date
/// log. If the same candidate asks again, it gets the same answer, because the first reply may be lost.
#[test]
fn one_vote_in_a_term_5_2() {
    let mut core = follower(3, 1, &[1]);
    assert!(core.request_vote(&ask(2, 1, (1, 1))).vote_granted);
    assert!(!core.request_vote(&ask(2, 2, (1, 1))).vote_granted, "the vote was given to another candidate");
    assert!(core.request_vote(&ask(2, 1, (1, 1))).vote_granted, "a repeated request gets the same answer");
    assert!(core.request_vote(&ask(3, 2, (1, 1))).vote_granted, "there is a new vote in a new term");
    assert_eq!(core.voted_for(), Some(2));
}

/// Section 5.1: a request of an older term is refused and changes nothing.
#[test]
fn a_stale_request_is_refused_5_1() {
    let mut core = follower(3, 5, &[1]);
    let reply = core.request_vote(&ask(4, 1, (9, 4)));
    assert_eq!(reply, RequestVoteReply { term: 5, vote_granted: false });
    let refused = Event::VoteRefused { candidate: 1, term: 4, cause: "stale term" };
    assert_eq!(core.take_effects(), Effects { events: vec![refused], ..Effects::default() });
    // A candidate or leader of this term does not give its own vote to another server either.
    for mut core in [candidate(3, 5, &[1]), leader(3, 5, &[1])] {
        assert!(!core.request_vote(&ask(5, 1, (9, 4))).vote_granted);
        assert_eq!(core.voted_for(), Some(0));
    }
    // There is no server with the number 3, so a request with this number gets no vote.
    assert!(!follower(3, 1, &[]).request_vote(&ask(2, 3, (9, 9))).vote_granted);
}

/// Section 5.2: after a timeout a server enters a new term, votes for itself, and asks all other servers at
/// once.
#[test]
fn a_timeout_starts_an_election_5_2() {
    let mut core = follower(5, 1, &[1, 1]);
    core.election_timeout();
    let effects = core.take_effects();
    assert_eq!((core.role(), core.current_term(), core.voted_for()), (Role::Candidate, 2, Some(0)));
    assert!(effects.persist.hard_state && effects.election_timer_reset);
    assert_eq!(effects.role_changed, Some(RoleChange { term: 2, is_leader: false }));
    assert_eq!([1, 2, 3, 4].map(|peer| core.due_in(peer)), [Some(AT_ONCE); 4]);
    let role = Event::RoleChanged { role: Role::Candidate, term: 2, cause: "election timeout" };
    assert_eq!(effects.events, [Event::TermRose(2), Event::Voted { candidate: 0, term: 2 }, role]);

    for peer in 1..5 {
        let message = core.next_message(peer, AT_ONCE).expect("a request for a vote is due").message;
        assert_eq!(message, Message::RequestVote(ask(2, 0, (2, 1))));
        // The candidate asks each peer once. The first message may be lost, so it asks again, but only after
        // a heartbeat interval.
        assert_eq!(core.next_message(peer, ENTRIES_INTERVAL), None);
        assert!(core.next_message(peer, HEARTBEAT_INTERVAL).is_some());
    }
    assert_eq!(core.next_message(0, HEARTBEAT_INTERVAL), None, "a server does not send to itself");
}

/// Section 5.2: if a peer has granted or refused its vote, the candidate does not ask this peer again.
#[test]
fn a_peer_that_has_answered_is_not_asked_again_5_2() {
    for vote_granted in [true, false] {
        let mut core = candidate(5, 2, &[]);
        let sent = core.next_message(1, AT_ONCE).expect("a request is due").sent;
        core.vote_reply(sent, &RequestVoteReply { term: 2, vote_granted });
        assert_eq!(core.next_message(1, HEARTBEAT_INTERVAL), None);
        assert_eq!(core.due_in(1), None);
        assert_eq!(core.due_in(2), Some(AT_ONCE));
    }
}

/// Section 5.2: with the votes of a majority a candidate becomes leader. It sends heartbeats to all other
/// servers at once.
#[test]
fn a_majority_makes_a_leader_5_2() {
    for (n, votes_needed) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (7, 3)] {
        let mut core = Server::new(0, n);
        core.election_timeout();
        for peer in 1..=votes_needed {
            assert_eq!(core.role(), Role::Candidate, "{n} servers, {} votes", peer);
            give_vote(&mut core, peer);
        }
        assert!(core.is_leader(), "{n} servers, {} votes", votes_needed + 1);
        let effects = core.take_effects();
        assert_eq!(effects.role_changed, Some(RoleChange { term: 1, is_leader: true }));
        // The leader appends no entry of its own, because the tests of the labs expect that only commands use
        // indices.
        assert_eq!(core.log().last_index(), 0);
        for peer in 1..n {
            let (_, args) = next_append(&mut core, peer, AT_ONCE);
            assert_eq!((args.term, args.entries.len()), (1, 0));
        }
    }
}

/// A vote counts only once, and only in the term in which the candidate has requested it.
#[test]
fn repeated_and_late_votes_do_not_count_5_2() {
    let yes = |term| RequestVoteReply { term, vote_granted: true };
    let mut core = candidate(5, 2, &[]);
    let sent = core.next_message(1, AT_ONCE).expect("a request is due").sent;
    core.vote_reply(sent, &yes(2));
    core.vote_reply(sent, &yes(2));
    assert_eq!(core.role(), Role::Candidate, "one vote was delivered twice");

    core.election_timeout();
    core.vote_reply(sent, &yes(2));
    give_vote(&mut core, 2);
    assert_eq!(core.role(), Role::Candidate, "a vote of the last term does not count");
    // A late refusal does not count either: it is the answer to the request of the last term, and not to the
    // request of this term.
    core.vote_reply(sent, &RequestVoteReply { term: 3, vote_granted: false });
    assert_eq!(core.due_in(1), Some(AT_ONCE));
    give_vote(&mut core, 3);
    assert!(core.is_leader());

    // A leader ignores further votes.
    forget_effects(&mut core);
    let late = Sent { term: 3, ..sent };
    core.vote_reply(late, &yes(3));
    core.message_lost(late);
    assert_eq!(core.take_effects().role_changed, None);
}

/// Section 5.1: a server that learns of a higher term from any message becomes a follower in that term.
#[test]
fn a_higher_term_makes_a_follower_5_1() {
    type Hear = fn(&mut Server);
    let ways: [(&str, Hear); 6] = [
        ("RequestVote", |c| {
            c.request_vote(&ask(9, 1, (0, 0)));
        }),
        ("AppendEntries", |c| {
            c.append_entries(&append(1, 9, (0, 0), &[]));
        }),
        ("InstallSnapshot", |c| {
            let data = Bytes::default();
            let args = InstallSnapshotArgs {
                term: 9,
                leader_id: 1,
                last_included_index: 0,
                last_included_term: 0,
                data,
            };
            c.install_snapshot(&args);
        }),
        ("a reply to RequestVote", |c| {
            c.election_timeout();
            if let Some(outgoing) = c.next_message(1, HEARTBEAT_INTERVAL) {
                c.vote_reply(outgoing.sent, &RequestVoteReply { term: 9, vote_granted: false });
            }
        }),
        ("a reply to AppendEntries", |c| {
            if let Some(outgoing) = c.next_message(1, HEARTBEAT_INTERVAL) {
                let reply = AppendEntriesReply { term: 9, success: false, conflict: None };
                c.append_reply(outgoing.sent, &reply);
            }
        }),
        ("a reply to InstallSnapshot", |c| {
            if let Some(outgoing) = c.next_message(1, HEARTBEAT_INTERVAL) {
                c.snapshot_reply(outgoing.sent, &InstallSnapshotReply { term: 9 });
            }
        }),
    ];
    for (way, hear) in ways {
        for mut core in [candidate(3, 5, &[1]), leader(3, 5, &[1])] {
            let was_leader = core.is_leader();
            hear(&mut core);
            assert_eq!((core.role(), core.current_term()), (Role::Follower, 9), "{way}");
            let effects = core.take_effects();
            assert!(effects.persist.hard_state, "{way}");
            assert_eq!(effects.role_changed, Some(RoleChange { term: 9, is_leader: false }), "{way}");
            assert!(effects.election_timer_reset || !was_leader, "a leader uses no election timer: {way}");
            assert_eq!(core.next_message(1, HEARTBEAT_INTERVAL), None, "a follower sends nothing: {way}");
        }
    }
}

/// Section 5.2: a candidate that gets a message from the leader of its own term becomes a follower. Its vote
/// for itself does not change.
#[test]
fn a_candidate_follows_the_leader_of_its_term_5_2() {
    let mut core = candidate(3, 5, &[1]);
    assert!(core.append_entries(&append(2, 5, (1, 1), &[5])).success);
    assert_eq!((core.role(), core.voted_for()), (Role::Follower, Some(0)));
    assert!(!core.take_effects().persist.hard_state, "neither the term nor the vote has changed");
}

/// A leader stays leader until it sees a higher term. It also stays leader after a timeout, even if it cannot
/// reach a majority.
#[test]
fn a_leader_stays_leader_of_its_term() {
    let mut core = leader(3, 5, &[1]);
    core.election_timeout();
    for peer in [1, 2] {
        let (sent, _) = next_append(&mut core, peer, AT_ONCE);
        core.message_lost(sent);
    }
    core.election_timeout();
    assert_eq!((core.role(), core.current_term(), core.election_deadline()), (Role::Leader, 5, None));
    assert_eq!(core.take_effects().role_changed, None);
}

/// Section 5.2: when the election timer is restarted, the new deadline is the current time plus the timeout
/// that was drawn before.
#[test]
fn the_election_timer_runs_from_its_last_restart_5_2() {
    let ms = Duration::from_millis;
    let mut core = follower(3, 1, &[1]);
    core.set_election_timeout(ms(400));
    core.now = ms(50);
    core.append_entries(&append(1, 1, (1, 1), &[]));
    assert_eq!(core.election_deadline(), Some(ms(450)));
    core.set_election_timeout(ms(300));
    assert_eq!(core.election_deadline(), Some(ms(450)), "the new timeout is for the next restart");
    core.now = ms(100);
    assert!(!core.request_vote(&ask(2, 2, (0, 0))).vote_granted);
    assert_eq!(core.election_deadline(), Some(ms(450)), "a refused vote does not restart the timer");
    assert!(core.request_vote(&ask(2, 2, (1, 1))).vote_granted);
    assert_eq!(
        core.election_deadline(),
        Some(ms(400)),
        "the deadline is earlier, because a shorter timeout was drawn"
    );
    core.now = ms(400);
    core.election_timeout();
    assert_eq!(core.election_deadline(), Some(ms(700)), "a candidate waits again");
}

#[test]
#[should_panic(expected = "Election Safety, one leader in a term (5.2)")]
fn a_second_leader_in_a_term_is_noticed() {
    leader(3, 5, &[1]).append_entries(&append(1, 5, (1, 1), &[]));
}
