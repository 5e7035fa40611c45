//! Terms, and who follows whom (5.1, 5.2).

use labapi::RaftPeer;
use labrpc::Link;
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};

use super::{SOON, others, settled, state, until};
use crate::harness::Case;
use crate::raft::{Cluster, Retry, SNAPSHOT_INTERVAL, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    let mut cases = vec![
        Case::ours("terms_never_fall", terms_never_fall::<R>),
        Case::ours("later_term_in_a_reply_to_entries", || later_term_in_a_reply::<R>(Asked::Entries)),
        Case::ours("later_term_in_a_reply_to_a_snapshot", || later_term_in_a_reply::<R>(Asked::Snapshot)),
        Case::ours("later_term_in_a_refused_vote", later_term_in_a_refused_vote::<R>),
        Case::ours("candidate_hears_the_leader", candidate_hears_the_leader::<R>),
    ];
    // On real threads, a busy machine can delay the heartbeats of a correct Raft.
    if labrt::is_sim() {
        cases.push(Case::ours("quiet_group_of_seven", quiet_group_of_seven::<R>));
        cases.push(Case::ours("busy_group_of_seven", busy_group_of_seven::<R>));
    }
    cases
}

/// Longer than a reply needs on a network without faults, and shorter than an election timeout.
const REPLY: Duration = Duration::from_millis(100);

/// 5.1 and Figure 2: `currentTerm` only rises, and it is on stable storage before a server answers.
///
/// A server can come to a later term in four ways. It stands for election, or it finds the term in a request
/// for its vote, in a heartbeat or in a reply. In each case, the server restarts as soon as it has the later
/// term, and must still have this term.
///
/// Finds: the term is not saved in one of the four cases.
fn terms_never_fall<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): terms never fall");
    cfg.one(Value::random(), 5, Retry::Yes);
    for _ in 0..3 {
        // A server that is alone stands for election again and again.
        let (leader, term) = settled(&cfg);
        let [alone, follower, ..] = others(&cfg, &[leader])[..] else { unreachable!("five servers") };
        cfg.disconnect(alone);
        wait_for_term_above(&cfg, alone, term);
        restart_in_the_same_term(&cfg, alone);

        // The server that was alone is connected again. So it soon asks the others for their votes in a later
        // term.
        cfg.connect(alone);
        wait_for_term_above(&cfg, follower, term);
        restart_in_the_same_term(&cfg, follower);
        cfg.connect(follower);

        // A new leader is elected while the old leader is cut off and another server is down. Then the test
        // connects the old leader, and later it starts the server that is down. Each of the two hears the
        // heartbeats of the new leader.
        let (leader, term) = settled(&cfg);
        let [down, ..] = others(&cfg, &[leader])[..] else { unreachable!("five servers") };
        cfg.crash1(down);
        cfg.disconnect(leader);
        settled(&cfg);
        cfg.connect(leader);
        wait_for_term_above(&cfg, leader, term);
        restart_in_the_same_term(&cfg, leader);
        cfg.connect(leader);
        cfg.start1(down);
        cfg.connect(down);
        wait_for_term_above(&cfg, down, term);
        restart_in_the_same_term(&cfg, down);
        cfg.connect(down);

        // A server has a later term, but none of its requests arrives. The leader learns of the term from a
        // reply.
        let (leader, term) = settled(&cfg);
        let silent = others(&cfg, &[leader])[0];
        lose_requests_of(&cfg, silent, term + 1);
        cfg.connect(silent);
        wait_for_term_above(&cfg, leader, term);
        restart_in_the_same_term(&cfg, leader);
        cfg.heal();
        cfg.connect(leader);
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

#[track_caller]
fn wait_for_term_above<R: RaftPeer>(cfg: &Cluster<R>, i: usize, term: u64) {
    until(cfg, SOON, &format!("server {i} is in a term after {term}"), || state(cfg, i).0 > term);
}

/// Restarts a server, and checks that its term has not fallen. Afterwards the server is not connected.
#[track_caller]
fn restart_in_the_same_term<R: RaftPeer>(cfg: &Arc<Cluster<R>>, i: usize) {
    let (before, _) = state(cfg, i);
    cfg.start1(i);
    let (after, _) = state(cfg, i);
    assert!(after >= before, "server {i} was in term {before}, and is in term {after} after a restart");
}

/// Disconnects a server, and waits until it has reached this term by standing for election. When the test
/// connects the server again, its replies reach the other servers, but its requests do not.
#[track_caller]
fn lose_requests_of<R: RaftPeer>(cfg: &Cluster<R>, silent: usize, term: u64) {
    cfg.disconnect(silent);
    until(cfg, SOON, "the server that is alone raises its term", || state(cfg, silent).0 >= term);
    (0..cfg.servers()).for_each(|i| cfg.set_link(silent, i, Link::RequestsLost));
}

/// The kind of request to which a leader gets a reply with a later term.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Asked {
    Entries,
    Snapshot,
}

/// 5.1 and Figure 2, rules for all servers: if a reply has a later term, the server takes this term and
/// becomes a follower.
///
/// A server has a later term than the leader. It can answer, but all its own requests are lost. So the leader
/// can learn of the later term only from a reply. It must step down as soon as it gets the reply.
///
/// Finds: the leader ignores the term of a reply. Suppose that it ignores only the terms of replies to
/// snapshots. Then the test finds this mistake only if the leader sends no heartbeat to a server that needs a
/// snapshot.
fn later_term_in_a_reply<R: RaftPeer>(asked: Asked) {
    let (setup, what) = match asked {
        Asked::Entries => (Setup::of(3), "entries"),
        Asked::Snapshot => (Setup::of(3).with_snapshots(), "a snapshot"),
    };
    let cfg = make_config::<R>(setup.strict());
    cfg.begin(&format!("Test (strict2): a later term in the reply to {what}"));
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, term) = settled(&cfg);
        let silent = others(&cfg, &[leader])[0];
        lose_requests_of(&cfg, silent, term + 1);
        if asked == Asked::Snapshot {
            // After so many commands, the leader no longer has the entries that the server needs, because
            // snapshots have replaced these entries.
            for _ in 0..2 * SNAPSHOT_INTERVAL {
                cfg.one(Value::random(), 2, Retry::Yes);
            }
        }
        assert_eq!(state(&cfg, leader), (term, true), "server {leader} has not heard of a later term");

        let (later, _) = state(&cfg, silent);
        let count = cfg.rpc_count(silent);
        cfg.connect(silent);
        until(&cfg, SOON, "a request of the leader arrives", || cfg.rpc_count(silent) > count);
        sleep(REPLY);
        let (now, _) = state(&cfg, leader);
        assert!(
            now >= later,
            "server {leader} leads term {term}; {REPLY:?} ago server {silent} of term {later} got its request, \
             but it is still in term {now}"
        );
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.1: if the refusal of a vote has a later term, the candidate takes this term and becomes a follower.
///
/// Finds: a candidate ignores the term of a refusal.
fn later_term_in_a_refused_vote<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a later term in a refused vote");
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, term) = settled(&cfg);
        let [silent, candidate] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        lose_requests_of(&cfg, silent, term + 4);

        // The candidate can reach only the server of the later term.
        cfg.crash1(leader);
        let (later, _) = state(&cfg, silent);
        let count = cfg.rpc_count(silent);
        cfg.connect(silent);
        until(&cfg, SOON, "a request for a vote arrives", || cfg.rpc_count(silent) > count);
        sleep(REPLY);
        let (now, _) = state(&cfg, candidate);
        assert!(
            now >= later,
            "{REPLY:?} ago server {silent} of term {later} refused its vote to server {candidate}, \
             which is still in term {now}"
        );
        cfg.heal();
        cfg.start1(leader);
        cfg.connect(leader);
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.2: a candidate that hears the leader of its own term becomes a follower.
///
/// One of three servers wins an election with the vote of the old leader. The third server does not hear of
/// the election, and stands for election in the same term, but its requests are lost. Then the network is
/// healed. The third server must follow the new leader. Otherwise it soon stands for election again, and the
/// leader must step down. A follower issues no requests on its own, so the leader must get none. (No answer
/// of the leader reaches the third server. So if the third server is still a candidate, it asks again and
/// again.)
///
/// Finds: a candidate ignores the leader of its term; a candidate follows the leader, but its election timer
/// goes on.
fn candidate_hears_the_leader<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a candidate hears the leader of its term");
    for _ in 0..4 {
        let (old, _) = settled(&cfg);
        let [winner, late] = others(&cfg, &[old])[..] else { unreachable!("three servers without one") };
        cfg.partition(&[&[old, winner], &[old, late]]);
        cfg.set_link(late, old, Link::RequestsLost);
        cfg.set_link(old, winner, Link::RequestsLost);
        until(&cfg, SOON, "the server that hears no leader wins an election", || state(&cfg, winner).1);
        let (term, _) = state(&cfg, winner);
        until(&cfg, SOON, "the third server stands in the same term", || state(&cfg, late).0 >= term);
        assert_eq!(state(&cfg, late), (term, false), "server {late} stands in the term of the leader");

        cfg.heal();
        cfg.set_link(late, winner, Link::RepliesLost);
        let mut count = 0;
        for round in 0..8 {
            sleep(Duration::from_millis(250));
            assert_eq!(state(&cfg, winner), (term, true), "server {winner} must stay the leader");
            assert_eq!(cfg.terms(), [term; 3], "server {late} must follow server {winner}");
            let before = std::mem::replace(&mut count, cfg.rpc_count(winner));
            assert!(round == 0 || count == before, "a follower has sent a request to the leader {winner}");
        }
        cfg.heal();
        cfg.one(Value::random(), 3, Retry::No);
    }
    cfg.end();
}

/// 5.2: as long as followers hear the leader, there is no election.
///
/// Seven servers on a network without faults do nothing for a minute. The test of the course only prints a
/// warning if the term changes.
///
/// Finds: a heartbeat does not start the election timer again; some election timeouts are too short;
/// heartbeats are too rare, or one follower gets none.
fn quiet_group_of_seven<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(7).strict());
    cfg.begin("Test (strict2): seven servers on a quiet network");
    let (leader, term) = settled(&cfg);
    for second in 1..=60 {
        sleep(Duration::from_secs(1));
        assert_eq!(state(&cfg, leader), (term, true), "server {leader} must still lead after {second} s");
        assert_eq!(cfg.terms(), [term; 7], "the terms after {second} s");
    }
    cfg.one(Value::random(), 7, Retry::No);
    cfg.end();
}

/// 5.2: not only heartbeats, but also messages with entries show that there is a leader.
///
/// The leader of seven servers gets a new command every 2 ms, for eight seconds. So perhaps the leader sends
/// no message without entries in this time. No server has a reason to start an election.
///
/// Finds: only messages without entries start the election timer again; a leader that sends entries to some
/// servers forgets the others.
fn busy_group_of_seven<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(7).strict());
    cfg.begin("Test (strict2): seven servers and many commands");
    let (leader, term) = settled(&cfg);
    let mut last = 0;
    for second in 1..=8 {
        for _ in 0..500 {
            sleep(Duration::from_millis(2));
            let started = cfg.start(leader, Value::random());
            last = started.unwrap_or_else(|| panic!("server {leader} must lead after {second} s")).index;
        }
        assert_eq!(state(&cfg, leader), (term, true), "server {leader} must still lead after {second} s");
        assert_eq!(cfg.terms(), [term; 7], "the terms after {second} s");
    }
    cfg.wait(last, 7, Some(term));
    cfg.end();
}
