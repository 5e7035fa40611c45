//! The service above each Raft. It reads the messages of the apply channel. It checks that all peers apply
//! the same commands in the same order, and that no peer skips an index.
//!
//! In the tests with snapshots, the service also makes a snapshot every [`SNAPSHOT_INTERVAL`] commands. After
//! a crash it starts with the commands in its snapshot. A snapshot contains all applied commands. So the
//! commands in a wrong snapshot differ from the commands of the other peers, and a check notices this.
//!
//! The thread that reads the channel of one peer is a *reader*. If a message is wrong, the reader panics, and
//! the run fails. After a crash of its peer, the reader still reads messages, and ignores them. Otherwise a
//! thread of the peer could wait forever to deliver a message.

use labapi::{ApplyMsg, Command, RaftPeer};
use labrt::chan::Receiver;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::sync::atomic::Ordering;
use labrt::thread;
use labrt::trace::{self, Field, Kind, Links};

use super::{Applied, Cluster, SNAPSHOT_INTERVAL, Slot, State};
use crate::lives::Living;
use crate::value::Value;

const APPLY: Kind = Kind::new("apply");
const INGEST: Kind = Kind::new("apply.snapshot");

/// A command that came through the apply channel.
struct Delivered {
    index: u64,
    term: u64,
    value: Value,
}

impl<R: RaftPeer> Cluster<R> {
    /// Starts the reader for one life of a peer. The reader belongs to the harness, not to the peer's node.
    pub(super) fn start_reader(self: &Arc<Self>, node: NodeId, messages: Receiver<ApplyMsg>) {
        let cluster = Arc::clone(self);
        thread::spawn_named(format!("reader-{}", node.index), move || {
            for message in messages.iter() {
                // The service is a part of the server's process, so it is paused together with its Raft.
                if cluster.has_paused.load(Ordering::SeqCst) {
                    cluster.lives(usize::from(node.index)).wait_while_paused(node);
                }
                if let Err(error) = cluster.take(node, message) {
                    panic!("apply error: {error}");
                }
            }
        });
    }

    /// Handles one message that the peer has delivered in its life `node`. If that life is over, the message
    /// is ignored.
    fn take(&self, node: NodeId, message: ApplyMsg) -> Result<(), String> {
        match message {
            ApplyMsg::Command { index, term, command } => self.take_command(node, index, term, &command),
            ApplyMsg::Snapshot { index, term, data } => self.take_snapshot(node, index, term, &data),
        }
    }

    fn take_command(&self, node: NodeId, index: u64, term: u64, command: &Command) -> Result<(), String> {
        let i = usize::from(node.index);
        let value =
            Value::from_command(command).map_err(|error| format!("server {i} index={index}: {error}"))?;
        let (snapshot, expected) = {
            let mut state = self.state.lock();
            if state.living(node).is_none() {
                return Ok(());
            }
            trace_apply(node, index, term, command);
            let expected = state.servers[i].last_applied + 1;
            state.apply(i, Delivered { index, term, value }, self.setup.snapshots || self.setup.strict)?;
            if self.setup.strict {
                self.applied.notify_all();
            }
            let makes = self.setup.snapshots && state.servers[i].makes_snapshots;
            let due = makes && (index + 1).is_multiple_of(SNAPSHOT_INTERVAL);
            (due.then(|| state.servers[i].make_snapshot(index)), expected)
        };
        if index != expected {
            let text =
                format!("server {i} delivers index {index} in this life, but index {expected} is the next");
            self.breach("delivery", &text);
        }
        // The harness must not hold its lock during this call. The peer may be waiting for a thread that
        // needs the lock.
        if let Some((snapshot, peer)) = snapshot.zip(self.living(node)) {
            peer.call(|raft| raft.snapshot(index, snapshot));
        }
        Ok(())
    }

    fn take_snapshot(&self, node: NodeId, index: u64, term: u64, data: &[u8]) -> Result<(), String> {
        let i = usize::from(node.index);
        // As in the course, the service of parts 2A to 2C has no snapshots, and ignores these messages.
        let Some(peer) = self.living(node).filter(|_| self.setup.snapshots) else { return Ok(()) };
        if !peer.call(|raft| raft.cond_install_snapshot(term, index, data)) {
            return Ok(());
        }
        let mut state = self.state.lock();
        if state.living(node).is_none() {
            return Ok(());
        }
        let applied = state.servers[i].last_applied;
        if self.setup.strict && index < applied {
            return Err(format!(
                "server {i} gets a snapshot up to index {index} (term {term}), but has already applied {applied}"
            ));
        }
        trace::emit_of(node, INGEST, Links::NONE, &[("index", index.into())]);
        state.servers[i].ingest_snapshot(i, data, Some(index))
    }

    fn living(&self, node: NodeId) -> Option<Living<R>> {
        self.state.lock().living(node)
    }
}

impl<R> State<R> {
    /// The running instance in the life `node`, or `None` if that life is over.
    fn living(&self, node: NodeId) -> Option<Living<R>> {
        self.servers[usize::from(node.index)].lives.living().filter(|peer| peer.node == node)
    }

    /// Peer `i` applies a command. This method compares it with the commands of all other peers at the same
    /// index, and then records it. If `in_order` is true, the index must be the one after the last applied
    /// index of this life.
    fn apply(&mut self, i: usize, message: Delivered, in_order: bool) -> Result<(), String> {
        let Delivered { index, term, value } = message;
        if in_order {
            let expected = self.servers[i].last_applied + 1;
            if index != expected {
                return Err(format!(
                    "server {i} apply out of order, expected index {expected}, got {index} (term {term}, {value})"
                ));
            }
        }
        self.check_others(i, index, term, &value)?;
        if index > 1 && !self.servers[i].log.contains_key(&(index - 1)) {
            return Err(format!("server {i} apply out of order {index} (term {term}, {value})"));
        }
        let slot = &mut self.servers[i];
        slot.log.insert(index, Applied { value, term });
        slot.last_applied = index;
        self.max_index = self.max_index.max(index);
        Ok(())
    }

    /// Returns an error if another peer has applied a different command at this index.
    fn check_others(&self, i: usize, index: u64, term: u64, value: &Value) -> Result<(), String> {
        for (j, other) in self.servers.iter().enumerate() {
            let Some(old) = other.log.get(&index).filter(|old| old.value != *value) else { continue };
            return Err(format!(
                "commit index={index} server={i} {value} != server={j} {} (of term {term}, and {}); \
                 server {i} has applied {}, server {j} {}",
                old.value,
                term_name(old.term),
                self.servers[i].around(index),
                other.around(index),
            ));
        }
        Ok(())
    }
}

impl<R> Slot<R> {
    /// Makes the same snapshot as the course's service: the last index, and then all commands that were
    /// applied up to this index. Index 0 has no command.
    fn make_snapshot(&self, index: u64) -> Vec<u8> {
        let history: Vec<Option<&Value>> =
            (0..=index).map(|at| self.log.get(&at).map(|applied| &applied.value)).collect();
        let mut encoder = labgob::Encoder::new();
        encoder.encode(&index);
        encoder.encode(&history);
        encoder.into_bytes()
    }

    /// Replaces the applied commands of peer `i` with the commands in a snapshot. `index` is the last index
    /// of the snapshot according to Raft, or `None` if a peer starts with its saved snapshot.
    pub(super) fn ingest_snapshot(
        &mut self,
        i: usize,
        snapshot: &[u8],
        index: Option<u64>,
    ) -> Result<(), String> {
        let (last, history) = decode_snapshot(snapshot).map_err(|error| {
            format!("server {i} snapshot decode error: {error} ({} bytes)", snapshot.len())
        })?;
        if index.is_some_and(|index| index != last) {
            return Err(format!(
                "server {i} snapshot doesn't match m.SnapshotIndex: the message says {}, the snapshot {last}",
                index.unwrap_or_default()
            ));
        }
        let values = (0..).zip(history);
        self.log = values.filter_map(|(at, value)| Some((at, Applied { value: value?, term: 0 }))).collect();
        self.last_applied = last;
        Ok(())
    }

    /// A text with the applied commands near an index, for error messages.
    fn around(&self, index: u64) -> String {
        let near = self.log.range(index.saturating_sub(3)..=index + 1);
        let entries: Vec<String> = near.map(|(at, applied)| format!("{at}:{}", applied.value)).collect();
        format!("[{}]", entries.join(" "))
    }
}

fn decode_snapshot(bytes: &[u8]) -> Result<(u64, Vec<Option<Value>>), labgob::DecodeError> {
    let mut decoder = labgob::Decoder::new(bytes);
    Ok((decoder.decode()?, decoder.decode()?))
}

fn term_name(term: u64) -> String {
    if term == 0 { "a snapshot".to_owned() } else { format!("term {term}") }
}

fn trace_apply(node: NodeId, index: u64, term: u64, command: &Command) {
    if trace::on() {
        let hash = Field::X(trace::digest(command.as_bytes()));
        trace::emit_of(
            node,
            APPLY,
            Links::NONE,
            &[("index", index.into()), ("term", term.into()), ("command", hash)],
        );
    }
}
