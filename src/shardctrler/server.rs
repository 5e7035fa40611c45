//! A server: the four handlers, which put operations into the log and answer when they come out.

use super::machine::Controller;
use super::messages::{CtrlerError, Op, Reply};
use crate::raft::{Options, Persister, Status};
use crate::rsm::{Rsm, StartError};
use labrpc::{End, Responder, Service};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;

/// One server of the shard controller. Dropping it kills it.
pub struct ShardCtrler {
    rsm: Arc<Rsm<Controller>>,
    node: NodeId,
}

impl ShardCtrler {
    /// Starts server `me`, with what `persister` holds (nothing: a first start). Returns at once.
    ///
    /// `ends[i]` leads to server `i`. As in the course, no snapshots are taken; one that was saved is read. The server
    /// belongs to the node that is [current](node::current).
    ///
    /// # Errors
    /// What was saved cannot be read.
    pub fn start(ends: Vec<End>, me: usize, persister: Arc<Persister>) -> Result<ShardCtrler, StartError> {
        ShardCtrler::start_with(ends, me, persister, None, Options::default())
    }

    /// [`start`](ShardCtrler::start) with options for Raft, and with snapshots: one takes the place of the saved Raft
    /// state when that has grown to `maxraftstate` bytes; `None`: never.
    ///
    /// # Errors
    /// As [`start`](ShardCtrler::start).
    pub fn start_with(
        ends: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        maxraftstate: Option<usize>,
        options: Options,
    ) -> Result<ShardCtrler, StartError> {
        let rsm = Rsm::start_with(ends, me, persister, maxraftstate, Controller::new(), options)?;
        Ok(ShardCtrler { rsm: Arc::new(rsm), node: node::current() })
    }

    /// The RPC handlers: `ShardCtrler` with `Join`, `Leave`, `Move` and `Query`, and those of Raft. No thread waits in
    /// them.
    pub fn services(&self) -> Vec<Service> {
        let ctrler = Service::new("ShardCtrler")
            .node(self.node)
            .deferred("Join", self.handler(Op::Join))
            .deferred("Leave", self.handler(Op::Leave))
            .deferred("Move", self.handler(Op::Move))
            .deferred("Query", self.handler(Op::Query));
        vec![ctrler, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it leads it.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// Where this server's Raft stands, for whoever watches it.
    pub fn raft_status(&self) -> Status {
        self.rsm.raft_status()
    }

    /// Looks at the configurations as they are on this server at this moment, which may be behind the leader's.
    pub fn read<T>(&self, look: impl FnOnce(&Controller) -> T) -> T {
        self.rsm.read(look)
    }

    /// Ends the server: its threads end, and the calls that wait in it fail. Does not wait for any of that.
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
        // The network may still hold the handlers.
        self.kill();
    }
}
