//! A controller and groups on a perfect network. A test can stop servers and start them again.

use crate::shardctrler::{self, ShardCtrler};
use crate::shardkv::messages::{DeliverArgs, DeliverReply};
use crate::shardkv::{Clerk, ShardKv};
use labapi::{Gid, GroupStart, MakeEnd, Persister, ServerStart};
use labrpc::{End, Network, Server};
use labrt::collections::BTreeMap;
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::time::{Duration, Instant, sleep};

pub(super) const SERVERS: usize = 3;

pub(super) struct Cluster {
    pub net: Network,
    pub ctrler: shardctrler::Clerk,
    ctrlers: Vec<ShardCtrler>,
    places: BTreeMap<(Gid, usize), Place>,
    maxraftstate: Option<usize>,
}

/// A server that is running or stopped.
struct Place {
    node: NodeId,
    persister: Arc<Persister>,
    running: Option<ShardKv>,
}

fn name(gid: Gid, me: usize) -> String {
    format!("server-{gid}-{me}")
}

fn make_end(net: &Network, owner: NodeId) -> MakeEnd {
    let net = net.clone();
    Arc::new(move |target| {
        let end = net.make_end(owner, target);
        net.enable(&end, true);
        end
    })
}

fn ends(net: &Network, owner: NodeId, targets: impl Iterator<Item = String>) -> Vec<End> {
    let make = make_end(net, owner);
    targets.map(|target| make(&target)).collect()
}

fn ctrler_names() -> impl Iterator<Item = String> {
    (0..SERVERS).map(|me| format!("ctrler-{me}"))
}

impl Cluster {
    /// Starts groups. The groups have not joined yet.
    pub fn start(gids: &[Gid], maxraftstate: Option<usize>) -> Cluster {
        let net = Network::new();
        let start_ctrler = |me: usize| {
            let node = NodeId { group: 1, ..NodeId::first(me) };
            let _node = node::enter(node);
            let persister = Arc::new(Persister::new());
            let ctrler = ShardCtrler::start(ServerStart {
                ends: ends(&net, node, ctrler_names()),
                me,
                persister,
                maxraftstate: None,
            });
            let ctrler = ctrler.unwrap_or_else(|error| panic!("controller {me} does not start: {error}"));
            let shared = ctrler.services().into_iter().fold(Server::new(), Server::service);
            net.add_server(format!("ctrler-{me}"), shared);
            ctrler
        };
        let ctrlers = (0..SERVERS).map(start_ctrler).collect();
        let place = |gid: Gid, me: usize| Place {
            node: NodeId { group: gid as u16, incarnation: 0, ..NodeId::first(me) },
            persister: Arc::new(Persister::new()),
            running: None,
        };
        let places = gids.iter().flat_map(|&gid| (0..SERVERS).map(move |me| ((gid, me), place(gid, me))));
        let ctrler = shardctrler::Clerk::new(ends(&net, NodeId::NONE, ctrler_names()));
        let mut cluster = Cluster { ctrler, ctrlers, places: places.collect(), maxraftstate, net };
        gids.iter().for_each(|&gid| cluster.start_group(gid));
        cluster
    }

    pub fn start_group(&mut self, gid: Gid) {
        (0..SERVERS).for_each(|me| self.start_server(gid, me));
    }

    pub fn stop_group(&mut self, gid: Gid) -> Vec<NodeId> {
        (0..SERVERS).map(|me| self.stop_server(gid, me)).collect()
    }

    /// Starts a server with the state that it had saved before it was stopped.
    pub fn start_server(&mut self, gid: Gid, me: usize) {
        let place = self.places.get_mut(&(gid, me)).expect("the cluster has this server");
        place.node.incarnation += 1;
        let _node = node::enter(place.node);
        let peers = ends(&self.net, place.node, (0..SERVERS).map(|to| name(gid, to)));
        let ctrlers = ends(&self.net, place.node, ctrler_names());
        let make_end = make_end(&self.net, place.node);
        let saved = place.persister.clone();
        let server = ServerStart { ends: peers, me, persister: saved, maxraftstate: self.maxraftstate };
        let started = ShardKv::start(GroupStart { server, gid, ctrlers, make_end });
        let server = started.unwrap_or_else(|error| panic!("server {me} of {gid} does not start: {error}"));
        let shared = server.services().into_iter().fold(Server::new(), Server::service);
        self.net.add_server(name(gid, me), shared);
        place.running = Some(server);
    }

    /// Stops a server. Whatever the server sends or saves later has no effect. Returns the server's node.
    pub fn stop_server(&mut self, gid: Gid, me: usize) -> NodeId {
        let place = self.places.get_mut(&(gid, me)).expect("the cluster has this server");
        self.net.delete_server(name(gid, me));
        place.persister = Arc::new(place.persister.copy());
        place.running = None;
        place.node
    }

    pub fn join(&mut self, gids: &[Gid]) {
        let names = |gid: Gid| (0..SERVERS).map(|me| name(gid, me)).collect();
        let groups = gids.iter().map(|&gid| (gid, names(gid))).collect();
        self.ctrler.join(groups).expect("groups that have not joined");
    }

    pub fn leave(&mut self, gids: &[Gid]) {
        self.ctrler.leave(gids).expect("groups that have joined");
    }

    pub fn clerk(&self) -> Clerk {
        let ctrlers = ends(&self.net, NodeId::NONE, ctrler_names());
        Clerk::new(ctrlers, make_end(&self.net, NodeId::NONE))
    }

    /// The running servers of a group.
    pub fn servers(&self, gid: Gid) -> impl Iterator<Item = &ShardKv> {
        (0..SERVERS).filter_map(move |me| self.places[&(gid, me)].running.as_ref())
    }

    /// The reply of a server to a delivery, or `None` if there is no reply within a second.
    pub fn deliver(&self, gid: Gid, me: usize, args: &DeliverArgs) -> Option<DeliverReply> {
        let end = make_end(&self.net, NodeId::NONE)(&name(gid, me));
        end.call_within(Duration::from_secs(1), "ShardKV.Deliver", args)
    }

    /// The number of bytes of keys and values that the servers of a group have.
    pub fn bytes(&self, gid: Gid) -> usize {
        self.servers(gid).map(|server| server.read(|group| group.bytes())).sum()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.places.values_mut().for_each(|place| drop(place.running.take()));
        self.ctrlers.clear();
        // The network owns the servers' handlers, and the servers own the network through their `make_end`.
        // To break this cycle, the servers must be deleted from the network.
        for (gid, me) in self.places.keys() {
            self.net.delete_server(name(*gid, *me));
        }
        self.net.cleanup();
    }
}

/// Waits until a condition is true.
#[track_caller]
pub(super) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    const LIMIT: Duration = Duration::from_secs(20);
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        sleep(Duration::from_millis(5));
    }
}
