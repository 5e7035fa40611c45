//! What is committed, and what is not (5.3, 5.4).

use labapi::{RaftPeer, Started};
use labrpc::NetworkOptions;
use labrt::collections::BTreeMap;
use labrt::rng;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{SOON, others, restart, settled, shuffled, throughout};
use crate::harness::Case;
use crate::lives::join;
use crate::raft::{Cluster, Retry, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("crash_at_the_first_apply", crash_at_the_first_apply::<R>),
        Case::ours("acknowledgements_that_come_twice", acknowledgements_that_come_twice::<R>),
        Case::ours("an_index_is_promised_once", an_index_is_promised_once::<R>),
        Case::ours("figure_8_to_the_letter", figure_8_to_the_letter::<R>),
    ]
}

/// 5.3 and 5.4: when an entry is applied, a majority of the servers has it on stable storage.
///
/// Only three of five servers get a command. At the moment at which the first service applies the command,
/// all servers crash. Then three servers restart. Only one of them has got the command. It must still have
/// the command, so all three must apply the command. The test does this once for each of the ten sets of
/// three servers. In about six of the ten rounds, the restarted server with the command is the old leader. In
/// the other rounds it is a follower.
///
/// Finds: a leader counts itself before it has saved the entry; a follower acknowledges an entry before it
/// has saved it; a leader commits with one server less than a majority.
fn crash_at_the_first_apply<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): all servers crash at the first apply");
    for majority in majorities_of_five() {
        cfg.one(Value::random(), 5, Retry::Yes);
        let (leader, _) = settled(&cfg);
        majority.iter().filter(|i| **i != leader).take(2).for_each(|&i| cfg.disconnect(i));
        let value = Value::random();
        let started = cfg.start(leader, value.clone());
        let Started { index, .. } = started.unwrap_or_else(|| panic!("server {leader} leads its term"));
        cfg.wait_for_first_apply(index, SOON);
        (0..5).for_each(|i| cfg.crash1(i));

        majority.iter().for_each(|&i| restart(&cfg, i));
        let later = cfg.one(Value::random(), 3, Retry::Yes);
        assert!(later > index, "index {index} was applied, and servers {majority:?} use it again");
        for &i in &majority {
            assert_eq!(cfg.applied(i, index).as_ref(), Some(&value), "applied by server {i} at {index}");
        }
        (0..5).filter(|i| !majority.contains(i)).for_each(|i| restart(&cfg, i));
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// All sets of three of five servers, in a random order.
fn majorities_of_five() -> Vec<Vec<usize>> {
    let members = |set: u32| (0..5).filter(|i| set >> i & 1 == 1).collect::<Vec<usize>>();
    shuffled((0..32).map(members).filter(|set| set.len() == 3).collect())
}

/// 5.3: a leader commits an entry when a majority of the servers has it. It counts servers, not replies.
///
/// The leader and one follower of five servers are connected. Each request arrives twice, and messages take
/// so long that the leader may send an entry again before the first answer arrives. So the leader can get
/// several acknowledgements from the same server. Two servers are no majority, so nothing may be committed.
///
/// Finds: a leader counts the replies, and not the servers that have stored the entry.
fn acknowledgements_that_come_twice<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): acknowledgements that come twice");
    for shortest in [0, 20, 55, 75] {
        cfg.one(Value::random(), 5, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let gone = &others(&cfg, &[leader])[1..];
        gone.iter().for_each(|&i| cfg.disconnect(i));
        let least = shortest + rng::below(20);
        cfg.set_network(NetworkOptions {
            latency: Duration::from_millis(least)..=Duration::from_millis(least + 20),
            duplicated_requests: 1000,
            ..NetworkOptions::default()
        });
        let started = cfg.start(leader, Value::random());
        let Started { index, .. } = started.unwrap_or_else(|| panic!("server {leader} leads its term"));
        throughout(Duration::from_secs(3), || cfg.check_no_agreement(index));

        cfg.set_network(NetworkOptions::default());
        gone.iter().for_each(|&i| cfg.connect(i));
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// 5.3: a leader creates at most one entry with a given index in its term. So two calls of `start` in one
/// term never return the same index. The index that `start` returns is a promise: if the command is committed
/// in the term that `start` returns, it is at this index.
///
/// Several threads submit commands to the leader at the same time. Then the leader is cut off and gets more
/// commands. In about half of the rounds it also restarts. Then it is connected again. The test remembers all
/// promises.
///
/// Finds: `start` reads the next index first and adds the entry later, so two calls get the same index; a
/// leader removes entries of its own log; a server leads a term twice.
fn an_index_is_promised_once<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): an index is promised once");
    let mut promised = BTreeMap::new();
    for _ in 0..6 {
        let (leader, term) = settled(&cfg);
        let helpers: Vec<_> = (0..5)
            .map(|_| {
                let cfg = Arc::clone(&cfg);
                thread::spawn(move || submit(&cfg, leader, 10))
            })
            .collect();
        for helper in helpers {
            remember(&mut promised, join(helper));
        }
        let last = promised.range((term, 0)..).map(|((_, index), _)| *index).max().unwrap_or(0);
        if cfg.wait(last, 3, Some(term)).is_some() {
            for ((_, index), value) in promised.range((term, 0)..=(term, last)) {
                let applied = cfg.applied(leader, *index);
                assert_eq!(applied.as_ref(), Some(value), "index {index} was promised in term {term}");
            }
        }

        cfg.disconnect(leader);
        remember(&mut promised, submit(&cfg, leader, 5));
        if rng::below(2) == 0 {
            cfg.start1(leader);
        } else {
            settled(&cfg);
        }
        cfg.connect(leader);
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// Submits commands to one server, with short pauses. Returns what the server has promised.
fn submit<R: RaftPeer>(cfg: &Cluster<R>, to: usize, count: usize) -> Vec<(Started, Value)> {
    let mut promises = Vec::new();
    for _ in 0..count {
        let value = Value::random();
        promises.extend(cfg.start(to, value.clone()).map(|started| (started, value)));
        sleep(Duration::from_micros(rng::below(300)));
    }
    promises
}

#[track_caller]
fn remember(promised: &mut BTreeMap<(u64, u64), Value>, promises: Vec<(Started, Value)>) {
    for (Started { term, index }, value) in promises {
        if let Some(other) = promised.insert((term, index), value.clone()) {
            panic!("index {index} of term {term} was promised twice: for {other} and for {value}");
        }
    }
}

/// Figure 8 of the paper, step by step. In step (c), an entry of an old term is stored on a majority. In step
/// (d), it is overwritten. So the leader of step (c) must not commit this entry (5.4.2).
///
/// Finds: a leader commits entries of older terms by counting replicas.
fn figure_8_to_the_letter<R: RaftPeer>() {
    /// How long the test waits for an election. This is longer than an election of the connected servers
    /// takes.
    const ELECTION: Duration = Duration::from_secs(3);
    /// How long the test waits for a replication. This is longer than a replication to the connected servers
    /// takes.
    const REPLICATION: Duration = Duration::from_millis(300);

    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (ours): Figure 8 to the letter");
    cfg.one(1, 5, Retry::No);

    // (a) S1 is the leader. It replicates entry 2 only to S2.
    let s1 = cfg.check_one_leader();
    let [s2, others @ ..] = [1, 2, 3, 4].map(|n| cfg.after(s1, n));
    others.iter().for_each(|&i| cfg.disconnect(i));
    assert_eq!(cfg.start(s1, 2).map(|started| started.index), Some(2), "S1 takes index 2");
    sleep(REPLICATION);

    // (b) S1 crashes. One of the servers other than S1 and S2 is elected. This server is called S5 here. S5
    // receives another command, which becomes its entry 2. This entry reaches no other server, because S5 is
    // cut off. Then S5 crashes.
    cfg.crash1(s1);
    cfg.disconnect(s2);
    others.iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let s5 = cfg.check_one_leader();
    let mut rest = others.into_iter().filter(|&i| i != s5);
    let (s3, s4) = rest.next().zip(rest.next()).expect("two of the three other servers are left");
    cfg.disconnect(s5);
    assert_eq!(cfg.start(s5, 3).map(|started| started.index), Some(2), "S5 takes index 2");
    cfg.crash1(s5);

    // (c) S1 restarts. S1, S2 and one more server elect S1 or S2, and the new leader replicates entry 2. Now
    // entry 2 is on a majority. But the leader must not commit it, because no entry of the new term is on a
    // majority.
    cfg.disconnect(s4);
    cfg.start1(s1);
    [s1, s2, s3].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!([s1, s2].contains(&leader), "only S1 or S2 can win, not server {leader}");
    sleep(REPLICATION);

    // (d) S1 and S2 are cut off, and S5 restarts. The last entry of S5 has a later term than the entry 2 of
    // S1, so S3 and S4 elect S5. S5 overwrites entry 2 on S3.
    [s1, s2].iter().for_each(|&i| cfg.disconnect(i));
    cfg.start1(s5);
    [s3, s4, s5].iter().for_each(|&i| cfg.connect(i));
    sleep(ELECTION);
    let leader = cfg.check_one_leader();
    assert!(leader == s5, "only S5 can win, not server {leader}");
    cfg.one(4, 3, Retry::Yes);

    // All servers are connected again. Entry 2 is now the entry of S5 on all servers.
    [s1, s2].iter().for_each(|&i| cfg.connect(i));
    cfg.one(5, 5, Retry::Yes);
    cfg.end();
}
