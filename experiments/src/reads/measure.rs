//! One measurement: servers, clients, and how long the operations take.

use labrpc::{Capacity, Load};
use labrt::rng::{self, RngExt};
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use mit6824::raft::Options;
use mit6824_experiments::quantile::quantile;

use crate::cluster::{Client, Cluster};
use crate::store::Way;

/// How many keys the clients use.
const KEYS: u64 = 100;
/// The number of bytes of a value.
pub const VALUE_BYTES: usize = 100;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    pub way: Way,
    pub servers: usize,
    /// How many clients there are. Each of them does one operation at a time.
    pub clients: usize,
    /// The mean of the time that a client waits between two operations. The time has an exponential
    /// distribution.
    pub think: Duration,
    /// How many of 100 operations are writes.
    pub writes: u64,
    /// If the followers answer reads, does the leader answer its share of the reads, too?
    pub leader_reads: bool,
    /// `None` on real threads.
    pub capacity: Option<Capacity>,
    /// The clients work for this time before the measurement begins.
    pub warm_up: Duration,
    /// How long the measurement takes.
    pub span: Duration,
}

/// The result of a measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How many operations ended in a second.
    pub rate: f64,
    /// How long the reads took, in ascending order.
    pub reads: Vec<Duration>,
    /// The same for the writes.
    pub writes: Vec<Duration>,
    /// The messages that the leader sent or took in, for each operation of a client.
    pub messages: f64,
    /// The bytes in these messages.
    pub bytes: f64,
    /// The share of the time during which the leader was busy.
    pub leader_busy: f64,
    /// The same for the busiest of the other servers.
    pub follower_busy: f64,
}

impl Found {
    /// The time within which this share of the reads ended.
    pub fn read_within(&self, share: f64) -> Option<Duration> {
        quantile(&self.reads, share)
    }

    /// The time within which this share of the writes ended.
    pub fn write_within(&self, share: f64) -> Option<Duration> {
        quantile(&self.writes, share)
    }
}

/// The options of the servers. They report a new commit index at once: a server that answers reads must not
/// wait for it. In the labs a server waits up to 10 ms, in order to send fewer messages.
pub fn options() -> Options {
    Options { commit_interval: Duration::ZERO, apply_interval: Duration::ZERO, ..Options::default() }
}

/// An operation of a client.
struct Done {
    is_read: bool,
    start: Instant,
    end: Instant,
}

/// Makes a measurement. It must be called inside a [`labrt::Run`].
///
/// # Panics
/// If the leader changes.
pub fn measure(plan: &Plan) -> Found {
    let cluster = Cluster::start(plan.servers, plan.way, &options());
    let mut first = cluster.client(cluster.leader());
    (0..KEYS).for_each(|nth| drop(first.write(&key(nth), &value(nth))));
    cluster.net().set_capacity(plan.capacity);
    let stop = Arc::new(AtomicBool::new(false));
    let readers = match (plan.way.is_everywhere(), plan.leader_reads) {
        (false, _) => vec![cluster.leader()],
        (true, false) => cluster.followers(),
        (true, true) => (0..plan.servers).collect(),
    };
    let clients: Vec<_> = (0..plan.clients)
        .map(|nth| {
            let client = cluster.client(readers[nth % readers.len()]);
            let (stop, plan) = (stop.clone(), plan.clone());
            thread::spawn_named(format!("client-{nth}"), move || work(client, &plan, &stop))
        })
        .collect();
    sleep(plan.warm_up);
    let (begin, before) = (Instant::now(), cluster.loads());
    sleep(plan.span);
    let (end, after) = (Instant::now(), cluster.loads());
    stop.store(true, Ordering::SeqCst);
    let done: Vec<Done> =
        clients.into_iter().flat_map(|it| it.join().expect("a client does not fail")).collect();
    let leader = cluster.leader();
    cluster.end();

    let within = done.iter().filter(|op| begin <= op.end && op.end < end);
    let times = |reads: bool| {
        let ops = within.clone().filter(|op| op.is_read == reads);
        let mut times: Vec<Duration> = ops.map(|op| op.end.duration_since(op.start)).collect();
        times.sort_unstable();
        times
    };
    let (reads, writes) = (times(true), times(false));
    let (span, count) = (end.duration_since(begin).as_secs_f64(), (reads.len() + writes.len()) as f64);
    let loads: Vec<Load> = before.iter().zip(&after).map(|(a, b)| difference(*a, *b)).collect();
    let busy = |load: &Load| load.busy.as_secs_f64() / span;
    let followers = loads.iter().enumerate().filter(|(at, _)| *at != leader);
    Found {
        rate: count / span,
        messages: loads[leader].messages as f64 / count,
        bytes: loads[leader].bytes as f64 / count,
        leader_busy: busy(&loads[leader]),
        follower_busy: followers.map(|(_, load)| busy(load)).fold(0.0, f64::max),
        reads,
        writes,
    }
}

fn difference(before: Load, after: Load) -> Load {
    Load {
        messages: after.messages - before.messages,
        bytes: after.bytes - before.bytes,
        busy: after.busy - before.busy,
    }
}

/// Does operations until `stop` is set.
fn work(mut client: Client, plan: &Plan, stop: &AtomicBool) -> Vec<Done> {
    let mut done = Vec::new();
    // The clients do not begin at the same moment.
    sleep(Duration::from_micros(rng::below(1000)));
    while !stop.load(Ordering::SeqCst) {
        if !plan.think.is_zero() {
            let share: f64 = rng::rng().random_range(0.0..1.0);
            sleep(plan.think.mul_f64(-(1.0 - share).ln()));
        }
        let (is_read, nth) = (rng::below(100) >= plan.writes, rng::below(KEYS));
        let start = Instant::now();
        match is_read {
            true => drop(client.read(&key(nth))),
            false => drop(client.write(&key(nth), &value(nth))),
        }
        done.push(Done { is_read, start, end: Instant::now() });
    }
    done
}

fn key(nth: u64) -> String {
    format!("key-{nth:03}")
}

fn value(nth: u64) -> String {
    format!("{nth:0width$}", width = VALUE_BYTES)
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use super::*;
    use crate::run_once;
    use mit6824::rsm::Reads;

    const LEASE: Way = Way::Linearizable(Reads::Lease);
    const FOLLOWERS: Way = Way::Linearizable(Reads::Follower);

    fn found(way: Way, leader_reads: bool) -> Found {
        let us = Duration::from_micros;
        let plan = Plan {
            way,
            servers: 5,
            clients: 256,
            think: Duration::ZERO,
            writes: 0,
            leader_reads,
            capacity: Some(Capacity { per_message: us(6), per_kilobyte: us(1) }),
            warm_up: Duration::from_millis(20),
            span: Duration::from_millis(50),
        };
        run_once(1, move || measure(&plan)).expect("the leader stays")
    }

    #[test]
    fn a_leader_that_answers_all_reads_is_the_bottleneck() {
        let lease = found(LEASE, false);
        // A read is a request and a reply. So a server can do at most so many reads in a second.
        assert!((80_000.0..=83_334.0).contains(&lease.rate), "{} reads/s", lease.rate);
        assert!(lease.leader_busy > 0.99 && lease.follower_busy < 0.01, "{lease:?}");
        assert!((1.99..2.01).contains(&lease.messages), "{} messages", lease.messages);
        assert_eq!(lease, found(LEASE, false), "a measurement is a function of its seed");
    }

    #[test]
    fn reads_at_the_followers_take_load_from_the_leader() {
        let (lease, followers) = (found(LEASE, false), found(FOLLOWERS, false));
        let session = found(Way::Session, false);
        // Four followers answer.
        assert!(session.rate > 3.9 * lease.rate, "{} reads/s", session.rate);
        assert!(session.leader_busy < 0.01, "{}", session.leader_busy);
        assert!(followers.rate > 2.0 * lease.rate, "{} reads/s", followers.rate);
        assert!(followers.rate < session.rate && followers.messages < 0.5, "{} messages", followers.messages);
        // A leader with a lease answers the questions of the followers without a round.
        let leased = found(Way::FollowerWithLease, false);
        assert!(leased.rate > followers.rate, "{} and {} reads/s", leased.rate, followers.rate);
        assert!(leased.read_within(0.5) < followers.read_within(0.5), "{leased:?}");
        // The leader answers a fifth of the reads, and is the bottleneck again.
        let shared = found(FOLLOWERS, true);
        assert!(shared.rate < followers.rate, "{} and {} reads/s", shared.rate, followers.rate);
    }
}
