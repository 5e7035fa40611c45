//! The crate `raft-consensus` as a guest of the labs' tests.
//!
//! The crate has the rules of Raft, but no threads, clock or network. This file adds them. `disk.rs` keeps
//! the log in a `Persister`. The crate has no snapshots, so there is no lab 2D.

mod disk;

use crate::disk::{Disk, Entries};
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Sender};
use labrt::rng;
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant};
use raft_consensus::consensus::HandledConsensus;
use raft_consensus::message::{ClientRequest, ClientResponse, ConsensusTimeout, PeerMessage};
use raft_consensus::state::ConsensusState;
use raft_consensus::{ClientId, ConsensusHandler, Log, LogIndex, ServerId, StateMachine};

const HEARTBEAT: Duration = Duration::from_millis(100);
/// The shortest election timeout in milliseconds. The longest one is twice as long.
const ELECTION_MS: u64 = 300;

/// One server.
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    me: ServerId,
    ends: Vec<End>,
    node: Mutex<Node>,
    /// Notified when the ticker must wake up earlier than before.
    deadline: Condvar,
    killed: Signal,
}

/// The rules, and what belongs to them.
struct Node {
    rules: HandledConsensus<Disk, Machine, Effects>,
    /// A second handle to the disk that the crate uses.
    disk: Disk,
    peers: Vec<ServerId>,
}

/// What the rules want: messages to send, and the next deadline. The crate's own `CollectHandler` cannot be
/// used here, because it has a `HashMap` of std, whose order is random.
#[derive(Debug)]
struct Effects {
    messages: Vec<(ServerId, PeerMessage)>,
    deadline: Instant,
    leads: bool,
}

impl ConsensusHandler for Effects {
    fn send_peer_message(&mut self, id: ServerId, message: PeerMessage) {
        self.messages.push((id, message));
    }

    /// Does nothing: the labs' services learn of a commit from the apply channel.
    fn send_client_response(&mut self, _: ClientId, _: ClientResponse) {}

    fn set_timeout(&mut self, timeout: ConsensusTimeout) {
        // The crate asks for a heartbeat only after a reply. But replies get lost, so this file sends
        // heartbeats all the time.
        if let ConsensusTimeout::Election = timeout {
            let pause = Duration::from_millis(ELECTION_MS + rng::below(ELECTION_MS));
            self.deadline = Instant::now() + pause;
        }
    }

    fn clear_timeout(&mut self, _: ConsensusTimeout) {}

    fn state_changed(&mut self, _: ConsensusState, new: ConsensusState) {
        self.leads = new == ConsensusState::Leader;
        if self.leads {
            self.deadline = Instant::now() + HEARTBEAT;
        }
    }
}

/// Delivers the committed commands. It finds their terms in `entries`.
#[derive(Debug)]
struct Machine {
    applied: u64,
    entries: Entries,
    deliver: Deliver,
}

struct Deliver(Sender<ApplyMsg>);

impl std::fmt::Debug for Deliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deliver")
    }
}

impl StateMachine for Machine {
    fn apply(&mut self, command: &[u8]) -> Vec<u8> {
        self.applied += 1;
        let (index, term) = (self.applied, self.entries.term(self.applied));
        let message = ApplyMsg::Command { index, term, command: Command::new(command) };
        // The receiver is gone only after `kill`.
        let _ = self.deliver.0.send(message);
        Vec::new()
    }

    fn query(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    /// The crate never calls this function.
    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The crate never calls this function.
    fn restore_snapshot(&mut self, _: Vec<u8>) {}
}

impl RaftPeer for Raft {
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        let disk = Disk::load(persister);
        let (deliver, queue) = chan::unbounded();
        let machine = Machine { applied: 0, entries: disk.entries(), deliver: Deliver(deliver) };
        let effects = Effects { messages: Vec::new(), deadline: Instant::now(), leads: false };
        let others: Vec<ServerId> =
            (0..peers.len()).filter(|&i| i != me).map(|i| ServerId(i as u64)).collect();
        let id = ServerId(me as u64);
        let mut rules = HandledConsensus::new(id, others.clone(), disk.clone(), machine, effects)
            .expect("the disk has no errors");
        rules.init();
        let node = Mutex::new(Node { rules, disk, peers: others });
        let shared = Shared { me: id, ends: peers, node, deadline: Condvar::new(), killed: Signal::new() };
        let shared = Arc::new(shared);

        let ticker = Arc::clone(&shared);
        thread::spawn_named(format!("raft-{me}-ticker"), move || ticker.tick());
        let killed = shared.killed.clone();
        thread::spawn_named(format!("raft-{me}-applier"), move || {
            for message in queue.iter_unless(&killed) {
                if apply.send_unless(message, &killed).is_err() {
                    return;
                }
            }
        });
        Raft { shared }
    }

    fn start(&self, command: Command) -> Option<Started> {
        let (started, messages) = self.shared.with(|node| node.propose(&command))?;
        self.shared.send(messages);
        started
    }

    fn get_state(&self) -> (u64, bool) {
        let node = self.shared.node.lock();
        (node.disk.term(), node.rules.handler.leads)
    }

    /// The crate cannot drop entries of its log.
    fn snapshot(&self, _: u64, _: Vec<u8>) {}

    fn kill(&self) {
        self.shared.killed.raise();
        // The ticker holds the lock from its look at the signal until it waits. So once this thread has had
        // the lock, the ticker has seen the signal, or it waits, and `notify_all` wakes it.
        drop(self.shared.node.lock());
        self.shared.deadline.notify_all();
        self.shared.ends.iter().for_each(End::close);
    }

    fn service(self: &Arc<Raft>) -> Service {
        let shared = Arc::clone(&self.shared);
        // The handler returns the answer to the message. So an answer is not an RPC of its own.
        let step = move |(from, message): (ServerId, PeerMessage)| -> Option<PeerMessage> {
            let ((), mut messages) = shared.with(|node| node.step(from, message))?;
            let answer = messages.iter().position(|(to, _)| *to == from);
            let answer = answer.map(|at| messages.remove(at).1);
            shared.send(messages);
            answer
        };
        Service::new("Raft")
            .cost(Cost::Peer)
            .inline("RequestVote", step.clone())
            .inline("AppendEntries", step)
    }
}

impl Shared {
    /// Runs `rule` under the lock. Returns its result and the messages to send. After `kill`, the rule is
    /// not run.
    fn with<R>(&self, rule: impl FnOnce(&mut Node) -> R) -> Option<(R, Vec<(ServerId, PeerMessage)>)> {
        let mut node = self.node.lock();
        if self.killed.is_raised() {
            return None;
        }
        let before = node.rules.handler.deadline;
        let result = rule(&mut node);
        if node.rules.handler.deadline < before {
            self.deadline.notify_all();
        }
        Some((result, std::mem::take(&mut node.rules.handler.messages)))
    }

    /// Sends each message as an RPC. Does not wait for the replies. A reply has the answer of the peer.
    fn send(self: &Arc<Shared>, messages: Vec<(ServerId, PeerMessage)>) {
        for (to, message) in messages {
            let shared = Arc::clone(self);
            // The pages show the name of the RPC.
            let method = match message {
                PeerMessage::RequestVoteRequest(_) => "Raft.RequestVote",
                _ => "Raft.AppendEntries",
            };
            let on_reply = move |reply: Option<Option<PeerMessage>>| {
                let Some(answer) = reply.flatten() else { return };
                if let Some(((), messages)) = shared.with(|node| node.step(to, answer)) {
                    shared.send(messages);
                }
            };
            self.ends[to.as_u64() as usize].send(method, &(self.me, message), on_reply);
        }
    }

    fn tick(self: &Arc<Shared>) {
        while !self.killed.is_raised() {
            let mut node = self.node.lock();
            let deadline = node.rules.handler.deadline;
            if Instant::now() < deadline && !self.killed.is_raised() {
                self.deadline.wait_until(&mut node, deadline);
                continue;
            }
            drop(node);
            if let Some(((), messages)) = self.with(Node::timeout) {
                self.send(messages);
            }
        }
    }
}

impl Node {
    fn propose(&mut self, command: &Command) -> Option<Started> {
        if !self.rules.handler.leads {
            return None;
        }
        let request = ClientRequest::Proposal(command.as_bytes().to_vec());
        self.rules.apply_client_message(ClientId(uuid::Uuid::nil()), request).ok()?;
        let LogIndex(index) = self.disk.latest_log_index().ok()?;
        Some(Started { index, term: self.disk.term() })
    }

    fn step(&mut self, from: ServerId, message: PeerMessage) {
        // An error means that the rules have no use for this message now.
        let _ = self.rules.apply_peer_message(from, message);
    }

    fn timeout(&mut self) {
        // The rules return an error only if the timeout does not fit the server's role.
        if !self.rules.handler.leads {
            let _ = self.rules.apply_timeout(ConsensusTimeout::Election);
            return;
        }
        self.rules.handler.deadline = Instant::now() + HEARTBEAT;
        for peer in self.peers.clone() {
            let _ = self.rules.apply_timeout(ConsensusTimeout::Heartbeat(peer));
        }
    }
}
