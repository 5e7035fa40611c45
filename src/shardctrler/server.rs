//! A server of the shard controller. Its four handlers start operations, and reply after the operations were
//! applied.

use super::machine::Controller;
use super::messages::{CtrlerError, Op, Reply};
use crate::raft::Options;
use crate::rsm::{Rsm, StartError};
use labapi::{RaftStatus, ServerStart};
use labrpc::{Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

/// One server of the shard controller. Dropping this value kills the server.
pub struct ShardCtrler {
    rsm: Arc<Rsm<Controller>>,
    node: NodeId,
}

impl ShardCtrler {
    /// Starts a server and returns at once. The server belongs to the [current](node::current) node.
    ///
    /// # Errors
    /// If the saved state cannot be read.
    pub fn start(start: ServerStart) -> Result<ShardCtrler, StartError> {
        ShardCtrler::start_with(start, Options::default())
    }

    /// Like [`start`](ShardCtrler::start), but with other options for Raft than the default.
    ///
    /// # Errors
    /// The same as [`start`](ShardCtrler::start).
    pub fn start_with(start: ServerStart, options: Options) -> Result<ShardCtrler, StartError> {
        let rsm = Rsm::make_with(start, Controller::new(), options)?;
        Ok(ShardCtrler { rsm: Arc::new(rsm), node: node::current() })
    }

    /// The RPC handlers: `ShardCtrler` with `Join`, `Leave`, `Move` and `Query`, and the handlers of Raft. No
    /// handler blocks its thread.
    pub fn services(&self) -> Vec<Service> {
        let ctrler = Service::new("ShardCtrler")
            .node(self.node)
            .deferred("Join", self.handler(Op::Join))
            .deferred("Leave", self.handler(Op::Leave))
            .deferred("Move", self.handler(Op::Move))
            .deferred("Query", self.handler(Op::Query));
        vec![ctrler, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// The status of this server's Raft, for a display.
    pub fn raft_status(&self) -> RaftStatus {
        self.rsm.raft_status()
    }

    /// Reads the configurations that this server has now. The leader may have more.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Controller) -> T) -> T {
        self.rsm.read(look)
    }

    /// Ends the server: its threads end, and the calls that wait for a reply of this server fail. This method
    /// returns at once.
    pub fn kill(&self) {
        self.rsm.kill();
    }

    fn handler<A>(&self, op: fn(A) -> Op) -> impl Fn(A, Responder<Reply>) + Send + Sync + use<A> {
        let rsm = self.rsm.clone();
        move |args, caller| {
            rsm.submit(&op(args), move |outcome| {
                caller.reply(match outcome {
                    Ok(reply) => reply.map_err(CtrlerError::Refused),
                    Err(_) => Err(CtrlerError::ErrWrongLeader),
                });
            });
        }
    }
}

impl Drop for ShardCtrler {
    fn drop(&mut self) {
        // The network may still have the handlers, and the handlers keep `rsm` alive. So the server must be
        // killed.
        self.kill();
    }
}
