//! The crate `raftbare` as a guest of the labs' tests.
//!
//! The crate has the rules of Raft, but no threads, clock, network or disk. Its log knows only which entries
//! are commands: the commands themselves belong to the caller. So this file adds the commands to the messages
//! and keeps them in a log of its own ([`Log`](crate::log::Log)).

mod log;
mod wire;

use crate::log::{Item, Log};
use crate::wire::{Snapshot, Wire};
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Sender};
use labrt::collections::BTreeMap;
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::time::{Duration, Instant};
use labrt::{rng, thread};
use raftbare::{Action, LogEntry, LogIndex, LogPosition, Message, NodeId, Role};

const HEARTBEAT: Duration = Duration::from_millis(100);
/// The shortest election timeout in milliseconds. The longest one is twice as long.
const ELECTION_MS: u64 = 300;

/// One server.
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    ends: Vec<End>,
    node: Mutex<Node>,
    /// Notified when the ticker must wake up earlier than before.
    deadline: Condvar,
    killed: Signal,
}

/// The rules, and what belongs to them.
struct Node {
    rules: raftbare::Node,
    log: Log,
    deadline: Instant,
    /// The index of the last entry whose command was delivered or covered by a snapshot.
    applied: u64,
    /// The channel to the thread that delivers messages to the service.
    deliver: Sender<ApplyMsg>,
}

/// A message of the rules, or the snapshot for a peer.
enum Outgoing {
    Message(Wire),
    Snapshot(Snapshot),
}

impl RaftPeer for Raft {
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        let (log, term, vote) = Log::load(persister, peers.len());
        let rules = raftbare::Node::restart(NodeId::new(me as u64), term, vote, log.for_the_rules());
        let (deliver, queue) = chan::unbounded();
        let applied = log.snapshot_position().index.get();
        let node = Mutex::new(Node { rules, log, deadline: Instant::now(), applied, deliver });
        let shared = Shared { ends: peers, node, deadline: Condvar::new(), killed: Signal::new() };
        let shared = Arc::new(shared);
        // This first call does what the rules want at the start: they ask for an election timeout.
        shared.act(|_| BTreeMap::new());

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
        let mut started = None;
        self.shared.act(|node| {
            let position = node.rules.propose_command();
            if position.is_invalid() {
                return BTreeMap::new();
            }
            let (index, term) = (position.index.get(), position.term.get());
            started = Some(Started { index: node.log.number_at(index - 1) + 1, term });
            BTreeMap::from([(index, command)])
        });
        started
    }

    fn get_state(&self) -> (u64, bool) {
        let node = self.shared.node.lock();
        (node.rules.current_term().get(), node.rules.role() == Role::Leader)
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        let mut node = self.shared.node.lock();
        let Some(end) = node.log.position_of(index) else { return };
        let config = node.log.config().clone();
        if node.rules.handle_snapshot_installed(end, config) {
            node.log.compact(end, index, snapshot);
            let Node { rules, log, .. } = &mut *node;
            log.save(rules.current_term(), rules.voted_for());
        }
    }

    fn kill(&self) {
        self.shared.killed.raise();
        // The ticker holds the lock from its look at the signal until it waits. So once this thread has had
        // the lock, the ticker has seen the signal, or it waits, and `notify_all` wakes it.
        drop(self.shared.node.lock());
        self.shared.deadline.notify_all();
        self.shared.ends.iter().for_each(End::close);
    }

    fn service(self: &Arc<Raft>) -> Service {
        let (for_messages, for_snapshots) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        // The handler returns the answer to the message. So an answer is not an RPC of its own.
        let step = move |message: Wire| -> Option<Wire> {
            let from = message.from();
            let mut outgoing = for_messages.with(|node| node.step(message));
            let answer =
                outgoing.iter().position(|(to, out)| *to == from && matches!(out, Outgoing::Message(_)));
            let answer = answer.map(|at| outgoing.remove(at).1);
            for_messages.send(outgoing);
            match answer {
                Some(Outgoing::Message(answer)) => Some(answer),
                _ => None,
            }
        };
        let install = move |snapshot: Snapshot| for_snapshots.act(|node| node.install(snapshot));
        Service::new("Raft")
            .cost(Cost::Peer)
            .inline("RequestVote", step.clone())
            .inline("AppendEntries", step)
            .inline("InstallSnapshot", install)
    }
}

impl Shared {
    /// Runs `rule` under the lock, and does what the rules want. Returns the messages to send. `rule` returns
    /// the commands of the entries that it may have added to the log.
    fn with(&self, rule: impl FnOnce(&mut Node) -> BTreeMap<u64, Command>) -> Vec<(u64, Outgoing)> {
        let mut node = self.node.lock();
        if self.killed.is_raised() {
            return Vec::new();
        }
        let commands = rule(&mut node);
        let before = node.deadline;
        let outgoing = node.settle(commands);
        if node.deadline < before {
            self.deadline.notify_all();
        }
        outgoing
    }

    /// Like [`with`](Shared::with), and sends the messages when the lock is free again.
    fn act(self: &Arc<Shared>, rule: impl FnOnce(&mut Node) -> BTreeMap<u64, Command>) {
        let outgoing = self.with(rule);
        self.send(outgoing);
    }

    /// Sends each message as an RPC. Does not wait for the replies. A reply has the answer of the peer.
    fn send(self: &Arc<Shared>, outgoing: Vec<(u64, Outgoing)>) {
        for (to, out) in outgoing {
            let end = &self.ends[to as usize];
            match out {
                Outgoing::Message(message) => {
                    let shared = Arc::clone(self);
                    end.send(message.method(), &message, move |reply: Option<Option<Wire>>| {
                        if let Some(answer) = reply.flatten() {
                            shared.act(|node| node.step(answer));
                        }
                    });
                }
                Outgoing::Snapshot(snapshot) => {
                    // The leader learns from the reply to its next heartbeat that the peer has the snapshot.
                    end.send("Raft.InstallSnapshot", &snapshot, |_: Option<()>| ());
                }
            }
        }
    }

    fn tick(self: &Arc<Shared>) {
        while !self.killed.is_raised() {
            let mut node = self.node.lock();
            if Instant::now() < node.deadline && !self.killed.is_raised() {
                let deadline = node.deadline;
                self.deadline.wait_until(&mut node, deadline);
                continue;
            }
            drop(node);
            self.act(|node| {
                node.rules.handle_election_timeout();
                BTreeMap::new()
            });
        }
    }
}

impl Node {
    /// Passes a message to the rules. Returns the commands in the message, by index.
    fn step(&mut self, message: Wire) -> BTreeMap<u64, Command> {
        let (message, commands) = message.open();
        self.rules.handle_message(message);
        commands
    }

    /// Installs a snapshot from a leader.
    fn install(&mut self, snapshot: Snapshot) -> BTreeMap<u64, Command> {
        let Snapshot { end, number, data } = snapshot;
        let end = wire::position(end);
        let config = self.log.config().clone();
        if end.index.get() > self.applied && self.rules.handle_snapshot_installed(end, config) {
            self.applied = end.index.get();
            self.log.install(end, number, &data, self.rules.log().last_position().index.get());
            let (index, term) = (number, end.term.get());
            self.log.save(self.rules.current_term(), self.rules.voted_for());
            // The receiver is gone only after `kill`.
            let _ = self.deliver.send(ApplyMsg::Snapshot { index, term, data: data.into() });
        }
        BTreeMap::new()
    }

    /// Does what the rules want: sets the timeout, saves the state, delivers committed commands, and returns
    /// the messages. Everything is saved before this function returns, so also before a message leaves.
    fn settle(&mut self, mut commands: BTreeMap<u64, Command>) -> Vec<(u64, Outgoing)> {
        let (mut messages, mut snapshots) = (Vec::new(), Vec::new());
        let peers: Vec<NodeId> = self.rules.peers().collect();
        while let Some(action) = self.rules.actions_mut().next() {
            match action {
                Action::SetElectionTimeout => self.deadline = Instant::now() + self.timeout(),
                Action::SaveCurrentTerm | Action::SaveVotedFor => self.log.head_changed(),
                Action::BroadcastMessage(message) => {
                    messages.extend(peers.iter().map(|&to| (to, message.clone())));
                }
                Action::AppendLogEntries(entries) => {
                    let items = entries.iter_with_positions().map(|(at, entry)| match entry {
                        LogEntry::Command => {
                            let command = commands.remove(&at.index.get());
                            Item::Command(command.expect("the message that brings an entry has its command"))
                        }
                        LogEntry::Term(term) => Item::Term(term.get()),
                        LogEntry::ClusterConfig(_) => unreachable!("the group never changes"),
                    });
                    self.log.append(entries.prev_position().index.get(), items);
                }
                Action::SendMessage(to, message) => messages.push((to, message)),
                Action::InstallSnapshot(to) => snapshots.push(to),
            }
        }
        self.log.save(self.rules.current_term(), self.rules.voted_for());
        while self.applied < self.rules.commit_index().get() {
            self.applied += 1;
            if let Some(message) = self.committed(self.applied) {
                // The receiver is gone only after `kill`.
                let _ = self.deliver.send(message);
            }
        }
        let messages = messages.into_iter().map(|(to, it)| (to.get(), Outgoing::Message(self.pack(it))));
        let snapshots = snapshots.into_iter().map(|to| (to.get(), Outgoing::Snapshot(self.log.snapshot())));
        messages.chain(snapshots).collect()
    }

    fn timeout(&self) -> Duration {
        match self.rules.role() {
            Role::Leader => HEARTBEAT,
            _ => Duration::from_millis(ELECTION_MS + rng::below(ELECTION_MS)),
        }
    }

    /// The message for the service about a committed entry. The service does not see the first entry of a
    /// term, because this entry is no command.
    fn committed(&self, index: u64) -> Option<ApplyMsg> {
        let Item::Command(command) = self.log.item(index) else { return None };
        let term = self.rules.log().entries().get_term(LogIndex::new(index)).map_or(0, |term| term.get());
        Some(ApplyMsg::Command { index: self.log.number_at(index), term, command: command.clone() })
    }

    /// Adds the commands to a message of the rules.
    fn pack(&self, message: Message) -> Wire {
        Wire::pack(message, |position: LogPosition| self.log.item(position.index.get()).clone())
    }
}
