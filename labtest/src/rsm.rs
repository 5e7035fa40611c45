//! The course's tests of the replicated state machine, without the key/value service. The course has had
//! these tests since 2025. There they belong to Lab 4A and Lab 4C.
//!
//! The state machine is a counter. There are no clerks. A test submits requests directly to the servers and
//! reads the counter of each server. To test a replicated state machine of your own, implement
//! [`CounterService`] for a server that runs a counter on it.
//!
//! The numbers of servers, the pauses, the counts and the limits are the same as in the course.

use labapi::Replicated;
use std::process::ExitCode;

use labrt::Identity;
use labrt::chan::{self, Receiver};
use labrt::collections::BTreeSet;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use serde::{Deserialize, Serialize};

use super::harness::{self, Case};
use super::service::{Cluster, Config, Setup, make_config};

/// A request to the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Adds 1. The reply is the new value.
    Inc,
    /// Does nothing. The reply is the value of the counter.
    Null,
    /// A request that must never be committed. A server that applies it is wrong.
    Dec,
}

/// A server that runs a counter on a replicated state machine.
pub trait CounterService: Replicated {
    /// Submits the request, waits until it is applied, and returns the reply of this server's machine.
    /// Returns `None` if this server is not the leader, is no longer the leader, or was killed.
    fn submit(&self, request: Request) -> Option<u64>;

    /// The value of the counter on this server.
    fn counter(&self) -> u64;
}

/// The `main` function of a test binary. The argument `here` is the value of `labrt::here!()` in that binary.
pub fn main<S: CounterService>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases::<S>())
}

/// The tests for the servers `S`, in the order of the course.
pub fn cases<S: CounterService>() -> Vec<Case> {
    vec![
        Case::of_course("basic_4a", "TestBasic4A", basic_4a::<S>),
        Case::of_course("concurrent_4a", "TestConcurrent4A", concurrent_4a::<S>),
        Case::of_course("leader_failure_4a", "TestLeaderFailure4A", leader_failure_4a::<S>),
        Case::of_course("leader_partition_4a", "TestLeaderPartition4A", leader_partition_4a::<S>),
        Case::of_course("restart_replay_4a", "TestRestartReplay4A", restart_replay_4a::<S>),
        Case::of_course("shutdown_4a", "TestShutdown4A", shutdown_4a::<S>),
        Case::of_course("restart_submit_4a", "TestRestartSubmit4A", restart_submit_4a::<S>),
        Case::of_course("snapshot_4c", "TestSnapshot4C", snapshot_4c::<S>),
    ]
}

/// Tests that the course does not have. They are part of the suite `strict3`.
pub(crate) fn strict_cases<S: CounterService>() -> Vec<Case> {
    vec![
        Case::ours("leader_comes_back_by_a_snapshot", leader_comes_back_by_a_snapshot::<S>),
        Case::ours("leader_comes_back_to_a_quiet_group", leader_comes_back_to_a_quiet_group::<S>),
        Case::ours("snapshot_after_every_request", snapshot_after_every_request::<S>),
    ]
}

/// Every test has three servers on a reliable network.
const SERVERS: usize = 3;

const SECOND: Duration = Duration::from_secs(1);

/// When the servers are shut down, all waiting calls of `submit` must return within this time.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(11);

/// A cluster under test, and the server that probably leads it.
struct Group<S: CounterService> {
    cfg: Config<S>,
    leader: usize,
    /// The servers that the test has cut off.
    cut: BTreeSet<usize>,
}

impl<S: CounterService> Group<S> {
    fn start(title: &str, setup: Setup) -> Group<S> {
        let cfg = make_config(setup);
        cfg.begin(title);
        Group { cfg, leader: 0, cut: BTreeSet::new() }
    }

    /// Calls [`one`] for the servers that are not cut off.
    fn one(&mut self, request: Request) -> Option<u64> {
        let (leader, reply) = one(&self.cfg, self.leader, &self.cut, request)?;
        self.leader = leader;
        Some(reply)
    }

    #[track_caller]
    fn inc(&mut self) -> u64 {
        self.one(Request::Inc).expect("no server took a request within ten seconds")
    }

    /// Waits until the counters of at least `enough` servers have this value.
    #[track_caller]
    fn check_counter(&self, value: u64, enough: usize) {
        let mut pause = Duration::from_millis(10);
        let mut counters = Vec::new();
        for _ in 0..30 {
            let counter = |i| self.cfg.call(i, |server| server.counter());
            counters = (0..SERVERS).map(counter).collect();
            if counters.iter().filter(|&&counter| counter == Some(value)).count() >= enough {
                return;
            }
            sleep(pause);
            if pause < SECOND {
                pause *= 2;
            }
        }
        let has = |(i, counter): (usize, &Option<u64>)| match counter {
            Some(counter) => format!("S{i} {counter}"),
            None => format!("S{i} down"),
        };
        let counters: Vec<String> = counters.iter().enumerate().map(has).collect();
        panic!(
            "the counters of at least {enough} servers should be {value}, but they are {}. A counter that is too \
             high means that a server has done a request twice, or that a reply was lost and the test asked again",
            counters.join(", ")
        );
    }

    /// Cuts a server off from the other servers.
    fn cut(&mut self, server: usize) {
        let others: Vec<usize> = (0..SERVERS).filter(|&i| i != server).collect();
        self.cfg.partition(&others, &[server]);
        self.cut.insert(server);
    }

    fn heal(&mut self) {
        self.cfg.connect_all();
        self.cut.clear();
    }

    fn shut_down(&self) {
        (0..SERVERS).for_each(|i| self.cfg.shutdown_server(i));
    }

    fn start_again(&self) {
        (0..SERVERS).for_each(|i| self.cfg.start_server(i));
        self.cfg.connect_all();
    }

    /// Starts `count` threads. Each thread does the same work.
    fn parallel<T: Send + 'static>(
        &self,
        count: usize,
        work: impl Fn(&Cluster<S>) -> T + Clone + Send + 'static,
    ) -> Parallel<T> {
        let (tx, outcomes) = chan::unbounded();
        for _ in 0..count {
            let (cluster, work, tx) = (self.cfg.share(), work.clone(), tx.clone());
            // If the test has failed, nobody receives the outcome. So an error of the send is ignored.
            thread::spawn(move || drop(tx.send(work(&cluster))));
        }
        Parallel { outcomes, missing: count }
    }

    /// Submits `count` requests at the same time, each to the leader.
    fn parallel_ones(&self, count: usize, request: Request) -> Parallel<Option<u64>> {
        let leader = self.leader;
        let none = BTreeSet::new();
        self.parallel(count, move |cluster| Some(one(cluster, leader, &none, request)?.1))
    }

    /// Shuts all servers down while a hundred calls of `submit` are waiting for a reply. All these calls must
    /// return.
    #[track_caller]
    fn shut_down_while_submitting(&self) {
        let mut submitters = self.parallel_ones(100, Request::Null);
        sleep(Duration::from_millis(20));
        self.shut_down();
        submitters.wait(SHUTDOWN_LIMIT, |_| {});
        let missing = submitters.missing;
        assert_eq!(missing, 0, "submits that did not return within {SHUTDOWN_LIMIT:?} of the shutdown");
    }
}

/// Submits a request to the leader. To find the leader, the function tries all servers that are not cut off,
/// beginning with `first`. It repeats this for up to ten seconds. Returns the server that has done the
/// request, and the reply.
fn one<S: CounterService>(
    cluster: &Cluster<S>,
    first: usize,
    cut: &BTreeSet<usize>,
    request: Request,
) -> Option<(usize, u64)> {
    let start = Instant::now();
    while start.elapsed() < 10 * SECOND {
        let submit = |i: usize| Some((i, cluster.call(i, |server| server.submit(request))??));
        let mut servers = (0..SERVERS).map(|i| (first + i) % SERVERS).filter(|i| !cut.contains(i));
        let done = servers.find_map(submit);
        if done.is_some() {
            return done;
        }
        sleep(Duration::from_millis(50));
    }
    None
}

/// Threads that were started together, and how many of them have not returned yet.
struct Parallel<T> {
    outcomes: Receiver<T>,
    missing: usize,
}

impl<T> Parallel<T> {
    /// Waits for all threads, but not longer than `limit`. Calls `look` with each outcome.
    fn wait(&mut self, limit: Duration, mut look: impl FnMut(T)) {
        let deadline = Instant::now() + limit;
        while self.missing > 0
            && let Ok(outcome) = self.outcomes.recv_deadline(deadline)
        {
            look(outcome);
            self.missing -= 1;
        }
    }
}

/// The test submits one request after the other. All servers must apply each request.
fn basic_4a<S: CounterService>() {
    let mut group = Group::<S>::start("Test RSM basic", Setup::of(SERVERS));
    for i in 1..=10 {
        assert_eq!(group.inc(), i, "the reply of Inc");
        group.check_counter(i, SERVERS);
    }
    group.cfg.end();
}

/// Fifty threads each submit a request at the same time.
fn concurrent_4a<S: CounterService>() {
    let group = Group::<S>::start("Test concurrent submit", Setup::of(SERVERS));
    let mut submitters = group.parallel_ones(50, Request::Inc);
    let look = |reply: Option<u64>| assert!(reply.is_some(), "no server took a request within ten seconds");
    submitters.wait(11 * SECOND, look);
    group.check_counter(50, SERVERS);
    group.cfg.end();
}

/// The leader is cut off. The other servers must still do requests. When the old leader is connected again,
/// it must apply the requests that it has missed.
fn leader_failure_4a<S: CounterService>() {
    let mut group = Group::<S>::start("Test Leader Failure", Setup::of(SERVERS));
    let value = group.inc();
    group.check_counter(value, SERVERS);

    let leader = group.leader;
    group.cut(leader);
    let value = group.inc();
    group.check_counter(value, SERVERS - 1);

    group.heal();
    group.check_counter(value, SERVERS);
    group.cfg.end();
}

/// A leader that is cut off accepts requests. But it cannot do them, and it does not know yet that it must
/// refuse them. When it is connected again, `submit` must return `None` within a second for all of these
/// requests.
fn leader_partition_4a<S: CounterService>() {
    let mut group = Group::<S>::start("Test Leader Partition", Setup::of(SERVERS));
    let value = group.inc();
    group.check_counter(value, SERVERS);

    let leader = group.leader;
    group.cut(leader);
    let submit =
        move |cluster: &Cluster<S>| cluster.call(leader, |server| server.submit(Request::Dec)).flatten();
    let mut submitters = group.parallel(100, submit);
    let refused = |reply| assert_eq!(reply, None, "a leader without a majority has done a request");
    sleep(Duration::from_millis(10));
    let value = group.inc();
    submitters.wait(SECOND, refused);
    assert!(submitters.missing > 0, "all submits to the leader that was cut off have returned");

    group.heal();
    submitters.wait(SECOND, refused);
    let missing = submitters.missing;
    assert_eq!(missing, 0, "submits that did not return within a second when their leader was back");
    group.check_counter(value, SERVERS);
    group.cfg.end();
}

/// Submits a hundred requests. Then stops all servers, and starts them again with their saved state.
#[track_caller]
fn hundred_and_restart<S: CounterService>(group: &mut Group<S>) {
    for i in 1..=100 {
        assert_eq!(group.inc(), i, "the reply of Inc");
        group.check_counter(i, SERVERS);
    }
    group.shut_down();
    sleep(SECOND);
    group.start_again();
    assert_eq!(group.inc(), 101, "the reply of Inc after a restart");
    sleep(SECOND);
}

fn restart_replay_4a<S: CounterService>() {
    let mut group = Group::<S>::start("Test Restart", Setup::of(SERVERS));
    hundred_and_restart(&mut group);
    group.check_counter(101, SERVERS);
    group.cfg.end();
}

fn shutdown_4a<S: CounterService>() {
    let group = Group::<S>::start("Test Shutdown", Setup::of(SERVERS));
    group.shut_down_while_submitting();
    group.cfg.end();
}

fn restart_submit_4a<S: CounterService>() {
    let mut group = Group::<S>::start("Test Restart and submit", Setup::of(SERVERS));
    hundred_and_restart(&mut group);
    group.shut_down_while_submitting();
    group.start_again();
    let value = group.inc();
    group.check_counter(value, SERVERS);
    group.cfg.end();
}

/// With snapshots the log must stay short. After a restart, a server must start with the state in its
/// snapshot.
fn snapshot_4c<S: CounterService>() {
    const MAXRAFTSTATE: usize = 1000;
    let setup = Setup::of(SERVERS).maxraftstate(MAXRAFTSTATE);
    let mut group = Group::<S>::start("Test creating and restoring snapshot", setup);
    for i in 1..=100 {
        assert_eq!(group.inc(), i, "the reply of Inc");
    }
    group.check_counter(100, SERVERS);
    let size = group.cfg.log_size();
    assert!(size <= 2 * MAXRAFTSTATE, "the log was not trimmed: {size} bytes > 2 x {MAXRAFTSTATE}");

    group.shut_down();
    group.start_again();
    assert_eq!(group.inc(), 101, "the reply of Inc after a restart");
    group.check_counter(101, SERVERS);
    group.cfg.end();
}

/// Like [`leader_partition_4a`], but the other servers take snapshots in the meantime. The old leader gives
/// each request an index, and the call of `submit` waits until the entry at this index is applied. The old
/// leader never gets the entries at these indices. Instead, it gets a snapshot that covers these indices.
/// `submit` must return `None` for these requests, too.
fn leader_comes_back_by_a_snapshot<S: CounterService>() {
    let setup = Setup::of(SERVERS).maxraftstate(200);
    let mut group = Group::<S>::start("Test (strict3): leader comes back by a snapshot", setup);
    let value = group.inc();
    group.check_counter(value, SERVERS);

    let leader = group.leader;
    group.cut(leader);
    let submit =
        move |cluster: &Cluster<S>| cluster.call(leader, |server| server.submit(Request::Dec)).flatten();
    let mut submitters = group.parallel(10, submit);
    let refused = |reply| assert_eq!(reply, None, "a leader without a majority has done a request");
    let value = (0..100).map(|_| group.inc()).last().unwrap_or(value);
    assert!(group.cfg.snapshot_size() > 0, "no server has taken a snapshot");
    group.heal();
    group.check_counter(value, SERVERS);
    submitters.wait(SECOND, refused);
    let missing = submitters.missing;
    assert_eq!(missing, 0, "submits that did not return within a second when their leader had a snapshot");
    group.cfg.end();
}

/// Like [`leader_partition_4a`], but no request is submitted after the leader is cut off. So no new entry
/// tells the old leader that its requests are lost. It only learns that there is a later term. This must be
/// enough for `submit` to return `None`, because perhaps nothing else will happen.
fn leader_comes_back_to_a_quiet_group<S: CounterService>() {
    let mut group =
        Group::<S>::start("Test (strict3): leader comes back to a quiet group", Setup::of(SERVERS));
    for _ in 0..3 {
        let value = group.inc();
        group.check_counter(value, SERVERS);

        let leader = group.leader;
        group.cut(leader);
        let submit =
            move |cluster: &Cluster<S>| cluster.call(leader, |server| server.submit(Request::Null)).flatten();
        let mut submitters = group.parallel(10, submit);
        let refused = |reply| assert_eq!(reply, None, "a leader without a majority has done a request");
        // The others elect a leader.
        submitters.wait(2 * SECOND, refused);
        group.heal();
        submitters.wait(SECOND, refused);
        let missing = submitters.missing;
        assert_eq!(missing, 0, "submits that did not return within a second when their leader was back");
    }
    let value = group.inc();
    group.check_counter(value, SERVERS);
    group.cfg.end();
}

/// Every request makes the log long enough for a snapshot, and all servers restart after every request. So
/// the servers often start from a snapshot. The state in a snapshot must contain exactly the requests up to
/// the index of the snapshot. The requests have no numbers, so no server can notice that a request was lost
/// or is done twice. In both cases, the counter is wrong.
fn snapshot_after_every_request<S: CounterService>() {
    let mut group =
        Group::<S>::start("Test (strict3): snapshot after every request", Setup::of(SERVERS).maxraftstate(1));
    for i in 1..=20 {
        assert_eq!(group.inc(), i, "the reply of Inc");
        group.check_counter(i, SERVERS);
        group.shut_down();
        group.start_again();
    }
    group.cfg.end();
}
