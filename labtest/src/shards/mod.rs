//! A sharded key/value service under test: the course's `shardkv/config.go`.
//!
//! [`make_config`] prints the test's title, starts a controller of three servers and three groups of three on a
//! fresh network, and returns a [`Config`], which the test drives: it lets groups join and leave (`steps.rs`),
//! stops and starts servers and whole groups, and makes clerks (`clients.rs`). No group is joined at first. Groups
//! are named by their index, from 0; their gids are 100, 101 and so on.
//!
//! Two things are ours: a server, or a controller, can be cut off while it runs (`links.rs`), and the controllers
//! can be restarted. What a test does is in its trace, in its log (topic `TEST`), and beside the operations in the
//! picture of a history that is not linearizable ([`Cluster::marks`]).
//!
//! # Who talks over what
//!
//! | end | made | works |
//! |---|---|---|
//! | server to its own group, server to controllers | at each start of the server | until it is stopped or cut off |
//! | server to other groups | by the server, with its `make_end` | until its life has ended |
//! | clerk to controllers | with the clerk | while the controller is not cut off |
//! | clerk to groups | by the clerk, with its `make_end` | always |
//!
//! # What a stop is
//!
//! As in the course, in this order: the server's own ends are disabled; its name leaves the network, so that no
//! request can be answered any more; its persister is copied, and the dying instance keeps the original; it is
//! killed. Ends that it made itself work until then, and not a moment longer: they belong to the life that made
//! them, and are closed with it (in the course such a zombie can talk on).
//!
//! # Locks
//!
//! One lock covers the state of the harness. It is never held while calling a server or a clerk.

mod clients;
mod links;
mod load;
mod place;
mod report;
mod status;
mod steps;
#[cfg(test)]
mod tests;

use labapi::{GroupStart, Persister, Replica, ServerStart, Sharded};
use std::ops::Deref;

use labrpc::{Cost, Name, Network, Server};
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::dlog;
use labrt::node;
use labrt::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use labrt::sync::{Arc, Mutex};
use labrt::time::{Duration, Instant};

use super::events;
use super::kv::{History, IfUnknown};
use super::limit::{TEST_LIMIT, check_limit};
use super::lives::check_none_left;
use super::marks::{Lasting, Mark, MarkKind, Marks};
use links::Life;

pub use clients::{Client, random_text};
pub use load::{Mixed, within};
pub use place::{Place, gid};
pub use status::Look;

/// What a test wants.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Delay the requests by up to 26 ms, and lose a tenth of them and a tenth of the replies.
    pub unreliable: bool,
    /// The servers of the groups make a snapshot when their Raft state grows beyond so many bytes; `None`: never.
    pub maxraftstate: Option<usize>,
    /// How many groups.
    pub groups: usize,
    /// How many servers a group has.
    pub servers: usize,
    /// How many servers the controller has.
    pub ctrlers: usize,
    /// How long the test may take on its own clock.
    pub limit: Duration,
}

impl Setup {
    /// Three controllers and three groups of three on a reliable network, without snapshots; two minutes.
    pub fn new() -> Setup {
        Setup { unreliable: false, maxraftstate: None, groups: 3, servers: 3, ctrlers: 3, limit: TEST_LIMIT }
    }

    /// The same on an unreliable network.
    pub fn unreliable(self) -> Setup {
        Setup { unreliable: true, ..self }
    }

    /// The same with snapshots when the Raft state grows beyond so many bytes.
    pub fn maxraftstate(self, bytes: usize) -> Setup {
        Setup { maxraftstate: Some(bytes), ..self }
    }

    /// The same with so many groups.
    pub fn groups(self, groups: usize) -> Setup {
        Setup { groups, ..self }
    }

    /// The same with another limit for the whole test.
    pub fn limit(self, limit: Duration) -> Setup {
        Setup { limit, ..self }
    }
}

impl Default for Setup {
    fn default() -> Setup {
        Setup::new()
    }
}

/// The owner of a [`Cluster`]: gone with the test's body, and the cluster with it.
///
/// A body ends with [`Config::end`], which checks what is checked last and prints the course's line.
#[must_use = "the cluster lives as long as its Config"]
pub struct Config<S: Sharded> {
    cluster: Arc<Cluster<S>>,
}

/// The controllers and the groups on one network, with the persister of each server.
pub struct Cluster<S: Sharded> {
    title: String,
    setup: Setup,
    net: Network,
    /// When the harness was made: the 120 seconds of a test count from here.
    start: Instant,
    /// Raised at cleanup.
    finished: AtomicBool,
    state: Mutex<State>,
    marks: Marks,
    /// The controller's clerk of the harness; away while it is used.
    mck: Mutex<Option<S::CtrlerClerk>>,
    /// The number of the next clerk in the trace, unless the clerk has one in a history.
    next_clerk: AtomicU32,
}

/// Beyond the numbers of clients in histories.
const FIRST_CLERK: u32 = 1000;

struct State {
    slots: BTreeMap<Place, Slot>,
    /// The names of each clerk's ends to the controllers.
    clerks: Vec<Vec<Name>>,
    /// Who is cut off.
    cut: BTreeSet<Place>,
    /// Who is cut off from its own group alone.
    cut_from_group: BTreeSet<Place>,
}

/// One server: the living instance, if any, and what outlives it.
#[derive(Default)]
struct Slot {
    living: Option<Living>,
    /// The number of the newest life; 0 before the first start.
    incarnation: u32,
    saved: Option<Arc<Persister>>,
    /// Lasts while it is down.
    down: Option<Lasting>,
}

/// A running server and its ends.
#[derive(Clone)]
struct Living {
    replica: Arc<dyn Replica>,
    life: Arc<Life>,
    /// To its group, itself included.
    peers: Vec<Name>,
    /// To the controllers; empty for a controller.
    ctrlers: Vec<Name>,
}

impl Living {
    /// Runs a call into the server as its own code. Must be called without the harness lock.
    fn call<T>(&self, f: impl FnOnce(&dyn Replica) -> T) -> T {
        let _as_node = node::enter(self.life.node);
        f(&*self.replica)
    }
}

/// Prints the title and starts everybody. The network is reliable until all have started.
pub fn make_config<S: Sharded>(title: &str, setup: Setup) -> Config<S> {
    report::begin(title);
    make_quietly(title, setup)
}

/// [`make_config`], but nothing is printed; for whoever has a screen of his own. To be ended with
/// [`Config::stop`].
pub fn make_quietly<S: Sharded>(title: &str, setup: Setup) -> Config<S> {
    let ctrlers = (0..setup.ctrlers).map(Place::Ctrler);
    let servers = (0..setup.groups).flat_map(|gi| (0..setup.servers).map(move |i| Place::Server(gi, i)));
    let places: Vec<Place> = ctrlers.chain(servers).collect();
    let slots = places.iter().map(|&place| (place, Slot::default())).collect();
    let cluster = Arc::new(Cluster {
        title: title.trim_end_matches(['.', ' ']).to_owned(),
        setup,
        net: Network::new(),
        start: Instant::now(),
        finished: AtomicBool::new(false),
        state: Mutex::new(State {
            slots,
            clerks: Vec::new(),
            cut: BTreeSet::new(),
            cut_from_group: BTreeSet::new(),
        }),
        marks: Marks::new(),
        mck: Mutex::new(None),
        next_clerk: AtomicU32::new(FIRST_CLERK + 1),
    });
    places.into_iter().for_each(|place| cluster.start(place));
    let mck = cluster.make_ctrler_clerk();
    *cluster.mck.lock() = Some(mck);
    if setup.unreliable {
        cluster.set_unreliable(true);
    }
    Config { cluster }
}

impl<S: Sharded> Config<S> {
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
        self.cleanup();
        self.check_timeout();
        report::end();
    }

    /// [`end`](Config::end) without a limit of time and without a line.
    #[track_caller]
    pub fn stop(self) {
        self.cleanup();
    }
}

impl<S: Sharded> Deref for Config<S> {
    type Target = Arc<Cluster<S>>;

    fn deref(&self) -> &Arc<Cluster<S>> {
        &self.cluster
    }
}

/// A test that fails does not reach [`Config::end`]. Its run is over, and labrt ends the threads; what is left is
/// to stop the network, and to take the servers off it, which hold it through their `make_end`.
impl<S: Sharded> Drop for Config<S> {
    fn drop(&mut self) {
        if !self.cluster.finished.swap(true, Ordering::SeqCst) {
            self.cluster.net.cleanup();
            self.cluster
                .places()
                .into_iter()
                .for_each(|place| self.cluster.net.delete_server(place.on_network()));
        }
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
        self.state.lock().slots.keys().copied().collect()
    }

    /// The places of a server's group.
    fn group_of(&self, place: Place) -> Vec<Place> {
        match place {
            Place::Ctrler(_) => (0..self.setup.ctrlers).map(Place::Ctrler).collect(),
            Place::Second(_) => (0..self.setup.ctrlers).map(Place::Second).collect(),
            Place::Server(gi, _) => self.group(gi),
        }
    }

    fn group(&self, gi: usize) -> Vec<Place> {
        (0..self.setup.servers).map(|i| Place::Server(gi, i)).collect()
    }

    /// Starts server `i` of group `gi`, with what it has saved. It is on the network at once.
    #[track_caller]
    pub fn start_server(&self, gi: usize, i: usize) {
        self.start(Place::Server(gi, i));
    }

    /// Stops server `i` of group `gi` and keeps what it has saved. Allowed on one that is not running.
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

    /// Starts the server at `place`, a controller or a server of a group.
    #[track_caller]
    pub fn start(&self, place: Place) {
        let (life, persister) = self.next_life(place);
        dlog!(TEST, "starts {place}, life {}", life.node.incarnation);
        events::restart(life.node);

        let peers = self.make_ends(life.node, &self.group_of(place));
        let ctrlers = match place {
            Place::Ctrler(_) | Place::Second(_) => Vec::new(),
            Place::Server(..) => self.make_ends(life.node, &self.group_of(Place::Ctrler(0))),
        };
        let names = |ends: &[labrpc::End]| ends.iter().map(|end| end.name().clone()).collect::<Vec<_>>();
        let (peer_names, ctrler_names) = (names(&peers), names(&ctrlers));
        self.enable_new(place, &peer_names, &ctrler_names);

        let running = {
            let _as_node = node::enter(life.node);
            match place {
                Place::Ctrler(me) | Place::Second(me) => {
                    S::start_ctrler(ServerStart { ends: peers, me, persister, maxraftstate: None })
                }
                Place::Server(gi, me) => S::start_server(GroupStart {
                    server: ServerStart { ends: peers, me, persister, maxraftstate: self.setup.maxraftstate },
                    gid: gid(gi),
                    ctrlers,
                    make_end: links::make_end_of(&self.net, &life),
                }),
            }
        };
        let living = Living { replica: running.replica, life, peers: peer_names, ctrlers: ctrler_names };
        let node = living.life.node;
        let down = {
            let mut state = self.state.lock();
            let slot = state.slot(place);
            slot.living = Some(living);
            slot.down.take()
        };
        if let Some(down) = down {
            self.marks.close(down);
        }
        let server = running
            .services
            .into_iter()
            .fold(Server::new().cost(Cost::Client), |server, it| server.service(it.node(node)));
        self.net.add_server(place.on_network(), server);
    }

    /// The identity and the persister of the next life of the server at `place`.
    #[track_caller]
    fn next_life(&self, place: Place) -> (Arc<Life>, Arc<Persister>) {
        let mut state = self.state.lock();
        let slot = state.slot(place);
        assert!(slot.living.is_none(), "{place} is running: stop it before it is started again");
        slot.incarnation += 1;
        let persister = Arc::new(slot.saved.as_ref().map_or_else(Persister::new, |saved| saved.copy()));
        slot.saved = Some(Arc::clone(&persister));
        (Arc::new(Life::new(place.node(slot.incarnation))), persister)
    }

    /// Stops the server at `place`, a controller or a server of a group. Allowed on one that is not running.
    pub fn shutdown(&self, place: Place) {
        let names = self.state.lock().slot(place).living.as_ref().map(|it| {
            events::crash(it.life.node);
            [&it.peers[..], &it.ctrlers].concat()
        });
        for name in names.iter().flatten() {
            self.net.enable(name, false);
        }
        // The server goes before the persister is copied: nobody may get an answer for what is saved after the
        // copy.
        self.net.delete_server(place.on_network());
        let living = {
            let mut state = self.state.lock();
            let slot = state.slot(place);
            slot.saved = slot.saved.as_ref().map(|saved| Arc::new(saved.copy()));
            slot.living.take()
        };
        let Some(living) = living else { return };
        dlog!(TEST, "stops {place}");
        let down = self.marks.open(MarkKind::Crash, format!("{place} down"));
        self.state.lock().slot(place).down = Some(down);
        living.call(|replica| replica.kill());
        living.life.end();
        self.net.close_ends_of(living.life.node);
    }

    /// Whether the server at `place` is running.
    pub fn is_up(&self, place: Place) -> bool {
        self.state.lock().slot(place).living.is_some()
    }

    /// The first server of group `gi`, in order, that believes that it leads.
    pub fn leader(&self, gi: usize) -> Option<usize> {
        (0..self.setup.servers).find(|&i| self.leads(Place::Server(gi, i)))
    }

    /// The first controller, in order, that believes that it leads.
    pub fn ctrler_leader(&self) -> Option<usize> {
        (0..self.setup.ctrlers).find(|&i| self.leads(Place::Ctrler(i)))
    }

    fn leads(&self, place: Place) -> bool {
        let living = self.living(place);
        living.is_some_and(|living| living.call(|replica| replica.is_leader()))
    }

    /// How many bytes of keys and values server `i` of group `gi` holds. `None`: it is not running, or it does not
    /// say.
    pub fn bytes_held(&self, gi: usize, i: usize) -> Option<usize> {
        self.living(Place::Server(gi, i))?.call(|replica| replica.bytes_held())
    }

    /// The bytes that server `i` of group `gi` has saved: its Raft state and its snapshot.
    pub fn saved_bytes(&self, gi: usize, i: usize) -> (usize, usize) {
        let saved = self.state.lock().slot(Place::Server(gi, i)).saved.clone();
        saved.map_or((0, 0), |saved| (saved.raft_state_size(), saved.snapshot_size()))
    }

    fn living(&self, place: Place) -> Option<Living> {
        self.state.lock().slot(place).living.clone()
    }

    /// Stops everything: the groups, the controllers, then the network. Checks that no thread of a server is left
    /// behind.
    #[track_caller]
    fn cleanup(&self) {
        self.finished.store(true, Ordering::SeqCst);
        (0..self.setup.groups).for_each(|gi| self.shutdown_group(gi));
        self.places().into_iter().for_each(|place| self.shutdown(place));
        self.net.cleanup();
        let lives: Vec<_> = {
            let state = self.state.lock();
            let lives = |(place, slot): (&Place, &Slot)| (*place, slot.incarnation);
            state.slots.iter().map(lives).collect()
        };
        let nodes = lives.into_iter().flat_map(|(place, last)| (1..=last).map(move |life| place.node(life)));
        check_none_left(&nodes.collect::<Vec<_>>(), S::STRICTNESS);
    }

    /// Fails the test when it is older than its limit. It does not interrupt one.
    #[track_caller]
    fn check_timeout(&self) {
        check_limit(self.start, self.setup.limit);
    }

    /// What the test has done so far, for a picture. What lasts still lasts until now.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.all()
    }

    /// The history must be linearizable.
    #[track_caller]
    pub fn check_linearizable(&self, history: &History, if_unknown: IfUnknown) {
        history.check(if_unknown, &self.title, self.marks());
    }
}

impl State {
    /// The slot of a server that the test has.
    #[track_caller]
    fn slot(&mut self, place: Place) -> &mut Slot {
        match self.slots.get_mut(&place) {
            Some(slot) => slot,
            None => panic!("{place} ({}) is no server of this test", place.name()),
        }
    }
}
