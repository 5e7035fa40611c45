//! Servers on a perfect network.

use crate::kvraft::{Clerk, KvServer};
use labapi::{Persister, ServerStart};
use labrpc::{Network, Server};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

pub(super) struct Group {
    pub net: Network,
    pub servers: Vec<KvServer>,
    pub persisters: Vec<Arc<Persister>>,
}

impl Group {
    /// `n` new servers.
    pub fn start(n: usize, maxraftstate: Option<usize>) -> Group {
        let persisters = (0..n).map(|_| Arc::new(Persister::new())).collect();
        Group::restart(persisters, maxraftstate)
    }

    /// Starts servers with the state that other servers have saved.
    pub fn restart(persisters: Vec<Arc<Persister>>, maxraftstate: Option<usize>) -> Group {
        let net = Network::new();
        let n = persisters.len();
        let start = |me: usize| {
            let ends: Vec<_> = (0..n).map(|to| net.make_end(NodeId::first(me), to)).collect();
            ends.iter().for_each(|end| net.enable(end, true));
            let _node = node::enter(NodeId::first(me));
            let start = ServerStart { ends, me, persister: persisters[me].clone(), maxraftstate };
            let server = KvServer::start(start);
            let server = server.unwrap_or_else(|error| panic!("server {me} does not start: {error}"));
            let shared = server.services().into_iter().fold(Server::new(), Server::service);
            net.add_server(me, shared);
            server
        };
        let servers = (0..n).map(start).collect();
        Group { net, servers, persisters }
    }

    /// A client that can reach all servers.
    pub fn clerk(&self) -> Clerk {
        let ends: Vec<_> = (0..self.servers.len()).map(|to| self.net.make_end(NodeId::NONE, to)).collect();
        ends.iter().for_each(|end| self.net.enable(end, true));
        Clerk::new(ends)
    }
}
