//! Servers on a network. A test can stop them and start them again.

use crate::rsm::StateMachine;
use crate::shardctrler::machine::Controller;
use crate::shardctrler::{Clerk, ShardCtrler};
use labapi::{Persister, ServerStart};
use labrpc::{Network, Server};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

pub(super) struct Group {
    pub net: Network,
    servers: Vec<Place>,
    maxraftstate: Option<usize>,
}

/// A server that is running or stopped.
struct Place {
    node: NodeId,
    persister: Arc<Persister>,
    running: Option<ShardCtrler>,
}

impl Group {
    /// `n` new servers.
    pub fn start(n: usize, maxraftstate: Option<usize>) -> Group {
        let place = |me| Place {
            node: NodeId { incarnation: 0, ..NodeId::first(me) },
            persister: Arc::new(Persister::new()),
            running: None,
        };
        let servers = (0..n).map(place).collect();
        let mut group = Group { net: Network::new(), servers, maxraftstate };
        (0..n).for_each(|me| group.start_server(me));
        group
    }

    /// Starts a server with the state that it had saved before it was stopped.
    pub fn start_server(&mut self, me: usize) {
        let n = self.servers.len();
        let place = &mut self.servers[me];
        place.node.incarnation += 1;
        let ends: Vec<_> = (0..n).map(|to| self.net.make_end(place.node, to)).collect();
        ends.iter().for_each(|end| self.net.enable(end, true));
        let _node = node::enter(place.node);
        let saved = place.persister.clone();
        let start = ServerStart { ends, me, persister: saved, maxraftstate: self.maxraftstate };
        let started = ShardCtrler::start(start);
        let server = started.unwrap_or_else(|error| panic!("server {me} does not start: {error}"));
        let shared = server.services().into_iter().fold(Server::new(), Server::service);
        self.net.add_server(me, shared);
        place.running = Some(server);
    }

    /// Stops a server. Whatever the server sends or saves later has no effect. Returns the server's node.
    pub fn stop_server(&mut self, me: usize) -> NodeId {
        let place = &mut self.servers[me];
        self.net.close_ends_of(place.node);
        self.net.delete_server(me);
        place.persister = Arc::new(place.persister.copy());
        place.running = None;
        place.node
    }

    /// Stops all servers and starts them again.
    pub fn restart(&mut self) {
        for me in 0..self.servers.len() {
            self.stop_server(me);
        }
        (0..self.servers.len()).for_each(|me| self.start_server(me));
    }

    /// The server that believes that it leads. If there are several such servers, it is the server with the
    /// highest term.
    pub fn leader(&self) -> Option<usize> {
        let state = |place: &Place| place.running.as_ref().map(ShardCtrler::get_state);
        let leading = |me: &usize| state(&self.servers[*me]).is_some_and(|(_, leads)| leads);
        (0..self.servers.len()).filter(leading).max_by_key(|me| state(&self.servers[*me]))
    }

    /// The controller's state in the saved snapshot of a server, if there is a snapshot.
    pub fn saved(&self, me: usize) -> Option<Controller> {
        let snapshot = self.servers[me].persister.read_snapshot();
        let mut saved = Controller::new();
        saved.restore(&snapshot).ok().map(|()| saved)
    }

    /// A client that can reach all servers.
    pub fn clerk(&self) -> Clerk {
        let ends: Vec<_> = (0..self.servers.len()).map(|to| self.net.make_end(NodeId::NONE, to)).collect();
        ends.iter().for_each(|end| self.net.enable(end, true));
        Clerk::new(ends)
    }
}
