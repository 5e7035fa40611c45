//! A server of the key/value service. Its two handlers start operations, and reply after the operations were
//! applied.

use super::machine::Kv;
use super::messages::{GetArgs, KvError, Op, PutAppendArgs, Reply};
use crate::raft::{Options, TransferError};
use crate::rsm::{Reads, Rsm, StartError};
use labapi::ServerStart;
use labrpc::{Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

/// One server of the key/value service. Dropping this value kills the server.
pub struct KvServer {
    rsm: Arc<Rsm<Kv>>,
    node: NodeId,
}

impl KvServer {
    /// Starts a server and returns at once. The server belongs to the [current](node::current) node.
    ///
    /// # Errors
    /// If the saved state cannot be read.
    pub fn start(start: ServerStart) -> Result<KvServer, StartError> {
        KvServer::start_with(start, Options::default())
    }

    /// Like [`start`](KvServer::start), but with other options for Raft than the default.
    ///
    /// # Errors
    /// The same as [`start`](KvServer::start).
    pub fn start_with(start: ServerStart, options: Options) -> Result<KvServer, StartError> {
        KvServer::start_reading(start, options, Reads::Log)
    }

    /// Like [`start_with`](KvServer::start_with), but a `Get` does not have to go through the log. All
    /// servers need the same value of `reads`.
    ///
    /// # Errors
    /// The same as [`start`](KvServer::start).
    pub fn start_reading(start: ServerStart, options: Options, reads: Reads) -> Result<KvServer, StartError> {
        let rsm = Rsm::make_reading(start, Kv::new(), options, reads)?;
        Ok(KvServer { rsm: Arc::new(rsm), node: node::current() })
    }

    /// The RPC handlers: `KVServer` with `Get` and `PutAppend`, and the handlers of Raft. No handler blocks
    /// its thread.
    pub fn services(&self) -> Vec<Service> {
        let (gets, writes) = (self.rsm.clone(), self.rsm.clone());
        let kv = Service::new("KVServer")
            .node(self.node)
            .deferred("Get", move |args: GetArgs, caller| get(&gets, args, caller))
            .deferred("PutAppend", move |args: PutAppendArgs, caller| {
                submit(&writes, &Op::PutAppend(args), caller)
            });
        vec![kv, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// Begins to transfer the leadership to server `target`, and returns at once.
    ///
    /// # Errors
    /// See [`Raft::transfer_leadership`](crate::raft::Raft::transfer_leadership).
    pub fn transfer_leadership(&self, target: usize) -> Result<(), TransferError> {
        self.rsm.transfer_leadership(target)
    }

    /// Ends the server: its threads end, and the calls that wait for a reply of this server fail. This method
    /// returns at once.
    pub fn kill(&self) {
        self.rsm.kill();
    }
}

impl Drop for KvServer {
    fn drop(&mut self) {
        // The network may still have the handlers, and the handlers keep `rsm` alive. So the server must be
        // killed.
        self.kill();
    }
}

fn get(rsm: &Rsm<Kv>, args: GetArgs, caller: Responder<Reply>) {
    if rsm.reads() == Reads::Log {
        return submit(rsm, &Op::Get(args), caller);
    }
    rsm.read_now(move |kv| caller.reply(kv.map_or(Err(KvError::ErrWrongLeader), |kv| kv.get(&args))));
}

fn submit(rsm: &Rsm<Kv>, op: &Op, caller: Responder<Reply>) {
    rsm.submit(op, move |outcome| caller.reply(outcome.unwrap_or(Err(KvError::ErrWrongLeader))));
}
