//! Single messages that arrive late. The network holds a message back, and the test says when it goes on. So
//! the message arrives exactly when it could do harm.

use labapi::{RaftPeer, Started};
use labrpc::Link;
use labrt::time::{Duration, Instant, sleep};

use super::snapshots::all_agree;
use super::{SOON, others, restart, settled, state, throughout, until};
use crate::harness::Case;
use crate::raft::{Cluster, Moment, Retry, SNAPSHOT_INTERVAL, Setup, Which, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("vote_in_a_known_term", vote_in_a_known_term::<R>),
        Case::ours("candidate_asks_the_leader", candidate_asks_the_leader::<R>),
        Case::ours("reply_of_an_earlier_term", reply_of_an_earlier_term::<R>),
        Case::ours("first_entries_come_late", first_entries_come_late::<R>),
        Case::ours("replies_come_late_during_a_snapshot", replies_come_late_during_a_snapshot::<R>),
        Case::ours("old_snapshot_after_a_restart", old_snapshot_after_a_restart::<R>),
        Case::ours("snapshot_keeps_the_term_of_its_entry", snapshot_keeps_the_term_of_its_entry::<R>),
    ]
}

/// Longer than a message needs on a network without faults, and shorter than an election timeout.
const MESSAGE: Duration = Duration::from_millis(50);

/// Figure 2 and 5.2: a server saves each vote, even if it already knows the term.
///
/// The leader of three servers hears of a later term. It hears of the term from a reply, and not from a
/// request for its vote. So it has not voted in this term. Two candidates of the term have asked for its
/// vote, but their requests are held. The first request arrives, and the server votes. Then it restarts, and
/// the second request arrives. The term must not get two leaders.
///
/// Finds: a server saves its vote only together with a new term.
fn vote_in_a_known_term<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a vote in a term that the voter knows");
    for _ in 0..12 {
        let (voter, _) = settled(&cfg);
        let [first, second] = others(&cfg, &[voter])[..] else { unreachable!("three servers") };
        for (from, to) in [(voter, first), (voter, second), (first, second), (second, first)] {
            cfg.set_link(from, to, Link::RequestsLost);
        }
        cfg.set_link(first, voter, Link::RequestsHeld);
        cfg.set_link(second, voter, Link::RequestsHeld);
        let (old, _) = state(&cfg, voter);
        if !soon_in_one_term(&cfg, [first, second], old) {
            cfg.heal();
            continue;
        }
        cfg.set_link(voter, first, Link::Both);
        until(&cfg, SOON, "the old leader hears of the later term", || state(&cfg, voter).0 > old);
        cfg.set_link(voter, first, Link::RequestsLost);

        let (term, _) = state(&cfg, voter);
        if [first, second].iter().all(|&i| state(&cfg, i) == (term, false)) {
            cfg.release(first, voter);
            sleep(Duration::from_millis(2));
            let has_won = state(&cfg, first) == (term, true);
            restart(&cfg, voter);
            cfg.release(second, voter);
            sleep(Duration::from_millis(2));
            let wins = state(&cfg, second) == (term, true);
            assert!(!has_won || !wins, "servers {first} and {second} lead term {term}");
        }
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// Waits until two servers are in the same term, and this term is later than `old`. The servers hear no
/// leader, so they start elections again and again. Returns false if this does not happen in a few seconds.
fn soon_in_one_term<R: RaftPeer>(cfg: &Cluster<R>, servers: [usize; 2], old: u64) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        let [first, second] = servers.map(|i| state(cfg, i).0);
        if first == second && first > old {
            return true;
        }
        sleep(Duration::from_millis(1));
    }
    false
}

/// 5.2: a leader has voted for itself, so it votes for no other candidate of its term.
///
/// The leader of three servers cannot reach one follower. This follower wins an election. The other follower
/// does not hear of this, and stands for election in the same term. Its request for a vote reaches only the
/// new leader. The new leader must refuse.
///
/// Finds: a leader votes for another candidate of its term.
fn candidate_asks_the_leader<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a candidate asks the leader of its term");
    for _ in 0..6 {
        let (old, _) = settled(&cfg);
        let [winner, late] = others(&cfg, &[old])[..] else { unreachable!("three servers") };
        cfg.set_link(old, winner, Link::RequestsLost);
        cfg.set_link(winner, late, Link::RequestsLost);
        cfg.set_link(late, old, Link::RequestsLost);
        until(&cfg, SOON, "the server that hears no leader wins an election", || state(&cfg, winner).1);
        let (term, _) = state(&cfg, winner);
        until(&cfg, SOON, "the third server stands in a later term", || {
            let (now, leads) = state(&cfg, late);
            assert!(!leads || now != term, "server {late} leads term {term}, and so does server {winner}");
            now > term
        });
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.3 and 5.4: a leader may use a reply only in the term in which it has sent the request.
///
/// The leader of five servers stores entries on one follower, and the reply of the follower is held. The
/// other three servers elect a leader, and these entries are overwritten. Later the first leader leads again,
/// and can reach only one other server. Now the old reply arrives. It says that the follower has the old
/// entries. At the index of one of the old entries, the first leader now has a new entry, which the follower
/// does not have. So the new entry must not be committed.
///
/// Finds: a leader believes a reply to a message of an earlier term.
fn reply_of_an_earlier_term<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): a reply of an earlier term");
    for _ in 0..3 {
        cfg.one(Value::random(), 5, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let [follower, rest @ ..] = &others(&cfg, &[leader])[..] else { unreachable!("five servers") };
        let follower = *follower;
        cfg.partition(&[&[leader, follower], rest]);
        cfg.set_link(leader, follower, Link::RepliesHeld);
        for _ in 0..10 {
            cfg.start(leader, Value::random());
            sleep(Duration::from_millis(20));
        }
        cfg.check_one_leader_among(rest);
        cfg.set_link(leader, follower, Link::Both);
        cfg.partition(&[&[0, 1, 2, 3, 4]]);
        cfg.one(Value::random(), 5, Retry::Yes);

        // If another server leads now, its requests to the first leader are lost from now on. So the first
        // leader stands for election. It can win, because its log is up to date.
        let (now, _) = settled(&cfg);
        if now != leader {
            cfg.set_link(now, leader, Link::RequestsLost);
            until(&cfg, SOON, "the first leader leads again", || state(&cfg, leader).1);
        }
        let mate = rest[0];
        cfg.partition(&[&[leader, mate], &[follower, rest[1], rest[2]]]);
        let Some(Started { index, .. }) = cfg.start(leader, Value::random()) else {
            cfg.heal();
            continue;
        };
        sleep(MESSAGE);
        cfg.partition(&[&[leader, mate], &[leader, follower]]);
        cfg.set_link(leader, follower, Link::RequestsLost);
        cfg.release(leader, follower);
        throughout(Duration::from_millis(100), || cfg.check_no_agreement(index));
        cfg.heal();
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7 and 5.3: entries that a snapshot covers are not appended again.
///
/// The first entries of the log are held on their way to two followers. The leader sends them again, and the
/// followers make a snapshot which covers their whole log. Then the first entries arrive.
///
/// Finds: a follower appends entries that its snapshot covers.
fn first_entries_come_late<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): the first entries come late");
    let (leader, _) = settled(&cfg);
    let followers = others(&cfg, &[leader]);
    followers.iter().for_each(|&i| cfg.set_link(leader, i, Link::RequestsHeld));
    for _ in 0..3 {
        cfg.start(leader, Value::random());
        sleep(Duration::from_millis(2));
    }
    followers.iter().for_each(|&i| cfg.set_link(leader, i, Link::Both));
    let mut last = 3;
    while last % SNAPSHOT_INTERVAL != SNAPSHOT_INTERVAL - 1 {
        last = cfg.one(Value::random(), 3, Retry::Yes);
    }
    // During this pause, the services give their snapshots to Raft.
    sleep(MESSAGE);
    followers.iter().for_each(|&i| cfg.release(leader, i));
    sleep(MESSAGE);
    for _ in 0..2 * SNAPSHOT_INTERVAL {
        cfg.one(Value::random(), 3, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7 and 5.3: a leader that sends a snapshot waits until it knows that the follower has the entries
/// up to the end of the snapshot. It can learn this also from a reply to an earlier message. Then the leader
/// must send the entries after the snapshot.
///
/// A follower stores all entries, but its replies are held. So the leader believes that the follower needs a
/// snapshot. Then the replies arrive, and the leader must send new entries to the follower.
///
/// Finds: a leader that sends a snapshot waits for ever for the reply to the snapshot.
fn replies_come_late_during_a_snapshot<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): replies come late during a snapshot");
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let slow = others(&cfg, &[leader])[0];
        cfg.set_link(leader, slow, Link::RepliesHeld);
        for _ in 0..SNAPSHOT_INTERVAL + 4 {
            cfg.one(Value::random(), 2, Retry::Yes);
        }
        sleep(Duration::from_millis(500));
        cfg.set_link(leader, slow, Link::RequestsHeld);
        sleep(Duration::from_millis(150));
        cfg.release(leader, slow);
        sleep(MESSAGE);
        cfg.set_link(leader, slow, Link::Both);
        cfg.release(leader, slow);
        for _ in 0..3 {
            cfg.one(Value::random(), 3, Retry::Yes);
        }
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7: a server does not go back to an older snapshot, also not after a restart.
///
/// A snapshot is held on its way to a follower. The follower gets a newer snapshot, and restarts. Before it
/// hears anything else, the older snapshot arrives.
///
/// Finds: after a restart, a server does not know that the entries in its snapshot are committed. So an older
/// snapshot replaces its snapshot.
fn old_snapshot_after_a_restart<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): an old snapshot after a restart");
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let behind = others(&cfg, &[leader])[0];
        cfg.set_link(leader, behind, Link::RequestsLost);
        cfg.set_link(behind, leader, Link::RequestsLost);
        let third = others(&cfg, &[leader, behind])[0];
        cfg.set_link(behind, third, Link::RequestsLost);
        for _ in 0..=SNAPSHOT_INTERVAL {
            cfg.one(Value::random(), 2, Retry::Yes);
        }
        cfg.set_link(leader, behind, Link::RequestsHeld);
        sleep(Duration::from_millis(300));
        cfg.set_link(leader, behind, Link::Both);
        let mut last = 0;
        while last % SNAPSHOT_INTERVAL != SNAPSHOT_INTERVAL - 1 {
            last = cfg.one(Value::random(), 2, Retry::Yes);
        }
        cfg.one(Value::random(), 3, Retry::Yes);

        cfg.set_link(leader, behind, Link::RequestsLost);
        restart(&cfg, behind);
        cfg.release(leader, behind);
        sleep(MESSAGE);
        cfg.heal();
    }
    all_agree(&cfg);
    cfg.end();
}

/// Section 7 and 5.4.1: a snapshot is sent and stored with the term of its last entry, also if the term of
/// the leader that sends it is later.
///
/// Two of three servers have committed entries of an old term. Then one of them leads in a later term, but
/// has no entry of the later term. It sends a snapshot of the first entries to the third server. This server
/// crashes when it has saved the snapshot. Then the leader crashes. The third server must not win the next
/// election, because it lacks the last entries.
///
/// Finds: a snapshot is sent, or stored, with the term of the leader.
fn snapshot_keeps_the_term_of_its_entry<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (strict2): a snapshot keeps the term of its entry");
    for _ in 0..4 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let behind = others(&cfg, &[leader])[0];
        cfg.disconnect(behind);
        let before = cfg.snapshot_size(behind);
        let mut last = 0;
        while last % SNAPSHOT_INTERVAL != 4 {
            last = cfg.one(Value::random(), 2, Retry::Yes);
        }
        for _ in 0..SNAPSHOT_INTERVAL {
            last = cfg.one(Value::random(), 2, Retry::Yes);
        }

        // The leader restarts, so there is a new term. No entry of the new term exists yet.
        restart(&cfg, leader);
        let (leader, _) = settled(&cfg);
        let best = others(&cfg, &[leader, behind])[0];
        cfg.disconnect(best);
        let mut tries = 0;
        while cfg.snapshot_size(behind) == before && tries < 50 {
            cfg.start1(behind);
            let crash = cfg.crash_at(behind, Moment::AfterSave, Which::Nth(1));
            cfg.connect(behind);
            assert!(crash.wait(SOON), "server {behind} saves nothing, but it is behind");
            tries += 1;
        }
        cfg.crash1(leader);
        restart(&cfg, behind);
        cfg.connect(best);
        let winner = cfg.check_one_leader();
        assert_eq!(winner, best, "server {behind} must not win: it lacks the committed entry {last}");
        restart(&cfg, leader);
        all_agree(&cfg);
    }
    cfg.end();
}
