//! The servers of the experiment, and their clients.

use labapi::{Persister, ServerStart};
use labrpc::{End, Load, Network, Server};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::time::{Duration, Instant, sleep};
use mit6824::raft::Options;

use crate::store::{Answer, ReadArgs, Reply, StoreServer, Way, WriteArgs};

/// How long the setup waits for a leader.
const PATIENCE: Duration = Duration::from_secs(30);
/// A leader is elected and every server has heard from it after this time.
const SETTLE: Duration = Duration::from_millis(250);

/// Servers with a leader. They must be made and used inside a [`labrt::Run`].
pub struct Cluster {
    net: Network,
    servers: Vec<StoreServer>,
    leader: usize,
    term: u64,
}

impl Cluster {
    /// Starts `n` servers that read in this way, and waits until one of them leads.
    ///
    /// # Panics
    /// If there is no leader for a long time.
    pub fn start(n: usize, way: Way, options: &Options) -> Cluster {
        let net = Network::new();
        let servers: Vec<StoreServer> =
            (0..n).map(|me| start_server(&net, me, n, way, options.clone())).collect();
        let (leader, term) = wait_for_leader(&servers);
        sleep(SETTLE);
        Cluster { net, servers, leader, term }
    }

    /// The network between the servers and to their clients.
    pub fn net(&self) -> &Network {
        &self.net
    }

    /// The server that leads.
    pub fn leader(&self) -> usize {
        self.leader
    }

    /// The servers that do not lead.
    pub fn followers(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|at| *at != self.leader).collect()
    }

    /// Makes a client that reads at server `at`. It writes at the leader.
    pub fn client(&self, at: usize) -> Client {
        let end = |to: usize| {
            let end = self.net.make_end(NodeId::NONE, to);
            self.net.enable(&end, true);
            end
        };
        Client { at, reads: end(at), writes: end(self.leader), seen: 0 }
    }

    /// What each server has done so far, under a capacity.
    pub fn loads(&self) -> Vec<Load> {
        (0..self.servers.len()).map(|at| self.net.load(NodeId::first(at))).collect()
    }

    /// Ends the servers.
    ///
    /// # Panics
    /// If the leader has changed since the start. Then a measurement means nothing.
    pub fn end(self) {
        let now = self.servers[self.leader].get_state();
        assert_eq!(
            now,
            (self.term, true),
            "the leader has lost its leadership: expected one leader for the whole run"
        );
        self.servers.iter().for_each(StoreServer::kill);
        self.net.cleanup();
    }
}

fn wait_for_leader(servers: &[StoreServer]) -> (usize, u64) {
    let start = Instant::now();
    loop {
        let mut states = servers.iter().map(StoreServer::get_state).enumerate();
        if let Some((leader, (term, _))) = states.rfind(|(_, (_, leads))| *leads) {
            return (leader, term);
        }
        assert!(start.elapsed() < PATIENCE, "no leader after {PATIENCE:?}");
        sleep(Duration::from_millis(10));
    }
}

fn start_server(net: &Network, me: usize, n: usize, way: Way, options: Options) -> StoreServer {
    let id = NodeId::first(me);
    let ends: Vec<End> = (0..n).map(|to| net.make_end(id, to)).collect();
    ends.iter().for_each(|end| net.enable(end, true));
    let _node = node::enter(id);
    let start = ServerStart { ends, me, persister: Arc::new(Persister::new()), maxraftstate: None };
    let server = StoreServer::start(start, options, way);
    net.add_server(me, server.services().into_iter().fold(Server::new(), Server::service));
    server
}

/// A client that does one operation at a time. It remembers the last index that it has seen.
pub struct Client {
    /// The server at which this client reads.
    pub at: usize,
    reads: End,
    writes: End,
    seen: u64,
}

impl Client {
    /// The value of a key.
    ///
    /// # Panics
    /// If there is no reply, or the server does not know the leader.
    pub fn read(&mut self, key: &str) -> Answer {
        let args = ReadArgs { key: key.to_owned(), seen: self.seen };
        let reply: Option<Reply> = self.reads.call("Store.Read", &args);
        self.note(reply, "read")
    }

    /// Sets the value of a key.
    ///
    /// # Panics
    /// If there is no reply, or the server does not lead.
    pub fn write(&mut self, key: &str, value: &str) -> Answer {
        let args = WriteArgs { key: key.to_owned(), value: value.to_owned() };
        let reply: Option<Reply> = self.writes.call("Store.Write", &args);
        self.note(reply, "write")
    }

    fn note(&mut self, reply: Option<Reply>, what: &str) -> Answer {
        let Some(answer) = reply.expect("no message is lost") else {
            panic!("a {what} found no leader: expected one leader for the whole run");
        };
        self.seen = self.seen.max(answer.index);
        answer
    }
}
