//! A sharded key/value service under test: the course's `shardkv/config.go`.
//!
//! [`make_config`] prints the test's title. It starts a controller of three servers, and three groups of
//! three servers, on a new network. It returns a [`Config`]. With the [`Config`] the test can do this:
//!
//! * let groups join and leave (`steps.rs`);
//! * stop and start single servers, whole groups, and controllers;
//! * crash a server at the moment at which it saves or answers (`moments.rs`);
//! * cut a running server or controller off (`links.rs`);
//! * make clerks (`clients.rs`).
//!
//! At first no group has joined. The groups have the indices 0, 1 and so on. Their gids are 100, 101 and so
//! on.
//!
//! The course's harness cannot cut off a running server or controller, and it cannot restart controllers. All
//! steps of a test are recorded in its trace and in its log (topic `TEST`). If a history is not linearizable,
//! its picture shows these steps, too ([`Cluster::marks`]).
//!
//! # Ends
//!
//! An *end* is the side of a connection that sends requests.
//!
//! | end | when it is made, or who makes it | how long it works |
//! |---|---|---|
//! | server to its group and to controllers | at each start of the server | until it is stopped or cut off |
//! | server to other groups | by the server, with its `make_end` | until the server is stopped |
//! | clerk to controllers | when the clerk is made | while the controller is not cut off |
//! | clerk to groups | by the clerk, with its `make_end` | always |
//!
//! # Crashes
//!
//! A server is always stopped by a crash. At one instant during the crash, the saved state is copied. The
//! next life starts with this copy (see `lives.rs`). A *life* of a server is the time from a start to the
//! next crash. During a life, a server makes ends with its `make_end`. When the life ends, these ends are
//! closed. (In the course, these ends still work.)
//!
//! # Locks
//!
//! One lock protects the state of the harness. No thread holds this lock while it calls a server, a clerk or
//! the network.

mod clients;
mod links;
mod load;
mod moments;
mod place;
mod report;
mod status;
mod steps;
#[cfg(test)]
mod tests;

use labapi::{GroupStart, Replica, Running, ServerStart, Sharded};
use labrpc::{Cost, Name, Network, Server};
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::sync::atomic::AtomicU32;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;

use super::kv::{History, IfUnknown};
use super::limit::{Limit, TEST_LIMIT};
use super::lives::{Lives, Living, NewLife, check_none_left};
use super::marks::{Mark, Marks};
use super::network::new_network;
use super::owner::{Finish, Owner};
use super::service::late_copies;

pub use clients::{Client, random_text};
pub use load::{Mixed, within};
pub use moments::{Moment, Planned, Which};
pub use place::{Place, gid};
pub use status::Look;

/// The cluster that a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// If true, the network delays each request by up to 26 ms, and loses a tenth of the requests and a tenth
    /// of the replies.
    pub unreliable: bool,
    /// A server of a group makes a snapshot when its Raft state has more than this number of bytes. With
    /// `None`, the servers make no snapshots.
    pub maxraftstate: Option<usize>,
    /// The number of groups.
    pub groups: usize,
    /// How many servers a group has.
    pub servers: usize,
    /// How many servers the controller has.
    pub ctrlers: usize,
    /// How long the test may take. In a run in virtual time, the limit is in virtual time, too.
    pub limit: Duration,
    /// In virtual time: how much time a request of a client, or of another group, takes.
    pub client_cost: Cost,
    /// If true, each request arrives twice. The second time is up to three seconds after the first.
    pub late_copies: bool,
}

impl Setup {
    /// A setup with three controllers, three groups of three servers, a reliable network, no snapshots, and a
    /// limit of two minutes.
    pub fn new() -> Setup {
        Setup {
            unreliable: false,
            maxraftstate: None,
            groups: 3,
            servers: 3,
            ctrlers: 3,
            limit: TEST_LIMIT,
            client_cost: Cost::Client,
            late_copies: false,
        }
    }

    /// The same setup with an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same setup, but the servers of the groups make a snapshot when their Raft state has more than this
    /// number of bytes.
    pub fn maxraftstate(self, bytes: usize) -> Setup {
        Setup { maxraftstate: Some(bytes), ..self }
    }

    /// The same setup with clients that are near ([`Cost::NearClient`]).
    pub fn near_clients(self) -> Setup {
        Setup { client_cost: Cost::NearClient, ..self }
    }

    /// The same setup, but a copy of each request arrives late.
    pub fn late_copies(self) -> Setup {
        Setup { late_copies: true, ..self }
    }

    /// The same setup with this number of groups.
    pub fn groups(self, groups: usize) -> Setup {
        Setup { groups, ..self }
    }

    /// The same setup with another time limit for the whole test.
    pub fn limit(self, limit: Duration) -> Setup {
        Setup { limit, ..self }
    }
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

/// The owner of a [`Cluster`]. The body of a test ends with [`Owner::end`].
pub type Config<S> = Owner<Cluster<S>>;

/// The controllers and the groups on one network, and the persisters of all servers.
pub struct Cluster<S: Sharded> {
    title: String,
    setup: Setup,
    net: Network,
    limit: Limit,
    state: Mutex<State>,
    marks: Marks,
    /// The harness's own clerk of the controller. It is `None` while the clerk is in use.
    mck: Mutex<Option<S::CtrlerClerk>>,
    /// The number that the next clerk gets in the trace. A clerk that is recorded in a history uses its
    /// number in the history instead.
    next_clerk: AtomicU32,
}

/// The first number of the clerks that are not recorded in a history. It is higher than all numbers of
/// clients in histories.
const FIRST_CLERK: u32 = 1000;

struct State {
    servers: BTreeMap<Place, Arc<Lives<dyn Replica>>>,
    /// The names of each clerk's ends to the controllers.
    clerks: Vec<Vec<Name>>,
    /// The servers that are cut off.
    cut: BTreeSet<Place>,
    /// The servers that are cut off only from their own group.
    cut_from_group: BTreeSet<Place>,
    /// The crashes that a test has ordered for a moment at which a server sends a message.
    plans: BTreeMap<Place, Arc<moments::Plan>>,
}

/// Prints the title and starts all servers. The network is reliable until all servers have started.
pub fn make_config<S: Sharded>(title: &str, setup: Setup) -> Config<S> {
    report::begin(title);
    make_quietly(title, setup)
}

/// Like [`make_config`], but prints nothing. Programs that draw on the screen use this function. Such a
/// program ends the test with [`Owner::stop`].
pub fn make_quietly<S: Sharded>(title: &str, setup: Setup) -> Config<S> {
    let ctrlers = (0..setup.ctrlers).map(Place::Ctrler);
    let servers = (0..setup.groups).flat_map(|gi| (0..setup.servers).map(move |i| Place::Server(gi, i)));
    let places: Vec<Place> = ctrlers.chain(servers).collect();
    let net = new_network();
    let servers = places.iter().map(|&place| (place, place.lives(&net))).collect();
    let cluster = Arc::new(Cluster {
        title: title.trim_end_matches(['.', ' ']).to_owned(),
        setup,
        net,
        limit: Limit::from_now(setup.limit),
        state: Mutex::new(State {
            servers,
            clerks: Vec::new(),
            cut: BTreeSet::new(),
            cut_from_group: BTreeSet::new(),
            plans: BTreeMap::new(),
        }),
        marks: Marks::new(),
        mck: Mutex::new(None),
        next_clerk: AtomicU32::new(FIRST_CLERK + 1),
    });
    places.into_iter().for_each(|place| cluster.start(place));
    let mck = cluster.make_ctrler_clerk();
    *cluster.mck.lock() = Some(mck);
    if setup.late_copies {
        cluster.net.set_options(late_copies());
    }
    if setup.unreliable {
        cluster.set_unreliable(true);
    }
    Owner::new(cluster)
}

impl<S: Sharded> Finish for Cluster<S> {
    #[track_caller]
    fn check_timeout(&self) {
        self.limit.check();
    }

    fn passed_line(&self) -> String {
        "  ... Passed".to_owned()
    }

    #[track_caller]
    fn cleanup(&self) {
        (0..self.setup.groups).for_each(|gi| self.shutdown_group(gi));
        self.places().into_iter().for_each(|place| self.shutdown(place));
        self.net.cleanup();
        check_none_left(&self.all(), S::STRICTNESS);
    }

    /// Also removes the servers from the network. The `make_end` of a server has a reference to the network,
    /// and the network has references to the servers. So without this step the memory of the network and the
    /// servers would never be freed.
    fn abandon(&self) {
        self.net.cleanup();
        self.places().into_iter().for_each(|place| self.net.delete_server(place.on_network()));
    }
}

impl<S: Sharded> Cluster<S> {
    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.setup.groups
    }

    /// How many servers a group has.
    pub fn servers(&self) -> usize {
        self.setup.servers
    }

    /// How many servers the controller has.
    pub fn ctrlers(&self) -> usize {
        self.setup.ctrlers
    }

    /// All servers, the controllers first.
    fn places(&self) -> Vec<Place> {
        self.state.lock().servers.keys().copied().collect()
    }

    fn all(&self) -> Vec<Arc<Lives<dyn Replica>>> {
        self.state.lock().servers.values().cloned().collect()
    }

    #[track_caller]
    fn lives(&self, place: Place) -> Arc<Lives<dyn Replica>> {
        self.state.lock().lives(place)
    }

    /// The places of all servers in the group of the server at `place`.
    fn group_of(&self, place: Place) -> Vec<Place> {
        match place {
            Place::Ctrler(_) => (0..self.setup.ctrlers).map(Place::Ctrler).collect(),
            Place::Second(_) => (0..self.setup.ctrlers).map(Place::Second).collect(),
            Place::Server(gi, _) => self.group(gi),
        }
    }

    /// The servers of group `gi`.
    pub fn group(&self, gi: usize) -> Vec<Place> {
        (0..self.setup.servers).map(|i| Place::Server(gi, i)).collect()
    }

    /// Starts server `i` of group `gi` with its saved state. The server is on the network at once.
    #[track_caller]
    pub fn start_server(&self, gi: usize, i: usize) {
        self.start(Place::Server(gi, i));
    }

    /// Stops server `i` of group `gi` and keeps its saved state. If the server does not run, this call
    /// changes nothing.
    pub fn shutdown_server(&self, gi: usize, i: usize) {
        self.shutdown(Place::Server(gi, i));
    }

    /// Starts all servers of a group, one after the other.
    #[track_caller]
    pub fn start_group(&self, gi: usize) {
        self.group(gi).into_iter().for_each(|place| self.start(place));
    }

    /// Stops all servers of a group, one after the other.
    pub fn shutdown_group(&self, gi: usize) {
        self.group(gi).into_iter().for_each(|place| self.shutdown(place));
    }

    /// Starts the server at `place`, which is a controller or a server of a group.
    #[track_caller]
    pub fn start(&self, place: Place) {
        let lives = self.lives(place);
        let turn = lives.take_turn();
        turn.finish_cut(|replica| replica.kill());
        assert!(!lives.is_up(), "{place} is running: stop it before it is started again");
        let targets = self.targets(place).into_iter().map(Place::on_network);
        let new = turn.begin(targets);
        let life = Arc::clone(&new.life);
        self.bring_ends_in_line();

        let mut services = Vec::new();
        turn.start(&life, || {
            let running = self.run(place, new);
            services = running.services;
            running.replica
        });
        self.marks.up(place);
        turn.join_network(&life, Server::new().cost(self.setup.client_cost), services);
    }

    /// Calls the code that starts the server at `place`.
    fn run(&self, place: Place, new: NewLife) -> Running {
        let NewLife { life, persister, mut ends } = new;
        let ctrlers = ends.split_off(self.group_of(place).len());
        match place {
            Place::Ctrler(me) | Place::Second(me) => {
                S::start_ctrler(ServerStart { ends, me, persister, maxraftstate: None })
            }
            Place::Server(gi, me) => S::start_server(GroupStart {
                server: ServerStart { ends, me, persister, maxraftstate: self.setup.maxraftstate },
                gid: gid(gi),
                ctrlers,
                make_end: links::make_end_of(&self.net, &life),
            }),
        }
    }

    /// Stops the server at `place`, which is a controller or a server of a group. If the server does not run,
    /// this call changes nothing.
    pub fn shutdown(&self, place: Place) {
        let lives = self.lives(place);
        let turn = lives.take_turn();
        if lives.is_up() {
            self.marks.down(place);
        }
        turn.crash(|| (), |replica| replica.kill());
    }

    /// Pauses the server at `place` until [`resume`](Cluster::resume). The server is like a process that the
    /// operating system has stopped. Its threads stop, and the messages and replies to this server wait. The
    /// others see nothing of the pause. A crash ends the pause. If the server does not run, this call changes
    /// nothing.
    ///
    /// # Panics
    /// If the test runs on real threads. A pause exists only in virtual time, see [`labrt::node::pause`].
    #[track_caller]
    pub fn pause(&self, place: Place) {
        let lives = self.lives(place);
        lives.pause();
        if lives.is_paused() {
            self.marks.paused(place);
        }
    }

    /// Ends the pause of the server at `place`. The messages that have waited arrive in their order. If the
    /// server is not paused, this call changes nothing.
    pub fn resume(&self, place: Place) {
        self.lives(place).resume();
        self.marks.resumed(place);
    }

    /// Returns true if the server at `place` runs.
    pub fn is_up(&self, place: Place) -> bool {
        self.lives(place).is_up()
    }

    /// A server of group `gi` that believes that it leads. If there are several, it is the one with the
    /// lowest number.
    pub fn leader(&self, gi: usize) -> Option<usize> {
        (0..self.setup.servers).find(|&i| self.leads(Place::Server(gi, i)))
    }

    /// A controller that believes that it leads. If there are several, it is the one with the lowest number.
    pub fn ctrler_leader(&self) -> Option<usize> {
        (0..self.setup.ctrlers).find(|&i| self.leads(Place::Ctrler(i)))
    }

    fn leads(&self, place: Place) -> bool {
        let living = self.living(place);
        living.is_some_and(|living| living.call(|replica| replica.is_leader()))
    }

    /// How many bytes of keys and values server `i` of group `gi` has in memory. Returns `None` if the server
    /// does not run, or if its code does not report this number.
    pub fn bytes_held(&self, gi: usize, i: usize) -> Option<usize> {
        self.living(Place::Server(gi, i))?.call(|replica| replica.bytes_held())
    }

    /// How many bytes server `i` of group `gi` has saved: of Raft state, and of its snapshot.
    pub fn saved_bytes(&self, gi: usize, i: usize) -> (usize, usize) {
        self.lives(Place::Server(gi, i)).saved_bytes()
    }

    fn living(&self, place: Place) -> Option<Living<dyn Replica>> {
        self.lives(place).awake()
    }

    /// The marks of the test so far: its steps and faults, for the picture of a history. If a fault has not
    /// ended yet, its mark ends at the present time.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.all()
    }

    /// Fails the test if the history is not linearizable.
    #[track_caller]
    pub fn check_linearizable(&self, history: &History, if_unknown: IfUnknown) {
        history.check(if_unknown, &self.title, self.marks());
    }
}

impl State {
    /// The server at a place. Fails the test if there is no server at this place.
    #[track_caller]
    fn lives(&self, place: Place) -> Arc<Lives<dyn Replica>> {
        match self.servers.get(&place) {
            Some(lives) => Arc::clone(lives),
            None => panic!("{place} ({}) is no server of this test", place.name()),
        }
    }
}
