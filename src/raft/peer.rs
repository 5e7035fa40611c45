//! Implements the trait through which the suites use a Raft server.

use super::Raft;
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started, Strictness};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;

impl RaftPeer for Raft {
    const STRICTNESS: Strictness = Strictness::Fail;

    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        match Raft::make(peers, me, persister, apply) {
            Ok(raft) => raft,
            Err(error) => panic!("server {me} cannot start from the state that it has saved: {error}"),
        }
    }

    fn start(&self, command: Command) -> Option<Started> {
        Raft::start(self, command)
    }

    fn get_state(&self) -> (u64, bool) {
        Raft::get_state(self)
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        if let Err(error) = Raft::snapshot(self, index, snapshot) {
            panic!("the service's snapshot up to index {index} was refused: {error}");
        }
    }

    fn kill(&self) {
        Raft::kill(self);
    }

    fn service(self: &Arc<Raft>) -> Service {
        Raft::service(self)
    }
}
