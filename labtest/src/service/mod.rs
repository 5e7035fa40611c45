//! A replicated service under test: the course's `kvraft/config.go` and `shardctrler/config.go`.
//!
//! [`make_config`] starts N servers of a [`Replicated`] service on a new network and returns a [`Config`].
//! With the [`Config`] the test can do this:
//!
//! * stop and start servers ([`Cluster::shutdown_server`], [`Cluster::start_server`]);
//! * crash a server at the moment at which it saves or answers (`moments.rs`);
//! * cut and heal links (`links.rs`);
//! * make clerks (`clerks.rs`).
//!
//! `report.rs` has the counters of the course. All steps of a test are recorded in its trace and in its log
//! (topic `TEST`). The steps that change servers or the network are also recorded as marks. If a history is
//! not linearizable, its picture shows these marks ([`Cluster::marks`]).
//!
//! The tests of lab 3 and of lab 4A use this harness in the same way, with one difference. A passed test of
//! lab 3 prints a line with counters. A test of lab 4A, the controller, prints this line without the counters
//! ([`Setup::without_columns`]).
//!
//! # Which ends work
//!
//! An *end* is the side of a connection that sends requests. Each server and each clerk has an end for each
//! server. A partition disables only ends of servers. It does not change the ends of clerks. When a server is
//! started, it gets new ends, which are disabled. When a server is stopped, the other servers' ends to it are
//! disabled. So the test has to connect a server after a restart ([`Cluster::connect_all`]). Clerks can reach
//! the server at once.
//!
//! # Crashes
//!
//! A server is always stopped by a crash. At one instant during the crash, the saved state is copied. The
//! next life starts with this copy (see `lives.rs`). A *life* of a server is the time from a start to the
//! next crash. Each life has a number, its *incarnation*.
//!
//! # Locks
//!
//! One lock protects the state of the harness. No thread holds this lock while it calls a server, a clerk or
//! the network.

mod clerks;
mod links;
mod moments;
mod report;
#[cfg(test)]
mod tests;

use labapi::{Persister, Replicated, ServerStart};
use labrpc::{Cost, Link, Name, Network, NetworkOptions, Server};
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::dlog;
use labrt::node::NodeId;
use labrt::sync::atomic::AtomicU64;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;
use std::ops::RangeInclusive;

use super::limit::{Limit, TEST_LIMIT};
use super::lives::{Lives, Living, NewLife, check_none_left};
use super::marks::{Lasting, Mark, Marks};
use super::network::new_network;
use super::owner::{Finish, Owner};

pub use clerks::{Client, ClientId};
pub use moments::{Moment, Planned, Which};

/// The cluster that a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The number of servers.
    pub servers: usize,
    /// If true, the network delays each request by up to 26 ms, and loses a tenth of the requests and a tenth
    /// of the replies.
    pub unreliable: bool,
    /// A server takes a snapshot when its Raft state has more than this number of bytes. With `None`, servers
    /// take no snapshots.
    pub maxraftstate: Option<usize>,
    /// When a test has passed, it prints a line. If this is true, the line has columns: seconds, servers,
    /// RPCs, operations.
    pub columns: bool,
    /// In virtual time: how much time a client's request takes.
    pub client_cost: Cost,
    /// If true, each request arrives twice. The second time is up to 26 ms after the first.
    pub twice: bool,
    /// If true, each request arrives twice. The second time is up to three seconds after the first.
    pub late_copies: bool,
}

/// The longest time after which a late copy of a request arrives.
pub(crate) const LATEST_COPY: Duration = Duration::from_secs(3);

/// The options of a network on which a copy of each request arrives late. If the receiver has restarted in
/// the meantime, the copy reaches the restarted server.
pub(crate) fn late_copies() -> NetworkOptions {
    NetworkOptions {
        duplicated_requests: 1000,
        duplicate_delay: Some(Duration::ZERO..=LATEST_COPY),
        ..NetworkOptions::default()
    }
}

impl Setup {
    /// A setup with this number of servers, a reliable network, and no snapshots.
    pub fn of(servers: usize) -> Setup {
        Setup {
            servers,
            unreliable: false,
            maxraftstate: None,
            columns: true,
            client_cost: Cost::Client,
            twice: false,
            late_copies: false,
        }
    }

    /// The same setup with an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same setup, but servers take a snapshot when their Raft state has more than this number of bytes.
    pub fn maxraftstate(self, bytes: usize) -> Setup {
        Setup { maxraftstate: Some(bytes), ..self }
    }

    /// The same setup, but without columns in the line that is printed when a test has passed.
    pub fn without_columns(self) -> Setup {
        Setup { columns: false, ..self }
    }

    /// The same setup with clients that are near ([`Cost::NearClient`]).
    pub fn near_clients(self) -> Setup {
        Setup { client_cost: Cost::NearClient, ..self }
    }

    /// The same setup, but each request arrives twice.
    pub fn every_request_twice(self) -> Setup {
        Setup { twice: true, ..self }
    }

    /// The same setup, but a copy of each request arrives late.
    pub fn late_copies(self) -> Setup {
        Setup { late_copies: true, ..self }
    }
}

/// The owner of a [`Cluster`]. The body of a test ends with [`Owner::end`].
pub type Config<S> = Owner<Cluster<S>>;

/// N servers on one network, their persisters, and the ends of the clerks. The servers have the numbers 0 to
/// N-1.
pub struct Cluster<S> {
    setup: Setup,
    net: Network,
    limit: Limit,
    servers: Vec<Arc<Lives<S>>>,
    /// The number of operations of clerks since [`Cluster::begin`] was called.
    ops: AtomicU64,
    state: Mutex<State>,
    marks: Marks,
}

struct State {
    /// The enabled ends of servers, each as (the server that sends, the server that receives).
    connected: BTreeSet<(usize, usize)>,
    /// The links whose messages are lost or held, as (the server that calls, the server that is called).
    links: BTreeMap<(usize, usize), Link>,
    /// How long each message takes on a slow link.
    latencies: BTreeMap<(usize, usize), RangeInclusive<Duration>>,
    /// For each clerk, the names of its ends, in the order of the servers.
    clerks: BTreeMap<ClientId, Vec<Name>>,
    next_client: ClientId,
    /// The values of the counters when [`Cluster::begin`] was called.
    begun: report::Begun,
    /// The mark of the current partition, if there is one.
    partition: Option<Lasting>,
    /// The crashes that a test has ordered for a moment at which a server sends a message.
    plans: BTreeMap<usize, Arc<moments::Plan>>,
}

/// Starts a cluster and connects all servers. The network is reliable until all servers are connected.
pub fn make_config<S: Replicated>(setup: Setup) -> Config<S> {
    let net = new_network();
    let server = |i| Arc::new(Lives::new(&net, i, NodeId::first(i)));
    let servers = (0..setup.servers).map(server).collect();
    let state = State {
        connected: BTreeSet::new(),
        links: BTreeMap::new(),
        latencies: BTreeMap::new(),
        clerks: BTreeMap::new(),
        next_client: ClientId::first(setup.servers),
        begun: report::Begun::now(),
        partition: None,
        plans: BTreeMap::new(),
    };
    let cluster = Arc::new(Cluster {
        setup,
        net,
        limit: Limit::from_now(TEST_LIMIT),
        servers,
        ops: AtomicU64::new(0),
        state: Mutex::new(state),
        marks: Marks::new(),
    });
    (0..setup.servers).for_each(|i| cluster.start_server(i));
    cluster.connect_all();
    if setup.twice {
        cluster.net.set_options(NetworkOptions { duplicated_requests: 1000, ..NetworkOptions::default() });
    }
    if setup.late_copies {
        cluster.net.set_options(late_copies());
    }
    if setup.unreliable {
        cluster.set_unreliable(true);
    }
    Owner::new(cluster)
}

impl<S: Replicated> Finish for Cluster<S> {
    #[track_caller]
    fn check_timeout(&self) {
        self.limit.check();
    }

    fn passed_line(&self) -> String {
        Cluster::passed_line(self)
    }

    #[track_caller]
    fn cleanup(&self) {
        (0..self.setup.servers).for_each(|i| self.shutdown_server(i));
        self.net.cleanup();
        check_none_left(&self.servers, S::STRICTNESS);
    }

    fn abandon(&self) {
        self.net.cleanup();
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

    /// A server takes a snapshot when its Raft state has more than this number of bytes.
    pub fn maxraftstate(&self) -> Option<usize> {
        self.setup.maxraftstate
    }

    /// Starts server `i` with its saved state. The server must not be running. Clerks can reach the started
    /// server at once. The other servers can reach it only after the test has connected them with it.
    #[track_caller]
    pub fn start_server(&self, i: usize) {
        let lives = &self.servers[i];
        let turn = lives.take_turn();
        turn.finish_cut(S::kill);
        assert!(!lives.is_up(), "server {i} is running: shut it down before it is started again");
        self.forget_ends_of(i);
        let NewLife { life, persister, ends } = turn.begin(0..self.setup.servers);
        let maxraftstate = self.setup.maxraftstate;
        let start = ServerStart { ends, me: i, persister, maxraftstate };
        let living = turn.start(&life, || Arc::new(S::start(start)));
        self.marks.up(life.node);
        let services = living.call(|_| living.server.services());
        turn.join_network(&life, Server::new().cost(self.setup.client_cost), services);
    }

    /// Stops server `i` and keeps its saved state. If the server does not run, this call changes nothing.
    pub fn shutdown_server(&self, i: usize) {
        let lives = &self.servers[i];
        let turn = lives.take_turn();
        if lives.is_up() {
            self.marks.down(lives.node());
        }
        turn.crash(|| self.disconnect(i), S::kill);
    }

    /// Pauses server `i` until [`resume`](Cluster::resume). The server is like a process that the operating
    /// system has stopped. Its threads stop, and the messages and replies to this server wait. The others see
    /// nothing of the pause. A crash ends the pause. If the server does not run, this call changes nothing.
    ///
    /// # Panics
    /// If the test runs on real threads. A pause exists only in virtual time, see [`labrt::node::pause`].
    #[track_caller]
    pub fn pause(&self, i: usize) {
        let lives = &self.servers[i];
        lives.pause();
        if lives.is_paused() {
            self.marks.paused(lives.node());
        }
    }

    /// Ends the pause of server `i`. The messages that have waited arrive in their order. If the server is
    /// not paused, this call changes nothing.
    pub fn resume(&self, i: usize) {
        let lives = &self.servers[i];
        lives.resume();
        self.marks.resumed(lives.node());
    }

    /// Changes the speed of the clock of server `i`: from now on, this clock counts `permille` milliseconds
    /// in a second. Only a server that reads a [`labrt::NodeClock`] notices this.
    #[track_caller]
    pub fn set_clock_speed(&self, i: usize, permille: u32) {
        dlog!(TEST, "lets the clock of S{i} count {permille} ms in a second");
        labrt::node::set_clock_speed(self.servers[i].node(), permille);
    }

    /// Returns true if server `i` runs.
    pub fn is_up(&self, i: usize) -> bool {
        self.servers[i].is_up()
    }

    /// A server that runs, is not paused, and believes that it leads. If there are several, it is the one
    /// with the lowest number.
    pub fn leader(&self) -> Option<usize> {
        let leads = |i: &usize| self.call(*i, |server| server.is_leader()).unwrap_or(false);
        (0..self.setup.servers).find(leads)
    }

    /// Calls `f` with server `i`. During the call, this server is labrt's current node. Returns `None` if the
    /// server does not run or is paused.
    pub fn call<T>(&self, i: usize, f: impl FnOnce(&Arc<S>) -> T) -> Option<T> {
        self.living(i).map(|living| living.call(|_| f(&living.server)))
    }

    /// The size in bytes of the largest Raft state that a server has saved, without the snapshots.
    pub fn log_size(&self) -> usize {
        self.largest(Persister::raft_state_size)
    }

    /// The size in bytes of the largest snapshot that a server has saved.
    pub fn snapshot_size(&self) -> usize {
        self.largest(Persister::snapshot_size)
    }

    fn largest(&self, size: impl Fn(&Persister) -> usize) -> usize {
        self.servers.iter().map(|lives| size(&lives.saved())).max().unwrap_or(0)
    }

    fn living(&self, i: usize) -> Option<Living<S>> {
        self.servers[i].awake()
    }

    /// The marks of the test so far: its steps and faults, for the picture of a history. If a fault has not
    /// ended yet, its mark ends at the present time.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.all()
    }
}
