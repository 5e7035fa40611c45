//! Section 7: log compaction.

use super::support::*;
use crate::raft::*;
use labapi::{ApplyMsg, Bytes};

fn install(term: u64, index: u64, included_term: u64) -> InstallSnapshotArgs {
    InstallSnapshotArgs {
        term,
        leader_id: 1,
        last_included_index: index,
        last_included_term: included_term,
        data: Bytes::from(&b"state"[..]),
    }
}

/// A follower that has applied the first `applied` entries.
fn applied(log: &[u64], applied: u64) -> Server {
    let mut core = follower(3, 3, log);
    let prev = (log.len() as u64, log.last().copied().unwrap_or(0));
    core.append_entries(&committed(applied, append(1, 3, prev, &[])));
    let _ = core.take_apply(usize::MAX);
    forget_effects(&mut core);
    core
}

/// A snapshot of the service replaces the log up to the snapshot's index. A snapshot that is not newer than
/// the current one is ignored. It is an error if a snapshot covers entries that the service has not received.
#[test]
fn a_snapshot_of_the_service_trims_the_log_7() {
    let mut core = applied(&[1, 1, 2, 2, 3], 4);
    core.snapshot(3, vec![7]).expect("command 3 was applied");
    let effects = core.take_effects();
    assert!(effects.persist.snapshot && effects.persist.hard_state);
    assert_eq!(terms(&core), [2, 3]);
    assert_eq!((core.log().last_included_index(), core.log().last_included_term()), (3, 2));
    assert_eq!((core.log().last_index(), core.log().last_term()), (5, 3));

    for stale in [1, 3] {
        core.snapshot(stale, vec![8]).expect("an old snapshot is not an error");
        assert_eq!((core.take_effects(), core.log().last_included_index()), (Effects::default(), 3));
    }
    let error = core.snapshot(5, vec![9]).expect_err("command 5 is not committed");
    assert_eq!(error.to_string(), "a snapshot up to index 5, but only 4 commands were applied");
    assert_eq!(core.take_apply(10), None, "the service does not get its own snapshot back");
}

/// Figure 13, steps 6 and 7: a log may have entries after the snapshot's end, be shorter than the snapshot,
/// or differ from the snapshot.
#[test]
fn a_snapshot_of_the_leader_over_any_log_7() {
    struct Case {
        what: &'static str,
        log: &'static [u64],
        after: &'static [u64],
    }
    // The snapshot ends at index 3, in term 2.
    let cases = [
        Case { what: "goes on after the snapshot", log: &[1, 1, 2, 2, 3], after: &[2, 3] },
        Case { what: "ends with the snapshot", log: &[1, 1, 2], after: &[] },
        Case { what: "is shorter", log: &[1, 1], after: &[] },
        Case { what: "is empty", log: &[], after: &[] },
        Case { what: "differs", log: &[1, 1, 1, 1, 1], after: &[] },
    ];
    for Case { what, log, after } in cases {
        let mut core = follower(3, 3, log);
        let reply = core.install_snapshot(&install(3, 3, 2));
        assert_eq!(reply, InstallSnapshotReply { term: 3 });
        assert_eq!(terms(&core), after, "the log {what}");
        assert_eq!(
            (core.log().last_included_index(), core.log().last_included_term()),
            (3, 2),
            "the log {what}"
        );
        assert_eq!(core.commit_index(), 3);
        let effects = core.take_effects();
        assert!(effects.persist.snapshot && effects.wake_applier && effects.election_timer_reset);

        // The service gets the snapshot instead of the commands, and gets it once.
        let snapshot = ApplyMsg::Snapshot { index: 3, term: 2, data: Bytes::from(&b"state"[..]) };
        assert_eq!(core.take_apply(10), Some(vec![snapshot]));
        assert_eq!((core.take_apply(10), core.last_applied()), (None, 3));
    }
}

/// If a follower has already committed all entries of a snapshot, it ignores the snapshot. The follower's
/// service will get these entries as commands.
#[test]
fn late_and_repeated_snapshots_are_ignored_7() {
    let mut core = applied(&[1, 1, 2, 2, 3], 3);
    for index in [1, 2, 3] {
        core.install_snapshot(&install(3, index, 1));
        assert!(!core.take_effects().persist.snapshot);
        assert_eq!((terms(&core).len(), core.take_apply(10)), (5, None));
    }
    // A snapshot of a leader of an older term is not installed.
    assert_eq!(core.install_snapshot(&install(2, 5, 3)), InstallSnapshotReply { term: 3 });
    assert_eq!(core.take_effects(), Effects::default());
    // A repeated snapshot is installed once.
    core.install_snapshot(&install(3, 5, 3));
    core.install_snapshot(&install(3, 5, 3));
    assert_eq!(core.take_apply(10).map(|batch| batch.len()), Some(1));
    assert_eq!(core.take_apply(10), None);
}

/// A snapshot of the leader is installed, but the service has not received it yet. If the service now makes
/// an older snapshot, this is no error and changes nothing.
#[test]
fn a_snapshot_of_the_service_behind_one_of_the_leader_7() {
    let mut core = applied(&[1, 1, 2], 2);
    core.install_snapshot(&install(3, 9, 3));
    core.snapshot(2, vec![1]).expect("command 2 was applied");
    assert_eq!(core.log().last_included_index(), 9);
    assert!(matches!(core.take_apply(1).as_deref(), Some([ApplyMsg::Snapshot { index: 9, .. }])));
}

/// The follower does not compare entries that its snapshot covers. If a message begins before the end of the
/// snapshot, the follower uses only the part of the message after the snapshot.
#[test]
fn entries_that_a_snapshot_covers_are_skipped_7() {
    let compacted = || {
        let mut core = applied(&[1, 1, 2, 2], 4);
        core.snapshot(3, vec![]).expect("command 3 was applied");
        core
    };
    // The four messages end before the snapshot's end, at its end, just after it, and later.
    for (new, after) in [(&[1][..], &[2][..]), (&[1, 2], &[2]), (&[1, 2, 2], &[2]), (&[1, 2, 2, 3], &[2, 3])]
    {
        let mut core = compacted();
        assert!(core.append_entries(&append(1, 3, (1, 1), new)).success);
        assert_eq!((terms(&core), core.log().first_index()), (after.to_vec(), 4), "{new:?}");
    }
    // The entries in a snapshot agree with every leader. So the follower never replies with an index before
    // the snapshot's end.
    let mut core = applied(&[1, 1, 2, 3, 3], 3);
    core.snapshot(3, vec![]).expect("command 3 was applied");
    for (prev, named) in [((7, 3), (5, 3)), ((5, 2), (3, 2)), ((5, 1), (3, 2))] {
        let reply = core.append_entries(&append(1, 3, prev, &[3]));
        assert_eq!(reply.conflict, Some(Conflict { index: named.0, term: named.1 }), "after {prev:?}");
    }
}

/// A leader with a log of 5 entries and a snapshot up to index 3. Follower 1 has only the first entry.
fn leader_with_snapshot() -> Server {
    let mut core = leader(3, 3, &[1, 1, 2]);
    for index in [4, 5] {
        core.propose(command(index, 3)).expect("the server leads");
    }
    catch_up(&mut core, 2);
    assert_eq!(core.commit_index(), 5);
    let _ = core.take_apply(10);
    core.snapshot(3, b"state".to_vec()).expect("the command was applied");
    let (sent, _) = next_append(&mut core, 1, AT_ONCE);
    refusal(&mut core, sent, 1, 1);
    core
}

/// A follower that needs a discarded entry gets the snapshot once. After that it gets the entries after the
/// snapshot.
#[test]
fn a_follower_behind_the_log_gets_the_snapshot_7() {
    let mut core = leader_with_snapshot();
    let (sent, args) = next_snapshot(&mut core, 1, AT_ONCE);
    assert_eq!((args.last_included_index, args.last_included_term, &*args.data), (3, 2, &b"state"[..]));
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None, "the snapshot is sent only once");

    core.snapshot_reply(sent, &InstallSnapshotReply { term: 3 });
    assert_eq!(has_leader_view(&core, 1), (3, 4));
    let (sent, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!((args.prev_log_index, args.entries.len()), (3, 2));
    // A repeated answer changes nothing.
    core.snapshot_reply(sent, &InstallSnapshotReply { term: 3 });
    assert_eq!(has_leader_view(&core, 1), (3, 6));
}

/// The follower answers a message that was sent long before the snapshot. The answer does not show that the
/// follower has the snapshot.
#[test]
fn an_old_answer_does_not_end_the_wait_for_a_snapshot_7() {
    let mut core = leader(3, 1, &[]);
    let (old, _) = next_append(&mut core, 1, AT_ONCE);
    for index in 1..=3 {
        core.propose(command(index, 1)).expect("the server leads");
    }
    catch_up(&mut core, 2);
    core.take_apply(10).expect("three commands are committed");
    core.snapshot(3, b"three".to_vec()).expect("three commands are applied");
    let (heartbeat, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    refusal(&mut core, heartbeat, 0, 0);
    next_snapshot(&mut core, 1, AT_ONCE);
    success(&mut core, old);
    assert_eq!(core.next_message(1, AT_ONCE), None, "the snapshot is still on its way");
}

/// Heartbeats are sent while a snapshot is on its way. If the follower refuses a heartbeat that was sent
/// after the snapshot, the snapshot is sent again. If the follower accepts such a heartbeat, it has the
/// snapshot, even if its answer to the snapshot was lost.
#[test]
fn a_lost_snapshot_is_sent_again_7() {
    let mut core = leader_with_snapshot();
    let (first, _) = next_snapshot(&mut core, 1, AT_ONCE);
    let (before, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    core.message_lost(first);
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None, "the snapshot is not sent again at once");
    let (second, _) = next_snapshot(&mut core, 1, HEARTBEAT_INTERVAL);
    // If a heartbeat was sent before the snapshot, its refusal does not show that the snapshot is lost.
    refusal(&mut core, before, 1, 1);
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None);
    // If a heartbeat was sent after the snapshot, its refusal shows that the snapshot has not arrived. The
    // leader sends the snapshot again, once.
    let (later, args) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    assert_eq!((args.prev_log_index, args.entries.len()), (3, 0));
    refusal(&mut core, later, 1, 1);
    next_snapshot(&mut core, 1, AT_ONCE);
    assert_eq!(core.next_message(1, COMMIT_INTERVAL), None);
    // The answer to the earlier snapshot arrives late, but it still counts.
    core.snapshot_reply(second, &InstallSnapshotReply { term: 3 });
    assert_eq!(has_leader_view(&core, 1), (3, 4));

    // The snapshot was not answered, but the follower has accepted a later heartbeat.
    let mut core = leader_with_snapshot();
    next_snapshot(&mut core, 1, AT_ONCE);
    let (heartbeat, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    success(&mut core, heartbeat);
    assert_eq!(has_leader_view(&core, 1), (3, 4));
    assert_eq!(next_append(&mut core, 1, AT_ONCE).1.entries.len(), 2);
}

/// A snapshot can be large, so the text of a message has only its size.
#[test]
fn a_message_shows_the_size_of_its_snapshot() {
    let text = format!("{:?}", install(3, 4, 2));
    let numbers = "term: 3, leader_id: 1, last_included_index: 4, last_included_term: 2, bytes: 5";
    assert_eq!(text, format!("InstallSnapshotArgs {{ {numbers} }}"));
}

/// A snapshot that replaces the whole log also replaces all saved entries. Only entries after it are new.
#[test]
fn a_snapshot_beyond_the_log_replaces_the_saved_entries() {
    let mut core = follower(3, 3, &[1, 2]);
    core.install_snapshot(&install(3, 20, 3));
    assert_eq!(core.take_effects().persist.log_from, Some(21));
}
