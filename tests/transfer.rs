//! The transfer of the leadership: a leader gives its leadership to a server of the test's choice. The limits
//! of time are a few milliseconds, so there are cases only in virtual time.

use std::process::ExitCode;

use labapi::{RaftPeer, Strictness};
use labrpc::Link;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use labtest::Value;
use labtest::harness::{self, Case};
use labtest::raft::{Cluster, Retry, Setup, make_config};
use mit6824::raft::{Raft, TransferError, Tuned};

/// The longest election timeout of this project's Raft. A leader gives up a transfer after this time.
const LONGEST: Duration = Duration::from_millis(600);

/// The Rafts under test: without options, with CheckQuorum, and with PreVote and CheckQuorum.
trait Transfers: RaftPeer {
    fn give_to(&self, target: usize) -> Result<(), TransferError>;
}

impl Transfers for Raft {
    fn give_to(&self, target: usize) -> Result<(), TransferError> {
        self.transfer_leadership(target)
    }
}

impl Transfers for Tuned<false, true> {
    fn give_to(&self, target: usize) -> Result<(), TransferError> {
        self.transfer_leadership(target)
    }
}

impl Transfers for Tuned<true, true> {
    fn give_to(&self, target: usize) -> Result<(), TransferError> {
        self.transfer_leadership(target)
    }
}

fn main() -> ExitCode {
    let mut all = Vec::new();
    if labrt::is_sim() {
        all = [cases::<Raft>("plain"), cases::<Tuned<true, true>>("both")].concat();
        all.push(Case::ours("vote_after_a_lost_quorum", vote_after_a_lost_quorum));
    }
    harness::main(labrt::here!(), Strictness::Fail, &all)
}

fn cases<R: Transfers>(option: &str) -> Vec<Case> {
    let case = |name: &str, body: fn()| Case::ours(format!("{name}_{option}"), body);
    vec![
        case("idle_group", idle_group::<R>),
        case("under_load", under_load::<R>),
        case("target_is_dead", target_is_dead::<R>),
        case("target_is_behind_a_snapshot", target_is_behind_a_snapshot::<R>),
        case("unreliable_network", unreliable_network::<R>),
    ]
}

#[track_caller]
fn state<R: RaftPeer>(cfg: &Cluster<R>, i: usize) -> (u64, bool) {
    cfg.get_state(i).expect("the server runs")
}

#[track_caller]
fn transfer<R: Transfers>(cfg: &Cluster<R>, from: usize, to: usize) -> Result<(), TransferError> {
    cfg.ask_peer(from, |raft| raft.give_to(to)).expect("the server runs")
}

/// Waits until `target` leads the term. Returns how long this took.
#[track_caller]
fn until_it_leads<R: RaftPeer>(cfg: &Cluster<R>, target: usize, term: u64) -> Duration {
    let start = Instant::now();
    while state(cfg, target) != (term, true) {
        assert!(start.elapsed() < LONGEST, "S{target} does not lead term {term}: {:?}", cfg.terms());
        sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Thesis, 6.2: a leader that steps down in its own term keeps its vote.
///
/// A transfer makes `leader` the leader of the next term, while `rival` is paused. Then `rival` becomes a
/// candidate of the same term, and its request for the vote of `leader` waits in the network. It arrives when
/// `leader` has stepped down, because nobody answers it any more.
///
/// Finds: a leader that steps down forgets its vote. Then the term has two leaders.
fn vote_after_a_lost_quorum() {
    let cfg = make_config::<Tuned<false, true>>(Setup::of(3).strict());
    cfg.begin("Test (ours): a vote after a lost quorum");
    cfg.one(1, 3, Retry::No);
    let old = cfg.check_one_leader();
    let (leader, rival) = (cfg.after(old, 1), cfg.after(old, 2));
    let (term, _) = state(&cfg, old);
    cfg.pause(rival);
    cfg.set_link(old, rival, Link::RequestsLost);
    cfg.set_link(leader, rival, Link::RequestsLost);
    cfg.set_link(rival, old, Link::RequestsLost);
    cfg.set_link(rival, leader, Link::RequestsHeld);
    assert_eq!(transfer(&cfg, old, leader), Ok(()));
    until_it_leads(&cfg, leader, term + 1);
    cfg.set_link(leader, old, Link::RequestsLost);
    cfg.set_link(old, leader, Link::RequestsLost);
    sleep(Duration::from_millis(400));
    cfg.resume(rival);
    let lost = Instant::now();
    while state(&cfg, leader) != (term + 1, false) {
        assert!(lost.elapsed() < Duration::from_millis(280), "S{leader} does not step down");
        sleep(Duration::from_millis(1));
    }
    assert_eq!(state(&cfg, rival), (term + 1, false), "S{rival} must be a candidate of the same term");
    cfg.release(rival, leader);
    sleep(Duration::from_millis(10));
    assert_eq!(state(&cfg, rival), (term + 1, false), "term {} has a second leader, S{rival}", term + 1);
    cfg.heal();
    cfg.one(2, 3, Retry::Yes);
    cfg.end();
}

/// In an idle group the target leads within a few milliseconds, in the next term. Nothing else happens.
fn idle_group<R: Transfers>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (ours): the leadership goes around in an idle group");
    cfg.one(1, 5, Retry::No);
    let mut leader = cfg.check_one_leader();
    let (mut term, _) = state(&cfg, leader);
    for round in 1..=10 {
        let target = cfg.after(leader, 1 + round % 4);
        assert_eq!(
            transfer(&cfg, leader, leader),
            Err(TransferError::BadTarget { target: leader, servers: 5 })
        );
        assert_eq!(transfer(&cfg, target, leader), Err(TransferError::NotLeader));
        assert_eq!(transfer(&cfg, leader, target), Ok(()));
        let took = until_it_leads(&cfg, target, term + 1);
        assert!(took < Duration::from_millis(50), "the transfer took {took:?}");
        sleep(Duration::from_millis(300));
        assert_eq!(cfg.terms(), [term + 1; 5], "there is only one election");
        assert!(!state(&cfg, leader).1);
        (leader, term) = (target, term + 1);
        cfg.one(100 + round as i64, 5, Retry::No);
    }
    cfg.end();
}

/// Several transfers in a row while clients write. Each transfer raises the term by exactly one. Each command
/// that was committed before a transfer is still there after it.
fn under_load<R: Transfers>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (ours): transfers under load");
    cfg.one(1, 5, Retry::No);
    let mut leader = cfg.check_one_leader();
    let (mut term, _) = state(&cfg, leader);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (cfg, stop) = (cfg.share(), stop.clone());
        thread::spawn(move || {
            let mut value = 1000;
            while !stop.load(Ordering::SeqCst) {
                for i in 0..cfg.servers() {
                    value += i64::from(cfg.start(i, value).is_some());
                }
                sleep(Duration::from_micros(200));
            }
        })
    };
    let mut kept: Vec<(u64, Value)> = Vec::new();
    for round in 0..20 {
        sleep(Duration::from_millis(100));
        let index = (1..).find(|&index| cfg.applied(leader, index).is_none()).map_or(0, |next| next - 1);
        let value = cfg.applied(leader, index).expect("the leader has applied this index");
        kept.push((index, value));
        let target = cfg.after(leader, 1 + round % 4);
        assert_eq!(transfer(&cfg, leader, target), Ok(()));
        until_it_leads(&cfg, target, term + 1);
        (leader, term) = (target, term + 1);
    }
    stop.store(true, Ordering::SeqCst);
    writer.join().expect("the writer only writes");
    assert_eq!(cfg.terms(), [term; 5]);
    cfg.one(7, 5, Retry::No);
    for (index, value) in &kept {
        for i in 0..5 {
            assert_eq!(cfg.applied(i, *index).as_ref(), Some(value), "S{i} at index {index}");
        }
    }
    assert!(kept.is_sorted_by(|a, b| a.0 < b.0), "commands are committed between two transfers");
    cfg.end();
}

/// The target has crashed. The leader takes no commands until it gives up, after an election timeout. Then it
/// goes on, in its term.
fn target_is_dead<R: Transfers>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (ours): the target of a transfer is dead");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let (target, other) = (cfg.after(leader, 1), cfg.after(leader, 2));
    cfg.crash1(target);
    let began = Instant::now();
    assert_eq!(transfer(&cfg, leader, target), Ok(()));
    assert_eq!(transfer(&cfg, leader, other), Err(TransferError::Busy { target }));
    while cfg.start(leader, 2).is_none() {
        assert_eq!(state(&cfg, leader), (term, true));
        assert!(began.elapsed() < LONGEST + Duration::from_millis(20), "the leader does not give up");
        sleep(Duration::from_millis(1));
    }
    assert!(began.elapsed() >= LONGEST, "the leader gave up after {:?}", began.elapsed());
    assert_eq!(cfg.wait(2, 2, Some(term)), Some(Value::from(2)));
    // A later transfer to a server that runs succeeds.
    assert_eq!(transfer(&cfg, leader, other), Ok(()));
    until_it_leads(&cfg, other, term + 1);
    cfg.start1(target);
    cfg.connect(target);
    cfg.one(3, 3, Retry::No);
    cfg.end();
}

/// The target lacks entries that the leader has only in a snapshot. The leader first sends the snapshot and
/// the entries after it.
fn target_is_behind_a_snapshot<R: Transfers>() {
    let cfg = make_config::<R>(Setup::of(3).with_snapshots().strict());
    cfg.begin("Test (ours): the target of a transfer needs a snapshot");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let target = cfg.after(leader, 1);
    cfg.crash1(target);
    let mut last = 1;
    for value in 2..=35 {
        last = cfg.one(value, 2, Retry::No);
    }
    cfg.start1(target);
    cfg.connect(target);
    assert_eq!(transfer(&cfg, leader, target), Ok(()));
    until_it_leads(&cfg, target, term + 1);
    assert_eq!(cfg.applied(target, last).or_else(|| cfg.wait(last, 3, None)), Some(Value::from(35)));
    cfg.one(36, 3, Retry::No);
    assert_eq!(cfg.terms(), [term + 1; 3]);
    cfg.end();
}

/// On a network that loses and delays messages, a transfer may fail. But the group always goes on, and no
/// committed command is lost (the harness checks this).
fn unreliable_network<R: Transfers>() {
    let cfg = make_config::<R>(Setup::of(5).unreliable().strict());
    cfg.begin("Test (ours): transfers on an unreliable network");
    let (mut succeeded, rounds) = (0, 20);
    for round in 1..=rounds {
        cfg.one(round, 5, Retry::Yes);
        let leader = cfg.check_one_leader();
        let (term, leads) = state(&cfg, leader);
        let target = cfg.after(leader, 1);
        if !leads || transfer(&cfg, leader, target).is_err() {
            continue;
        }
        sleep(LONGEST);
        succeeded += i32::from(state(&cfg, target) == (term + 1, true));
    }
    cfg.one(1000, 5, Retry::Yes);
    assert!(succeeded > 10, "only {succeeded} of {rounds} transfers succeeded");
    cfg.end();
}
