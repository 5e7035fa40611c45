//! A Raft cluster under test: the course's `raft/config.go`.
//!
//! [`make_config`] starts N peers on a fresh network and returns a [`Config`], which the test drives: it
//! crashes and restarts peers ([`Cluster::crash1`], [`Cluster::start1`]), cuts and heals their links
//! (`links.rs`), submits commands and watches what the peers apply (`observe.rs`). One reader a peer plays
//! the service above Raft and checks every delivered message against what all others have applied
//! (`applier.rs`). The course's counters are in `report.rs`. A thread looks at the peers from outside, for the
//! page (`watch.rs`).
//!
//! # What a crash is
//!
//! A crash keeps exactly what was persisted at one instant. Its steps are ordered for that: first the peer
//! leaves the network and its server is deleted, so that no RPC can be answered any more for something saved
//! later; then the persister is copied, and the old instance keeps the superseded original; only then it is
//! killed. Every life of a peer has a number, its *incarnation*. From the copy on, messages of the old life
//! are dropped.
//!
//! # Locks
//!
//! One lock covers the state of the harness. It is never held while calling into a Raft: a Raft may be
//! waiting for a reader that needs this lock.
//!
//! # Failures
//!
//! A failed expectation is a panic with the course's text, followed by what the harness knows. It may come
//! from the test, from a helper thread or from a reader: labrt fails the run for each of them.

mod applier;
mod links;
mod observe;
mod report;
#[cfg(test)]
mod tests;
mod watch;

use labapi::{Persister, RaftPeer, Started};
use std::ops::Deref;

use labrpc::{End, Link, Name, Network, Server};
use labrt::chan;
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::dlog;
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::{Duration, Instant};

use super::events;
use super::lives::{check_none_left, node_id};
use super::output;
use super::value::Value;

pub use super::output::note;
pub use observe::{Committed, Retry};

/// The suites' idea of an election timeout: the time they give a cluster to notice that a leader is gone.
pub const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A service with snapshots makes one every so many commands: after the indices 9, 19, 29, ...
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
    /// That many peers on a reliable network, without snapshots.
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

/// The owner of a [`Cluster`]: gone with the test's body, and the cluster with it.
///
/// A body ends with [`Config::end`], which checks what is checked last and prints the course's line.
#[must_use = "the cluster lives as long as its Config"]
pub struct Config<R: RaftPeer> {
    cluster: Arc<Cluster<R>>,
}

/// N Raft peers on one network, with the service and the persister of each. Peers are numbered 0 to N-1.
pub struct Cluster<R> {
    setup: Setup,
    net: Network,
    /// When the harness was made: the 120 seconds of a test count from here.
    start: Instant,
    /// Raised at cleanup.
    finished: Signal,
    state: Mutex<State<R>>,
}

struct State<R> {
    servers: Vec<Slot<R>>,
    /// Links that a partition helper holds cut, as (from, to).
    cut: BTreeSet<(usize, usize)>,
    /// The largest index that any peer has applied.
    max_index: u64,
    /// The counters at [`Cluster::begin`].
    begun: report::Begun,
}

/// One peer: the living instance, if any, and what outlives a crash.
struct Slot<R> {
    raft: Option<Arc<R>>,
    /// The number of the newest life; 0 before the first start.
    incarnation: u32,
    connected: bool,
    saved: Option<Arc<Persister>>,
    /// The names of the ends over which this peer talks to peer j, and what each link does to messages.
    ends: Vec<Name>,
    links: Vec<Link>,
    /// What the service has applied. Survives crashes, as in the course: a restarted peer applies equal
    /// values again.
    log: BTreeMap<u64, Applied>,
    /// The index of the last applied message of this life (used with snapshots).
    last_applied: u64,
}

/// An applied command.
#[derive(Clone, Debug)]
struct Applied {
    value: Value,
    /// The term that the peer reported with it; 0 when the value came out of a snapshot.
    term: u64,
}

/// A living peer and its identity.
struct Peer<R> {
    raft: Arc<R>,
    node: NodeId,
}

impl<R: RaftPeer> Peer<R> {
    /// Runs a call into the peer as its own code. Must be called without the harness lock.
    fn call<T>(&self, f: impl FnOnce(&R) -> T) -> T {
        let _as_node = node::enter(self.node);
        f(&self.raft)
    }
}

/// Starts a cluster as wanted, with long delays for messages to the unreachable, and connects everybody.
pub fn make_config<R: RaftPeer>(setup: Setup) -> Config<R> {
    let net = Network::new();
    net.reliable(!setup.unreliable);
    net.long_delays(true);
    let servers = (0..setup.servers).map(|_| Slot::new(setup.servers)).collect();
    let state = State { servers, cut: BTreeSet::new(), max_index: 0, begun: report::Begun::now() };
    let cluster = Arc::new(Cluster {
        setup,
        net,
        start: Instant::now(),
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
    Config { cluster }
}

impl<R: RaftPeer> Config<R> {
    /// The cluster, for a helper thread of the test.
    pub fn share(&self) -> Arc<Cluster<R>> {
        Arc::clone(&self.cluster)
    }

    /// The end of a test that has passed: the last checks, then the course's line.
    ///
    /// The checks are the course's 120 seconds and that the killed peers leave no thread behind. They come
    /// before the line is printed (the course prints first), so a test that says `Passed` has passed.
    #[track_caller]
    pub fn end(self) {
        self.check_timeout();
        let line = self.passed_line();
        self.cleanup();
        self.check_timeout();
        output::end(&line);
    }
}

impl<R: RaftPeer> Deref for Config<R> {
    type Target = Arc<Cluster<R>>;

    fn deref(&self) -> &Arc<Cluster<R>> {
        &self.cluster
    }
}

/// A test that fails does not reach [`Config::end`]. Its run is over, and labrt ends the threads; what is
/// left is to stop the helper threads and the network.
impl<R: RaftPeer> Drop for Config<R> {
    fn drop(&mut self) {
        if !self.cluster.finished.is_raised() {
            self.cluster.finished.raise();
            self.cluster.net.cleanup();
        }
    }
}

impl<R> Slot<R> {
    fn new(servers: usize) -> Slot<R> {
        Slot {
            raft: None,
            incarnation: 0,
            connected: false,
            saved: None,
            ends: Vec::new(),
            links: vec![Link::Both; servers],
            log: BTreeMap::new(),
            last_applied: 0,
        }
    }
}

impl<R: RaftPeer> Cluster<R> {
    /// How many peers there are.
    pub fn servers(&self) -> usize {
        self.setup.servers
    }

    /// The peer `n` places after `i`, going round.
    pub fn after(&self, i: usize, n: usize) -> usize {
        (i + n) % self.setup.servers
    }

    /// Stops peer `i` and keeps its persistent state. Allowed on a peer that is not running.
    pub fn crash1(&self, i: usize) {
        if self.is_up(i) {
            dlog!(TEST, "crashes S{i}");
            events::crash(self.life(i));
        }
        self.disconnect(i);
        // The server goes before the persister is copied: nobody may get an answer for what is saved after
        // the copy.
        self.net.delete_server(i);
        let living = {
            let mut state = self.state.lock();
            let slot = &mut state.servers[i];
            slot.saved = slot.saved.as_ref().map(|saved| Arc::new(saved.copy()));
            slot.raft.take().map(|raft| Peer { raft, node: node_id(i, slot.incarnation) })
        };
        if let Some(peer) = living {
            self.stop(&peer);
        }
    }

    /// Starts peer `i`, after stopping it if it runs. It is not connected.
    pub fn start1(self: &Arc<Self>, i: usize) {
        self.crash1(i);
        let (node, persister) = self.next_life(i);
        dlog!(TEST, "starts S{i}, life {}", node.incarnation);
        events::restart(node);

        let ends = self.make_ends(i, node);
        let (apply, messages) = chan::rendezvous();
        let peer = {
            let _as_node = node::enter(node);
            Peer { raft: Arc::new(R::make(ends, i, persister, apply)), node }
        };
        self.state.lock().servers[i].raft = Some(Arc::clone(&peer.raft));
        self.start_reader(node, messages);
        let service = peer.call(|_| peer.raft.service());
        self.net.add_server(i, Server::new().service(service.node(node)));
    }

    /// The ends over which a life of peer `i` talks to everybody. They are disabled.
    fn make_ends(&self, i: usize, node: NodeId) -> Vec<End> {
        let ends: Vec<End> = (0..self.setup.servers).map(|j| self.net.make_end(node, j)).collect();
        let mut state = self.state.lock();
        let slot = &mut state.servers[i];
        slot.ends = ends.iter().map(|end| end.name().clone()).collect();
        for (name, link) in slot.ends.iter().zip(&slot.links) {
            self.net.set_link(name, *link);
        }
        ends
    }

    /// The identity and the persister of the next life of peer `i`. Its service comes up with what the
    /// snapshot holds.
    fn next_life(&self, i: usize) -> (NodeId, Arc<Persister>) {
        let mut state = self.state.lock();
        let slot = &mut state.servers[i];
        slot.incarnation += 1;
        slot.last_applied = 0;
        let persister = Arc::new(slot.saved.as_ref().map_or_else(Persister::new, |saved| saved.copy()));
        slot.saved = Some(Arc::clone(&persister));
        let node = node_id(i, slot.incarnation);
        let snapshot = persister.read_snapshot();
        if !snapshot.is_empty() {
            let ingested = slot.ingest_snapshot(i, &snapshot, None);
            drop(state);
            if let Err(error) = ingested {
                panic!("{error}");
            }
        }
        (node, persister)
    }

    /// Kills an instance that has already been taken off the network.
    fn stop(&self, peer: &Peer<R>) {
        peer.call(R::kill);
        self.net.close_ends_of(peer.node);
    }

    /// Whether peer `i` is running.
    pub fn is_up(&self, i: usize) -> bool {
        self.state.lock().servers[i].raft.is_some()
    }

    /// Whether peer `i` is on the network.
    pub fn is_connected(&self, i: usize) -> bool {
        self.state.lock().servers[i].connected
    }

    /// Submits a value to peer `i`. `None`: it is not the leader, or not running.
    pub fn start(&self, i: usize, value: impl Into<Value>) -> Option<Started> {
        let command = value.into().to_command();
        self.peer(i)?.call(|raft| raft.start(command))
    }

    /// The term of peer `i` and whether it believes that it leads. `None`: it is not running.
    pub fn get_state(&self, i: usize) -> Option<(u64, bool)> {
        Some(self.peer(i)?.call(R::get_state))
    }

    /// The largest Raft state that any persister holds, in bytes; the snapshots do not count.
    pub fn log_size(&self) -> usize {
        let state = self.state.lock();
        state
            .servers
            .iter()
            .filter_map(|slot| Some(slot.saved.as_ref()?.raft_state_size()))
            .max()
            .unwrap_or(0)
    }

    /// Stops everything: every peer, then the network. Checks that no thread of a peer is left behind.
    #[track_caller]
    fn cleanup(&self) {
        self.finished.raise();
        for i in 0..self.setup.servers {
            let peer = self.peer(i);
            self.state.lock().servers[i].raft = None;
            if let Some(peer) = peer {
                self.net.delete_server(i);
                self.stop(&peer);
            }
        }
        self.net.cleanup();
        let last_lives: Vec<u32> = self.state.lock().servers.iter().map(|slot| slot.incarnation).collect();
        let lives = last_lives.iter().enumerate();
        let nodes = lives.flat_map(|(i, &last)| (1..=last).map(move |life| node_id(i, life)));
        check_none_left(&nodes.collect::<Vec<_>>(), R::STRICTNESS);
    }

    fn peer(&self, i: usize) -> Option<Peer<R>> {
        self.state.lock().servers[i].peer(i)
    }

    fn finished(&self) -> bool {
        self.finished.is_raised()
    }
}

impl<R> Slot<R> {
    fn peer(&self, i: usize) -> Option<Peer<R>> {
        let raft = Arc::clone(self.raft.as_ref()?);
        Some(Peer { raft, node: node_id(i, self.incarnation) })
    }
}
