//! Servers on a network, and a state machine that shows which operations were applied to it.

use crate::raft::{Options, RoleChange};
use crate::rsm::{NotLeader, Rsm, StateMachine};
use labapi::{Persister, ServerStart};
use labgob::DecodeError;
use labrpc::{Name, Network, Server};
use labrt::Run;
use labrt::chan::{self, Receiver};
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use serde::{Deserialize, Serialize};

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Op {
    Word(String),
    /// The operation that a new leader starts, with its term.
    Leads(u64),
}

pub(super) fn word(text: &str) -> Op {
    Op::Word(text.to_owned())
}

/// The machine collects words. The reply to an operation is the number of words after the operation.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub words: Vec<String>,
    /// The terms of the leaders' own operations.
    pub terms: Vec<u64>,
    /// The roles that Raft has reported to this server.
    pub roles: Vec<RoleChange>,
    /// If true, this machine writes snapshots that cannot be restored.
    pub writes_rubbish: bool,
}

impl StateMachine for Words {
    type Op = Op;
    type Reply = usize;

    fn apply(&mut self, op: Op) -> usize {
        match op {
            Op::Word(word) => self.words.push(word),
            Op::Leads(term) => self.terms.push(term),
        }
        self.words.len()
    }

    fn snapshot(&self) -> Vec<u8> {
        if self.writes_rubbish { vec![255; 5] } else { labgob::encode(&(&self.words, &self.terms)) }
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        (self.words, self.terms) = labgob::decode(snapshot)?;
        Ok(())
    }

    fn on_role(&mut self, role: RoleChange) -> Option<Op> {
        self.roles.push(role);
        role.is_leader.then_some(Op::Leads(role.term))
    }
}

/// The channel on which a test receives the outcome of an operation, and the time of the outcome. If the
/// waiter is dropped, the channel is closed.
pub(super) type OutcomeReceiver = Receiver<(Result<usize, NotLeader>, Instant)>;

pub(super) struct Group {
    pub net: Network,
    pub servers: Vec<Rsm<Words>>,
    pub persisters: Vec<Arc<Persister>>,
    /// The names of the ends by owner and target.
    ends: Vec<Vec<Name>>,
}

impl Group {
    pub fn start(n: usize, maxraftstate: Option<usize>) -> Group {
        Group::with(n, maxraftstate, |_| (Words::default(), Options::default()))
    }

    /// Makes servers. `make` chooses the machine and the options of each server.
    pub fn with(n: usize, maxraftstate: Option<usize>, make: impl Fn(usize) -> (Words, Options)) -> Group {
        let net = Network::new();
        let persisters: Vec<_> = (0..n).map(|_| Arc::new(Persister::new())).collect();
        let mut names = Vec::new();
        let start = |me: usize| {
            let ends: Vec<_> = (0..n).map(|to| net.make_end(NodeId::first(me), to)).collect();
            ends.iter().for_each(|end| net.enable(end, true));
            names.push(ends.iter().map(|end| end.name().clone()).collect());
            let _node = node::enter(NodeId::first(me));
            let (machine, options) = make(me);
            let start = ServerStart { ends, me, persister: persisters[me].clone(), maxraftstate };
            let rsm = Rsm::make_with(start, machine, options);
            let rsm = rsm.unwrap_or_else(|error| panic!("server {me} does not start: {error}"));
            net.add_server(me, Server::new().service(rsm.raft_service()));
            rsm
        };
        let servers = (0..n).map(start).collect();
        Group { net, servers, persisters, ends: names }
    }

    /// Waits until there is a leader for which `wanted` returns true. Returns its number.
    pub fn leader(&self, wanted: impl Fn(usize) -> bool) -> usize {
        let mut leader = None;
        wait_until("a server leads", || {
            leader = (0..self.servers.len()).find(|&i| wanted(i) && self.servers[i].get_state().1);
            leader.is_some()
        });
        leader.expect("`wait_until` has found a leader")
    }

    /// Connects server `i` with the others, or cuts it off.
    pub fn connect(&self, i: usize, connected: bool) {
        for other in (0..self.servers.len()).filter(|&other| other != i) {
            self.net.enable(self.ends[i][other].clone(), connected);
            self.net.enable(self.ends[other][i].clone(), connected);
        }
    }

    /// Submits an operation. Returns the channel on which the outcome of the operation will arrive.
    pub fn submit(&self, i: usize, op: &Op) -> OutcomeReceiver {
        let (tx, rx) = chan::unbounded();
        self.servers[i].submit(op, move |outcome| {
            tx.send((outcome, Instant::now()))
                .expect("the closure is called once, and the test still receives");
        });
        rx
    }

    pub fn words(&self, i: usize) -> Vec<String> {
        self.servers[i].read(|machine| machine.words.clone())
    }

    /// Waits until server `i` has this many words.
    pub fn has_words(&self, i: usize, count: usize) {
        wait_until("the server has the words", || self.words(i).len() >= count);
    }
}

/// Waits for the outcome, which must arrive within ten seconds. Returns `None` if the waiter was dropped.
pub(super) fn outcome(heard: &OutcomeReceiver) -> Option<Result<usize, NotLeader>> {
    let deadline = Instant::now() + 10 * SECOND;
    let outcome = heard.recv_deadline(deadline).ok().map(|(outcome, _)| outcome);
    assert!(Instant::now() < deadline, "no outcome within ten seconds");
    outcome
}

pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + 10 * SECOND;
    while !condition() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        sleep(MS);
    }
}

/// Waits until all threads of the server have ended. In virtual time the limit is 100 ms. On real threads a
/// busy machine needs longer.
pub(super) fn assert_ends(server: usize) {
    let limit = if labrt::is_sim() { SECOND / 10 } else { 5 * SECOND };
    let deadline = Instant::now() + limit;
    loop {
        let alive: Vec<_> = thread::alive(NodeId::first(server)).into_iter().map(|t| t.what).collect();
        if alive.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "S{server} still has {alive:?}");
        sleep(5 * MS);
    }
}

/// Runs `body`, which must fail, and returns the message of the failure.
#[track_caller]
pub(super) fn failure(body: fn()) -> String {
    let run = Run { quiet: true, ..Run::default() };
    run.once(7, body).failure.expect("the body must fail").message
}
