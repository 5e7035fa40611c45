//! This project's services, as the harness sees them.

use labrpc::{End, Service};
use labrt::sync::Arc;

use super::Replicated;
use crate::kvraft::{self, KvServer};
use crate::raft::Persister;
use crate::rsm::StartError;
use crate::shardctrler::{self, ShardCtrler};
use crate::tester::peer::Strictness;

impl Replicated for KvServer {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = kvraft::Clerk;

    fn start(ends: Vec<End>, me: usize, persister: Arc<Persister>, maxraftstate: Option<usize>) -> KvServer {
        started(me, KvServer::start(ends, me, persister, maxraftstate))
    }

    fn is_leader(&self) -> bool {
        self.get_state().1
    }

    fn kill(&self) {
        KvServer::kill(self);
    }

    fn services(self: &Arc<KvServer>) -> Vec<Service> {
        KvServer::services(self)
    }

    fn make_clerk(ends: Vec<End>) -> kvraft::Clerk {
        kvraft::Clerk::new(ends)
    }
}

impl Replicated for ShardCtrler {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = shardctrler::Clerk;

    /// As in the course, the controller takes no snapshots.
    fn start(
        ends: Vec<End>,
        me: usize,
        persister: Arc<Persister>,
        _maxraftstate: Option<usize>,
    ) -> ShardCtrler {
        started(me, ShardCtrler::start(ends, me, persister))
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

    fn make_clerk(ends: Vec<End>) -> shardctrler::Clerk {
        shardctrler::Clerk::new(ends)
    }
}

#[track_caller]
fn started<S>(me: usize, outcome: Result<S, StartError>) -> S {
    match outcome {
        Ok(server) => server,
        Err(error) => panic!("server {me} cannot start from what it has saved: {error}"),
    }
}
