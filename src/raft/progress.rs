//! A leader's view of one follower: what it has, what is on its way to it, what to send next.
//!
//! Goals, in this order: one lost or held message never stops the log behind it; a new entry goes out at
//! once; entries that come in quick succession share messages; an idle or dead follower costs a small message
//! in each heartbeat interval.
//!
//! # States
//!
//! | state | when | what is sent |
//! |---|---|---|
//! | Probe | a new leader; or two messages in a row were lost | one empty AppendEntries at once, then one in each heartbeat interval; entries instead if none are on their way |
//! | Replicate | the follower answers | entries at once if none are on their way, else when the answer comes or the entries interval has passed, up to [`WINDOW`] messages; else heartbeats |
//! | Snapshot | a snapshot is on its way, since the follower needs an entry that a snapshot has replaced | heartbeats, whose refusal tells that the snapshot got lost |
//!
//! The commit index travels with entries and heartbeats. On its own it goes only if none of these comes
//! within the commit interval, and with at most one such message on its way: committing a burst of entries one
//! by one costs no message each.
//!
//! # Answers that come late
//!
//! Replies may be held for seconds and overtake one another. What a success says stays true for the term, so it is
//! always taken in. For refusals:
//!
//! * One that says the logs differ at or before `base` is always believed, however old it is: no message on its way can
//!   change that.
//! * One that only says entries after `base` are missing is believed if it answers a message that was sent after the last
//!   time that `next_index` was set back.
//! * But if an older message on its way would bring those entries, the first such refusal since the last success is
//!   ignored: the two messages have probably changed places.
//!
//! A refusal that is believed lowers `base`, or makes everything after it be sent again. So the search for the last common
//! entry always ends.

use super::invariants::Invariant;
use super::log::RaftLog;
use super::messages::{Conflict, Message};
use super::options::Options;
use labrt::collections::VecDeque;
use std::time::Duration;

/// The greatest number of messages with entries on their way to one follower.
pub const WINDOW: usize = 32;

/// The greatest size of the commands in one message, in bytes; a single larger command goes alone.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// So many commits that a follower has not heard of are worth a message of their own, at once.
const COMMIT_BURST: u64 = 64;

/// So many losses in a row, and a follower is thought to be dead.
const LOSSES_TO_PROBE: u32 = 2;

/// A time that is always over: the zero of the clock.
pub(super) const AT_ONCE: Duration = Duration::ZERO;

/// A message to a peer, and the handle by which its outcome is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To be given back with the reply, or with the news that there is none.
    pub sent: Sent,
    /// The message.
    pub message: Message,
}

/// Identifies a message that was sent: the core's own notes, which travel with the message through the
/// network's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// To whom.
    pub peer: usize,
    /// In which term of the sender.
    pub term: u64,
    /// A number that rises with every message of this server.
    pub seq: u64,
    pub(super) what: What,
}

/// What a message said, as far as its answer must be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Vote,
    /// Entries after `prev` up to `last`; empty if they are equal. `commit` is what the follower can commit
    /// by it.
    Append {
        prev: u64,
        last: u64,
        commit: u64,
    },
    Snapshot {
        last_included_index: u64,
    },
}

/// What a leader can send to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An AppendEntries with as many entries from `next_index` on as fit.
    Entries,
    /// An empty AppendEntries for the sake of the commit index.
    Commit,
    /// An empty AppendEntries.
    Heartbeat,
    /// The snapshot.
    Snapshot,
}

/// In which way a follower is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Does it answer? From where on does it need entries?
    Probe {
        /// An empty AppendEntries may go without waiting for the heartbeat interval.
        at_once: bool,
    },
    /// It answers and gets entries.
    Replicate {
        /// Entries may go although others are on their way, since a loss was reported.
        at_once: bool,
    },
    /// A snapshot is on its way.
    Snapshot {
        /// The number of the message with the snapshot.
        seq: u64,
        /// What the snapshot covers. `next_index` is not beyond it.
        last_included_index: u64,
        /// When it is to be sent again.
        resend: Resend,
    },
}

/// When a snapshot is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// Not as far as we know.
    No,
    /// It was lost: in place of the next heartbeat.
    AtHeartbeat,
    /// A heartbeat that was sent after it was refused, so it has not arrived: at once.
    Now,
}

/// A message with entries that has neither been answered nor is known to be lost.
#[derive(Clone, Copy, Debug)]
struct Inflight {
    seq: u64,
    /// Its entries come after this index, ...
    prev: u64,
    /// ... and end at this one. `prev < last`.
    last: u64,
}

/// A leader's view of one follower.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The follower is known to hold our log up to here. Never falls.
    match_index: u64,
    /// The next entry to send. Optimistic: it rises when entries are *sent*, not when they are acknowledged.
    /// `match_index <= base < next_index`.
    next_index: u64,
    /// Entries up to here need no re-sending as far as we know: the point from which we last (re)started to send,
    /// or `match_index`. `base` and `inflight` cover everything before `next_index` without a gap, so that they
    /// say what has to be sent again if a message is lost.
    base: u64,
    /// Messages with entries on their way, at most [`WINDOW`]. Each ends beyond `match_index`.
    inflight: VecDeque<Inflight>,
    /// In which way the follower is served.
    state: State,
    /// When the last message of any kind was sent; `None`: none yet.
    last_send: Option<Duration>,
    /// When the last message with entries was sent. Not later than `last_send`.
    last_entries: Option<Duration>,
    /// Losses since the last answer.
    losses: u32,
    /// The newest message that the follower has answered, whatever the answer.
    newest_answered_seq: u64,
    /// Refusals of messages older than this one say nothing new.
    believed_from_seq: u64,
    /// A refusal since the last success has been put down to reordering.
    grace_used: bool,
    /// What the follower can have committed by the messages sent, if none is lost. `commit_acked <= commit_sent`.
    commit_sent: u64,
    /// The same by the messages that it has answered.
    commit_acked: u64,
    /// The message on its way that tells nothing but the commit index. At most one.
    commit_inflight: Option<u64>,
    /// It has answered since somebody last asked for this.
    pub(super) has_answered: bool,
}

impl Progress {
    /// The view of a new leader whose log ends at `last_index`: it knows nothing, and hopes for the best
    /// (Figure 2: `nextIndex` is initialized to the leader's last log index + 1). As a candidate it has asked the
    /// follower for its vote at `asked`.
    pub(super) fn new(last_index: u64, asked: Option<Duration>) -> Progress {
        Progress {
            match_index: 0,
            next_index: last_index + 1,
            base: last_index,
            inflight: VecDeque::new(),
            state: State::Probe { at_once: true },
            last_send: asked,
            last_entries: None,
            losses: 0,
            newest_answered_seq: 0,
            believed_from_seq: 0,
            grace_used: false,
            commit_sent: 0,
            commit_acked: 0,
            commit_inflight: None,
            has_answered: false,
        }
    }

    /// The greatest index up to which the follower is known to hold the leader's log.
    pub fn match_index(&self) -> u64 {
        self.match_index
    }

    /// The index of the next entry to send.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// The number of messages with entries on their way.
    pub fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// In which way the follower is served.
    pub fn state(&self) -> State {
        self.state
    }

    // ------------------------------------------------------------------ What to send next

    /// What can be sent next if nothing happens before, and from when on. Of what is due, the first is sent.
    pub(super) fn agenda(
        &self,
        log: &RaftLog,
        commit_index: u64,
        options: &Options,
    ) -> impl Iterator<Item = (Duration, Content)> + use<> {
        let heartbeat_at = after(self.last_send, options.heartbeat_interval);
        let wanted = match self.state {
            State::Probe { .. } => self.retry(log, heartbeat_at),
            State::Replicate { .. } if self.next_index <= log.last_included_index() => {
                Some((AT_ONCE, Content::Snapshot))
            }
            State::Replicate { at_once } if self.has_entries_to_send(log) => {
                let waits = !at_once && !self.inflight.is_empty();
                let waited = after(self.last_entries, options.entries_interval).min(heartbeat_at);
                Some((if waits { waited } else { AT_ONCE }, Content::Entries))
            }
            State::Replicate { .. } => self.tell_commit(log, commit_index, options),
            State::Snapshot { resend: Resend::No, .. } => None,
            State::Snapshot { resend: Resend::AtHeartbeat, .. } => Some((heartbeat_at, Content::Snapshot)),
            State::Snapshot { resend: Resend::Now, .. } => Some((AT_ONCE, Content::Snapshot)),
        };
        let probes = self.state == State::Probe { at_once: true };
        let heartbeat = (if probes { AT_ONCE } else { heartbeat_at }, Content::Heartbeat);
        wanted.into_iter().chain([heartbeat])
    }

    /// The index before the entries of a message.
    pub(super) fn prev(&self, content: Content, log: &RaftLog) -> u64 {
        match content {
            // After what the follower surely has.
            Content::Commit => self.match_index,
            // A success acknowledges everything up to where we believe the follower to be, so that held or lost
            // replies of others do not matter.
            _ => (self.next_index - 1).max(log.last_included_index()),
        }
    }

    /// 5.3: the leader retries entries for as long as a follower does not answer; perhaps only its answers are
    /// lost. Once for every loss that is reported, which with a dead peer is every few seconds.
    fn retry(&self, log: &RaftLog, heartbeat_at: Duration) -> Option<(Duration, Content)> {
        let in_log = self.next_index > log.last_included_index();
        let go = self.inflight.is_empty() && in_log;
        (go && self.has_entries_to_send(log)).then_some((heartbeat_at, Content::Entries))
    }

    fn has_entries_to_send(&self, log: &RaftLog) -> bool {
        self.next_index <= log.last_index() && self.inflight.len() < WINDOW
    }

    /// The commit index on its own. Entries that wait to follow would carry it.
    fn tell_commit(
        &self,
        log: &RaftLog,
        commit_index: u64,
        options: &Options,
    ) -> Option<(Duration, Content)> {
        let news = commit_index.min(self.match_index).saturating_sub(self.commit_sent);
        let known = self.match_index >= log.last_included_index();
        if news == 0 || !known || self.commit_inflight.is_some() {
            return None;
        }
        let waited = after(self.last_send, options.commit_interval);
        Some((if news < COMMIT_BURST { waited } else { AT_ONCE }, Content::Commit))
    }

    /// Notes that a message was sent.
    pub(super) fn sent(&mut self, sent: Sent, content: Content, now: Duration) {
        self.last_send = Some(now);
        let seq = sent.seq;
        match sent.what {
            What::Vote => {}
            What::Append { prev, last, commit } => {
                self.commit_sent = self.commit_sent.max(commit);
                if content == Content::Commit {
                    self.commit_inflight = Some(seq);
                }
                if let State::Probe { at_once } = &mut self.state {
                    *at_once = false;
                }
                if last > prev {
                    self.entries_sent(Inflight { seq, prev, last }, now);
                }
            }
            What::Snapshot { last_included_index } => {
                self.state = State::Snapshot { seq, last_included_index, resend: Resend::No };
            }
        }
        self.check();
    }

    fn entries_sent(&mut self, message: Inflight, now: Duration) {
        self.last_entries = Some(now);
        if let State::Replicate { at_once } = &mut self.state {
            *at_once = false;
        }
        self.inflight.push_back(message);
        self.next_index = message.last + 1;
    }

    // ------------------------------------------------------------------ What became of it

    /// The follower has taken an AppendEntries or a snapshot that ended at `last`, and can commit up to
    /// `commit` by it.
    pub(super) fn succeeded(&mut self, seq: u64, last: u64, commit: u64) {
        self.heard(seq);
        self.commit_acked = self.commit_acked.max(commit);
        self.commit_sent = self.commit_sent.max(commit);
        if last > self.match_index {
            self.match_index = last;
            self.grace_used = false;
        }
        self.base = self.base.max(self.match_index);
        self.next_index = self.next_index.max(self.match_index + 1);
        self.inflight.retain(|message| message.last > last && message.seq != seq);
        match &mut self.state {
            State::Replicate { at_once } => *at_once &= !self.inflight.is_empty(),
            State::Snapshot { last_included_index, .. } if *last_included_index <= self.match_index => {
                self.state = State::Replicate { at_once: false };
            }
            _ => {}
        }
        self.check();
    }

    /// The follower has refused an AppendEntries after `prev`. `conflict` is its hint.
    pub(super) fn refused(
        &mut self,
        seq: u64,
        prev: u64,
        conflict: Option<Conflict>,
        log: &RaftLog,
        next_seq: u64,
    ) {
        self.heard(seq);
        if prev <= self.match_index {
            // It had overtaken what has filled the gap since. Its entries, if any, were not stored.
            self.send_again(seq);
        } else if let State::Snapshot { seq: snapshot, resend, .. } = &mut self.state {
            // A heartbeat that was sent after the snapshot: the snapshot has not arrived, or not yet.
            if *snapshot < seq {
                *resend = Resend::Now;
            }
        } else if self.next_index > log.last_included_index() {
            // Without a hint we go back by one entry, as in Figure 2.
            let agrees = conflict.map_or(prev - 1, |it| log.last_index_up_to_term(it.index, it.term));
            let next_index = agrees + 1;
            self.go_back(seq, next_index.clamp(self.match_index + 1, prev), next_seq);
        }
        self.check();
    }

    /// A refusal says that the follower's log and ours may agree up to `next_index - 1`, and not beyond.
    fn go_back(&mut self, seq: u64, next_index: u64, next_seq: u64) {
        if next_index <= self.base {
            // However old: what the follower lacked there only our messages could have brought, and none has.
            return self.restart_from(next_index, next_seq);
        }
        if seq < self.believed_from_seq {
            return;
        }
        if !self.grace_used && self.older_message_brings(next_index, seq) {
            self.grace_used = true;
            return self.forget(seq);
        }
        self.restart_from(self.base + 1, next_seq);
    }

    /// There will be no answer to an AppendEntries or a snapshot.
    pub(super) fn lost(&mut self, lost_seq: u64, next_seq: u64) {
        if self.commit_inflight == Some(lost_seq) {
            self.commit_inflight = None;
        }
        self.commit_sent = self.commit_acked;
        // A later message was answered: the follower lives, and the loss is an old story.
        if lost_seq > self.newest_answered_seq {
            self.losses += 1;
        }
        let seems_dead = self.losses >= LOSSES_TO_PROBE;
        match &mut self.state {
            State::Probe { at_once } => *at_once = !seems_dead,
            _ if seems_dead => {
                self.state = State::Probe { at_once: false };
                self.restart_from(self.base + 1, next_seq);
            }
            State::Snapshot { seq, resend, .. } if *seq == lost_seq => *resend = Resend::AtHeartbeat,
            _ => {}
        }
        self.send_again(lost_seq);
        self.check();
    }

    /// If the message had entries: they have not arrived by it, and may be sent again at once.
    fn send_again(&mut self, seq: u64) {
        if self.inflight.iter().any(|message| message.seq == seq) {
            self.forget(seq);
            if let State::Replicate { at_once } = &mut self.state {
                *at_once = true;
            }
        }
    }

    /// The message will not bring its entries to the follower.
    fn forget(&mut self, seq: u64) {
        self.inflight.retain(|message| message.seq != seq);
        self.next_index = self.covered() + 1;
    }

    /// The follower has answered the message, and so it lives.
    fn heard(&mut self, seq: u64) {
        if self.commit_inflight == Some(seq) {
            self.commit_inflight = None;
        }
        self.newest_answered_seq = self.newest_answered_seq.max(seq);
        self.losses = 0;
        self.has_answered = true;
        if let State::Probe { .. } = self.state {
            self.state = State::Replicate { at_once: false };
        }
    }

    /// Goes on from `next_index` as if nothing were on its way.
    fn restart_from(&mut self, next_index: u64, next_seq: u64) {
        self.next_index = next_index;
        self.base = next_index - 1;
        self.inflight.clear();
        self.believed_from_seq = next_seq;
    }

    fn older_message_brings(&self, index: u64, seq: u64) -> bool {
        self.inflight.iter().any(|message| message.seq < seq && message.prev < index && index <= message.last)
    }

    /// The index up to which `base` and the messages on their way reach without a gap. They need not be in
    /// order: a message that was sent again stands behind later ones.
    fn covered(&self) -> u64 {
        let mut covered = self.base;
        while let Some(message) = self.inflight.iter().find(|m| m.prev <= covered && m.last > covered) {
            covered = message.last;
        }
        covered
    }

    fn check(&self) {
        let Progress { match_index, next_index, base, .. } = *self;
        Invariant::NextAfterMatch.check(match_index <= base && base < next_index, || {
            format!("match_index {match_index}, base {base}, next_index {next_index}")
        });
        debug_assert!(next_index <= self.covered() + 1, "entries before next_index are forgotten: {self:?}");
        debug_assert!(self.inflight.iter().all(|m| m.prev < m.last && m.last > match_index), "{self:?}");
        debug_assert!(self.inflight.len() <= WINDOW && self.commit_acked <= self.commit_sent, "{self:?}");
        debug_assert!(self.last_entries <= self.last_send, "{self:?}");
    }
}

/// When an interval that began at `from` is over; if it never began, it is over.
fn after(from: Option<Duration>, interval: Duration) -> Duration {
    from.map_or(AT_ONCE, |from| from + interval)
}
