//! Each of these tests breaks one invariant of a leader's view, and expects that a check notices this.

use super::*;
use crate::raft::messages::Entry;
use labapi::Command;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The leader's view of a follower. The leader has four entries. The follower has the first two of them, and
/// the third is on its way.
fn view() -> Progress {
    let mut view = Progress::new(4, None);
    view.succeeded(1, 2, 0);
    view.restart_from(3, 2);
    let what = What::Append { prev: 2, last: 3, commit: 0 };
    view.sent(Sent { peer: 1, term: 1, seq: 2, at: AT_ONCE, what }, Content::Entries, AT_ONCE);
    view
}

fn breaks(name: &str, change: impl FnOnce(&mut Progress)) {
    let entry = || Entry { term: 1, command: Command::new("x") };
    let log = RaftLog::after(0, 0, (0..4).map(|_| entry()).collect());
    let mut view = view();
    view.check_with(&log, 2, 3);
    change(&mut view);
    let panic = catch_unwind(AssertUnwindSafe(|| view.check_with(&log, 2, 3))).err();
    let message = panic.and_then(|it| it.downcast_ref::<String>().cloned()).unwrap_or_default();
    assert!(message.contains(name), "expected {name:?}, got {message:?}");
}

#[test]
fn broken_indices_are_noticed() {
    let name = "match_index stays below next_index (Figure 2)";
    breaks(name, |view| view.match_index = 3);
    breaks(name, |view| view.base = 4);
    breaks(name, |view| view.next_index = 2);
}

#[test]
fn forgotten_entries_are_noticed() {
    let name = "no entry before next_index is forgotten (5.3)";
    breaks(name, |view| view.next_index = 5);
    breaks(name, |view| view.inflight.clear());
}

#[test]
fn broken_messages_on_their_way_are_noticed() {
    let name = "messages on their way carry entries that the follower may lack (5.3)";
    breaks(name, |view| view.inflight.push_back(Inflight { seq: 2, prev: 3, last: 3 }));
    breaks(name, |view| view.inflight.push_back(Inflight { seq: 2, prev: 0, last: 2 }));
    breaks(name, |view| {
        let again = view.inflight[0];
        view.inflight.extend(std::iter::repeat_n(again, WINDOW));
    });
    breaks(name, |view| view.inflight[0].seq = 3);
}

#[test]
fn broken_commit_indices_are_noticed() {
    let name = "a follower is told no more than is committed (Figure 2)";
    breaks(name, |view| view.commit_acked = 1);
    breaks(name, |view| view.commit_sent = 3);
    breaks(name, |view| view.commit_inflight = Some(3));
}

#[test]
fn broken_send_times_are_noticed() {
    let name = "entries are messages, too (5.3)";
    breaks(name, |view| view.last_entries = Some(Duration::from_secs(1)));
}

#[test]
fn a_view_beyond_the_log_is_noticed() {
    breaks("a leader's views end with its log (5.3)", |view| {
        view.restart_from(6, 2);
        view.state = State::Probe { at_once: true };
    });
}

#[test]
fn a_snapshot_that_does_not_exist_is_noticed() {
    breaks("a snapshot on its way exists (7)", |view| {
        view.state = State::Snapshot { seq: 2, last_included_index: 3, resend: Resend::No };
    });
}

/// A snapshot is on its way, and each of its numbers is wrong once.
#[test]
fn a_wrong_number_of_a_snapshot_is_noticed() {
    let entry = || Entry { term: 1, command: Command::new("x") };
    let log = RaftLog::after(2, 1, vec![entry(), entry()]);
    let check = |seq, last_included_index, next_index| {
        let mut view = Progress::new(4, None);
        view.restart_from(next_index, 1);
        view.state = State::Snapshot { seq, last_included_index, resend: Resend::No };
        catch_unwind(AssertUnwindSafe(|| view.check_with(&log, 2, 3))).is_ok()
    };
    assert!(check(2, 2, 2));
    assert!(!check(3, 2, 2), "the next message has this number");
    assert!(!check(2, 3, 2), "the log does not begin there");
    assert!(!check(2, 2, 3), "the follower does not need the snapshot");
}
