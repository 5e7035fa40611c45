//! What a server sends, and when: the sender threads, one per peer, and whoever [flushes](super::Raft::flush).

use super::{Options, Shared, State};
use crate::raft::core::Core;
use crate::raft::effects::{Due, Tick};
use crate::raft::messages::{Entry, Message};
use crate::raft::progress::{Outgoing, Sent};
use labapi::observe;
use labrt::dlog;
use labrt::node;
use labrt::sync::Arc;
use labrt::time::{Duration, Instant};
use labrt::trace;

/// The most messages that a flush sends, so that a thread does not work for others for ever.
const FLUSH_MESSAGES: usize = 32;

/// When a peer was last sent something, and last heard.
#[derive(Clone, Copy)]
pub(super) struct PeerClock {
    any: Option<Instant>,
    entries: Option<Instant>,
    pub(super) heard: Instant,
    /// The message or operation that gave the sender its work, for the trace; 0: none.
    woken_by: u64,
}

impl PeerClock {
    /// Nothing was sent yet; `now` counts as heard.
    pub(super) fn new(now: Instant) -> PeerClock {
        PeerClock { any: None, entries: None, heard: now, woken_by: 0 }
    }

    /// There is something to send because of this message or operation. Of several, the first counts.
    pub(super) fn work_from(&mut self, course: u64) {
        if self.woken_by == 0 {
            self.woken_by = course;
        }
    }

    /// When an interval that began at `from` is over; at once if it never began.
    fn end(from: Option<Instant>, interval: Duration) -> Option<Instant> {
        from.map(|at| at + interval)
    }

    fn tick(&self, options: &Options, now: Instant) -> Tick {
        let over = |from, interval| PeerClock::end(from, interval).is_none_or(|end| end <= now);
        Tick {
            heartbeat: over(self.any, options.heartbeat),
            pipeline: over(self.entries, options.pipeline),
            commit: over(self.any, options.commit),
        }
    }

    /// Until when the sender may sleep; None: until it is woken.
    fn wake_at(&self, options: &Options, due: Due, now: Instant) -> Option<Instant> {
        let end =
            |wanted: bool, from, interval| wanted.then(|| PeerClock::end(from, interval).unwrap_or(now));
        [
            due.now.then_some(now),
            end(due.pipeline, self.entries, options.pipeline),
            end(due.commit, self.any, options.commit),
            end(due.heartbeat, self.any, options.heartbeat),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn sent(&mut self, message: &Message, now: Instant) {
        self.any = Some(now);
        if matches!(message, Message::AppendEntries(args) if !args.entries.is_empty()) {
            self.entries = Some(now);
        }
    }
}

impl State {
    /// The next message to a peer, and in whose course it is sent. To be sent without the lock.
    fn next_message(&mut self, options: &Options, peer: usize, now: Instant) -> Option<(Outgoing, u64)> {
        let tick = self.clocks[peer].tick(options, now);
        let outgoing = self.core.next_message(peer, tick)?;
        self.clocks[peer].sent(&outgoing.message, now);
        Some((outgoing, std::mem::take(&mut self.clocks[peer].woken_by)))
    }
}

impl Shared {
    pub(super) fn send_to(self: &Arc<Self>, peer: usize) {
        let mut state = self.state.lock();
        while !self.killed.is_raised() {
            let now = Instant::now();
            if let Some((outgoing, woken_by)) = state.next_message(&self.options, peer, now) {
                drop(state);
                self.send(outgoing, woken_by);
                state = self.state.lock();
                continue;
            }
            let due = state.core.due(peer);
            state.clocks[peer].woken_by = 0;
            match state.clocks[peer].wake_at(&self.options, due, now) {
                Some(at) => drop(self.senders[peer].wait_until(&mut state, at)),
                None => self.senders[peer].wait(&mut state),
            }
        }
    }

    /// What the senders would do now, on this thread; nobody wakes them meanwhile. What is left over goes to them.
    pub(super) fn flush(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.flushing, true) {
            // The one who does looks again before it ends.
            return;
        }
        let (servers, mut last) = (self.ends.len(), self.me);
        for _ in 0..FLUSH_MESSAGES {
            let now = Instant::now();
            let mut peers = (1..=servers).map(|i| (last + i) % servers);
            let next = peers.find_map(|peer| state.next_message(&self.options, peer, now));
            let Some((outgoing, woken_by)) = next else { break };
            last = outgoing.sent.peer;
            drop(state);
            self.send(outgoing, woken_by);
            state = self.state.lock();
        }
        state.flushing = false;
        self.settle(&mut state);
    }

    /// Sends a message; the answer comes back as a callback, on whatever thread. Without the lock: the callback takes
    /// it, perhaps before this returns.
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
                    shared.answered(sent, r, Core::vote_reply)
                });
            }
            Message::AppendEntries(args) => {
                let prev = (args.prev_log_index, args.prev_log_term);
                let entries = args.entries.iter().map(Entry::parts);
                observe::append_entries(id, args.term, args.leader_id, prev, entries, args.leader_commit);
                end.send_as(id, "Raft.AppendEntries", &args, move |r| {
                    shared.answered(sent, r, Core::append_reply)
                });
            }
            Message::InstallSnapshot(args) => {
                let last = (args.last_included_index, args.last_included_term);
                dlog!(SNAP, sent.term, "sends S{} the snapshot up to {}", sent.peer, last.0);
                observe::install_snapshot(id, args.term, args.leader_id, last, &args.data);
                end.send_as(id, "Raft.InstallSnapshot", &args, move |r| {
                    shared.answered(sent, r, Core::snapshot_reply)
                });
            }
        }
    }

    fn answered<R>(&self, sent: Sent, reply: Option<R>, rule: fn(&mut Core, Sent, &R)) {
        let _node = node::enter(self.node);
        let mut state = self.state.lock();
        match &reply {
            Some(reply) => {
                state.clocks[sent.peer].heard = Instant::now();
                rule(&mut state.core, sent, reply);
            }
            None => {
                dlog!(DROP, sent.term, "message {} to S{} lost", sent.seq, sent.peer);
                state.core.message_lost(sent);
            }
        }
        self.settle(&mut state);
    }
}
