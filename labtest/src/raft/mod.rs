//! A Raft cluster under test: the course's `raft/config.go`.
//!
//! [`make_config`] starts N peers on a new network and returns a [`Config`]. With the [`Config`] the test can
//! do this:
//!
//! * crash and restart peers ([`Cluster::crash1`], [`Cluster::start1`]);
//! * crash a peer at the moment at which it saves or answers (`moments.rs`);
//! * cut and heal links (`links.rs`);
//! * submit commands, and watch what the peers apply (`checks.rs`).
//!
//! Each peer has a reader thread instead of the service above Raft. The peer delivers its messages to the
//! reader. The reader compares each message with the commands that the other peers have applied
//! (`applier.rs`). The course's counters are in `report.rs`. Another thread asks the peers for their state,
//! so that the page of a failed run can show it (`watch.rs`).
//!
//! # Crashes
//!
//! At one instant during a crash, the saved state of the peer is copied. The next life starts with this copy
//! (see `lives.rs`). A *life* of a peer is the time from a start to the next crash. Each life has a number,
//! its *incarnation*. If the reader of an old life receives a message after the crash, it ignores the
//! message.
//!
//! # Locks
//!
//! One lock protects the state of the harness. No thread holds this lock while it calls a Raft, because the
//! Raft may be waiting for a reader that needs the lock. A thread must also not hold the lock while it calls
//! the network.
//!
//! # Failures
//!
//! If a check fails, it panics with the same message as in the course. More details follow this message. The
//! panic may be in the thread of the test, in a helper thread or in a reader. In all three cases the run
//! fails.

mod applier;
mod checks;
mod links;
mod moments;
mod report;
#[cfg(test)]
mod tests;
pub(crate) mod watch;

use labapi::{RaftPeer, Started};
use labrpc::{Link, Network, Server};
use labrt::chan;
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::node::NodeId;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::time::Duration;

use std::ops::RangeInclusive;

use super::limit::{Limit, TEST_LIMIT};
use super::lives::{Lives, Living, NewLife, check_none_left};
use super::network::new_network;
use super::owner::{Finish, Owner};
use super::value::Value;

pub use super::output::note;
pub use checks::{Committed, Retry};
pub use moments::{Moment, Planned, Which};

/// How long the suites wait for a cluster to notice that its leader is gone, and to elect a new leader.
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A service with snapshots makes a snapshot after the commands at the indices 9, 19, 29 and so on. The
/// constant is the distance from one such index to the next.
pub const SNAPSHOT_INTERVAL: u64 = 10;

/// The cluster that a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The number of peers.
    pub servers: usize,
    /// If true, the network delays each request by up to 26 ms, and loses a tenth of the requests and a tenth
    /// of the replies.
    pub unreliable: bool,
    /// If true, the services make a snapshot every [`SNAPSHOT_INTERVAL`] commands (part 2D).
    pub snapshots: bool,
    /// If true, the harness also checks some rules that the course does not check. In each life, a service
    /// must get each index exactly once, and in order. This is also checked if the setup has no snapshots. A
    /// snapshot must not be older than the commands that the service has applied. If a check of `watch.rs`
    /// finds a fault, the test fails. Without `strict`, some of these checks may only print a warning.
    pub strict: bool,
}

impl Setup {
    /// A setup with this number of peers, a reliable network, and no snapshots.
    pub fn of(servers: usize) -> Setup {
        Setup { servers, unreliable: false, snapshots: false, strict: false }
    }

    /// The same setup with an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same setup with services that make snapshots.
    pub fn with_snapshots(self) -> Setup {
        Setup { snapshots: true, ..self }
    }

    /// The same setup with the checks that the course does not make.
    pub fn strict(self) -> Setup {
        Setup { strict: true, ..self }
    }
}

/// The owner of a [`Cluster`]. The body of a test ends with [`Owner::end`].
pub type Config<R> = Owner<Cluster<R>>;

/// N Raft peers on one network. Each peer has its own service and its own persister. The peers have the
/// numbers 0 to N-1.
pub struct Cluster<R> {
    setup: Setup,
    net: Network,
    limit: Limit,
    /// Raised when the test ends.
    finished: Signal,
    state: Mutex<State<R>>,
    /// Notified when a service has applied a command, if the setup is strict.
    applied: Condvar,
    /// True after the first pause of a peer.
    has_paused: AtomicBool,
}

struct State<R> {
    servers: Vec<Slot<R>>,
    /// The links that do not work because of a partition. A link is (from, to).
    cut: BTreeSet<(usize, usize)>,
    /// The largest index that any peer has applied.
    max_index: u64,
    /// The values of the counters when [`Cluster::begin`] was called.
    begun: report::Begun,
    /// What the peers have said about their terms and roles, for the checks of `watch.rs`.
    heard: watch::Heard,
}

/// One peer: its lives, and its state in the harness.
struct Slot<R> {
    lives: Arc<Lives<R>>,
    connected: bool,
    /// The state of the link to each peer: which messages the link loses or holds.
    links: Vec<Link>,
    /// The commands that the service has applied, by index. As in the course, they stay here after a crash.
    /// After a restart, the peer applies the same values again.
    log: BTreeMap<u64, Applied>,
    /// The index of the last message that the service has applied in this life.
    last_applied: u64,
    /// A test can plan that this peer crashes when it sends a message. This is the plan, if there is one.
    plan: Option<Arc<moments::Plan>>,
    /// If the peer is slow, each message from it, and each message to it, takes a time within this range.
    latency: Option<RangeInclusive<Duration>>,
    /// False if the service makes no snapshots now, although the setup has snapshots.
    makes_snapshots: bool,
}

/// An applied command.
#[derive(Clone, Debug)]
struct Applied {
    value: Value,
    /// The term that came with the value through the apply channel. It is 0 if the value came from a
    /// snapshot.
    term: u64,
}

/// Starts a cluster and connects all peers. If a peer cannot be reached, a call to it takes a long time to
/// fail.
pub fn make_config<R: RaftPeer>(setup: Setup) -> Config<R> {
    let net = new_network();
    net.reliable(!setup.unreliable);
    net.long_delays(true);
    let servers = (0..setup.servers).map(|i| Slot::new(&net, i, setup.servers)).collect();
    let state = State {
        servers,
        cut: BTreeSet::new(),
        max_index: 0,
        begun: report::Begun::now(),
        heard: watch::Heard::default(),
    };
    let cluster = Arc::new(Cluster {
        setup,
        net,
        limit: Limit::from_now(TEST_LIMIT),
        finished: Signal::new(),
        state: Mutex::new(state),
        applied: Condvar::new(),
        has_paused: AtomicBool::new(false),
    });
    for i in 0..setup.servers {
        cluster.start1(i);
    }
    for i in 0..setup.servers {
        cluster.connect(i);
    }
    cluster.start_watch();
    Owner::new(cluster)
}

impl<R> Slot<R> {
    fn new(net: &Network, i: usize, servers: usize) -> Slot<R> {
        Slot {
            lives: Arc::new(Lives::new(net, i, NodeId::first(i))),
            connected: false,
            links: vec![Link::Both; servers],
            log: BTreeMap::new(),
            last_applied: 0,
            plan: None,
            latency: None,
            makes_snapshots: true,
        }
    }
}

impl<R: RaftPeer> Finish for Cluster<R> {
    #[track_caller]
    fn check_timeout(&self) {
        self.limit.check();
    }

    fn passed_line(&self) -> String {
        Cluster::passed_line(self)
    }

    #[track_caller]
    fn cleanup(&self) {
        self.finished.raise();
        let peers: Vec<Arc<Lives<R>>> = (0..self.setup.servers).map(|i| self.lives(i)).collect();
        peers.iter().for_each(|lives| lives.crash(|| (), R::kill));
        self.net.cleanup();
        check_none_left(&peers, R::STRICTNESS);
    }

    fn abandon(&self) {
        self.finished.raise();
        self.net.cleanup();
    }
}

impl<R: RaftPeer> Cluster<R> {
    /// How many peers there are.
    pub fn servers(&self) -> usize {
        self.setup.servers
    }

    /// The peer that comes `n` places after peer `i`. After the last peer comes peer 0.
    pub fn after(&self, i: usize, n: usize) -> usize {
        (i + n) % self.setup.servers
    }

    /// Crashes peer `i` and keeps its persistent state. If the peer does not run, this call changes nothing.
    pub fn crash1(&self, i: usize) {
        self.ask(i);
        self.lives(i).crash(|| self.disconnect(i), R::kill);
    }

    /// Starts peer `i`. If the peer is running, this method crashes it first. Afterwards the peer runs, but
    /// is not connected.
    pub fn start1(self: &Arc<Self>, i: usize) {
        self.ask(i);
        let lives = self.lives(i);
        let turn = lives.take_turn();
        turn.crash(|| self.disconnect(i), R::kill);
        let NewLife { life, persister, ends } = turn.begin(0..self.setup.servers);
        self.restore_service(i, &persister.read_snapshot());
        self.bring_links_in_line(&self.links_from(i));

        let (apply, messages) = chan::rendezvous();
        let peer = turn.start(&life, || Arc::new(R::make(ends, i, persister, apply)));
        self.start_reader(peer.node, messages);
        let service = peer.call(|_| peer.server.service());
        turn.join_network(&life, Server::new(), [service]);
        self.ask(i);
    }

    /// Pauses peer `i` until [`resume`](Cluster::resume). The peer is like a process that the operating
    /// system has stopped. Its threads and its service stop. Messages and replies to the peer wait, and its
    /// timers have no effect. Other peers see nothing of the pause. If the peer does not run, this call
    /// changes nothing.
    ///
    /// During the pause, [`start`](Cluster::start) and [`get_state`](Cluster::get_state) return `None`,
    /// because the peer does not answer. A crash ends the pause: the next life is not paused.
    ///
    /// # Panics
    /// If the test runs on real threads. A pause exists only in virtual time, see [`labrt::node::pause`].
    #[track_caller]
    pub fn pause(&self, i: usize) {
        self.has_paused.store(true, Ordering::SeqCst);
        self.lives(i).pause();
    }

    /// Ends the pause of peer `i`. The messages that have waited arrive in their order. If the peer is not
    /// paused, this call changes nothing.
    pub fn resume(&self, i: usize) {
        self.lives(i).resume();
    }

    /// Returns true if peer `i` is paused.
    pub fn is_paused(&self, i: usize) -> bool {
        self.lives(i).is_paused()
    }

    /// Sets the service of peer `i` to the state in the snapshot.
    fn restore_service(&self, i: usize, snapshot: &[u8]) {
        let restored = {
            let mut state = self.state.lock();
            let slot = &mut state.servers[i];
            slot.last_applied = 0;
            if snapshot.is_empty() { Ok(()) } else { slot.ingest_snapshot(i, snapshot, None) }
        };
        if let Err(error) = restored {
            panic!("{error}");
        }
    }

    /// Returns true if peer `i` is running.
    pub fn is_up(&self, i: usize) -> bool {
        self.lives(i).is_up()
    }

    /// Returns true if peer `i` is connected to the network.
    pub fn is_connected(&self, i: usize) -> bool {
        self.state.lock().servers[i].connected
    }

    /// Submits a value to peer `i`. Returns `None` if the peer is not the leader, if it does not run, or if
    /// it is paused.
    #[track_caller]
    pub fn start(&self, i: usize, value: impl Into<Value>) -> Option<Started> {
        let command = value.into().to_command();
        let started = self.peer(i)?.call(|raft| raft.start(command))?;
        self.check_promise(i, started);
        Some(started)
    }

    /// The term of peer `i`, and whether the peer believes that it leads. Returns `None` if the peer does not
    /// run, or if it is paused.
    #[track_caller]
    pub fn get_state(&self, i: usize) -> Option<(u64, bool)> {
        Some(self.ask(i)?.1)
    }

    /// Calls a method of peer `i` that [`RaftPeer`] does not have. Returns `None` if the peer does not run,
    /// or if it is paused.
    #[track_caller]
    pub fn ask_peer<T>(&self, i: usize, question: impl FnOnce(&R) -> T) -> Option<T> {
        Some(self.peer(i)?.call(|raft| question(raft)))
    }

    /// If `makes` is false, the service of peer `i` makes no snapshots from now on. If it is true, the
    /// service makes snapshots again. This has an effect only in a setup with snapshots. So a test can give
    /// peers snapshots that end at different indices. A restart does not change this.
    pub fn set_makes_snapshots(&self, i: usize, makes: bool) {
        self.state.lock().servers[i].makes_snapshots = makes;
    }

    /// The size in bytes of the largest Raft state of all persisters, without the snapshots.
    pub fn log_size(&self) -> usize {
        let sizes = (0..self.setup.servers).map(|i| self.lives(i).saved().raft_state_size());
        sizes.max().unwrap_or(0)
    }

    /// The size in bytes of the snapshot that peer `i` has saved. It is 0 if there is no snapshot.
    pub fn snapshot_size(&self, i: usize) -> usize {
        self.lives(i).saved_bytes().1
    }

    fn lives(&self, i: usize) -> Arc<Lives<R>> {
        Arc::clone(&self.state.lock().servers[i].lives)
    }

    /// The running instance of peer `i`, or `None` if the peer does not run or is paused.
    fn peer(&self, i: usize) -> Option<Living<R>> {
        self.lives(i).awake()
    }

    fn finished(&self) -> bool {
        self.finished.is_raised()
    }
}
