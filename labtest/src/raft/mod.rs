//! A Raft cluster under test: the course's `raft/config.go`.
//!
//! [`make_config`] starts N peers on a new network and returns a [`Config`]. With it the test crashes and
//! restarts peers ([`Cluster::crash1`], [`Cluster::start1`]), cuts and heals their links (`links.rs`),
//! submits commands and watches what the peers apply (`checks.rs`). Each peer has a reader, which takes the
//! place of the service above Raft. It compares each message that the peer delivers with what all other peers
//! have applied (`applier.rs`). The course's counters are in `report.rs`. A thread looks at the peers from
//! outside, for the page (`watch.rs`).
//!
//! # Crashes
//!
//! A crash keeps exactly what was persisted at one instant; `lives.rs` says how. Every life of a peer, from
//! its start to its crash, has a number, its *incarnation*. What the reader of an old life takes from its
//! channel after that instant is dropped.
//!
//! # Locks
//!
//! One lock protects the state of the harness. No thread holds it while it calls a Raft, because the Raft may
//! be waiting for a reader that needs this lock. No thread holds it while it calls the network either.
//!
//! # Failures
//!
//! A failed check is a panic with the course's text, followed by what the harness knows. The panic may come
//! from the test, from a helper thread or from a reader: labrt fails the run for each of them.

mod applier;
mod checks;
mod links;
mod report;
#[cfg(test)]
mod tests;
mod watch;

use labapi::{RaftPeer, Started};
use labrpc::{Link, Network, Server};
use labrt::chan;
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::node::NodeId;
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::Duration;

use super::limit::{Limit, TEST_LIMIT};
use super::lives::{Lives, Living, NewLife, check_none_left};
use super::owner::{Finish, Owner};
use super::value::Value;

pub use super::output::note;
pub use checks::{Committed, Retry};

/// How long the suites give a cluster to notice that a leader has gone.
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A service with snapshots makes one after this many commands: after the indices 9, 19, 29, ...
pub const SNAPSHOT_INTERVAL: u64 = 10;

/// What cluster a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many peers.
    pub servers: usize,
    /// Delay the requests by up to 26 ms, and lose a tenth of them and a tenth of the replies.
    pub unreliable: bool,
    /// The services make snapshots (part 2D), every [`SNAPSHOT_INTERVAL`] commands.
    pub snapshots: bool,
}

impl Setup {
    /// So many peers on a reliable network, without snapshots.
    pub fn of(servers: usize) -> Setup {
        Setup { servers, unreliable: false, snapshots: false }
    }

    /// The same on an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same with services that make snapshots.
    pub fn with_snapshots(self) -> Setup {
        Setup { snapshots: true, ..self }
    }
}

/// The owner of a [`Cluster`]. A body ends with [`Owner::end`].
pub type Config<R> = Owner<Cluster<R>>;

/// N Raft peers on one network, with the service and the persister of each. Peers are numbered 0 to
/// N-1.
pub struct Cluster<R> {
    setup: Setup,
    net: Network,
    limit: Limit,
    /// Raised at cleanup.
    finished: Signal,
    state: Mutex<State<R>>,
}

struct State<R> {
    servers: Vec<Slot<R>>,
    /// The links that a partition cuts, as (from, to).
    cut: BTreeSet<(usize, usize)>,
    /// The largest index that any peer has applied.
    max_index: u64,
    /// The counters at [`Cluster::begin`].
    begun: report::Begun,
}

/// One peer: its lives, and what the harness knows about it.
struct Slot<R> {
    lives: Arc<Lives<R>>,
    connected: bool,
    /// What the links to the other peers do to messages.
    links: Vec<Link>,
    /// What the service has applied. It outlasts crashes, as in the course: a peer that has been restarted
    /// applies the same values again.
    log: BTreeMap<u64, Applied>,
    /// The index of the last message that this life has applied (used with snapshots).
    last_applied: u64,
}

/// An applied command.
#[derive(Clone, Debug)]
struct Applied {
    value: Value,
    /// The term that the peer gave with it. It is 0 if the value came from a snapshot.
    term: u64,
}

/// Starts a cluster and connects all peers. Messages to a peer that cannot be reached are delayed for a long
/// time.
pub fn make_config<R: RaftPeer>(setup: Setup) -> Config<R> {
    let net = Network::new();
    net.reliable(!setup.unreliable);
    net.long_delays(true);
    let servers = (0..setup.servers).map(|i| Slot::new(&net, i, setup.servers)).collect();
    let state = State { servers, cut: BTreeSet::new(), max_index: 0, begun: report::Begun::now() };
    let cluster = Arc::new(Cluster {
        setup,
        net,
        limit: Limit::from_now(TEST_LIMIT),
        finished: Signal::new(),
        state: Mutex::new(state),
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

    /// The peer `n` places after `i`. Peer 0 follows the last one.
    pub fn after(&self, i: usize, n: usize) -> usize {
        (i + n) % self.setup.servers
    }

    /// Stops peer `i` and keeps its persistent state. It does no harm to a peer that does not run.
    pub fn crash1(&self, i: usize) {
        self.lives(i).crash(|| self.disconnect(i), R::kill);
    }

    /// Starts peer `i`, which is not connected then. If the peer runs, it is stopped first.
    pub fn start1(self: &Arc<Self>, i: usize) {
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
    }

    /// Starts the service of peer `i` with what the snapshot holds.
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

    /// Whether peer `i` is running.
    pub fn is_up(&self, i: usize) -> bool {
        self.lives(i).is_up()
    }

    /// Whether peer `i` is on the network.
    pub fn is_connected(&self, i: usize) -> bool {
        self.state.lock().servers[i].connected
    }

    /// Submits a value to peer `i`. `None`: the peer is not the leader, or it does not run.
    pub fn start(&self, i: usize, value: impl Into<Value>) -> Option<Started> {
        let command = value.into().to_command();
        self.peer(i)?.call(|raft| raft.start(command))
    }

    /// The term of peer `i` and whether it believes that it leads. `None`: the peer does not run.
    pub fn get_state(&self, i: usize) -> Option<(u64, bool)> {
        Some(self.peer(i)?.call(R::get_state))
    }

    /// The size of the largest Raft state that a persister holds, in bytes, without the snapshots.
    pub fn log_size(&self) -> usize {
        let sizes = (0..self.setup.servers).map(|i| self.lives(i).saved().raft_state_size());
        sizes.max().unwrap_or(0)
    }

    fn lives(&self, i: usize) -> Arc<Lives<R>> {
        Arc::clone(&self.state.lock().servers[i].lives)
    }

    fn peer(&self, i: usize) -> Option<Living<R>> {
        self.lives(i).living()
    }

    fn finished(&self) -> bool {
        self.finished.is_raised()
    }
}
