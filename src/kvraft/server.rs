//! A server. It has two handlers, which start operations and reply when the operations were applied.

use super::machine::Kv;
use super::messages::{GetArgs, KvError, Op, PutAppendArgs, Reply};
use crate::raft::Options;
use crate::rsm::{Rsm, StartError};
use labapi::ServerStart;
use labrpc::{Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

/// One server of the key/value service. Dropping it kills it.
pub struct KvServer {
    rsm: Arc<Rsm<Kv>>,
    node: NodeId,
}

impl KvServer {
    /// Starts a server. Returns at once. The server belongs to the [current](node::current) node.
    ///
    /// # Errors
    /// If the saved state cannot be read.
    pub fn start(start: ServerStart) -> Result<KvServer, StartError> {
        KvServer::start_with(start, Options::default())
    }

    /// [`start`](KvServer::start) with options for Raft.
    ///
    /// # Errors
    /// The same as [`start`](KvServer::start).
    pub fn start_with(start: ServerStart, options: Options) -> Result<KvServer, StartError> {
        let rsm = Rsm::make_with(start, Kv::new(), options)?;
        Ok(KvServer { rsm: Arc::new(rsm), node: node::current() })
    }

    /// The RPC handlers: `KVServer` with `Get` and `PutAppend`, and the handlers of Raft. No thread waits in
    /// them.
    pub fn services(&self) -> Vec<Service> {
        let (gets, writes) = (self.rsm.clone(), self.rsm.clone());
        let kv = Service::new("KVServer")
            .node(self.node)
            .deferred("Get", move |args: GetArgs, caller| submit(&gets, &Op::Get(args), caller))
            .deferred("PutAppend", move |args: PutAppendArgs, caller| {
                submit(&writes, &Op::PutAppend(args), caller)
            });
        vec![kv, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it leads it.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// Ends the server: its threads end, and the calls that wait in it fail. Returns at once.
    pub fn kill(&self) {
        self.rsm.kill();
    }
}

impl Drop for KvServer {
    fn drop(&mut self) {
        // The network may still hold the handlers.
        self.kill();
    }
}

fn submit(rsm: &Rsm<Kv>, op: &Op, caller: Responder<Reply>) {
    rsm.submit(op, move |outcome| caller.reply(outcome.unwrap_or(Err(KvError::ErrWrongLeader))));
}
