//! This project's sharded service, as the harness sees it.

use labrpc::End;
use labrt::sync::Arc;

use super::status::{Holding, Status};
use super::system::{Replica, Running, ServerStart, Sharded};
use crate::raft::Persister;
use crate::rsm::StartError;
use crate::shardctrler::{self, NSHARDS, ShardCtrler};
use crate::shardkv::{self, MakeEnd, Shard, ShardKv};
use crate::tester::clerks::KvClerk;
use crate::tester::peer::Strictness;

impl Sharded for ShardKv {
    const STRICTNESS: Strictness = Strictness::Fail;

    type CtrlerClerk = shardctrler::Clerk;
    type Clerk = shardkv::Clerk;

    fn start_ctrler(ends: Vec<End>, me: usize, persister: Arc<Persister>) -> Running {
        let ctrler = started(ShardCtrler::start(ends, me, persister));
        let services = ctrler.services();
        Running { replica: Arc::new(ctrler), services }
    }

    fn start_server(start: ServerStart) -> Running {
        let ServerStart { ends, me, persister, maxraftstate, gid, ctrlers, make_end } = start;
        let server = started(ShardKv::start(ends, me, persister, maxraftstate, gid, ctrlers, make_end));
        let services = server.services();
        Running { replica: Arc::new(server), services }
    }

    fn ctrler_clerk(ends: Vec<End>) -> shardctrler::Clerk {
        shardctrler::Clerk::new(ends)
    }

    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> shardkv::Clerk {
        shardkv::Clerk::new(ctrlers, make_end)
    }
}

impl Replica for ShardCtrler {
    fn is_leader(&self) -> bool {
        self.get_state().1
    }

    fn kill(&self) {
        ShardCtrler::kill(self);
    }

    fn status(&self) -> Option<Status> {
        let config = self.read(|controller| controller.query(None));
        Some(Status::new(self.raft_status(), &config, [Holding::Nothing; NSHARDS]))
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

    fn status(&self) -> Option<Status> {
        let raft = self.raft_status();
        Some(self.read(|group| Status::new(raft, group.config(), group.shards().each_ref().map(holding))))
    }
}

impl KvClerk for shardkv::Clerk {
    fn get(&mut self, key: &str) -> String {
        shardkv::Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        shardkv::Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        shardkv::Clerk::append(self, key, value);
    }
}

fn holding<D>(shard: &Shard<D>) -> Holding {
    match shard {
        Shard::Elsewhere => Holding::Nothing,
        Shard::Serving(_) => Holding::Serving,
        Shard::Awaiting(_) => Holding::Awaiting,
        Shard::Parked(_) => Holding::Parked,
        Shard::Giving(_) => Holding::Giving,
    }
}

#[track_caller]
fn started<S>(outcome: Result<S, StartError>) -> S {
    match outcome {
        Ok(server) => server,
        Err(error) => panic!("the server cannot start from what it has saved: {error}"),
    }
}
