//! Section 5.3: the follower's side of log replication, and which commands a leader accepts.

use super::support::*;
use crate::raft::*;
use labapi::{Role, Started};

/// Cases like those in Figure 7 of the paper. They show the effect of a message on a log.
#[test]
fn a_follower_takes_what_fits_and_says_what_does_not_5_3() {
    struct Case {
        what: &'static str,
        log: &'static [u64],
        prev: (u64, u64),
        terms: &'static [u64],
        /// The expected result: the log after the message, or the conflict in the follower's reply.
        outcome: Result<&'static [u64], Conflict>,
    }
    let refused = |index, term| Err(Conflict { index, term });
    let cases = [
        Case { what: "first entries", log: &[], prev: (0, 0), terms: &[1, 1], outcome: Ok(&[1, 1]) },
        Case { what: "the next entry", log: &[1, 1], prev: (2, 1), terms: &[4], outcome: Ok(&[1, 1, 4]) },
        Case { what: "a heartbeat", log: &[1, 1], prev: (2, 1), terms: &[], outcome: Ok(&[1, 1]) },
        Case { what: "an old heartbeat", log: &[1, 1, 2], prev: (1, 1), terms: &[], outcome: Ok(&[1, 1, 2]) },
        Case {
            what: "known entries again",
            log: &[1, 1, 2],
            prev: (0, 0),
            terms: &[1, 1],
            outcome: Ok(&[1, 1, 2]),
        },
        Case {
            what: "known and new",
            log: &[1, 1],
            prev: (1, 1),
            terms: &[1, 2, 2],
            outcome: Ok(&[1, 1, 2, 2]),
        },
        Case { what: "a conflict", log: &[1, 2, 2, 2], prev: (1, 1), terms: &[3], outcome: Ok(&[1, 3]) },
        Case {
            what: "a late conflict",
            log: &[1, 2, 2, 2],
            prev: (1, 1),
            terms: &[2, 3],
            outcome: Ok(&[1, 2, 3]),
        },
        Case { what: "too short", log: &[1, 1], prev: (5, 4), terms: &[4], outcome: refused(2, 1) },
        Case { what: "empty", log: &[], prev: (5, 4), terms: &[4], outcome: refused(0, 0) },
        Case { what: "another term", log: &[1, 2, 2, 2], prev: (4, 3), terms: &[4], outcome: refused(4, 2) },
        Case { what: "a later term", log: &[1, 2, 2, 4], prev: (4, 3), terms: &[4], outcome: refused(3, 2) },
        Case { what: "all later terms", log: &[2, 2, 2], prev: (3, 1), terms: &[4], outcome: refused(0, 0) },
        Case {
            what: "too short, later terms",
            log: &[1, 2],
            prev: (5, 1),
            terms: &[4],
            outcome: refused(1, 1),
        },
    ];
    for Case { what, log, prev, terms: new, outcome } in cases {
        let mut core = follower(3, 4, log);
        let reply = core.append_entries(&append(1, 4, prev, new));
        let effects = core.take_effects();
        assert_eq!((reply.success, reply.conflict), (outcome.is_ok(), outcome.err()), "{what}");
        assert_eq!(terms(&core), outcome.unwrap_or(log), "{what}");
        assert!(effects.election_timer_reset, "the message came from a leader: {what}");
        assert_eq!(effects.persist.log_from.is_some(), terms(&core) != log, "{what}");
    }
}

/// A rule reports its changes as events, in the order of the changes.
#[test]
fn a_rule_reports_its_changes_as_events() {
    let mut core = follower(3, 2, &[1, 2, 2]);
    assert!(core.append_entries(&committed(2, append(1, 3, (1, 1), &[3, 3]))).success);
    let effects = core.take_effects();
    let events = [
        Event::TermRose(3),
        Event::RoleChanged { role: Role::Follower, term: 3, cause: "heard the leader" },
        Event::Truncated { from: 2, dropped: 2 },
        Event::Appended { first: 2, last: 3 },
        Event::Committed(2),
    ];
    assert_eq!(effects.events, events);
    let _ = core.take_apply(10);
    assert_eq!(core.take_effects().events, [Event::Applied(2)]);
}

/// Section 5.1: a message of a leader of an older term is refused, and the reply has the newer term. The
/// message does not restart the election timer.
#[test]
fn a_stale_leader_is_refused_5_1() {
    let mut core = follower(3, 4, &[1, 1]);
    let reply = core.append_entries(&append(1, 3, (2, 1), &[3]));
    assert_eq!(reply, AppendEntriesReply { term: 4, success: false, conflict: None });
    assert_eq!((core.take_effects(), terms(&core)), (Effects::default(), vec![1, 1]));
}

/// Section 5.3: messages may arrive twice, or in another order than they were sent. An old message removes no
/// later entries, and does not lower the commit index.
#[test]
fn stale_and_repeated_messages_are_harmless_5_3() {
    let mut core = follower(3, 2, &[1]);
    let first = committed(1, append(1, 2, (1, 1), &[2, 2]));
    let second = committed(5, append(1, 2, (3, 2), &[2, 2]));
    assert!(!core.append_entries(&second).success, "the second message arrives first");
    for args in [&first, &second, &first, &second, &first] {
        assert!(core.append_entries(args).success);
    }
    assert_eq!((terms(&core), core.commit_index()), (vec![1, 2, 2, 2, 2], 5));
}

/// Figure 2: a follower commits only entries that the message has checked, even if the leader has committed
/// more. Here entry 3 is from another leader and will be overwritten.
#[test]
fn a_follower_commits_only_what_was_checked_5_3() {
    let mut core = follower(3, 2, &[1, 1, 2]);
    assert!(core.append_entries(&committed(3, append(1, 3, (2, 1), &[]))).success);
    assert_eq!(core.commit_index(), 2);
    assert!(core.take_effects().wake_applier);
    assert!(core.append_entries(&committed(3, append(1, 3, (2, 1), &[3]))).success);
    assert_eq!((core.commit_index(), terms(&core)), (3, vec![1, 1, 3]));
}

#[test]
#[should_panic(expected = "Leader Completeness, committed entries stay (5.4)")]
fn losing_a_committed_entry_is_noticed() {
    let mut core = follower(3, 2, &[1, 1, 2]);
    core.append_entries(&committed(3, append(1, 2, (3, 2), &[])));
    core.append_entries(&append(1, 3, (2, 1), &[3]));
}

#[test]
#[should_panic(expected = "Log Matching (5.3)")]
fn falling_terms_are_noticed() {
    follower(3, 2, &[1, 2]).append_entries(&append(1, 2, (2, 2), &[1]));
}

/// Section 5.3: the leader appends commands to its log. Followers and candidates accept no commands.
#[test]
fn only_a_leader_takes_commands_5_3() {
    assert_eq!(follower(3, 2, &[1]).propose(command(2, 2)), None);
    assert_eq!(candidate(3, 2, &[1]).propose(command(2, 2)), None);
    let mut core = leader(3, 2, &[1]);
    assert_eq!(core.propose(command(2, 2)), Some(Started { index: 2, term: 2 }));
    assert_eq!(core.propose(command(3, 2)), Some(Started { index: 3, term: 2 }));
    let effects = core.take_effects();
    assert_eq!(effects.persist.log_from, Some(2));
    assert_eq!((terms(&core), core.commit_index()), (vec![1, 2, 2], 0));
}

/// The leader has the log `ours`, and the follower has the log `theirs`. Lets the leader find the last common
/// entry of the two logs. Returns the `prev_log_index` of each message of the leader, up to the first message
/// that the follower accepts.
fn probes(ours: &[u64], theirs: &[u64]) -> Vec<u64> {
    let mut leader = leader(3, 99, ours);
    let mut follower = follower(3, 98, theirs);
    let mut probes = Vec::new();
    loop {
        let (sent, mut args) = next_append(&mut leader, 1, HEARTBEAT_INTERVAL);
        probes.push(args.prev_log_index);
        // In this test the follower is also server 0. The message must not seem to come from the follower
        // itself.
        args.leader_id = 1;
        let reply = follower.append_entries(&args);
        leader.append_reply(sent, &reply);
        if reply.success {
            break;
        }
        assert!(
            probes.len() <= ours.len(),
            "{ours:?} against {theirs:?}: the search does not end: {probes:?}"
        );
    }
    catch_up_for_real(&mut leader, &mut follower);
    assert!(terms(&follower).starts_with(ours), "{ours:?} against {theirs:?}: {:?}", terms(&follower));
    probes
}

/// Delivers the leader's messages to the follower until the follower has all entries.
fn catch_up_for_real(leader: &mut Server, follower: &mut Server) {
    let mut messages = 0;
    while has_leader_view(leader, 1).0 < leader.log().last_index() {
        let (sent, mut args) = next_append(leader, 1, HEARTBEAT_INTERVAL);
        args.leader_id = 1;
        let reply = follower.append_entries(&args);
        assert!(reply.success, "the last common entry was found before");
        let before = has_leader_view(leader, 1).0;
        leader.append_reply(sent, &reply);
        let after = has_leader_view(leader, 1).0;
        assert!(after > before || args.entries.is_empty(), "match_index stays {before} after {args:?}");
        messages += 1;
        assert!(messages < 100, "the follower still lacks entries after {messages} messages");
    }
}

fn distinct(terms: &[u64]) -> usize {
    let mut terms = terms.to_vec();
    terms.dedup();
    terms.len()
}

/// End of section 5.3: to find the last common entry, the leader goes back by whole terms, not by single
/// entries. Both servers skip entries that cannot agree.
#[test]
fn backing_up_costs_a_message_a_term_5_3() {
    let long = |parts: &[(u64, usize)]| -> Vec<u64> {
        parts.iter().flat_map(|&(term, count)| vec![term; count]).collect()
    };
    // Each case has the leader's terms, the follower's terms, and the `prev_log_index` of each message.
    let cases: [(Vec<u64>, Vec<u64>, &[u64]); 9] = [
        (long(&[(1, 6)]), vec![1, 2, 2, 4], &[6, 1]),
        // The follower's log is much shorter.
        (long(&[(1, 500)]), long(&[(1, 3)]), &[500, 3]),
        // The follower has many entries of a term that the leader never saw.
        (long(&[(1, 50), (4, 50)]), long(&[(1, 50), (2, 50)]), &[100, 50]),
        // The follower has fewer, or more, entries of a term that the leader knows.
        (long(&[(1, 100), (3, 100)]), long(&[(1, 10), (2, 300)]), &[200, 100, 10]),
        (long(&[(1, 10), (3, 100)]), long(&[(1, 110)]), &[110, 10]),
        // The follower's log is too short and ends with other terms. Each server skips the entries that the
        // other server cannot have.
        (long(&[(1, 4), (2, 100), (3, 100)]), long(&[(1, 4), (4, 60)]), &[204, 4]),
        (long(&[(1, 10), (5, 100)]), long(&[(1, 10), (2, 10), (3, 10), (4, 10)]), &[110, 10]),
        // The terms alternate.
        (long(&[(1, 50), (3, 50), (5, 50)]), long(&[(1, 50), (2, 50), (4, 50)]), &[150, 100, 50]),
        (long(&[(5, 100)]), long(&[(1, 30), (2, 30), (3, 30), (4, 30)]), &[100, 0]),
    ];
    for (ours, theirs, expected) in cases {
        assert_eq!(probes(&ours, &theirs), expected, "leader {ours:?}, follower {theirs:?}");
    }
}

/// Checks a limit for the number of refusals, for any two logs. From one refusal to the next, two terms
/// become smaller: the leader's `prev_log_term`, and the term in the follower's reply. If one of these terms
/// stayed the same, the two logs would agree at that index. A message with `prev_log_index` 0 is never
/// refused, and the follower replies with index 0 at most once. So the number of refusals is at most the
/// number of terms in the leader's log. It is also at most one more than the number of terms in the
/// follower's log.
#[test]
fn any_two_logs_converge_with_one_message_for_each_term_5_3() {
    let mut dice = Dice(3);
    let mut most = 0;
    for _ in 0..20_000 {
        // The two logs begin with a common part. After this part, each log has entries of other leaders. A
        // term has only one leader. So if both logs have an entry of the same term at an index, all entries
        // before this index are equal.
        let common = random_terms(&mut dice, 1, &[1, 2, 3]);
        let at_least = common.last().copied().unwrap_or(1) + 1;
        let (odd, even): (Vec<u64>, Vec<u64>) = (at_least..at_least + 14).partition(|term| term % 2 == 1);
        let [ours, theirs] = [odd, even].map(|own| {
            let tail = random_terms(&mut dice, 3, &own);
            [common.clone(), tail].concat()
        });
        let refusals = probes(&ours, &theirs).len() - 1;
        let bound = distinct(&ours).min(distinct(&theirs) + 1);
        assert!(refusals <= bound, "{ours:?} against {theirs:?}: {refusals} refusals, at most {bound}");
        most = most.max(refusals);
    }
    assert!(most >= 4, "no pair of logs needed more than {most} refusals, so the test has tested little");
}

/// Makes a random number of entries for each of these terms, at most `longest` for one term.
fn random_terms(dice: &mut Dice, longest: usize, terms: &[u64]) -> Vec<u64> {
    let count = |dice: &mut Dice| dice.below(longest + 1);
    terms.iter().flat_map(|&term| vec![term; count(dice)]).collect()
}

/// If the replies have no `conflict`, the leader goes back by one entry for each message (Figure 2).
#[test]
fn a_refusal_without_a_hint_goes_back_by_one_entry_5_3() {
    let mut core = leader(3, 9, &[1, 1, 4]);
    for prev in [3, 2, 1, 0] {
        let (sent, args) = next_append(&mut core, 1, AT_ONCE);
        assert_eq!(args.prev_log_index, prev);
        core.append_reply(sent, &AppendEntriesReply { term: 9, success: false, conflict: None });
    }
}
