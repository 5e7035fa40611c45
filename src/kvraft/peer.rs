//! Implements the trait through which the suites of lab 3 use the service.

use super::client::Clerk;
use super::server::KvServer;
use labapi::{Replicated, ServerStart, Strictness};
use labrpc::{End, Service};
use labrt::sync::Arc;

impl Replicated for KvServer {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = Clerk;

    fn start(start: ServerStart) -> KvServer {
        KvServer::start(start).unwrap_or_else(|error| panic!("{error}"))
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

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk::new(ends)
    }
}
