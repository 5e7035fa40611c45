//! Tests that an operation is done exactly once, and that sessions survive snapshots and merges.

use crate::rsm::{Session, Sessions, Stamp};

fn stamp(client: u64, seq: u64) -> Stamp {
    Stamp { client, seq }
}

#[test]
fn a_copy_is_not_done_again_and_gets_the_same_reply() {
    let mut sessions = Sessions::new();
    let mut done = 0;
    let mut once = |seq| {
        sessions.once(stamp(1, seq), || {
            done += 1;
            done
        })
    };
    assert_eq!(once(1), Some(1));
    assert_eq!(once(1), Some(1), "a copy gets the first reply");
    assert_eq!(once(2), Some(2));
    assert_eq!(once(2), Some(2));
    assert_eq!(once(1), None, "a copy of an old operation, for which no client waits");
    assert_eq!(once(3), Some(3));
    assert_eq!(done, 3);
}

#[test]
fn clients_are_independent() {
    let mut sessions = Sessions::new();
    for client in 0..100 {
        assert_eq!(sessions.once(stamp(client, 1), || client), Some(client));
    }
    assert_eq!(sessions.once(stamp(7, 1), || unreachable!("the operation was done before")), Some(7));
}

/// The sessions need no more memory for a client with many operations than for a client with one operation.
#[test]
fn the_memory_has_one_entry_a_client() {
    let mut sessions = Sessions::new();
    assert_eq!(sessions.clients(), 0);
    for seq in 1..=1000 {
        for client in 1..=3 {
            sessions.once(stamp(client, seq), || seq);
        }
    }
    assert_eq!(sessions.clients(), 3);
}

#[test]
fn a_memory_survives_a_snapshot() {
    let mut sessions = Sessions::new();
    sessions.once(stamp(1, 5), || "five".to_owned());
    sessions.once(stamp(2, 9), || "nine".to_owned());
    let mut restored: Sessions<String> =
        labgob::decode(&labgob::encode(&sessions)).expect("the state was just encoded");
    assert_eq!(restored, sessions);
    assert_eq!(
        restored.once(stamp(2, 9), || unreachable!("the operation was done before")).as_deref(),
        Some("nine")
    );
}

/// When the state moves to another group, its sessions move, too, and are merged. For each client the entry
/// with the later operation stays.
#[test]
fn merging_keeps_the_later_of_two() {
    let mut ours = Sessions::new();
    ours.once(stamp(1, 5), || "ours");
    ours.once(stamp(2, 5), || "ours");
    ours.once(stamp(3, 5), || "ours");
    let mut theirs = Sessions::new();
    theirs.once(stamp(2, 4), || "theirs");
    theirs.once(stamp(3, 6), || "theirs");
    theirs.once(stamp(4, 1), || "theirs");
    ours.merge(theirs);
    let mut once = |client, seq| ours.once(stamp(client, seq), || "done now");
    assert_eq!(once(1, 5), Some("ours"), "only we knew the client");
    assert_eq!(once(2, 5), Some("ours"), "we knew the later operation");
    assert_eq!(once(3, 6), Some("theirs"), "they knew the later operation");
    assert_eq!(once(3, 5), None, "so our operation is a late copy");
    assert_eq!(once(4, 1), Some("theirs"), "only they knew the client");
    assert_eq!(once(4, 2), Some("done now"));
}

#[test]
fn merging_equal_sessions_changes_nothing() {
    let mut ours = Sessions::new();
    ours.once(stamp(1, 5), || "once");
    let before = ours.clone();
    ours.merge(before.clone());
    assert_eq!(ours, before);
    ours.merge(Sessions::new());
    assert_eq!(ours, before);
}

#[test]
fn a_session_counts_from_1_and_has_its_own_identity() {
    labrt::run(|| {
        let (mut one, mut other) = (Session::new(), Session::new());
        let first = one.next_stamp();
        assert_eq!(first.seq, 1);
        assert_eq!(one.next_stamp(), stamp(first.client, 2));
        assert_ne!(other.next_stamp().client, first.client);
    });
}
