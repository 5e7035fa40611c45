//! tikv's Raft, the crate `raft`, as a guest of the labs' tests.
//!
//! The crate has the rules of Raft, but no threads, clock, network or disk. This file adds them: one lock
//! around the rules, a thread that ticks, a thread that delivers committed commands, and messages over
//! `labrpc`. `disk.rs` keeps the log in a `Persister`.

mod disk;

use crate::disk::Disk;
use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Sender};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::{Duration, Instant};
use labrt::{rng, thread};
use protobuf::Message as _;
use raft::eraftpb::{Entry, Message, MessageType};
use raft::{Config, RawNode, SnapshotStatus, StateRole};

/// The time between two ticks. All other times are numbers of ticks.
const TICK: Duration = Duration::from_millis(10);
const HEARTBEAT: usize = 10;
/// The shortest election timeout. The longest one is twice as long.
const ELECTION: usize = 30;
/// An election timeout that never ends. The crate draws its timeouts from `rand::thread_rng`, so two runs
/// with the same seed would differ. So the crate gets this timeout, and this file draws the real timeouts.
const NEVER: usize = 1 << 30;

/// One server.
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    ends: Vec<End>,
    node: Mutex<Node>,
    killed: Signal,
}

/// The rules, and what belongs to them.
struct Node {
    raw: RawNode<Disk>,
    /// The election timeout in ticks. It is drawn anew when the crate starts its election timer again.
    timeout: usize,
    /// The channel to the thread that delivers messages to the service.
    deliver: Sender<ApplyMsg>,
}

impl RaftPeer for Raft {
    fn make(peers: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Raft {
        let disk = Disk::load(persister, peers.len());
        let config = Config {
            id: id(me),
            applied: disk.snapshot_index(),
            heartbeat_tick: HEARTBEAT,
            election_tick: NEVER,
            min_election_tick: NEVER,
            max_election_tick: NEVER + 1,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 256,
            // The course limits the number of RPCs. Without this line the leader sends a message to each peer
            // whenever its commit index rises. With this line it sends the commit index in the next message.
            skip_bcast_commit: true,
            ..Config::default()
        };
        let silent = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&config, disk, &silent).expect("the configuration is valid");
        let (deliver, queue) = chan::unbounded();
        let node = Mutex::new(Node { raw, timeout: draw_timeout(), deliver });
        let shared = Arc::new(Shared { ends: peers, node, killed: Signal::new() });

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
        self.shared.act(|node| node.propose(&command))?
    }

    fn get_state(&self) -> (u64, bool) {
        let node = self.shared.node.lock();
        (node.raw.raft.term, node.is_leader())
    }

    fn snapshot(&self, index: u64, snapshot: Vec<u8>) {
        let mut node = self.shared.node.lock();
        let disk = node.raw.mut_store();
        disk.compact(index, snapshot);
        disk.save();
    }

    fn kill(&self) {
        self.shared.killed.raise();
        self.shared.ends.iter().for_each(End::close);
    }

    fn service(self: &Arc<Raft>) -> Service {
        let shared = Arc::clone(&self.shared);
        // The handler returns the answers to the message. So an answer is not an RPC of its own.
        let step = move |message: Vec<u8>| -> Vec<Vec<u8>> {
            let message = decode(&message);
            let from = message.from;
            let Some((refusal, messages)) = shared.with(|node| node.request(message)) else { return vec![] };
            let (answers, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(|it| it.to == from);
            shared.send(others);
            refusal.iter().chain(&answers).map(encode).collect()
        };
        Service::new("Raft")
            .cost(Cost::Peer)
            .inline("RequestVote", step.clone())
            .inline("AppendEntries", step.clone())
            .inline("InstallSnapshot", step)
    }
}

impl Shared {
    /// Runs `rule` under the lock, and then saves and delivers what is new. Returns the result of the rule,
    /// and the messages to send. After `kill`, the rule is not run.
    fn with<R>(&self, rule: impl FnOnce(&mut Node) -> R) -> Option<(R, Vec<Message>)> {
        let mut node = self.node.lock();
        if self.killed.is_raised() {
            return None;
        }
        let result = rule(&mut node);
        let messages = node.settle();
        Some((result, messages))
    }

    /// Like [`with`](Shared::with), and sends the messages when the lock is free again.
    fn act<R>(self: &Arc<Shared>, rule: impl FnOnce(&mut Node) -> R) -> Option<R> {
        let (result, messages) = self.with(rule)?;
        self.send(messages);
        Some(result)
    }

    /// Sends each message as an RPC. Does not wait for the replies. A reply has the answers of the peer.
    fn send(self: &Arc<Shared>, messages: Vec<Message>) {
        for message in messages {
            let (to, is_snapshot) = (message.to, message.get_msg_type() == MessageType::MsgSnapshot);
            let shared = Arc::clone(self);
            let on_reply = move |reply: Option<Vec<Vec<u8>>>| {
                shared.act(|node| node.replied(to, is_snapshot, reply));
            };
            self.ends[place(to)].send(method(&message), &encode(&message), on_reply);
        }
    }

    fn tick(self: &Arc<Shared>) {
        let mut next = Instant::now();
        while !self.killed.is_raised() {
            next += TICK;
            self.killed.wait_until(next);
            self.act(Node::tick);
        }
    }
}

impl Node {
    fn is_leader(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    fn tick(&mut self) {
        self.raw.tick();
        if !self.is_leader() && self.raw.raft.election_elapsed >= self.timeout {
            // The only error is that this server cannot be elected.
            let _ = self.raw.campaign();
        }
    }

    fn propose(&mut self, command: &Command) -> Option<Started> {
        if !self.is_leader() || self.raw.propose(Vec::new(), command.as_bytes().to_vec()).is_err() {
            return None;
        }
        // The new entry is not in `Disk` yet. But the entry before it is, because `settle` puts all new
        // entries there after each call.
        let before = self.raw.raft.raft_log.last_index() - 1;
        Some(Started { index: self.raw.store().number_at(before) + 1, term: self.raw.raft.term })
    }

    fn step(&mut self, message: Message) {
        // An error means that the rules have no use for this message now.
        let _ = self.raw.step(message);
    }

    /// Handles a message that a peer has sent. If the message is of an older term, returns an answer with
    /// this server's term.
    ///
    /// Figure 2 wants this answer ("reply false if term < currentTerm"), and the strict tests expect it. The
    /// crate gives no answer, unless its option `check_quorum` or `pre_vote` is set. But then a leader steps
    /// down in its own term, or a vote is refused to a server that the course expects to win.
    fn request(&mut self, message: Message) -> Option<Message> {
        let (me, term) = (self.raw.raft.id, self.raw.raft.term);
        let refusal = (message.term < term).then(|| {
            let mut refusal = Message::default();
            refusal.set_msg_type(MessageType::MsgAppendResponse);
            (refusal.from, refusal.to, refusal.term) = (me, message.from, term);
            refusal
        });
        self.step(message);
        refusal
    }

    /// Handles the reply of a peer to a message. `None` means that the message or its reply was lost.
    fn replied(&mut self, from: u64, is_snapshot: bool, reply: Option<Vec<Vec<u8>>>) {
        let is_lost = reply.is_none();
        for answer in reply.unwrap_or_default() {
            self.step(decode(&answer));
        }
        match (is_snapshot, is_lost) {
            (true, true) => self.raw.report_snapshot(from, SnapshotStatus::Failure),
            (true, false) => self.raw.report_snapshot(from, SnapshotStatus::Finish),
            (false, true) => self.raw.report_unreachable(from),
            (false, false) => (),
        }
    }

    /// Does what the rules want: saves the state, delivers committed commands, and returns the messages.
    /// Everything is saved before this function returns, so also before a message leaves the server.
    fn settle(&mut self) -> Vec<Message> {
        let (mut messages, mut deliveries) = (Vec::new(), Vec::new());
        while self.raw.has_ready() {
            let mut ready = self.raw.ready();
            messages.extend(ready.take_messages());
            if !ready.snapshot().is_empty() {
                deliveries.push(self.raw.mut_store().install(ready.snapshot()));
            }
            let committed = ready.take_committed_entries();
            self.raw.mut_store().append(ready.take_entries());
            if let Some(hard) = ready.hs() {
                self.raw.mut_store().set_hard_state(hard.clone());
            }
            messages.extend(ready.take_persisted_messages());
            self.number(committed, &mut deliveries);

            let mut rest = self.raw.advance(ready);
            if let Some(index) = rest.commit_index() {
                self.raw.mut_store().set_commit(index);
            }
            messages.extend(rest.take_messages());
            self.number(rest.take_committed_entries(), &mut deliveries);
            self.raw.advance_apply();
        }
        self.raw.mut_store().save();
        for message in deliveries {
            // The receiver is gone only after `kill`.
            let _ = self.deliver.send(message);
        }
        if self.raw.raft.election_elapsed == 0 {
            self.timeout = draw_timeout();
        }
        messages
    }

    /// Makes messages for the service from committed entries. The service does not see blank entries.
    fn number(&self, entries: Vec<Entry>, deliveries: &mut Vec<ApplyMsg>) {
        for entry in entries.iter().filter(|entry| disk::is_command(entry)) {
            let index = self.raw.store().number_at(entry.index);
            let command = Command::new(entry.data.to_vec());
            deliveries.push(ApplyMsg::Command { index, term: entry.term, command });
        }
    }
}

/// The crate's id of server number `place`. The ids begin at 1, because for the crate, 0 means no server.
fn id(place: usize) -> u64 {
    place as u64 + 1
}

fn place(id: u64) -> usize {
    id as usize - 1
}

/// The name of the RPC for a message. The pages show this name.
fn method(message: &Message) -> &'static str {
    match message.get_msg_type() {
        MessageType::MsgRequestVote => "Raft.RequestVote",
        MessageType::MsgSnapshot => "Raft.InstallSnapshot",
        _ => "Raft.AppendEntries",
    }
}

fn draw_timeout() -> usize {
    ELECTION + rng::below(ELECTION as u64) as usize
}

fn encode(message: &Message) -> Vec<u8> {
    message.write_to_bytes().expect("a message has all its fields")
}

fn decode(bytes: &[u8]) -> Message {
    Message::parse_from_bytes(bytes).expect("another server of this group has encoded the message")
}
