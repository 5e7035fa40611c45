//! A follower needs a snapshot, or has a newer snapshot than its leader (section 7).

use labapi::RaftPeer;
use labrpc::Link;
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};

use super::snapshots::all_agree;
use super::{others, restart, settled, state};
use crate::harness::Case;
use crate::raft::{Cluster, Retry, SNAPSHOT_INTERVAL, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("entries_come_late_during_a_snapshot", entries_come_late_during_a_snapshot::<R>),
        Case::ours("snapshot_keeps_later_entries", snapshot_keeps_later_entries::<R>),
        Case::ours("snapshot_replaces_a_conflicting_log", snapshot_replaces_a_conflicting_log::<R>),
        Case::ours("old_snapshot_after_a_restart", old_snapshot_after_a_restart::<R>),
        Case::ours("follower_has_a_newer_snapshot", follower_has_a_newer_snapshot::<R>),
    ]
}

/// Longer than a message needs on a network without faults, and much shorter than an election timeout.
const MESSAGE: Duration = Duration::from_millis(5);

/// A `rest` for [`commit_up_to`]. The fourth command after that call is the last one in the next snapshot.
const BEFORE_A_SNAPSHOT: u64 = SNAPSHOT_INTERVAL / 2;

/// Section 7 and 5.3: any reply can tell a leader that a follower has all entries of a snapshot, and more
/// entries. Then the leader must send the entries that come next.
///
/// The leader has heard nothing from a follower for long, so it sends a snapshot. But entries that the leader
/// has sent earlier are still on their way, and arrive first. So when the follower answers, it has more
/// entries than the snapshot.
///
/// Finds: a leader sends a snapshot, and then waits for ever for the reply that it expects.
fn entries_come_late_during_a_snapshot<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): entries come late during a snapshot");
    for _ in 0..3 {
        let Late { leader, slow, .. } = hold_entries_and_a_snapshot(&cfg, Third::Hears);
        cfg.release(leader, slow);
        sleep(MESSAGE);
        cfg.heal();
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Figure 13, rule 6: if a follower gets a snapshot, it keeps the entries after the end of the snapshot. It
/// has acknowledged these entries, so they may be committed.
///
/// A snapshot and later entries are on their way to a follower. The entries arrive first, and the leader
/// commits them, because the leader and the follower are a majority. Then the snapshot arrives, and the
/// leader crashes. The third server must not win the next election, because it lacks the last entries.
///
/// Finds: a follower that gets a snapshot discards its whole log.
fn snapshot_keeps_later_entries<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): a snapshot keeps the entries after it");
    for _ in 0..6 {
        let Late { leader, slow, last, .. } = hold_entries_and_a_snapshot(&cfg, Third::IsCutOff);
        // The entries arrive, and the snapshot is sent and held.
        cfg.release(leader, slow);
        sleep(Duration::from_millis(2));
        // The follower does not hear that the entries are committed.
        cfg.set_link(leader, slow, Link::RequestsLost);
        cfg.release(leader, slow);
        sleep(MESSAGE);
        let is_committed = cfg.applied(leader, last).is_some();
        cfg.crash1(leader);
        cfg.heal();
        let winner = cfg.check_one_leader();
        assert!(
            winner == slow || !is_committed,
            "server {winner} must not win: it lacks the committed entry {last}"
        );
        cfg.one(Value::random(), 2, Retry::Yes);
        restart(&cfg, leader);
        all_agree(&cfg);
    }
    cfg.end();
}

/// What [`hold_entries_and_a_snapshot`] has made.
struct Late {
    leader: usize,
    /// The follower that is behind.
    slow: usize,
    /// The index of the last entry that is held on its way to `slow`.
    last: u64,
}

/// What the third server hears while the messages to `slow` are held.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Third {
    /// It hears the leader, and gets all entries.
    Hears,
    /// It hears nothing, and lacks the last three entries. Nobody hears it.
    IsCutOff,
}

/// Holds entries on their way to a follower. The leader thinks that its messages to this follower are lost.
/// It has a snapshot, which ends in the middle of the held entries. When the test releases the messages, the
/// leader first gets an old reply of the follower. So the leader sends the snapshot, which is held. At the
/// same time, the entries arrive. The messages with these entries do not say that any of these entries is
/// committed.
fn hold_entries_and_a_snapshot<R: RaftPeer>(cfg: &Arc<Cluster<R>>, third_hears: Third) -> Late {
    commit_up_to(cfg, BEFORE_A_SNAPSHOT);
    let (leader, _) = settled(cfg);
    let [slow, third] = others(cfg, &[leader])[..] else { unreachable!("three servers") };

    // The follower gets one entry, but its reply is held. So the leader sends the next entries together.
    cfg.set_link(leader, slow, Link::RepliesHeld);
    start(cfg, leader, 1);
    sleep(Duration::from_millis(1));
    // The third server gets the last entry of the next snapshot before the leader knows that this entry is
    // committed.
    cfg.set_link(leader, slow, Link::RequestsHeld);
    cfg.set_link(leader, third, Link::RepliesHeld);
    start(cfg, leader, 3);
    sleep(Duration::from_millis(1));
    if third_hears == Third::IsCutOff {
        cfg.set_link(leader, third, Link::RequestsLost);
        cfg.set_link(third, leader, Link::RequestsLost);
        cfg.set_link(third, slow, Link::RequestsLost);
    }
    let last = start(cfg, leader, 3);
    sleep(Duration::from_millis(20));

    // All entries are on their way to the follower. Now the leader commits the first ones, and its service
    // makes a snapshot.
    cfg.release(leader, third);
    if third_hears == Third::Hears {
        cfg.set_link(leader, third, Link::Both);
    }
    sleep(MESSAGE);

    // The follower hears the heartbeats, but the leader hears that the replies are lost.
    cfg.set_link(leader, slow, Link::RepliesLost);
    sleep(Duration::from_secs(3));
    cfg.set_link(leader, slow, Link::RequestsHeld);
    Late { leader, slow, last }
}

/// Submits this number of commands to the leader, all at the same moment. Returns the index of the last one,
/// or 0 if the server does not lead any more.
fn start<R: RaftPeer>(cfg: &Cluster<R>, leader: usize, commands: usize) -> u64 {
    let started = (0..commands).map(|_| cfg.start(leader, Value::random()));
    started.last().flatten().map_or(0, |it| it.index)
}

/// Commits commands on all servers until the last index modulo [`SNAPSHOT_INTERVAL`] is `rest`. Returns the
/// last index.
#[track_caller]
fn commit_up_to<R: RaftPeer>(cfg: &Cluster<R>, rest: u64) -> u64 {
    loop {
        let last = cfg.one(Value::random(), cfg.servers(), Retry::Yes);
        if last % SNAPSHOT_INTERVAL == rest {
            return last;
        }
    }
}

/// Section 7: a follower discards its log if the log conflicts with the snapshot that it gets.
///
/// A leader that is cut off has many entries that are not committed. The other two servers commit other
/// entries, and make a snapshot. So the old leader needs the snapshot. It also has entries of an older term
/// after the end of the snapshot.
///
/// Finds: a follower keeps its log, or the term of its own entry, if the log reaches the end of the snapshot.
fn snapshot_replaces_a_conflicting_log<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): a snapshot replaces a log that conflicts with it");
    for _ in 0..3 {
        let before = commit_up_to(&cfg, BEFORE_A_SNAPSHOT);
        let (old, _) = settled(&cfg);
        cfg.disconnect(old);
        start(&cfg, old, 12);
        while cfg.one(Value::random(), 2, Retry::Yes) < before + 6 {}
        // During this pause, the services give their snapshots to Raft.
        sleep(MESSAGE);
        cfg.connect(old);
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7: a server never goes back to an older snapshot, even after a restart.
///
/// A snapshot is held on its way to a follower. The follower gets a newer snapshot and the entries after it.
/// The leader and the follower commit three more entries, which the third server lacks. The follower
/// restarts, and before it hears anything else, the older snapshot arrives. Then the leader crashes. The
/// third server must not win the next election.
///
/// Finds: after a restart, a server does not know that the entries in its snapshot are committed. So an older
/// snapshot replaces its snapshot and its log.
fn old_snapshot_after_a_restart<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): an old snapshot after a restart");
    for _ in 0..3 {
        commit_up_to(&cfg, BEFORE_A_SNAPSHOT);
        let (leader, term) = settled(&cfg);
        let [behind, third] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        // First the follower gets no entries. Later it hears a heartbeat, and its reply tells the leader that
        // the follower lacks entries. Then the leader has only a snapshot of these entries. It sends the
        // snapshot, which is held.
        cfg.set_link(leader, behind, Link::RequestsLost);
        let last = start(&cfg, leader, 8);
        cfg.wait(last, 2, Some(term));
        cfg.set_link(leader, behind, Link::RepliesHeld);
        sleep(Duration::from_millis(350));
        cfg.set_link(leader, behind, Link::RequestsHeld);
        cfg.release(leader, behind);
        sleep(MESSAGE);

        cfg.set_link(leader, behind, Link::Both);
        commit_up_to(&cfg, 1);
        cfg.disconnect(third);
        let last = start(&cfg, leader, 3);
        if state(&cfg, leader) != (term, true) || cfg.wait(last, 2, Some(term)).is_none() {
            // A server has started an election, although it heard the leader.
            cfg.connect(third);
            cfg.heal();
            continue;
        }
        // The follower gives its snapshot to Raft before it restarts.
        sleep(MESSAGE);
        cfg.set_link(leader, behind, Link::RequestsLost);
        restart(&cfg, behind);
        cfg.release(leader, behind);
        sleep(MESSAGE);

        cfg.crash1(leader);
        cfg.connect(third);
        cfg.heal();
        let winner = cfg.check_one_leader();
        assert_eq!(winner, behind, "server {third} must not win: it lacks the committed entry {last}");
        cfg.one(Value::random(), 2, Retry::Yes);
        restart(&cfg, leader);
        all_agree(&cfg);
    }
    cfg.end();
}

/// Section 7 and 5.3: the snapshot of a follower can be newer than the snapshot of the leader. Then the
/// leader may send entries that the follower's snapshot covers. These entries are committed, so the
/// follower accepts them.
///
/// A follower gets entries, and its service makes a snapshot. But all replies of the follower are lost, and
/// the service of the leader makes no snapshot. So the leader sends the same entries again.
///
/// Finds: a follower refuses entries if its snapshot covers the entry before them; a follower forgets to
/// leave out the entries that its snapshot covers.
fn follower_has_a_newer_snapshot<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): a follower has a newer snapshot than its leader");
    cfg.set_long_delays(false);
    for _ in 0..3 {
        commit_up_to(&cfg, BEFORE_A_SNAPSHOT);
        let (leader, term) = settled(&cfg);
        let slow = others(&cfg, &[leader])[0];
        cfg.set_makes_snapshots(leader, false);
        cfg.set_link(leader, slow, Link::RepliesLost);
        let last = start(&cfg, leader, 8);
        cfg.wait(last, 3, Some(term));
        sleep(Duration::from_secs(1));
        cfg.heal();
        cfg.one(Value::random(), 3, Retry::Yes);
        cfg.set_makes_snapshots(leader, true);
    }
    all_agree(&cfg);
    cfg.end();
}
