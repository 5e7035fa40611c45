//! Part 2B: the log.

use labapi::{RaftPeer, Started};
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

use crate::harness::Case;
use crate::lives::join;
use crate::raft::{Cluster, Config, ELECTION_TIMEOUT, Retry, Setup, make_config, note};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::of_course("basic_agree_2b", "TestBasicAgree2B", basic_agree_2b::<R>),
        Case::of_course("rpc_bytes_2b", "TestRPCBytes2B", rpc_bytes_2b::<R>),
        Case::of_course("follower_failure_2b", "TestFollowerFailure2B", follower_failure_2b::<R>),
        Case::of_course("leader_failure_2b", "TestLeaderFailure2B", leader_failure_2b::<R>),
        Case::of_course("fail_agree_2b", "TestFailAgree2B", fail_agree_2b::<R>),
        Case::of_course("fail_no_agree_2b", "TestFailNoAgree2B", fail_no_agree_2b::<R>),
        Case::of_course("concurrent_starts_2b", "TestConcurrentStarts2B", concurrent_starts_2b::<R>),
        Case::of_course("rejoin_2b", "TestRejoin2B", rejoin_2b::<R>),
        Case::of_course("backup_2b", "TestBackup2B", backup_2b::<R>),
        Case::of_course("count_2b", "TestCount2B", count_2b::<R>),
    ]
}

/// Some tests can judge an attempt only if the term does not change during the attempt. If the term changes,
/// such a test tries again. This is the number of attempts.
const ATTEMPTS: usize = 5;
/// The pause between two attempts. In this time the cluster can finish an election.
const SETTLE: Duration = Duration::from_secs(3);

fn basic_agree_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): basic agreement");
    for index in 1..=3 {
        let committed = cfg.n_committed(index);
        assert!(committed.count == 0, "some have committed before Start(): {committed:?} at index {index}");
        let got = cfg.one(index.cast_signed() * 100, 3, Retry::No);
        assert!(got == index, "got index {got} but expected {index}");
    }
    cfg.end();
}

/// A leader must send each command to each follower only once.
fn rpc_bytes_2b<R: RaftPeer>() {
    const LENGTH: usize = 5000;
    const ALLOWANCE: u64 = 50_000;
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): RPC byte count");
    cfg.one(99, 3, Retry::No);
    let before = cfg.bytes_total();

    let mut sent = 0;
    for index in 2..12 {
        let got = cfg.one(Value::random_text(LENGTH), 3, Retry::No);
        assert!(got == index, "got index {got} but expected {index}");
        sent += LENGTH as u64;
    }

    let got = cfg.bytes_total() - before;
    let expected = 3 * sent;
    assert!(got <= expected + ALLOWANCE, "too many RPC bytes; got {got}, expected {expected}");
    note(&format!("{got} bytes of RPCs, {} below the limit", expected + ALLOWANCE - got));
    cfg.end();
}

fn follower_failure_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): test progressive failure of followers");
    cfg.one(101, 3, Retry::No);

    // One follower is disconnected. The leader and the other follower must still agree on commands, at once
    // and after an election timeout.
    let leader1 = cfg.check_one_leader();
    cfg.disconnect(cfg.after(leader1, 1));
    cfg.one(102, 2, Retry::No);
    sleep(ELECTION_TIMEOUT);
    cfg.one(103, 2, Retry::No);

    // The other follower is disconnected, too.
    let leader2 = cfg.check_one_leader();
    cfg.disconnect(cfg.after(leader2, 1));
    cfg.disconnect(cfg.after(leader2, 2));

    // The leader can reach no other server. It accepts a command, but must not commit it.
    let started = cfg.start(leader2, 104);
    expect_index(started, "leader rejected Start()", 4);
    sleep(2 * ELECTION_TIMEOUT);
    cfg.check_no_agreement(4);
    cfg.end();
}

fn leader_failure_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): test failure of leaders");
    cfg.one(101, 3, Retry::No);

    // The first leader is disconnected. The other servers must elect a new leader and agree on commands.
    let leader1 = cfg.check_one_leader();
    cfg.disconnect(leader1);
    cfg.one(102, 2, Retry::No);
    sleep(ELECTION_TIMEOUT);
    cfg.one(103, 2, Retry::No);

    // The second leader is disconnected, too. The test submits a command to each server. No server may commit
    // it.
    let leader2 = cfg.check_one_leader();
    cfg.disconnect(leader2);
    for i in 0..3 {
        cfg.start(i, 104);
    }
    sleep(2 * ELECTION_TIMEOUT);
    cfg.check_no_agreement(4);
    cfg.end();
}

fn fail_agree_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): agreement after follower reconnects");
    cfg.one(101, 3, Retry::No);

    // One follower is disconnected. The other two servers must agree without it.
    let leader = cfg.check_one_leader();
    cfg.disconnect(cfg.after(leader, 1));
    cfg.one(102, 2, Retry::No);
    cfg.one(103, 2, Retry::No);
    sleep(ELECTION_TIMEOUT);
    cfg.one(104, 2, Retry::No);
    cfg.one(105, 2, Retry::No);

    // The follower is connected again. All three servers must agree, at once and after an election timeout.
    cfg.connect(cfg.after(leader, 1));
    cfg.one(106, 3, Retry::Yes);
    sleep(ELECTION_TIMEOUT);
    cfg.one(107, 3, Retry::Yes);
    cfg.end();
}

fn fail_no_agree_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (2B): no agreement if too many followers disconnect");
    cfg.one(10, 5, Retry::No);

    // Three of five servers are disconnected. The leader accepts a command, but must not commit it.
    let leader = cfg.check_one_leader();
    let gone = [1, 2, 3].map(|n| cfg.after(leader, n));
    gone.iter().for_each(|&i| cfg.disconnect(i));
    let started = cfg.start(leader, 20);
    expect_index(started, "leader rejected Start()", 2);
    sleep(2 * ELECTION_TIMEOUT);
    cfg.check_no_agreement(2);

    // The three servers are connected again. One of them may become the leader. Such a leader does not have
    // the entry at index 2, so the next command may get this index again.
    gone.iter().for_each(|&i| cfg.connect(i));
    let leader2 = cfg.check_one_leader();
    let Some(Started { index, .. }) = cfg.start(leader2, 30) else { panic!("leader2 rejected Start()") };
    assert!((2..=3).contains(&index), "unexpected index {index}");

    cfg.one(1000, 5, Retry::Yes);
    cfg.end();
}

#[track_caller]
fn expect_index(started: Option<Started>, rejected: &str, expected: u64) {
    let Some(Started { index, .. }) = started else { panic!("{rejected}") };
    assert!(index == expected, "expected index {expected}, got {index}");
}

fn concurrent_starts_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): concurrent Start()s");
    within_one_term(|| concurrent_starts(&cfg));
    cfg.end();
}

/// Repeats an attempt until the term does not change during the attempt. Returns the result of this last
/// attempt.
#[track_caller]
fn within_one_term<T>(attempt: impl Fn() -> Option<T>) -> T {
    for n in 0..ATTEMPTS {
        if n > 0 {
            sleep(SETTLE);
        }
        if let Some(result) = attempt() {
            return result;
        }
    }
    panic!("term changed too often");
}

/// Makes one attempt. Returns `None` if the term has changed during the attempt.
fn concurrent_starts<R: RaftPeer>(cfg: &Config<R>) -> Option<()> {
    const STARTS: i64 = 5;
    let leader = cfg.check_one_leader();
    let Started { term, .. } = cfg.start(leader, 1)?;

    // Five threads each submit a command at the same time. A thread whose command gets the expected term
    // returns the index of the command.
    let start = |i| {
        let cluster: Arc<Cluster<R>> = cfg.share();
        thread::spawn(move || cluster.start(leader, 100 + i).filter(|started| started.term == term))
    };
    let starters: Vec<_> = (0..STARTS).map(start).collect();
    let started: Vec<Started> = starters.into_iter().filter_map(join).collect();
    if cfg.terms().iter().any(|other| *other != term) {
        return None;
    }

    // All five commands must have been committed.
    let mut values = Vec::new();
    for Started { index, .. } in started {
        match cfg.wait(index, 3, Some(term))? {
            Value::Int(number) => values.push(number),
            other => panic!("value {other} is not an int"),
        }
    }
    for number in (0..STARTS).map(|i| 100 + i) {
        assert!(values.contains(&number), "cmd {number} missing in {values:?}");
    }
    Some(())
}

fn rejoin_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): rejoin of partitioned leader");
    cfg.one(101, 3, Retry::Yes);

    // The leader is disconnected. It accepts commands, which cannot be committed.
    let leader1 = cfg.check_one_leader();
    cfg.disconnect(leader1);
    for number in [102, 103, 104] {
        cfg.start(leader1, number);
    }

    // A new leader must commit another command at index 2.
    cfg.one(103, 2, Retry::Yes);

    // The new leader is disconnected, and the old leader is connected again. The entries of the old leader
    // that are not committed must be replaced.
    let leader2 = cfg.check_one_leader();
    cfg.disconnect(leader2);
    cfg.connect(leader1);
    cfg.one(104, 2, Retry::Yes);

    // All servers are connected.
    cfg.connect(leader2);
    cfg.one(105, 3, Retry::Yes);
    cfg.end();
}

fn backup_2b<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5));
    cfg.begin("Test (2B): leader backs up quickly over incorrect follower logs");
    cfg.one(Value::random(), 5, Retry::Yes);

    // The leader and only one follower stay connected. The leader gets 50 commands, which cannot be
    // committed.
    let leader1 = cfg.check_one_leader();
    let [with_leader, third, fourth, fifth] = [1, 2, 3, 4].map(|n| cfg.after(leader1, n));
    [third, fourth, fifth].iter().for_each(|&i| cfg.disconnect(i));
    submit_many(&cfg, leader1);
    sleep(ELECTION_TIMEOUT / 2);

    // The three other servers are connected instead. They get 50 commands that can be committed.
    [leader1, with_leader].iter().for_each(|&i| cfg.disconnect(i));
    [third, fourth, fifth].iter().for_each(|&i| cfg.connect(i));
    agree_on_many(&cfg);

    // The leader of these three servers and only one follower stay connected. The leader gets 50 more
    // commands, which cannot be committed.
    let leader2 = cfg.check_one_leader();
    let other = if third == leader2 { cfg.after(leader2, 1) } else { third };
    cfg.disconnect(other);
    submit_many(&cfg, leader2);
    sleep(ELECTION_TIMEOUT / 2);

    // Now three servers are connected: the first leader, its follower, and the server that was disconnected
    // from the second leader. In the logs of the first two, many entries must be replaced. The three servers
    // must commit 50 commands.
    (0..5).for_each(|i| cfg.disconnect(i));
    [leader1, with_leader, other].iter().for_each(|&i| cfg.connect(i));
    agree_on_many(&cfg);

    // All servers are connected.
    (0..5).for_each(|i| cfg.connect(i));
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// Submits 50 commands to one server, and ignores the results.
fn submit_many<R: RaftPeer>(cfg: &Config<R>, server: usize) {
    for _ in 0..50 {
        cfg.start(server, Value::random());
    }
}

/// Makes 50 agreements among three servers, one after the other.
#[track_caller]
fn agree_on_many<R: RaftPeer>(cfg: &Config<R>) {
    for _ in 0..50 {
        cfg.one(Value::random(), 3, Retry::Yes);
    }
}

/// How many commands [`count_2b`] checks. The test submits one more command before these commands, and one
/// more after them.
const COUNTED: u64 = 10;

fn count_2b<R: RaftPeer>() {
    const IDLE_LIMIT: u64 = 3 * 20;
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2B): RPC counts aren't too high");

    // An election must take at least one RPC, but not more than 30.
    cfg.check_one_leader();
    let elected = rpcs(&cfg);
    assert!((1..=30).contains(&elected), "too many or few RPCs ({elected}) to elect initial leader");

    // An agreement on a few commands must not take many RPCs.
    let (agreed, total) = within_one_term(|| count_agreement(&cfg));

    // In a second without commands, the servers must not send many RPCs.
    sleep(ELECTION_TIMEOUT);
    let idle = rpcs(&cfg) - total;
    assert!(idle <= IDLE_LIMIT, "too many RPCs ({idle}) for 1 second of idleness");
    note(&format!(
        "RPCs: {elected} of 30 to elect, {agreed} of {} to agree, {idle} of {IDLE_LIMIT} while idle",
        agreement_limit()
    ));
    cfg.end();
}

fn agreement_limit() -> u64 {
    (COUNTED + 1 + 3) * 3
}

/// Makes one attempt. Returns two numbers: how many RPCs the commands of the attempt took, and how many RPCs
/// there were from the start of the test until now. Returns `None` if the term has changed during the
/// attempt.
fn count_agreement<R: RaftPeer>(cfg: &Config<R>) -> Option<(u64, u64)> {
    let leader = cfg.check_one_leader();
    let before = rpcs(cfg);
    let first = cfg.start(leader, 1)?;

    let mut values = Vec::new();
    for i in 1..COUNTED + 2 {
        let value = Value::random_below(1 << 31);
        let started = cfg.start(leader, value.clone()).filter(|started| started.term == first.term)?;
        values.push(value);
        let expected = first.index + i;
        assert!(started.index == expected, "Start() failed: index {}, expected {expected}", started.index);
    }

    for (index, value) in (first.index + 1..=first.index + COUNTED).zip(&values) {
        let committed = cfg.wait(index, 3, Some(first.term))?;
        let expected: Vec<String> = values.iter().map(Value::to_string).collect();
        assert!(
            committed == *value,
            "wrong value {committed} committed for index {index}; expected {}",
            expected.join(" ")
        );
    }

    let after = rpcs(cfg);
    if cfg.terms().iter().any(|term| *term != first.term) {
        return None;
    }
    let taken = after - before;
    assert!(taken <= agreement_limit(), "too many RPCs ({taken}) for {COUNTED} entries");
    Some((taken, after))
}

/// How many requests have reached the three servers.
fn rpcs<R: RaftPeer>(cfg: &Config<R>) -> u64 {
    (0..3).map(|i| cfg.rpc_count(i)).sum()
}
