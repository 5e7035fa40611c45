//! A server: the two handlers, which put operations into the log and answer when they come out.

use super::machine::Kv;
use super::messages::{GetArgs, KvError, Op, PutAppendArgs, Reply};
use crate::raft::{Options, Persister};
use crate::rsm::{Rsm, StartError};
use labrpc::{End, Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

/// One server of the key/value service. Dropping it kills it.
pub struct KvServer {
    rsm: Arc<Rsm<Kv>>,
    node: NodeId,
}

impl KvServer {
    /// Starts server `me`, with what `persister` holds (nothing: a first start). Returns at once.
    ///
    /// `ends[i]` leads to server `i`. When the saved Raft state has grown to `maxraftstate` bytes, a snapshot takes
    /// its place; `None`: never. The server belongs to the node that is [current](node::current).
    ///
    /// # Errors
    /// What was saved cannot be read.
    pub fn start(
        ends: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        maxraftstate: Option<usize>,
    ) -> Result<KvServer, StartError> {
        KvServer::start_with(ends, me, persister, maxraftstate, Options::default())
    }

    /// [`start`](KvServer::start) with options for Raft.
    ///
    /// # Errors
    /// As [`start`](KvServer::start).
    pub fn start_with(
        ends: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        maxraftstate: Option<usize>,
        options: Options,
    ) -> Result<KvServer, StartError> {
        let rsm = Rsm::start_with(ends, me, persister, maxraftstate, Kv::new(), options)?;
        Ok(KvServer { rsm: Arc::new(rsm), node: node::current() })
    }

    /// The RPC handlers: `KVServer` with `Get` and `PutAppend`, and those of Raft. No thread waits in them.
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

    /// Ends the server: its threads end, and the calls that wait in it fail. Does not wait for any of that.
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
