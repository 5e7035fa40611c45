//! Reads without the log (section 8 of the paper; thesis, 6.4).
//!
//! A service may answer a read from its own state, without an entry in the log, if it knows two things.
//! First, this server led when the read arrived or later. Otherwise another leader may already have committed
//! newer entries. Second, the service has applied all entries that were committed when the read arrived.
//!
//! # ReadIndex
//!
//! 1. The leader notes the **read index** when the read arrives: an index that is not below the index of any
//!    committed entry. If an entry of the leader's own term is committed, this is the commit index. Before
//!    that, the leader's commit index may be too low, so the read index is the end of the log (5.4.1: the
//!    leader has all committed entries).
//! 2. A majority must answer a message that was sent *after* the read arrived, in the same term. The leader
//!    sends heartbeats for this at once. This is a **round**.
//! 3. The read is answered when the entry at the read index is applied.
//!
//! Reads that arrive during a round wait for its end. Then they share the next round. Any message that was
//! sent after a read arrived counts, also if it carries entries.
//!
//! Step 3 needs a committed entry of the leader's own term. A leader does not make such an entry itself. So a
//! service that reads in this way must propose one when its server is elected.
//!
//! # Leases
//!
//! With the option [`lease`](crate::raft::Options::lease), a leader does not need a round for each read. A
//! server that has heard from a leader refuses every vote for the shortest election timeout. So for this time
//! there is no other leader, if a majority has heard from this one. The time begins when the answered message
//! was *sent*. The leader does not know when the message arrived.
//!
//! The promise of a server to refuse votes must be stricter than for CheckQuorum:
//!
//! * A server may have made a promise before it restarted. So it also refuses votes at the start.
//! * The promise does not end when the server's term rises.
//!
//! A transfer of the leadership makes servers break their promise. The message `TimeoutNow` may also arrive
//! after the leader has given up the transfer. So from the beginning of a transfer on, the leader has no
//! lease for the rest of its term. It uses rounds again.

use super::Core;
use crate::raft::effects::ReadId;
use crate::raft::progress::{AT_ONCE, Content, Outgoing, Sent, What};
use labrt::collections::VecDeque;
use std::time::Duration;

/// What a leader says about a read that has just arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStart {
    /// The service may answer the read when it has applied the entry with this index.
    Index(u64),
    /// The read waits for a round. Its outcome is one of the
    /// [`Effects::reads`](crate::raft::Effects::reads) later.
    Waits(ReadId),
}

/// A read that waits for a round.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: ReadId,
    /// The read index.
    index: u64,
    /// A message proves that this server led after the read arrived only if its number is not below this one.
    first_seq: u64,
}

/// The reads at a leader, and what it knows about the answers to its messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    last_id: u64,
    /// The reads, in the order in which they arrived.
    waiting: VecDeque<Waiting>,
    /// The term to which the following fields belong.
    term: u64,
    /// The number of the first message of the newest round.
    round: u64,
    /// For each server, what the leader has sent to it and got from it in this term.
    peers: Vec<Peer>,
    /// This leader has begun to transfer its leadership, so it has no lease in this term.
    no_lease: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    /// The number of the last message to this server.
    sent: u64,
    /// The number of the newest message that this server has answered.
    answered: u64,
    /// The time at which the newest answered message was sent.
    heard_since: Option<Duration>,
}

impl Core {
    /// A read has arrived. Returns `None` if this server does not lead.
    pub fn begin_read(&mut self, now: Duration) -> Option<ReadStart> {
        if !self.is_leader() {
            return None;
        }
        let commits_own_term = self.log.term_at(self.commit_index) == Some(self.current_term);
        if commits_own_term && self.has_lease(now) {
            return Some(ReadStart::Index(self.commit_index));
        }
        let index = if commits_own_term { self.commit_index } else { self.log.last_index() };
        let (first_seq, confirmed) = (self.next_seq, self.confirmed_seq());
        let reads = self.reads_of_this_term();
        reads.last_id += 1;
        let id = ReadId(reads.last_id);
        reads.waiting.push_back(Waiting { id, index, first_seq });
        if reads.round <= confirmed {
            // No round is on its way.
            reads.round = first_seq;
        }
        self.confirm_reads();
        Some(ReadStart::Waits(id))
    }

    /// Has this leader a lease? Then no other server leads, and this server may answer reads at once.
    pub fn has_lease(&self, now: Duration) -> bool {
        if !self.options.lease || !self.is_leader() {
            return false;
        }
        let others = self.majority() - 1;
        let reads = self.reads().filter(|reads| !reads.no_lease);
        let mut since: Vec<Duration> =
            reads.iter().flat_map(|reads| &reads.peers).filter_map(|peer| peer.heard_since).collect();
        since.sort_unstable_by(|a, b| b.cmp(a));
        match others {
            0 => true,
            _ => since.get(others - 1).is_some_and(|&since| now < since + self.options.lease_length()),
        }
    }

    /// From now on, this leader has no lease in its term.
    pub(super) fn end_lease(&mut self) {
        self.reads_of_this_term().no_lease = true;
    }

    /// Notes that this server starts. It may have made a promise just before it stopped.
    pub fn note_start(&mut self, now: Duration) {
        self.note_promise(now);
    }

    /// This server has heard from a leader. So it votes for nobody for the shortest election timeout.
    pub(super) fn note_promise(&mut self, now: Duration) {
        if self.options.lease {
            self.beyond.promised = Some(now);
        }
    }

    pub(super) fn has_promised(&self, now: Duration) -> bool {
        self.beyond.promised.is_some_and(|at| now < at + self.options.election_timeout.start)
    }

    /// Notes that this server sends a message.
    pub(super) fn note_sent(&mut self, sent: Sent) {
        if self.is_leader() && counts(sent.what) {
            self.reads_of_this_term().peers[sent.peer].sent = sent.seq;
        }
    }

    /// Notes that a message of the current term was answered in the current term. So after the message was
    /// sent, the peer was in this term.
    pub(super) fn note_heard(&mut self, sent: Sent) {
        if !self.is_leader() || !counts(sent.what) {
            return;
        }
        let peer = &mut self.reads_of_this_term().peers[sent.peer];
        if sent.seq > peer.answered {
            (peer.answered, peer.heard_since) = (sent.seq, Some(sent.at));
        }
        self.confirm_reads();
    }

    /// A majority has answered messages with this number or a greater one.
    fn confirmed_seq(&self) -> u64 {
        let others = self.majority() - 1;
        let mut answered: Vec<u64> =
            self.reads().iter().flat_map(|reads| &reads.peers).map(|peer| peer.answered).collect();
        answered.sort_unstable_by(|a, b| b.cmp(a));
        match others {
            0 => u64::MAX,
            _ => answered.get(others - 1).copied().unwrap_or_default(),
        }
    }

    /// Ends the reads whose round a majority has answered. The other reads begin a new round, unless a round
    /// is on its way.
    fn confirm_reads(&mut self) {
        let confirmed = self.confirmed_seq();
        let reads = &mut self.beyond.reads;
        let count = reads.waiting.iter().take_while(|read| read.first_seq <= confirmed).count();
        let ended = reads.waiting.drain(..count).map(|read| (read.id, Some(read.index)));
        self.effects.reads.extend(ended);
        if !reads.waiting.is_empty() && reads.round <= confirmed {
            reads.round = self.next_seq;
        }
    }

    /// The role or the term has changed. So no read that waits can be answered.
    pub(super) fn fail_reads(&mut self) {
        let waiting = self.beyond.reads.waiting.drain(..);
        self.effects.reads.extend(waiting.map(|read| (read.id, None)));
    }

    /// The time at which the leader sends `peer` a message for the newest round. It is `None` if there is no
    /// round, or if such a message was sent.
    pub(super) fn round_deadline(&self, peer: usize) -> Option<Duration> {
        let reads = &self.beyond.reads;
        let sent = reads.peers.get(peer).map_or(0, |peer| peer.sent);
        (!reads.waiting.is_empty() && sent < reads.round).then_some(AT_ONCE)
    }

    /// The heartbeat for the newest round.
    pub(super) fn next_round_message(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        self.round_deadline(peer)?;
        let (what, message) = self.append_message(peer, Content::Heartbeat)?;
        let sent = self.stamp(peer, what, now);
        self.progress_of(sent)?.sent(sent, Content::Heartbeat, now);
        Some(Outgoing { sent, message })
    }

    fn reads(&self) -> Option<&Reads> {
        Some(&self.beyond.reads).filter(|reads| reads.term == self.current_term)
    }

    fn reads_of_this_term(&mut self) -> &mut Reads {
        let reads = &mut self.beyond.reads;
        if reads.term != self.current_term {
            let Reads { last_id, ref mut waiting, .. } = *reads;
            let waiting = std::mem::take(waiting);
            let peers = vec![Peer::default(); self.n];
            *reads = Reads { last_id, waiting, term: self.current_term, round: 0, peers, no_lease: false };
        }
        reads
    }
}

/// Does the answer to this message say that its receiver has heard from the leader?
fn counts(what: What) -> bool {
    matches!(what, What::Append { .. } | What::Snapshot { .. })
}
