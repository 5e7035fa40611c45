//! A counter on this project's replicated state machine. The suites `rsm` and `strict3` test it.

use labapi::{Replicated, ServerStart, Strictness};

use labgob::DecodeError;
use labrpc::{End, Service};
use labrt::sync::Arc;
use labtest::rsm::{CounterService, Request};
use mit6824::rsm::{Rsm, StateMachine};

/// The counter: a state machine for this project's [`Rsm`].
#[derive(Debug, Default)]
struct Counter(u64);

impl StateMachine for Counter {
    type Op = Request;
    type Reply = u64;

    fn apply(&mut self, request: Request) -> u64 {
        match request {
            Request::Inc => self.0 += 1,
            Request::Null => {}
            Request::Dec => labrt::fatal("a request was applied that no majority can have"),
        }
        self.0
    }

    fn snapshot(&self) -> Vec<u8> {
        labgob::encode(&self.0)
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        self.0 = labgob::decode(snapshot)?;
        Ok(())
    }
}

/// A server that replicates a [`Counter`] with this project's [`Rsm`].
pub struct CounterServer(Rsm<Counter>);

impl Replicated for CounterServer {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = ();

    fn start(start: ServerStart) -> CounterServer {
        let me = start.me;
        match Rsm::make(start, Counter::default()) {
            Ok(rsm) => CounterServer(rsm),
            Err(error) => panic!("server {me} cannot start from what it has saved: {error}"),
        }
    }

    fn is_leader(&self) -> bool {
        self.0.get_state().1
    }

    fn kill(&self) {
        self.0.kill();
    }

    fn services(self: &Arc<CounterServer>) -> Vec<Service> {
        vec![self.0.raft_service()]
    }

    fn make_clerk(_ends: Vec<End>) {}
}

impl CounterService for CounterServer {
    fn submit(&self, request: Request) -> Option<u64> {
        self.0.submit_and_wait(&request).ok()
    }

    fn counter(&self) -> u64 {
        self.0.read(|counter| counter.0)
    }
}
