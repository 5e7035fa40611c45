//! Part 2C: persistence. Servers crash, and restart with their persisted state.

use labapi::RaftPeer;
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, sleep};

use crate::harness::Case;
use crate::lives::join;
use crate::raft::{Cluster, Config, ELECTION_TIMEOUT, Retry, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::of_course("persist_1_2c", "TestPersist12C", persist_1_2c::<R>),
        Case::of_course("persist_2_2c", "TestPersist22C", persist_2_2c::<R>),
        Case::of_course("persist_3_2c", "TestPersist32C", persist_3_2c::<R>),
        Case::of_course("figure_8_2c", "TestFigure82C", figure_8_2c::<R>),
        Case::of_course("unreliable_agree_2c", "TestUnreliableAgree2C", unreliable_agree_2c::<R>),
        Case::of_course("figure_8_unreliable_2c", "TestFigure8Unreliable2C", figure_8_unreliable_2c::<R>),
        Case::of_course("reliable_churn_2c", "TestReliableChurn2C", reliable_churn_2c::<R>),
        Case::of_course("unreliable_churn_2c", "TestUnreliableChurn2C", unreliable_churn_2c::<R>),
    ]
}

fn persist_1_2c<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2C): basic persistence");
    cfg.one(11, 3, Retry::Yes);

    // All servers crash and restart.
    (0..3).for_each(|i| cfg.start1(i));
    for i in 0..3 {
        cfg.disconnect(i);
        cfg.connect(i);
    }
    cfg.one(12, 3, Retry::Yes);

    // The leader crashes and restarts.
    let leader1 = cfg.check_one_leader();
    cfg.disconnect(leader1);
    cfg.start1(leader1);
    cfg.connect(leader1);
    cfg.one(13, 3, Retry::Yes);

    // The leader crashes. The other servers make an agreement without it. Then the leader restarts.
    let leader2 = cfg.check_one_leader();
    cfg.disconnect(leader2);
    cfg.one(14, 2, Retry::Yes);
    cfg.start1(leader2);
    cfg.connect(leader2);

    // The restarted server must apply the missed command before the next server crashes.
    cfg.wait(4, 3, None);

    // A follower crashes. The other servers make an agreement without it. Then the follower restarts.
    let follower = cfg.after(cfg.check_one_leader(), 1);
    cfg.disconnect(follower);
    cfg.one(15, 2, Retry::Yes);
    cfg.start1(follower);
    cfg.connect(follower);
    cfg.one(16, 3, Retry::Yes);
    cfg.end();
}

fn persist_2_2c<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (2C): more persistence");
    // Each round makes three agreements. The first round submits 11, 12 and 13, the second round 14, 15 and
    // 16, and so on.
    for base in (11..).step_by(3).take(5) {
        cfg.one(base, 5, Retry::Yes);
        let leader1 = cfg.check_one_leader();
        let [first, second, third, fourth] = [1, 2, 3, 4].map(|n| cfg.after(leader1, n));

        // Two followers miss an agreement.
        cfg.disconnect(first);
        cfg.disconnect(second);
        cfg.one(base + 1, 3, Retry::Yes);

        // The other three servers are disconnected. The two servers that missed the agreement crash and
        // restart.
        [leader1, third, fourth].iter().for_each(|&i| cfg.disconnect(i));
        cfg.start1(first);
        cfg.start1(second);
        cfg.connect(first);
        cfg.connect(second);
        sleep(ELECTION_TIMEOUT);

        // One of the three disconnected servers crashes, restarts, and is connected. It has the longest log.
        // Together with the first two servers it is a majority.
        cfg.start1(third);
        cfg.connect(third);
        cfg.one(base + 2, 3, Retry::Yes);

        // The last two servers are connected again, without a restart.
        cfg.connect(fourth);
        cfg.connect(leader1);
    }
    cfg.one(1000, 5, Retry::Yes);
    cfg.end();
}

fn persist_3_2c<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2C): partitioned leader and one follower crash, leader restarts");
    cfg.one(101, 3, Retry::Yes);

    // One follower misses an agreement.
    let leader = cfg.check_one_leader();
    let [follower, absent] = [1, 2].map(|n| cfg.after(leader, n));
    cfg.disconnect(absent);
    cfg.one(102, 2, Retry::Yes);

    // The other two servers crash. The follower that missed the agreement is connected again, and the old
    // leader restarts.
    cfg.crash1(leader);
    cfg.crash1(follower);
    cfg.connect(absent);
    cfg.start1(leader);
    cfg.connect(leader);
    cfg.one(103, 2, Retry::Yes);

    // All servers are up and connected.
    cfg.start1(follower);
    cfg.connect(follower);
    cfg.one(104, 3, Retry::Yes);
    cfg.end();
}

/// The number of rounds of the two tests of Figure 8. In each round the leader may crash or may be
/// disconnected.
const FIGURE_8_ROUNDS: usize = 1000;

/// The situation of Figure 8 of the paper. Leaders crash before they have replicated their entries to all
/// servers. So a majority may have an entry of an old term that is not committed yet. A leader must not
/// commit such an entry only because a majority has it. It may commit an entry by counting replicas only if
/// the entry is of its current term.
fn figure_8_2c<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (2C): Figure 8");
    cfg.one(Value::random(), 1, Retry::Yes);

    let mut up = 5;
    for _ in 0..FIGURE_8_ROUNDS {
        // The test submits a command to each server. The last server that accepts it is taken as the leader.
        let leader = last_to_accept(5, |i| cfg.start(i, Value::random()).map(|_| i));
        short_or_long_pause();

        // The leader crashes.
        if let Some(leader) = leader {
            cfg.crash1(leader);
            up -= 1;
        }

        // Most of the time, at least three servers should be up and connected.
        if up < 3 {
            let i = random_server();
            if !cfg.is_up(i) {
                cfg.start1(i);
                cfg.connect(i);
                up += 1;
            }
        }
    }

    // All crashed servers are started and connected again. All servers must agree on a command.
    for i in (0..5).filter(|&i| !cfg.is_up(i)).collect::<Vec<_>>() {
        cfg.start1(i);
        cfg.connect(i);
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// Calls `offer` for each server, in order. Returns the last result that is not `None`.
fn last_to_accept<T>(servers: usize, mut offer: impl FnMut(usize) -> Option<T>) -> Option<T> {
    (0..servers).fold(None, |last, i| offer(i).or(last))
}

/// Pauses before the leader crashes or is disconnected. Most pauses are shorter than the time that a
/// replication takes. Some pauses are so long that an election can happen.
fn short_or_long_pause() {
    let half_timeout = ELECTION_TIMEOUT.as_millis() as u64 / 2;
    let bound = if one_in(10) { half_timeout } else { 13 };
    sleep(Duration::from_millis(rng::below(bound)));
}

fn unreliable_agree_2c<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).unreliable());
    cfg.begin("Test (2C): unreliable agreement");

    // The test makes five agreements at the same time, four of them in threads of their own.
    let mut helpers = Vec::new();
    for round in 1..50 {
        for j in 0..4 {
            let cluster = cfg.share();
            helpers.push(thread::spawn(move || cluster.one(100 * round + j, 1, Retry::Yes)));
        }
        cfg.one(round, 1, Retry::Yes);
    }

    // At the end the network is reliable, and all servers must agree on a command.
    cfg.set_unreliable(false);
    helpers.into_iter().for_each(|helper| {
        join(helper);
    });
    cfg.one(100, 5, Retry::Yes);
    cfg.end();
}

/// The same test as [`figure_8_2c`], but with disconnections instead of crashes, and on a network that loses
/// and reorders messages.
fn figure_8_unreliable_2c<R: RaftPeer>() {
    const REORDERING_FROM: usize = 200;
    let cfg = make_config::<R>(Setup::of(5).unreliable());
    cfg.begin("Test (2C): Figure 8 (unreliable)");
    let command = || Value::random_below(10_000);
    cfg.one(command(), 1, Retry::Yes);

    let mut up = 5;
    for round in 0..FIGURE_8_ROUNDS {
        if round == REORDERING_FROM {
            cfg.set_long_reordering(true);
        }

        // The test submits a command to each server. The last connected server that accepts it is taken as
        // the leader.
        let leader =
            last_to_accept(5, |i| cfg.start(i, command()).filter(|_| cfg.is_connected(i)).map(|_| i));
        short_or_long_pause();

        // The leader is disconnected in about half of the rounds.
        if let Some(leader) = leader.filter(|_| one_in(2)) {
            cfg.disconnect(leader);
            up -= 1;
        }

        // Most of the time, at least three servers should be up and connected.
        if up < 3 {
            let i = random_server();
            if !cfg.is_connected(i) {
                cfg.connect(i);
                up += 1;
            }
        }
    }

    // All disconnected servers are connected again. All servers must agree on a command.
    for i in (0..5).filter(|&i| !cfg.is_connected(i)).collect::<Vec<_>>() {
        cfg.connect(i);
    }
    cfg.one(command(), 5, Retry::Yes);
    cfg.end();
}

fn reliable_churn_2c<R: RaftPeer>() {
    churn::<R>(Setup::of(5), "Test (2C): churn");
}

fn unreliable_churn_2c<R: RaftPeer>() {
    churn::<R>(Setup::of(5).unreliable(), "Test (2C): unreliable churn");
}

/// Clients submit values. At the same time, servers crash, restart, are disconnected and are connected again.
/// If a client has seen that a value is committed, this value must not be lost.
fn churn<R: RaftPeer>(setup: Setup, title: &str) {
    let cfg = make_config::<R>(setup);
    cfg.begin(title);

    let stop = Arc::new(AtomicBool::new(false));
    let client = |me| {
        let (cluster, stop) = (cfg.share(), Arc::clone(&stop));
        thread::spawn(move || churn_client(&cluster, me, &stop))
    };
    let clients: Vec<_> = (0..3).map(client).collect();

    // In each round, a server may be disconnected, a server may be started and connected, and a server may
    // crash. The pause after a round is a little shorter than the longest time that an election may take. So
    // some elections end before the next round, and some do not.
    for _ in 0..20 {
        churn_once(&cfg);
        sleep(ELECTION_TIMEOUT * 7 / 10);
    }

    // All servers are started and connected again.
    sleep(ELECTION_TIMEOUT);
    cfg.set_unreliable(false);
    for i in 0..5 {
        if !cfg.is_up(i) {
            cfg.start1(i);
        }
        cfg.connect(i);
    }
    stop.store(true, Ordering::SeqCst);
    let seen: Vec<i64> = clients.into_iter().flat_map(join).collect();

    // The clients have seen that some values were committed. All these values must be in the log.
    sleep(ELECTION_TIMEOUT);
    let last = cfg.one(Value::random(), 5, Retry::Yes);
    let committed: Vec<i64> = (1..=last).map(|index| committed_number(&cfg, index)).collect();
    for number in seen {
        assert!(committed.contains(&number), "didn't find a value: {number}, among {last} committed ones");
    }
    cfg.end();
}

fn churn_once<R: RaftPeer>(cfg: &Config<R>) {
    if one_in(5) {
        cfg.disconnect(random_server());
    }
    if one_in(2) {
        let i = random_server();
        if !cfg.is_up(i) {
            cfg.start1(i);
        }
        cfg.connect(i);
    }
    if one_in(5) {
        let i = random_server();
        if cfg.is_up(i) {
            cfg.crash1(i);
        }
    }
}

/// Submits numbers to the leaders until `stop` is set. Returns the numbers that were committed, as far as
/// this client has seen.
fn churn_client<R: RaftPeer>(cluster: &Cluster<R>, me: u64, stop: &AtomicBool) -> Vec<i64> {
    const PAUSES: [u64; 5] = [10, 20, 50, 100, 200];
    let mut seen = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let value = Value::random();
        let accepted = last_to_accept(cluster.servers(), |i| cluster.start(i, value.clone()));
        let Some(started) = accepted else {
            sleep(Duration::from_millis(79 + 17 * me));
            continue;
        };
        for pause in PAUSES {
            match cluster.n_committed(started.index).value {
                Some(Value::Int(number)) => {
                    if Value::Int(number) == value {
                        seen.push(number);
                    }
                    break;
                }
                Some(other) => panic!("wrong command type: {other}"),
                None => sleep(Duration::from_millis(pause)),
            }
        }
    }
    seen
}

#[track_caller]
fn committed_number<R: RaftPeer>(cfg: &Config<R>, index: u64) -> i64 {
    match cfg.wait(index, 5, None) {
        Some(Value::Int(number)) => number,
        other => panic!("not an int: {other:?}, at index {index}"),
    }
}

/// A random number of one of the five servers.
fn random_server() -> usize {
    rng::below(5) as usize
}

/// Returns true with a probability of 1 in `n`.
fn one_in(n: u64) -> bool {
    rng::below(n) == 0
}
