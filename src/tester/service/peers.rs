//! This project's services, as the harness sees them.

use labrpc::{End, Service};
use labrt::sync::Arc;

use super::Replicated;
use crate::kvraft::{self, KvServer};
use crate::raft::Persister;
use crate::tester::clerks::KvClerk;
use crate::tester::peer::Strictness;

impl Replicated for KvServer {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = kvraft::Clerk;

    fn start(ends: Vec<End>, me: usize, persister: Arc<Persister>, maxraftstate: Option<usize>) -> KvServer {
        match KvServer::start(ends, me, persister, maxraftstate) {
            Ok(server) => server,
            Err(error) => panic!("server {me} cannot start from what it has saved: {error}"),
        }
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

impl KvClerk for kvraft::Clerk {
    fn get(&mut self, key: &str) -> String {
        kvraft::Clerk::get(self, key)
    }

    fn put(&mut self, key: &str, value: &str) {
        kvraft::Clerk::put(self, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        kvraft::Clerk::append(self, key, value);
    }
}
