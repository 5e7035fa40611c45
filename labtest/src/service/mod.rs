//! A replicated service under test: the course's `kvraft/config.go` and `shardctrler/config.go`.
//!
//! [`make_config`] starts N servers of a [`Replicated`] service on a fresh network and returns a [`Config`], which
//! the test drives: it stops and starts servers ([`Cluster::shutdown_server`], [`Cluster::start_server`]), cuts and
//! heals their links (`links.rs`), and makes clerks (`clerks.rs`). The course's counters and its time limit are in
//! `report.rs`. What a test does is in its trace and in its log (topic `TEST`), and is kept as marks for the picture
//! of a history that is not linearizable ([`Cluster::marks`]).
//!
//! The two labs differ in one thing: the tests of the controller print no columns ([`Setup::without_columns`]).
//!
//! # Who can talk to whom
//!
//! A partition cuts the ends between servers only: clerks keep their ends to all servers they were given. A server
//! that is started has new ends, which are disabled, and those of the others to it were disabled when it was
//! stopped. So after a restart somebody has to connect it ([`Cluster::connect_all`]); clerks reach it at once.
//!
//! # What a stop is
//!
//! As in the course, in this order: the server can no longer talk to the others; its name leaves the network, so
//! that no request can be answered any more; its persister is copied, and the dying instance keeps the original; it
//! is killed, and its ends are closed. Every life of a server has a number, its *incarnation*.
//!
//! # Locks
//!
//! One lock covers the state of the harness. It is never held while calling a server or a clerk.

mod clerks;
mod links;
mod report;
#[cfg(test)]
mod tests;

use labapi::{Persister, Replicated, ServerStart};
use std::ops::Deref;

use labrpc::{Cost, End, Name, Network, Server};
use labrt::collections::BTreeMap;
use labrt::dlog;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use labrt::sync::{Arc, Mutex};
use labrt::time::Instant;

use super::events;
use super::lives::{check_none_left, node_id};
use super::marks::{Lasting, Mark, MarkKind, Marks};
use super::output;

pub use clerks::{Client, ClientId};

/// What cluster a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many servers.
    pub servers: usize,
    /// Delay the requests by up to 26 ms, and lose a tenth of them and a tenth of the replies.
    pub unreliable: bool,
    /// The servers take a snapshot when their Raft state grows beyond so many bytes; `None`: never.
    pub maxraftstate: Option<usize>,
    /// The line of a test that has passed has columns: seconds, servers, RPCs, operations.
    pub columns: bool,
}

impl Setup {
    /// That many servers on a reliable network, without snapshots.
    pub fn of(servers: usize) -> Setup {
        Setup { servers, unreliable: false, maxraftstate: None, columns: true }
    }

    /// The same on an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same with snapshots when the Raft state grows beyond so many bytes.
    pub fn maxraftstate(self, bytes: usize) -> Setup {
        Setup { maxraftstate: Some(bytes), ..self }
    }

    /// The same without columns in the line of a test that has passed.
    pub fn without_columns(self) -> Setup {
        Setup { columns: false, ..self }
    }
}

/// The owner of a [`Cluster`]: gone with the test's body, and the cluster with it.
///
/// A body ends with [`Config::end`], which checks what is checked last and prints the course's line.
#[must_use = "the cluster lives as long as its Config"]
pub struct Config<S: Replicated> {
    cluster: Arc<Cluster<S>>,
}

/// N servers on one network, with the persister of each, and the ends of their clerks. Servers are numbered 0 to N-1.
pub struct Cluster<S> {
    setup: Setup,
    net: Network,
    /// When the harness was made: the 120 seconds of a test count from here.
    start: Instant,
    /// Raised at cleanup.
    finished: AtomicBool,
    /// The operations of clerks since [`Cluster::begin`].
    ops: AtomicU64,
    state: Mutex<State<S>>,
    marks: Marks,
}

struct State<S> {
    servers: Vec<Slot<S>>,
    /// For each clerk the names of its ends, by server.
    clerks: BTreeMap<ClientId, Vec<Name>>,
    next_client: ClientId,
    /// The counters at [`Cluster::begin`].
    begun: report::Begun,
    /// The partition that holds now.
    partition: Option<Lasting>,
}

/// One server: the living instance, if any, and what outlives it.
struct Slot<S> {
    server: Option<Arc<S>>,
    /// The number of the newest life; 0 before the first start.
    incarnation: u32,
    saved: Option<Arc<Persister>>,
    /// The names of the ends over which this server talks to server j.
    ends: Vec<Name>,
    /// It was stopped.
    down: Option<Lasting>,
}

/// A living server and its identity.
struct Living<S> {
    server: Arc<S>,
    node: NodeId,
}

impl<S: Replicated> Living<S> {
    /// Runs a call into the server as its own code. Must be called without the harness lock.
    fn call<T>(&self, f: impl FnOnce(&Arc<S>) -> T) -> T {
        let _as_node = node::enter(self.node);
        f(&self.server)
    }
}

/// Starts a cluster as wanted and connects everybody. The network is reliable until then.
pub fn make_config<S: Replicated>(setup: Setup) -> Config<S> {
    let state = State {
        servers: (0..setup.servers).map(|_| Slot::new()).collect(),
        clerks: BTreeMap::new(),
        next_client: ClientId::first(setup.servers),
        begun: report::Begun::now(),
        partition: None,
    };
    let cluster = Arc::new(Cluster {
        setup,
        net: Network::new(),
        start: Instant::now(),
        finished: AtomicBool::new(false),
        ops: AtomicU64::new(0),
        state: Mutex::new(state),
        marks: Marks::new(),
    });
    (0..setup.servers).for_each(|i| cluster.start_server(i));
    cluster.connect_all();
    if setup.unreliable {
        cluster.set_unreliable(true);
    }
    Config { cluster }
}

impl<S: Replicated> Config<S> {
    /// The cluster, for a helper thread of the test.
    pub fn share(&self) -> Arc<Cluster<S>> {
        Arc::clone(&self.cluster)
    }

    /// The end of a test that has passed: the last checks, then the course's line.
    ///
    /// The checks are the course's 120 seconds and that the killed servers leave no thread behind. They come
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

impl<S: Replicated> Deref for Config<S> {
    type Target = Arc<Cluster<S>>;

    fn deref(&self) -> &Arc<Cluster<S>> {
        &self.cluster
    }
}

/// A test that fails does not reach [`Config::end`]. Its run is over, and labrt ends the threads; what is left is
/// the network.
impl<S: Replicated> Drop for Config<S> {
    fn drop(&mut self) {
        if !self.cluster.finished.swap(true, Ordering::SeqCst) {
            self.cluster.net.cleanup();
        }
    }
}

impl<S> Slot<S> {
    fn new() -> Slot<S> {
        Slot { server: None, incarnation: 0, saved: None, ends: Vec::new(), down: None }
    }

    fn living(&self, i: usize) -> Option<Living<S>> {
        Some(Living { server: Arc::clone(self.server.as_ref()?), node: node_id(i, self.incarnation) })
    }
}

impl<S: Replicated> Cluster<S> {
    /// How many servers there are.
    pub fn servers(&self) -> usize {
        self.setup.servers
    }

    /// The numbers of all servers.
    pub fn all(&self) -> Vec<usize> {
        (0..self.setup.servers).collect()
    }

    /// The bytes of Raft state above which the servers take a snapshot.
    pub fn maxraftstate(&self) -> Option<usize> {
        self.setup.maxraftstate
    }

    /// Starts server `i`, which must not be running, with what it has saved. Clerks can reach it at once, the other
    /// servers when it is connected.
    #[track_caller]
    pub fn start_server(&self, i: usize) {
        let (node, ends, persister) = self.next_life(i);
        dlog!(TEST, "starts S{i}, life {}", node.incarnation);
        events::restart(node);
        let living = {
            let _as_node = node::enter(node);
            Living {
                server: Arc::new(S::start(ServerStart {
                    ends,
                    me: i,
                    persister,
                    maxraftstate: self.setup.maxraftstate,
                })),
                node,
            }
        };
        let down = {
            let mut state = self.state.lock();
            let slot = &mut state.servers[i];
            slot.server = Some(Arc::clone(&living.server));
            slot.down.take()
        };
        if let Some(down) = down {
            self.marks.close(down);
        }
        let services = living.call(|server| server.services()).into_iter();
        let server = Server::new().cost(Cost::Client);
        self.net.add_server(i, services.fold(server, |server, service| server.service(service.node(node))));
    }

    /// The next life of server `i`: its identity, its ends to everybody, which are disabled, and its persister.
    #[track_caller]
    fn next_life(&self, i: usize) -> (NodeId, Vec<End>, Arc<Persister>) {
        let mut state = self.state.lock();
        let slot = &mut state.servers[i];
        assert!(slot.server.is_none(), "server {i} is running: shut it down before it is started again");
        slot.incarnation += 1;
        let node = node_id(i, slot.incarnation);
        let ends: Vec<End> = (0..self.setup.servers).map(|j| self.net.make_end(node, j)).collect();
        slot.ends = ends.iter().map(|end| end.name().clone()).collect();
        let persister = Arc::new(slot.saved.as_ref().map_or_else(Persister::new, |saved| saved.copy()));
        slot.saved = Some(Arc::clone(&persister));
        (node, ends, persister)
    }

    /// Stops server `i` and keeps what it has saved. Allowed on one that is not running.
    pub fn shutdown_server(&self, i: usize) {
        let living = {
            let mut state = self.state.lock();
            if let Some(living) = state.servers[i].living(i) {
                events::crash(living.node);
            }
            self.disconnect(&state, i, &self.all());
            // Before the persister is copied: from here on nobody can get an answer from this instance, so none
            // for something that it saves after the copy.
            self.net.delete_server(i);
            let slot = &mut state.servers[i];
            slot.saved = slot.saved.as_ref().map(|saved| Arc::new(saved.copy()));
            slot.living(i)
        };
        let Some(living) = living else { return };
        dlog!(TEST, "shuts S{i} down");
        let down = self.marks.open(MarkKind::Crash, format!("S{i} down"));
        living.call(|server| server.kill());
        self.net.close_ends_of(living.node);
        let mut state = self.state.lock();
        let slot = &mut state.servers[i];
        (slot.server, slot.down) = (None, Some(down));
    }

    /// The first server, in order, whose Raft believes that it leads. Servers that are down do not.
    pub fn leader(&self) -> Option<usize> {
        let leads = |i: &usize| self.call(*i, |server| server.is_leader()).unwrap_or(false);
        (0..self.setup.servers).find(leads)
    }

    /// Runs a call into server `i` as its own code. `None`: it is not running.
    pub fn call<T>(&self, i: usize, f: impl FnOnce(&Arc<S>) -> T) -> Option<T> {
        self.living(i).map(|living| living.call(f))
    }

    /// The largest Raft state that any server has saved, in bytes; the snapshots do not count.
    pub fn log_size(&self) -> usize {
        self.largest(Persister::raft_state_size)
    }

    /// The largest snapshot that any server has saved, in bytes.
    pub fn snapshot_size(&self) -> usize {
        self.largest(Persister::snapshot_size)
    }

    fn largest(&self, size: impl Fn(&Persister) -> usize) -> usize {
        let state = self.state.lock();
        state.servers.iter().filter_map(|slot| Some(size(slot.saved.as_deref()?))).max().unwrap_or(0)
    }

    fn living(&self, i: usize) -> Option<Living<S>> {
        self.state.lock().servers[i].living(i)
    }

    /// What the test has done so far, for a picture. What still lasts, lasts until now.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.all()
    }

    /// Stops everything: every server, then the network. Checks that no thread of a server is left behind.
    #[track_caller]
    fn cleanup(&self) {
        self.finished.store(true, Ordering::SeqCst);
        (0..self.setup.servers).for_each(|i| self.shutdown_server(i));
        self.net.cleanup();
        let last_lives: Vec<u32> = self.state.lock().servers.iter().map(|slot| slot.incarnation).collect();
        let lives = last_lives.iter().enumerate();
        let nodes = lives.flat_map(|(i, &last)| (1..=last).map(move |life| node_id(i, life)));
        check_none_left(&nodes.collect::<Vec<_>>(), S::STRICTNESS);
    }
}
