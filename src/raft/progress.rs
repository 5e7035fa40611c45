//! A leader's view of one follower: which entries the follower has, which entries are on their way to it, and
//! what to send next.
//!
//! The goals, the most important first:
//!
//! 1. One lost or delayed message never stops the entries after it.
//! 2. A new entry is sent at once.
//! 3. If entries come shortly after one another, one message carries several of them.
//! 4. The leader sends an idle or dead follower only one small message in each heartbeat interval.
//!
//! # States
//!
//! * **Probe**: the leader is new, or two messages in a row were lost. The leader sends one empty
//!   AppendEntries at once, and then one AppendEntries in each heartbeat interval. The later messages carry
//!   entries if no other entries are on their way.
//! * **Replicate**: the follower answers. The leader sends new entries at once if no entries are on their
//!   way. Otherwise it sends them when the answer has arrived or the entries interval has passed. At most
//!   [`WINDOW`] messages with entries are on their way. If there are no new entries, the leader sends
//!   heartbeats.
//! * **Snapshot**: a snapshot is on its way, because the follower needs an entry that a snapshot has
//!   replaced. Until the follower has answered the snapshot, the leader sends only heartbeats. If the
//!   follower refuses a heartbeat that was sent after the snapshot, the leader sends the snapshot again.
//!
//! Entries and heartbeats carry the commit index. The leader sends the commit index in a message of its own
//! only if it has sent no other message within the commit interval. At most one such message is on its way.
//! So if many entries are committed shortly after one another, one message reports several commits.
//!
//! `docs/questions/window.md` measures what the leader gains by having several messages on their way. A
//! leader with one message at a time would not need `base`, `inflight`, `believed_from_seq` and `grace_used`.
//!
//! # Answers that come late
//!
//! The network may delay replies for seconds. Replies may also arrive in another order than they were sent. A
//! success stays true for the whole term, so the leader always uses it. The rules for refusals use `base` and
//! `next_index`, which are fields of [`Progress`]:
//!
//! * If a refusal says that the logs differ at or before `base`, the leader always believes it, even if it is
//!   old. No message on its way can bring the missing entries, because the leader has not sent them yet.
//! * Other refusals only say that entries after `base` are missing. The leader believes such a refusal only
//!   if the refused message was sent after `next_index` was last set back.
//! * There is one exception to the second rule. If an older message on its way would bring the missing
//!   entries, this message and the refused message have probably arrived in the wrong order. Then the leader
//!   ignores the refusal, but only once until the next success.
//!
//! When the leader believes a refusal, it lowers `base`, or it sends everything after `base` again. So the
//! search for the last common entry always ends.

use super::invariants::Invariant;
use super::log::RaftLog;
use super::messages::{Conflict, Message};
use super::options::Options;
use labrt::collections::VecDeque;
use std::time::Duration;

#[cfg(test)]
mod broken;

/// The greatest number of messages with entries that can be on their way to one follower.
pub const WINDOW: usize = 32;

/// The greatest size of the commands in one message, in bytes. A single larger command is sent alone.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// If this many commits have not been reported to a follower, the leader sends the commit index at once.
const COMMIT_BURST: u64 = 64;

/// After this many losses in a row the leader assumes that the follower is dead.
const LOSSES_TO_PROBE: u32 = 2;

/// The start of the clock. As a deadline it means "at once", because this time is always in the past.
pub(super) const AT_ONCE: Duration = Duration::ZERO;

/// A message to a peer, and the value with which the caller reports the outcome of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The caller passes this value to the core with the reply, or with the report that there is no reply.
    pub sent: Sent,
    /// The message.
    pub message: Message,
}

/// Identifies a message that was sent. It contains what the core must know about the message later. The
/// caller keeps it until the outcome of the message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The receiver.
    pub peer: usize,
    /// The sender's term.
    pub term: u64,
    /// The number of the message. Every message of this server has a greater number than the one before.
    pub seq: u64,
    /// The time at which the message was made, just before it was sent.
    pub at: Duration,
    pub(super) what: What,
}

/// The part of a message's content that the sender needs to understand the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Vote,
    PreVote,
    TimeoutNow,
    /// The entries after `prev` up to `last`. If `prev` and `last` are equal, there are no entries. `commit`
    /// is the index up to which the follower can commit when it gets this message.
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
    /// An AppendEntries with as many entries from `next_index` on as fit into one message.
    Entries,
    /// An empty AppendEntries that is sent because of a new commit index.
    Commit,
    /// An empty AppendEntries, as a heartbeat or as a probe.
    Heartbeat,
    /// The snapshot.
    Snapshot,
}

/// How the leader sends messages to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The leader does not know whether the follower answers, or which entries the follower needs.
    Probe {
        /// If this is true, the leader may send an empty AppendEntries before the heartbeat interval has
        /// passed.
        at_once: bool,
    },
    /// The follower answers and gets entries.
    Replicate {
        /// If this is true, a message with entries was lost or refused. So the leader may send entries
        /// although other entries are on their way.
        at_once: bool,
    },
    /// A snapshot is on its way.
    Snapshot {
        /// The number of the message with the snapshot.
        seq: u64,
        /// The index of the last entry that the snapshot covers. `next_index` is not greater than this index.
        last_included_index: u64,
        /// Whether and when the snapshot is sent again.
        resend: Resend,
    },
}

/// Whether and when a snapshot is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The leader knows no reason to send the snapshot again.
    No,
    /// The snapshot was lost, so the leader sends it again in place of the next heartbeat.
    AtHeartbeat,
    /// The follower has refused a heartbeat that was sent after the snapshot. So the snapshot has not
    /// arrived, and the leader sends it again at once.
    Now,
}

/// A message with entries. The follower has not answered the message yet, and the network has not reported
/// that it was lost.
#[derive(Clone, Copy, Debug)]
struct Inflight {
    seq: u64,
    /// The index before the message's first entry.
    prev: u64,
    /// The index of the message's last entry. `prev < last`.
    last: u64,
}

/// A leader's view of one follower.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The follower is known to have the leader's log up to this index. `match_index` never falls.
    match_index: u64,
    /// The index of the next entry to send. It rises as soon as entries are *sent*, before they are
    /// acknowledged. `match_index <= base < next_index`.
    next_index: u64,
    /// As far as the leader knows, entries up to this index need not be sent again. `base` is `match_index`,
    /// or the index just before the entry from which the leader last started to send. Every entry before
    /// `next_index` is at or before `base`, or it is in a message of `inflight`. So `base` and `inflight`
    /// show which entries must be sent again if a message is lost.
    base: u64,
    /// The messages with entries that are on their way, at most [`WINDOW`]. The last entry of each message is
    /// after `match_index`.
    inflight: VecDeque<Inflight>,
    /// How the leader sends messages to the follower.
    state: State,
    /// The time at which the last message of any kind was sent. It is `None` if no message was sent yet.
    last_send: Option<Duration>,
    /// The time at which the last message with entries was sent. It is not later than `last_send`.
    last_entries: Option<Duration>,
    /// The number of losses since the last answer.
    losses: u32,
    /// The number of the newest message that the follower has answered, with a success or a refusal.
    newest_answered_seq: u64,
    /// The number of the first message that was sent after `next_index` was last set back. A refusal of an
    /// older message may be out of date.
    believed_from_seq: u64,
    /// Whether the leader has ignored a refusal since the last success, because two messages seemed to have
    /// arrived in the wrong order.
    grace_used: bool,
    /// The index up to which the follower can commit if no sent message is lost. `commit_acked <=
    /// commit_sent`.
    commit_sent: u64,
    /// The index up to which the follower can commit because of the messages that it has answered.
    commit_acked: u64,
    /// The number of the message on its way that only carries the commit index. There is at most one such
    /// message.
    commit_inflight: Option<u64>,
}

impl Progress {
    /// The view of a new leader with a log that ends at `last_index`. The leader knows nothing about the
    /// follower yet, and assumes that the follower has the whole log (Figure 2: `nextIndex` is initialized to
    /// the leader's last log index + 1). `asked` is the time at which the leader, as a candidate, asked the
    /// follower for its vote.
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
        }
    }

    /// The greatest index up to which the follower is known to have the leader's log.
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

    /// How the leader sends messages to the follower.
    pub fn state(&self) -> State {
        self.state
    }

    // ------------------------------------------------------------------ What to send next

    /// The messages that can be sent next if the state does not change. Each message has the earliest time at
    /// which it can be sent. The caller sends the first message of this list whose time has come.
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

    /// The `prev_log_index` for a message with this content.
    pub(super) fn prev(&self, content: Content, log: &RaftLog) -> u64 {
        match content {
            // The follower certainly has the entry at this index, so it will not refuse the message.
            Content::Commit => self.match_index,
            // The follower probably has all entries before `next_index`, and a success acknowledges all of
            // them. So it does not matter if other replies are late or lost.
            _ => (self.next_index - 1).max(log.last_included_index()),
        }
    }

    /// Section 5.3: if a follower does not answer, the leader sends entries again and again, because perhaps
    /// only the answers are lost. The leader sends the entries once for every loss that the network reports.
    /// If the follower is dead, the network reports a loss every few seconds.
    fn retry(&self, log: &RaftLog, heartbeat_at: Duration) -> Option<(Duration, Content)> {
        let in_log = self.next_index > log.last_included_index();
        let go = self.inflight.is_empty() && in_log;
        (go && self.has_entries_to_send(log)).then_some((heartbeat_at, Content::Entries))
    }

    fn has_entries_to_send(&self, log: &RaftLog) -> bool {
        self.next_index <= log.last_index() && self.inflight.len() < WINDOW
    }

    /// A message that only carries the commit index. It is not necessary if there are entries to send,
    /// because a message with entries carries the commit index, too.
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
            What::Vote | What::PreVote | What::TimeoutNow => {}
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

    // ------------------------------------------------------------------ The outcomes of messages

    /// Handles a success: the follower has accepted an AppendEntries or a snapshot that ended at `last`. So
    /// the follower can commit up to `commit`.
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

    /// Handles a refusal: the follower has refused an AppendEntries after `prev`. `conflict` says how far the
    /// logs may agree.
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
            // Older messages have arrived after the refused message, so now the follower has the entries up
            // to `prev`. But if the refused message had entries, the follower has not stored them.
            self.send_again(seq);
        } else if let State::Snapshot { seq: snapshot, resend, .. } = &mut self.state {
            // The refused message is a heartbeat. If it was sent after the snapshot, the snapshot has not
            // arrived (yet).
            if *snapshot < seq {
                *resend = Resend::Now;
            }
        } else if self.next_index > log.last_included_index() {
            // If the reply has no `conflict`, the leader goes back by one entry, as in Figure 2.
            let next_index = conflict.map_or(prev, |it| log.last_index_up_to_term(it.index, it.term) + 1);
            self.go_back(seq, next_index.clamp(self.match_index + 1, prev), next_seq);
        }
        self.check();
    }

    /// Handles a refusal which says that the logs may agree up to `next_index - 1`, but not at `next_index`.
    fn go_back(&mut self, seq: u64, next_index: u64, next_seq: u64) {
        if next_index <= self.base {
            // The leader believes this refusal even if it is old. Only this leader can send the missing
            // entries to the follower, and it has not sent the entries from `next_index` to `base` yet.
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

    /// Handles the network's report that an AppendEntries or a snapshot will get no answer.
    pub(super) fn lost(&mut self, lost_seq: u64, next_seq: u64) {
        if self.commit_inflight == Some(lost_seq) {
            self.commit_inflight = None;
        }
        self.commit_sent = self.commit_acked;
        // If the follower has answered a later message, it is alive. Then this loss does not count.
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

    /// Notes that the follower has not stored the entries of the message, if it had any. They may be sent
    /// again at once.
    fn send_again(&mut self, seq: u64) {
        if self.inflight.iter().any(|message| message.seq == seq) {
            self.forget(seq);
            if let State::Replicate { at_once } = &mut self.state {
                *at_once = true;
            }
        }
    }

    /// Notes that the follower will not get entries from this message. Another message may have entries after
    /// `next_index`. `next_index` still does not rise, because a snapshot may be on its way.
    fn forget(&mut self, seq: u64) {
        self.inflight.retain(|message| message.seq != seq);
        self.next_index = self.next_index.min(self.covered() + 1);
    }

    /// Notes that the follower has answered the message, so the follower is alive.
    fn heard(&mut self, seq: u64) {
        if self.commit_inflight == Some(seq) {
            self.commit_inflight = None;
        }
        self.newest_answered_seq = self.newest_answered_seq.max(seq);
        self.losses = 0;
        if let State::Probe { .. } = self.state {
            self.state = State::Replicate { at_once: false };
        }
    }

    /// From now on, the leader sends entries from `next_index` on, as if no message were on its way.
    fn restart_from(&mut self, next_index: u64, next_seq: u64) {
        self.next_index = next_index;
        self.base = next_index - 1;
        self.inflight.clear();
        self.believed_from_seq = next_seq;
    }

    fn older_message_brings(&self, index: u64, seq: u64) -> bool {
        self.inflight.iter().any(|message| message.seq < seq && message.prev < index && index <= message.last)
    }

    /// Every entry up to this index is at or before `base`, or it is in a message on its way. This is the
    /// greatest such index. The messages of `inflight` may be out of order: if entries were sent again, their
    /// message comes after messages with later entries.
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
        if cfg!(debug_assertions) {
            self.check_messages();
        }
    }

    fn check_messages(&self) {
        let Progress { match_index, next_index, .. } = *self;
        let view = || format!("{self:?}");
        let messages = &self.inflight;
        Invariant::NewsOnTheirWay.check(
            messages.len() <= WINDOW && messages.iter().all(|m| m.prev < m.last && m.last > match_index),
            view,
        );
        Invariant::NoEntryForgotten.check(next_index <= self.covered() + 1, view);
        Invariant::ToldOnlyCommitted.check(self.commit_acked <= self.commit_sent, view);
        Invariant::EntriesAreMessages.check(self.last_entries <= self.last_send, view);
    }

    /// Checks the invariants of this view, together with the rest of the leader's state. `next_seq` is the
    /// number of the leader's next message.
    pub(super) fn check_with(&self, log: &RaftLog, commit_index: u64, next_seq: u64) {
        self.check();
        let view = || format!("{self:?}, commit index {commit_index}, next message {next_seq}, {log:?}");
        Invariant::ViewInLog.check(self.next_index <= log.last_index() + 1, view);
        Invariant::NewsOnTheirWay.check(self.inflight.iter().all(|it| it.seq < next_seq), view);
        let sent = self.commit_inflight.is_none_or(|seq| seq < next_seq);
        Invariant::ToldOnlyCommitted.check(sent && self.commit_sent <= commit_index, view);
        if let State::Snapshot { seq, last_included_index: index, .. } = self.state {
            let exists = index <= log.last_included_index() && seq < next_seq;
            Invariant::SnapshotExists.check(exists && self.next_index <= index, view);
        }
    }
}

/// The end of an interval that began at `from`. If `from` is `None`, the interval has already ended.
fn after(from: Option<Duration>, interval: Duration) -> Duration {
    from.map_or(AT_ONCE, |from| from + interval)
}
