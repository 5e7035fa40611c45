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
        Case::ours("conflicting_entries_are_not_acknowledged", conflicting_entries_are_not_acknowledged::<R>),
        Case::ours("old_entries_are_not_committed", old_entries_are_not_committed::<R>),
        Case::ours("first_entries_come_late", first_entries_come_late::<R>),
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

/// 5.3: a reply with a success acknowledges only the entries of the request, and the entries before them.
///
/// A leader that is cut off has entries that are not committed. A server of the other side is elected. It
/// sends its first heartbeat, and the old leader answers. This reply is held. Then the new leader gets new
/// commands, and reaches nobody any more. When the reply arrives, nothing may be committed, although the log
/// of the old leader is long enough.
///
/// Finds: a follower acknowledges its whole log; a leader confuses the end of its own log with the end of the
/// message.
fn conflicting_entries_are_not_acknowledged<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): conflicting entries are not acknowledged");
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (old, _) = settled(&cfg);
        cfg.disconnect(old);
        for _ in 0..8 {
            cfg.start(old, Value::random());
        }
        let (leader, _) = settled(&cfg);
        let third = others(&cfg, &[old, leader])[0];
        cfg.set_link(leader, old, Link::RepliesHeld);
        cfg.set_link(old, leader, Link::RequestsLost);
        cfg.disconnect(third);
        cfg.connect(old);
        sleep(Duration::from_millis(250));

        cfg.set_link(leader, old, Link::RequestsLost);
        let Some(Started { index, .. }) = cfg.start(leader, Value::random()) else {
            cfg.connect(third);
            cfg.heal();
            continue;
        };
        for _ in 0..2 {
            cfg.start(leader, Value::random());
        }
        sleep(Duration::from_millis(5));
        cfg.release(leader, old);
        throughout(Duration::from_millis(100), || cfg.check_no_agreement(index));
        cfg.connect(third);
        cfg.heal();
    }
    all_agree(&cfg);
    cfg.end();
}

/// Figure 2: a follower commits only up to the last entry that the message of the leader has checked.
///
/// A leader that is cut off has entries that are not committed. A server of the other side is elected, and
/// commits other entries. The new leader's first heartbeat to the old leader is lost. So the next heartbeat
/// may arrive before the new entries, and may say that they are committed. The old leader must not commit its
/// own entries.
///
/// Finds: a follower commits up to the commit index of its leader, although the rest of its log was not
/// checked.
fn old_entries_are_not_committed<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): old entries are not committed");
    cfg.set_long_delays(false);
    for _ in 0..4 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (old, _) = settled(&cfg);
        cfg.disconnect(old);
        for _ in 0..8 {
            cfg.start(old, Value::random());
        }
        let (leader, _) = settled(&cfg);
        for _ in 0..3 {
            cfg.start(leader, Value::random());
        }
        sleep(Duration::from_millis(2));
        cfg.connect(old);
        cfg.one(Value::random(), 3, Retry::Yes);
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

/// Section 7 and 5.4.1: a snapshot is sent and stored with the term of its last entry, even if the leader is
/// in a later term.
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
