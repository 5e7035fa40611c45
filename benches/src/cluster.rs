//! Three Raft servers on a reliable network, with a consumer for the entries of each server.
//!
//! An entry is *applied* when the consumer has it. Raft passes an entry directly to its consumer, as to the
//! services of labs 3 and 4. With an apply channel, as in lab 2, the consumer is a thread of its own. Server
//! 0 leads, because its election timeout is short and the others' timeouts are long. So a cluster is ready at
//! once, and busy threads do not cause a change of the leader.

use labapi::{ApplyMsg, Command, Persister};
use labrpc::{End, Network, Server};
use labrt::chan;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant};
use mit6824::raft::{ApplySink, Options, Raft};

/// How many servers a cluster has.
pub const SERVERS: usize = 3;
/// How many bytes a command has.
pub const COMMAND_BYTES: usize = 32;
/// The largest number of commands that are submitted but not yet applied on all servers.
pub const WINDOW: u64 = 4096;

/// The server that leads.
const LEADER: usize = 0;
/// The bench submits the commands in sequences of this length. Before each sequence, it checks how many
/// commands the servers have applied.
const STRIDE: u64 = 64;

/// The settings of a cluster.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many messages each apply channel can buffer. If this is 0, the channel is a rendezvous channel. If
    /// this is `None`, there are no channels.
    pub channel: Option<usize>,
    /// How long the leader delays a new commit index, to send it together with new entries. A follower waits
    /// at most this time between two batches of entries for its consumer.
    pub commit_interval: Duration,
    /// How long the leader waits for the answer to entries before it sends more entries.
    pub entries_interval: Duration,
}

impl Default for Setup {
    /// The default options of a server, and no apply channels.
    fn default() -> Setup {
        let Options { commit_interval, entries_interval, .. } = Options::default();
        Setup { channel: None, commit_interval, entries_interval }
    }
}

impl Setup {
    /// The default options of a server, and apply channels that can buffer [`WINDOW`] messages.
    pub fn with_channels() -> Setup {
        Setup { channel: Some(WINDOW as usize), ..Setup::default() }
    }
}

/// A running cluster. One thread must make the cluster and use it, inside one [`labrt::Run`].
pub struct Cluster {
    net: Network,
    rafts: Vec<Raft>,
    applied: Arc<Applied>,
    submitted: u64,
}

impl Cluster {
    /// Starts a cluster and waits until it has committed a first command on all servers.
    pub fn start(setup: &Setup) -> Cluster {
        let net = Network::new();
        let applied = Arc::new(Applied::new());
        let rafts = (0..SERVERS).map(|me| start_server(&net, me, setup, &applied)).collect();
        let mut cluster = Cluster { net, rafts, applied, submitted: 0 };
        while !cluster.rafts[LEADER].get_state().1 {
            labrt::time::sleep(Duration::from_millis(1));
        }
        cluster.pipeline(1);
        cluster
    }

    /// How many commands have been submitted.
    pub fn log_length(&self) -> u64 {
        self.submitted
    }

    /// Submits `count` commands and waits until all are applied on all servers. There are never more than
    /// [`WINDOW`] commands that are submitted but not yet applied. Returns how many entries were applied per
    /// second.
    pub fn pipeline(&mut self, count: u64) -> f64 {
        let start = Instant::now();
        for i in 0..count {
            if i.is_multiple_of(STRIDE) {
                self.keep_window();
            }
            self.submit();
        }
        self.applied.wait_until_reached(self.submitted);
        count as f64 / start.elapsed().as_secs_f64()
    }

    /// Submits one command and waits until it is applied on all servers. Returns the time until then.
    pub fn one(&mut self) -> Duration {
        self.latency(SERVERS)
    }

    /// Submits one command and waits until it is applied on the leader. Returns the time until then.
    pub fn one_on_leader(&mut self) -> Duration {
        self.latency(LEADER + 1)
    }

    /// The time until the first `servers` servers have applied one command.
    fn latency(&mut self, servers: usize) -> Duration {
        self.applied.watch(self.submitted + 1);
        let start = Instant::now();
        self.submit();
        self.applied.last_of_the_first(servers).duration_since(start)
    }

    fn keep_window(&self) {
        let behind = self.submitted - self.applied.everywhere();
        if behind + STRIDE > WINDOW {
            self.applied.wait_until_reached(self.submitted + STRIDE - WINDOW);
        }
    }

    fn submit(&mut self) {
        let mut bytes = vec![0; COMMAND_BYTES];
        bytes[..8].copy_from_slice(&self.submitted.to_le_bytes());
        let started = self.rafts[LEADER].start(Command::new(bytes));
        self.submitted += 1;
        let index = started.map(|started| started.index);
        assert_eq!(index, Some(self.submitted), "server {LEADER} has lost the leadership; measure again");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.rafts.iter().for_each(Raft::kill);
        self.net.cleanup();
    }
}

fn start_server(net: &Network, me: usize, setup: &Setup, applied: &Arc<Applied>) -> Raft {
    let id = NodeId::first(me);
    let ends: Vec<End> = (0..SERVERS).map(|to| net.make_end(id, to)).collect();
    ends.iter().for_each(|end| net.enable(end, true));
    let consumer = Consumer { server: me, applied: applied.clone() };
    let options = options(me, setup);
    let raft = {
        let _node = node::enter(id);
        let persister = Arc::new(Persister::new());
        match setup.channel {
            None => Raft::make_with(ends, me, persister, consumer, options),
            Some(capacity) => {
                let (sink, messages) = chan::bounded(capacity);
                let consume = move || messages.iter().for_each(|message| consumer.take(&message));
                thread::spawn_named(format!("consumer-{me}"), consume);
                Raft::make_with(ends, me, persister, sink, options)
            }
        }
    };
    let raft = raft.expect("a server can start with an empty persister");
    net.add_server(me, Server::new().service(raft.service()));
    raft
}

fn options(me: usize, setup: &Setup) -> Options {
    let patience = if me == LEADER { Duration::from_millis(10) } else { Duration::from_secs(3) };
    let options = Options::default();
    Options {
        election_timeout: patience..patience * 2,
        commit_interval: setup.commit_interval,
        entries_interval: setup.entries_interval,
        apply_interval: options.apply_interval.min(setup.commit_interval),
        ..options
    }
}

/// Takes the entries of one server.
struct Consumer {
    server: usize,
    applied: Arc<Applied>,
}

impl Consumer {
    fn take(&self, message: &ApplyMsg) {
        if let ApplyMsg::Command { index, .. } = message {
            self.applied.note(self.server, *index);
        }
    }
}

impl ApplySink for Consumer {
    fn deliver(&mut self, message: ApplyMsg, _: &Signal) -> bool {
        self.take(&message);
        true
    }
}

/// The progress of the consumers. Each message costs a consumer only two atomic operations. A consumer reads
/// the clock and wakes a thread only at one index, the index that is watched.
struct Applied {
    upto: [AtomicU64; SERVERS],
    watched: AtomicU64,
    /// For each server, the watched index that it has reached last, and when.
    reached: Mutex<[Option<(u64, Instant)>; SERVERS]>,
    changed: Condvar,
}

impl Applied {
    fn new() -> Applied {
        Applied {
            upto: [const { AtomicU64::new(0) }; SERVERS],
            watched: AtomicU64::new(0),
            reached: Mutex::new([None; SERVERS]),
            changed: Condvar::new(),
        }
    }

    /// Notes that the server's consumer has the entry at `index`.
    fn note(&self, server: usize, index: u64) {
        // The order matters: first store `upto`, then load `watched`. A waiting thread does the opposite: it
        // first stores `watched`, and then loads `upto`. So at least one of the two sees what the other has
        // stored.
        self.upto[server].store(index, Ordering::SeqCst);
        if index == self.watched.load(Ordering::SeqCst) {
            let now = Instant::now();
            self.reached.lock()[server] = Some((index, now));
            self.changed.notify_one();
        }
    }

    fn everywhere(&self) -> u64 {
        self.upto.iter().map(|upto| upto.load(Ordering::SeqCst)).min().expect("there are servers")
    }

    /// Makes the consumers note the time at which they reach `index`.
    fn watch(&self, index: u64) {
        self.watched.store(index, Ordering::SeqCst);
    }

    /// Waits until all servers have reached `index`.
    fn wait_until_reached(&self, index: u64) {
        self.watch(index);
        let mut reached = self.reached.lock();
        while self.everywhere() < index {
            self.changed.wait(&mut reached);
        }
    }

    /// Waits until the first `servers` servers have reached the watched index. Returns when the last of them
    /// reached it. No server may have reached it before the call of [`watch`](Applied::watch).
    fn last_of_the_first(&self, servers: usize) -> Instant {
        let watched = self.watched.load(Ordering::SeqCst);
        let mut reached = self.reached.lock();
        loop {
            let at =
                |it: &Option<(u64, Instant)>| it.filter(|(index, _)| *index == watched).map(|(_, at)| at);
            let times: Option<Vec<Instant>> = reached[..servers].iter().map(at).collect();
            if let Some(last) = times.and_then(|times| times.into_iter().max()) {
                return last;
            }
            self.changed.wait(&mut reached);
        }
    }
}
