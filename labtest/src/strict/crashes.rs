//! Crashes at the very moment at which a server saves, sends a request or answers one (Figure 2, "persistent
//! state"; 5.2, 5.3).

use labapi::{RaftPeer, Started};
use labrt::rng;
use labrt::time::{Duration, Instant, sleep};

use super::snapshots::{all_agree, submit_for_a_while};
use super::{SOON, others, restart, settled, shuffled, state};
use crate::harness::Case;
use crate::raft::{Moment, Retry, Setup, Which, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("voter_crashes_when_it_answers", voter_crashes_when_it_answers::<R>),
        Case::ours("follower_crashes_when_it_answers", follower_crashes_when_it_answers::<R>),
        Case::ours("crash_between_two_saves", crash_between_two_saves::<R>),
        Case::ours("all_crash_in_a_save", all_crash_in_a_save::<R>),
        Case::ours("crashes_at_any_moment_3", || crashes_at_any_moment::<R>(3)),
        Case::ours("crashes_at_any_moment_5", || crashes_at_any_moment::<R>(5)),
    ]
}

/// Longer than a reply needs on a network without faults, and shorter than an election timeout.
const REPLY: Duration = Duration::from_millis(50);

/// Figure 2 and 5.2: a server saves its vote before it answers.
///
/// The group has two halves that cannot reach each other, and one server between them, the bridge. The bridge
/// can reach both halves. So its vote decides each election. The bridge crashes at the very moment at which
/// an answer leaves it, and restarts. If an answer leaves before the vote is saved, the bridge soon votes
/// twice in a term.
///
/// Finds: a server answers before it has saved its vote or its term; the vote is not saved.
fn voter_crashes_when_it_answers<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): the voter who decides crashes when it answers");
    for _ in 0..3 {
        let (bridge, _) = settled(&cfg);
        let rest = others(&cfg, &[bridge]);
        cfg.bridge(&rest[..2], bridge, &rest[2..]);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            let crash = cfg.crash_at(bridge, Moment::Reply, Which::Of1000(400));
            if crash.wait(Duration::from_millis(200)) {
                sleep(Duration::from_micros(rng::below(3000)));
                restart(&cfg, bridge);
            }
            crash.cancel();
        }
        cfg.heal();
        restart(&cfg, bridge);
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// Figure 2 and 5.3: a follower saves new entries before it answers.
///
/// Only the leader and one follower of three servers are connected. The follower crashes at the moment at
/// which one of its answers leaves it. Then the leader crashes, too, and the follower restarts together with
/// the third server. The leader could commit an entry only if this follower had saved it. So all that the
/// leader has applied must still be in the log of the follower.
///
/// Finds: a follower answers before it has saved the entries.
fn follower_crashes_when_it_answers<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a follower crashes when it answers");
    for _ in 0..6 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let [follower, third] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        cfg.disconnect(third);
        let crash = cfg.crash_at(follower, Moment::Reply, Which::Nth(1 + rng::below(4)));
        let start = Instant::now();
        let mut last = 0;
        while !crash.wait(Duration::from_micros(rng::below(400))) && start.elapsed() < SOON {
            if let Some(Started { index, .. }) = cfg.start(leader, Value::random()) {
                last = index;
            }
        }
        sleep(REPLY);
        let applied = (1..=last).rev().find(|&index| cfg.applied(leader, index).is_some()).unwrap_or(0);

        cfg.crash1(leader);
        restart(&cfg, follower);
        cfg.connect(third);
        let later = cfg.one(Value::random(), 2, Retry::Yes);
        assert!(later > applied, "server {leader} has applied index {applied}, but the index is used again");
        for index in 1..=applied {
            assert_eq!(cfg.applied(follower, index), cfg.applied(leader, index), "applied at index {index}");
        }
        restart(&cfg, leader);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Figure 2 and 5.3: an entry that is on stable storage stays there, even while later entries are saved.
///
/// Two of three servers have a committed entry. One of the two crashes before or after it saves one of the
/// next entries. Then the other one crashes, too. The first one restarts together with the third server,
/// which lacks the committed entry. The entry must still be there.
///
/// Finds: a server saves its log in several steps, and between two steps an old entry is missing; a server
/// counts itself before it has saved.
fn crash_between_two_saves<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a crash between two saves");
    for round in 0..12 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let [follower, third] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        cfg.disconnect(third);
        let value = Value::random();
        let committed = cfg.one(value.clone(), 2, Retry::Yes);
        if !state(&cfg, leader).1 {
            cfg.connect(third);
            continue;
        }

        let (victim, other) = if round % 2 == 0 { (follower, leader) } else { (leader, follower) };
        let moment = if rng::below(3) == 0 { Moment::BeforeSave } else { Moment::AfterSave };
        let crash = cfg.crash_at(victim, moment, Which::Nth(1 + rng::below(3)));
        let start = Instant::now();
        while !crash.wait(Duration::from_millis(1)) && start.elapsed() < SOON {
            cfg.start(leader, Value::random());
        }
        cfg.crash1(other);
        restart(&cfg, victim);
        cfg.connect(third);
        let later = cfg.one(Value::random(), 2, Retry::Yes);
        assert!(later > committed, "index {committed} was committed, and is used again");
        assert_eq!(
            cfg.applied(third, committed).as_ref(),
            Some(&value),
            "index {committed} on server {third}"
        );
        restart(&cfg, other);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Figure 2, 5.3 and 5.4: all servers crash at the moment at which one of them saves. Then a random majority
/// of the servers restarts. This majority must have all entries that were applied before the crash.
///
/// Finds: an entry is applied before a majority has saved it; an entry or a snapshot is saved in two steps.
fn all_crash_in_a_save<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).with_snapshots().strict());
    cfg.begin("Test (strict2): all servers crash when one saves");
    let mut first = cfg.one(Value::random(), 5, Retry::Yes);
    for _ in 0..10 {
        let (leader, _) = settled(&cfg);
        let saver = rng::below(5) as usize;
        let moment = if rng::below(2) == 0 { Moment::BeforeSave } else { Moment::AfterSave };
        let all = [0, 1, 2, 3, 4];
        let crash = cfg.crash_these_at(&all, saver, moment, Which::Nth(1 + rng::below(30)));
        let start = Instant::now();
        while !crash.wait(Duration::from_micros(rng::below(500))) && start.elapsed() < SOON {
            cfg.start(leader, Value::random());
        }
        let applied = (first..).take_while(|&index| cfg.n_committed(index).count > 0).last().unwrap_or(first);

        let majority = &shuffled(all.to_vec())[..3];
        majority.iter().for_each(|&i| restart(&cfg, i));
        let later = cfg.one(Value::random(), 3, Retry::Yes);
        assert!(later > applied, "index {applied} was applied, and servers {majority:?} use it again");
        all.iter().filter(|i| !majority.contains(i)).for_each(|&i| restart(&cfg, i));
        first = cfg.one(Value::random(), 5, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}

/// Figure 2: a server may crash at any moment.
///
/// Commands are submitted all the time. Again and again one server, or all servers, crash at a random moment:
/// before or after a save, or when a request or an answer leaves. In some rounds, one server is slow or cut
/// off, or the servers form a chain.
///
/// Finds: many mistakes in what is saved, and when.
fn crashes_at_any_moment<R: RaftPeer>(servers: usize) {
    let cfg = make_config::<R>(Setup::of(servers).with_snapshots().strict());
    cfg.begin(&format!("Test (strict2): crashes at any moment ({servers} servers)"));
    for round in 0..8 {
        let victim = rng::below(servers as u64) as usize;
        let moments = [Moment::BeforeSave, Moment::AfterSave, Moment::Request, Moment::Reply];
        let moment = moments[rng::below(4) as usize];
        let all: Vec<usize> = (0..servers).collect();
        let victims = if rng::below(3) == 0 { &all[..] } else { &[victim] };
        let crash = cfg.crash_these_at(victims, victim, moment, Which::Nth(1 + rng::below(20)));
        match round % 4 {
            1 => cfg.slow_down(cfg.after(victim, 1), Duration::ZERO..=Duration::from_millis(30)),
            2 => cfg.disconnect(cfg.after(victim, 1)),
            3 => cfg.chain(&shuffled(all.clone())),
            _ => {}
        }
        submit_for_a_while(&cfg);
        if crash.cancel() {
            victims.iter().for_each(|&i| restart(&cfg, i));
        }
        cfg.heal();
        cfg.connect(cfg.after(victim, 1));
        cfg.one(Value::random(), servers, Retry::Yes);
    }
    all_agree(&cfg);
    cfg.end();
}
