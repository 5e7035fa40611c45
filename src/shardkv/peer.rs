//! Implements the traits through which the suites of lab 4B use the service.

use super::client::Clerk;
use super::group::Group;
use super::migration::Shard;
use super::server::ShardKv;
use crate::shardctrler::{self, ShardCtrler};
use labapi::{
    GroupStart, MakeEnd, Replica, ReplicaStatus, Replicated, Running, ServerStart, Sharded, Strictness,
};
use labrpc::End;
use labrt::sync::Arc;

impl Sharded for ShardKv {
    const STRICTNESS: Strictness = Strictness::Fail;

    type CtrlerClerk = shardctrler::Clerk;
    type Clerk = Clerk;

    fn start_ctrler(start: ServerStart) -> Running {
        let ctrler = <ShardCtrler as Replicated>::start(start);
        let services = ctrler.services();
        Running { replica: Arc::new(ctrler), services }
    }

    fn start_server(start: GroupStart) -> Running {
        let server = ShardKv::start(start).unwrap_or_else(|error| panic!("{error}"));
        let services = server.services();
        Running { replica: Arc::new(server), services }
    }

    fn ctrler_clerk(ends: Vec<End>) -> shardctrler::Clerk {
        shardctrler::Clerk::new(ends)
    }

    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Clerk {
        Clerk::new(ctrlers, make_end)
    }
}

impl Replica for ShardKv {
    fn is_leader(&self) -> bool {
        self.get_state().1
    }

    fn kill(&self) {
        ShardKv::kill(self);
    }

    fn bytes_held(&self) -> Option<usize> {
        Some(self.read(|group| group.bytes()))
    }

    fn status(&self) -> Option<ReplicaStatus> {
        let raft = self.raft_status();
        let status = |group: &Group| {
            ReplicaStatus::new(raft, group.config(), group.shards().each_ref().map(Shard::state))
        };
        Some(self.read(status))
    }
}
