//! Partitions that the course's tests do not make: long ones, and links that work one way only.
//!
//! The expectation behind all of them: a leader stops being one only when it sees a higher term. Cut off from
//! its majority it stays the leader of its term, commits nothing, and follows when it hears of the new term.

use labapi::{Started, Strictness};
use std::process::ExitCode;

use labrpc::Link;
use labrt::time::{Duration, Instant, sleep};
use labtest::Value;
use labtest::harness::{self, Case};
use labtest::raft::{Cluster, Retry, Setup, make_config, note};
use mit6824::raft::Raft;

fn main() -> ExitCode {
    let cases = [
        Case::ours("leader_cut_off_alone", leader_cut_off_alone),
        Case::ours("follower_cut_off_alone", follower_cut_off_alone),
        Case::ours("minority_with_the_leader", minority_with_the_leader),
        Case::ours("one_way_leader_to_follower", one_way_leader_to_follower),
        Case::ours("one_way_follower_to_leader", one_way_follower_to_leader),
        Case::ours("one_way_links_nobody_needs", one_way_links_nobody_needs),
        Case::ours("leader_that_can_only_send", leader_that_can_only_send),
    ];
    harness::main(labrt::here!(), Strictness::Fail, &cases)
}

/// How long the long partitions last.
const LONG: Duration = Duration::from_secs(30);
/// How long nothing may change before it counts as settled.
const CALM: Duration = Duration::from_secs(3);

/// The leader of five is alone for 30 s. It stays the leader of its term and commits nothing, while the
/// others elect a new one. When it is back it follows within a second, and nobody holds an election for that.
fn leader_cut_off_alone() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): a leader cut off alone for 30 s");
    cfg.one(1, 5, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);

    // Alone, it takes a command that it cannot commit.
    cfg.disconnect(old);
    let Some(Started { index: 2, .. }) = cfg.start(old, 100) else {
        panic!("the old leader must take index 2")
    };

    // The others elect a leader of a later term and go on.
    let new = cfg.check_one_leader();
    let new_term = cfg.check_terms();
    assert!(new_term > old_term, "elected in term {new_term}, after term {old_term}");
    assert_eq!(cfg.one(2, 4, Retry::No), 2);

    every_second_for(LONG, || {
        assert_eq!(state(&cfg, old), (old_term, true), "server {old} must stay the leader of its term");
        assert_eq!(cfg.applied(old, 2), None, "server {old} has committed without a majority");
        assert_eq!(state(&cfg, new), (new_term, true), "server {new} must stay the leader of its term");
    });

    // Back, the old leader follows, and takes what the others have committed in place of its own command.
    cfg.connect(old);
    sleep(Duration::from_secs(1));
    assert_eq!(state(&cfg, old), (new_term, false), "server {old} must follow after a second");
    assert_eq!(cfg.applied(old, 2), Some(Value::from(2)));

    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// A follower is alone for 30 s. It raises its term in vain all the time, which nobody hears. When it is
/// back, its term deposes the leader: that costs an election, and then all agree again.
fn follower_cut_off_alone() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): a follower cut off alone for 30 s");
    cfg.one(1, 5, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let follower = cfg.after(leader, 1);

    cfg.disconnect(follower);
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, leader), (term, true), "server {leader} must stay the leader of its term");
        assert!(!state(&cfg, follower).1, "server {follower} cannot lead alone");
    });
    assert_eq!(cfg.one(2, 4, Retry::No), 2);
    let (ran_to, _) = state(&cfg, follower);
    assert!(ran_to > term, "server {follower} must have started elections");

    // Who leads after the healing? One election is what it costs, as long as it is not split and no other
    // candidate is under way; two more must be enough for that.
    cfg.connect(follower);
    let elected = leaders_seen(&cfg, term, Duration::from_secs(5));
    let (new_term, new) = *elected.last().expect("the follower's term must depose the leader");
    assert!(elected.len() <= 3, "healing cost {} elections: {elected:?}", elected.len());
    assert!(new_term > ran_to, "elected in term {new_term}, but server {follower} was in {ran_to} already");
    note(&format!(
        "in {} s alone the follower's term went from {term} to {ran_to}; healing cost {} election(s), \
         the last in term {new_term}",
        LONG.as_secs(),
        elected.len()
    ));

    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The leader keeps one follower of four. The two agree with nobody; the three elect a leader and go on. When
/// the halves are one again the minority gives its commands up.
fn minority_with_the_leader() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): the leader is in the minority");
    cfg.one(1, 5, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);
    let [mate, third, fourth, fifth] = [1, 2, 3, 4].map(|n| cfg.after(old, n));

    cfg.partition(&[&[old, mate], &[third, fourth, fifth]]);
    let Some(Started { index: 2, .. }) = cfg.start(old, 100) else {
        panic!("the old leader must take index 2")
    };
    let new = cfg.check_one_leader_among(&[third, fourth, fifth]);
    let (new_term, _) = state(&cfg, new);

    // The minority is quiet: its leader keeps its follower, and neither commits.
    every_second_for(Duration::from_secs(5), || {
        assert_eq!(state(&cfg, old), (old_term, true));
        assert_eq!(state(&cfg, mate), (old_term, false));
        assert_eq!((cfg.applied(old, 2), cfg.applied(mate, 2)), (None, None), "committed without a majority");
    });
    assert!(cfg.start(new, 2).is_some(), "server {new} leads the majority");
    assert_eq!(cfg.wait(2, 3, Some(new_term)), Some(Value::from(2)));

    cfg.heal();
    assert_eq!(cfg.wait(2, 5, Some(new_term)), Some(Value::from(2)));
    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The leader does not reach one follower. Whether only its requests are lost or its replies too: the
/// follower hears no heartbeats, becomes a candidate and deposes the leader, until somebody leads who reaches
/// everybody.
fn one_way_leader_to_follower() {
    for replies_too in [false, true] {
        let cfg = make_config::<Raft>(Setup::of(3));
        let what = if replies_too { "nothing the leader sends" } else { "no request of the leader" };
        cfg.begin(&format!("Test (ours): {what} reaches a follower"));
        cfg.one(1, 3, Retry::No);
        let old = cfg.check_one_leader();
        let (old_term, _) = state(&cfg, old);
        let deaf = cfg.after(old, 1);
        match replies_too {
            true => cfg.mute(old, deaf),
            false => cfg.set_link(old, deaf, Link::RequestsLost),
        }

        // The old leader may win again, and is deposed again; by and by another one wins.
        let (new, new_term) = wait_for_other_leader(&cfg, old);
        assert!(new_term > old_term);
        expect_calm(&cfg, new, new_term);

        // It reaches everybody. If it is the deaf one that hears nothing of the old leader, it cannot learn
        // what that one needs; the third server is enough to go on.
        let expected = if replies_too && new == deaf { 2 } else { 3 };
        cfg.one(2, expected, Retry::No);
        cfg.heal();
        cfg.one(3, 3, Retry::Yes);
        cfg.end();
    }
}

/// The follower's answers do not reach the leader; its requests may. The follower hears the leader, so there is
/// no election, and it gets every command, though the leader does not learn of it and commits with the other
/// follower. Healed, nothing changes.
fn one_way_follower_to_leader() {
    for requests_too in [false, true] {
        let cfg = make_config::<Raft>(Setup::of(3));
        let what = if requests_too { "nothing a follower sends" } else { "no reply of a follower" };
        cfg.begin(&format!("Test (ours): {what} reaches the leader"));
        cfg.one(1, 3, Retry::No);
        let leader = cfg.check_one_leader();
        let (term, _) = state(&cfg, leader);
        let silent = cfg.after(leader, 1);
        match requests_too {
            true => cfg.mute(silent, leader),
            false => cfg.set_link(leader, silent, Link::RepliesLost),
        }

        for index in 2..=6_u64 {
            assert_eq!(cfg.one(index.cast_signed(), 2, Retry::No), index);
        }
        every_second_for(Duration::from_secs(8), || {
            assert_eq!(state(&cfg, leader), (term, true), "nobody has a reason for an election");
            assert_eq!(state(&cfg, silent), (term, false), "server {silent} hears the leader");
        });
        let applied = (2..=6).filter(|&index| cfg.applied(silent, index).is_some()).count();
        assert_eq!(applied, 5, "commands that server {silent} has applied");

        cfg.heal();
        assert_eq!(cfg.wait(6, 3, Some(term)), Some(Value::from(6)));
        expect_calm(&cfg, leader, term);
        cfg.end();
    }
}

/// Links on which nothing depends while a leader leads: the requests of the followers (they have none), and
/// everything between two followers. Nothing happens.
fn one_way_links_nobody_needs() {
    let cfg = make_config::<Raft>(Setup::of(3));
    cfg.begin("Test (ours): one-way links that nobody needs");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let [first, second] = [1, 2].map(|n| cfg.after(leader, n));

    cfg.set_link(first, leader, Link::RequestsLost);
    cfg.set_link(second, leader, Link::RepliesLost);
    cfg.mute(first, second);
    for index in 2..=6_u64 {
        assert_eq!(cfg.one(index.cast_signed(), 3, Retry::No), index);
    }
    expect_calm(&cfg, leader, term);
    cfg.end();
}

/// The leader can send but not receive, for 30 s. Its heartbeats suppress every election, and without answers
/// it commits nothing: the whole group stands still. That is the price of Raft as the paper has it; a leader
/// that checks its quorum would step down. Nothing is lost: what was accepted commits once the replies come
/// through.
fn leader_that_can_only_send() {
    let cfg = make_config::<Raft>(Setup::of(3));
    cfg.begin("Test (ours): a leader that can send but not receive");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let followers = [1, 2].map(|n| cfg.after(leader, n));

    followers.iter().for_each(|&follower| cfg.mute(follower, leader));
    for index in 2..=4_u64 {
        let started = cfg.start(leader, index.cast_signed()).map(|started| started.index);
        assert_eq!(started, Some(index), "the leader accepts commands");
    }
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, leader), (term, true), "nobody has deposed it");
        assert_eq!(cfg.terms(), [term; 3], "its heartbeats suppress elections");
        (2..=4).for_each(|index| cfg.check_no_agreement(index));
    });

    // Healed, the same leader commits what it has accepted, in order.
    cfg.heal();
    let healed = Instant::now();
    for index in 2..=4_u64 {
        assert_eq!(cfg.wait(index, 3, Some(term)), Some(Value::from(index.cast_signed())));
    }
    note(&format!(
        "after the healing it took {:.1} s to commit what had been accepted",
        healed.elapsed().as_secs_f64()
    ));
    expect_calm(&cfg, leader, term);
    assert_eq!(cfg.one(5, 3, Retry::No), 5);
    cfg.end();
}

/// The term of a server, and whether it believes that it leads.
#[track_caller]
fn state(cfg: &Cluster<Raft>, i: usize) -> (u64, bool) {
    cfg.get_state(i).expect("no server crashes in these tests")
}

fn every_second_for(time: Duration, check: impl Fn()) {
    let start = Instant::now();
    while start.elapsed() < time {
        check();
        sleep(Duration::from_secs(1));
    }
    check();
}

/// All are in this term under this leader, and stay so.
#[track_caller]
fn expect_calm(cfg: &Cluster<Raft>, leader: usize, term: u64) {
    for _ in 0..CALM.as_secs() {
        sleep(Duration::from_secs(1));
        assert_eq!(state(cfg, leader), (term, true), "server {leader} must go on leading");
        assert!(
            cfg.terms().iter().all(|other| *other == term),
            "terms {:?}, all must be {term}",
            cfg.terms()
        );
    }
}

/// Who is seen to lead in a term after `term`, in the order of the terms, during this time.
fn leaders_seen(cfg: &Cluster<Raft>, term: u64, time: Duration) -> Vec<(u64, usize)> {
    let mut seen = labrt::collections::BTreeSet::new();
    let start = Instant::now();
    while start.elapsed() < time {
        let states = (0..cfg.servers()).map(|i| (i, state(cfg, i)));
        seen.extend(states.filter(|(_, (of, leads))| *leads && *of > term).map(|(i, (of, _))| (of, i)));
        sleep(Duration::from_millis(5));
    }
    seen.into_iter().collect()
}

/// Waits until a server other than `old` has led for two seconds; returns it and its term.
#[track_caller]
fn wait_for_other_leader(cfg: &Cluster<Raft>, old: usize) -> (usize, u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let leader = cfg.check_one_leader();
        let (term, _) = state(cfg, leader);
        sleep(Duration::from_secs(2));
        if leader != old && state(cfg, leader) == (term, true) {
            return (leader, term);
        }
    }
    panic!("in 30 s no server other than {old} has become the leader");
}
