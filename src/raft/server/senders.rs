//! Sending messages: the sender threads, one per peer, and [`flush`](super::Raft::flush).

use super::{Shared, State};
use crate::raft::core::Core;
use crate::raft::messages::{Entry, Message};
use crate::raft::progress::{Outgoing, Sent};
use labapi::observe;
use labrt::sync::Arc;
use labrt::time::Duration;
use labrt::{dlog, node, thread, trace};

/// The greatest number of messages that one flush sends. Without a limit, a thread could send the messages of
/// other threads for ever.
const FLUSH_MESSAGES: usize = 32;

/// Does a thread let other threads run before it flushes, if several clients work? Then one message often has
/// the commands of all these clients. In virtual time this would change nothing, because computing takes no
/// time there.
const YIELDS: bool = !labrt::is_sim();

/// How often a sender that has sent entries lets other threads run before it sleeps. Often one of these
/// threads starts the next command, and then nobody has to wake the sender. If the callers flush, the sender
/// sleeps at once: otherwise it would send the commands of several clients one by one, before a flush can
/// send them in one message. In virtual time this would change nothing, either.
const SENDER_YIELDS: u32 = if labrt::is_sim() { 0 } else { 16 };

/// What the server knows about a sleeping sender thread.
#[derive(Clone, Copy, Default)]
pub(super) struct Sleeper {
    /// The deadline of the sender's current sleep, or of its last sleep if it is awake. It is zero if the
    /// sender has not slept yet.
    until: Duration,
    /// For the trace: the id of the message or operation that gave this sender something to send. It is 0 if
    /// there is none. If there are several, it is the id of the first one.
    woken_by: u64,
}

impl State {
    /// Is a message to the peer due before the sender thread for this peer wakes by itself?
    fn has_work(&self, peer: usize) -> bool {
        self.core.next_deadline(peer).is_some_and(|at| at < self.sleepers[peer].until)
    }

    /// Notes, for the trace, which message or operation has given the senders something to send.
    pub(super) fn note_work(&mut self) {
        let parent = trace::parent();
        for peer in (0..self.sleepers.len()).filter(|_| parent != 0) {
            if self.sleepers[peer].woken_by == 0 && self.has_work(peer) {
                self.sleepers[peer].woken_by = parent;
            }
        }
    }

    /// The next message to a peer, and the id of the message or operation that caused it. The caller must
    /// release the lock before it sends the message.
    fn next_message(&mut self, peer: usize, now: Duration) -> Option<(Outgoing, u64)> {
        let outgoing = self.core.next_message(peer, now)?;
        Some((outgoing, std::mem::take(&mut self.sleepers[peer].woken_by)))
    }
}

impl Shared {
    pub(super) fn wake_senders(&self, state: &State) {
        for (peer, sender) in self.senders.iter().enumerate() {
            if state.has_work(peer) {
                sender.notify_one();
            }
        }
    }

    pub(super) fn send_to(self: &Arc<Self>, peer: usize) {
        let mut state = self.state.lock();
        let mut yields = 0;
        while !self.killed.is_raised() {
            if let Some((outgoing, woken_by)) = state.next_message(peer, self.now()) {
                if outgoing.message.has_entries() {
                    yields = SENDER_YIELDS;
                }
                drop(state);
                self.send(outgoing, woken_by);
                state = self.state.lock();
                continue;
            }
            if yields > 0 && !state.callers_flush {
                yields -= 1;
                drop(state);
                thread::yield_now();
                state = self.state.lock();
                continue;
            }
            let deadline = state.core.next_deadline(peer);
            state.sleepers[peer] = Sleeper { until: deadline.unwrap_or(Duration::MAX), woken_by: 0 };
            self.sleep(&self.senders[peer], &mut state, deadline);
        }
    }

    /// The calling thread sends the messages that the sender threads would send. The senders are not woken
    /// during the flush. If messages are left at the end, the senders are woken. After that, the thread may
    /// help the applier.
    ///
    /// Other threads that flush at the same time return at once. So if several clients work, their commands
    /// go into the same messages.
    pub(super) fn flush(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.flushing, true) {
            // Another thread is already flushing. It will find the new messages before its flush ends.
            return;
        }
        state.callers_flush = true;
        let helps = self.will_help(&mut state);
        if helps && YIELDS && state.applying.is_busy() {
            drop(state);
            thread::yield_now();
            state = self.state.lock();
        }
        let (servers, mut last) = (self.ends.len(), self.me);
        for _ in 0..FLUSH_MESSAGES {
            // Read under the lock: between two messages of this flush another thread may send with a later
            // time.
            let now = self.now();
            let mut peers = (1..=servers).map(|i| (last + i) % servers);
            let Some((outgoing, woken_by)) = peers.find_map(|peer| state.next_message(peer, now)) else {
                break;
            };
            last = outgoing.sent.peer;
            drop(state);
            self.send(outgoing, woken_by);
            state = self.state.lock();
        }
        state.flushing = false;
        self.settle(&mut state);
        if helps {
            self.help(state);
        }
    }

    /// Sends a message. The answer arrives as a callback, on any thread. The caller must not hold the lock,
    /// because the callback takes the lock, perhaps before this function returns.
    fn send(self: &Arc<Self>, outgoing: Outgoing, woken_by: u64) {
        let Outgoing { sent, message } = outgoing;
        let end = &self.ends[sent.peer];
        let shared = self.clone();
        let id = trace::next_id();
        let _under = trace::under(woken_by);
        match message {
            Message::RequestVote(args) => {
                let last = (args.last_log_index, args.last_log_term);
                observe::request_vote(id, args.term, args.candidate_id, last);
                end.send_as(id, "Raft.RequestVote", &args, move |r| {
                    shared.take_outcome(sent, r, Core::vote_reply)
                });
            }
            Message::PreVote(args) => {
                let last = (args.last_log_index, args.last_log_term);
                observe::pre_vote(id, sent.term, args.candidate_id, last);
                end.send_as(id, "Raft.PreVote", &args, move |r| {
                    shared.take_outcome(sent, r, Core::pre_vote_reply)
                });
            }
            Message::TransferVote(args) => {
                let last = (args.last_log_index, args.last_log_term);
                observe::request_vote(id, args.term, args.candidate_id, last);
                end.send_as(id, "Raft.TransferVote", &args, move |r| {
                    shared.take_outcome(sent, r, Core::vote_reply)
                });
            }
            Message::TimeoutNow(args) => {
                dlog!(LEAD, sent.term, "tells S{} to start an election", sent.peer);
                observe::timeout_now(id, args.term, args.leader_id);
                end.send_as(id, "Raft.TimeoutNow", &args, move |r| {
                    shared.take_outcome(sent, r, Core::timeout_now_reply)
                });
            }
            Message::AppendEntries(args) => {
                let prev = (args.prev_log_index, args.prev_log_term);
                let entries = args.entries.iter().map(Entry::parts);
                observe::append_entries(id, args.term, args.leader_id, prev, entries, args.leader_commit);
                end.send_as(id, "Raft.AppendEntries", &args, move |r| {
                    shared.take_outcome(sent, r, Core::append_reply)
                });
            }
            Message::InstallSnapshot(args) => {
                let last = (args.last_included_index, args.last_included_term);
                dlog!(SNAP, sent.term, "sends S{} the snapshot up to {}", sent.peer, last.0);
                observe::install_snapshot(id, args.term, args.leader_id, last, &args.data);
                end.send_as(id, "Raft.InstallSnapshot", &args, move |r| {
                    shared.take_outcome(sent, r, Core::snapshot_reply)
                });
            }
        }
    }

    /// Handles the final outcome of a message: its reply, or the report that no reply will come.
    fn take_outcome<R>(&self, sent: Sent, reply: Option<R>, rule: fn(&mut Core, Sent, &R, Duration)) {
        let _node = node::enter(self.node);
        self.with(|core| {
            match &reply {
                Some(reply) => rule(core, sent, reply, self.now()),
                None => {
                    dlog!(DROP, sent.term, "message {} to S{} lost", sent.seq, sent.peer);
                    core.message_lost(sent);
                }
            }
            if let Some(progress) = core.progress(sent.peer) {
                observe::progress(sent.peer, progress.next_index(), progress.match_index());
            }
        });
    }
}
