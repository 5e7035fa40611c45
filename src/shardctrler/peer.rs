//! Implements the traits through which the suites of lab 4 use the controller.

use super::client::Clerk;
use super::server::ShardCtrler;
use labapi::{Holding, NSHARDS, Replica, ReplicaStatus, Replicated, ServerStart, Strictness};
use labrpc::{End, Service};
use labrt::sync::Arc;

impl Replicated for ShardCtrler {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = Clerk;

    /// As in the course, the controller takes no snapshots.
    fn start(start: ServerStart) -> ShardCtrler {
        let start = ServerStart { maxraftstate: None, ..start };
        ShardCtrler::start(start).unwrap_or_else(|error| panic!("{error}"))
    }

    fn is_leader(&self) -> bool {
        self.get_state().1
    }

    fn kill(&self) {
        ShardCtrler::kill(self);
    }

    fn services(self: &Arc<ShardCtrler>) -> Vec<Service> {
        ShardCtrler::services(self)
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk::new(ends)
    }
}

impl Replica for ShardCtrler {
    fn is_leader(&self) -> bool {
        self.get_state().1
    }

    fn kill(&self) {
        ShardCtrler::kill(self);
    }

    fn status(&self) -> Option<ReplicaStatus> {
        let config = self.read(|controller| controller.query(None));
        Some(ReplicaStatus::new(self.raft_status(), &config, [Holding::Nothing; NSHARDS]))
    }
}
