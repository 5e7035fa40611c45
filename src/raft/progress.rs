//! A leader's view of one follower: what it has, what is on its way to it, what to send next.
//!
//! Goals, in this order: one lost or held message never stops the log behind it; a new entry goes out at
//! once; entries that come in quick succession share messages; an idle or dead follower costs ten small
//! messages a second.
//!
//! # What is known
//!
//! * `match_index`: the follower is known to hold our log up to here. Only rises.
//! * `next_index`: the next entry to send. Optimistic: it rises when entries are *sent*, not when they are
//!   acknowledged.
//! * `base`: entries up to here need no re-sending as far as we know: the point from which we last
//!   (re)started to send, or `match_index`.
//! * `inflight`: messages with entries that are neither answered nor known to be lost. Together with `base`
//!   they say what need not be sent again if one of them is lost: whatever they cover without a gap.
//!
//! # States
//!
//! | state | when | what is sent |
//! |---|---|---|
//! | Probe | a new leader; or two messages in a row were lost | one empty AppendEntries at once, then one a heartbeat; entries with it if none are on their way |
//! | Replicate | the follower answers | entries at once if none are on their way, else when the answer comes or the pipeline interval (10 ms) has passed, up to [`WINDOW`] messages; else heartbeats |
//! | Snapshot | `next_index` lies in the part of the log that a snapshot has replaced | the snapshot once, and heartbeats, whose refusal tells that it got lost |
//!
//! The commit index travels with entries and heartbeats. On its own it goes only if none of these comes
//! within 10 ms, and with at most one such message on its way: committing a burst of entries one by one costs
//! no message each.
//!
//! # Answers that come late
//!
//! Replies may be held for seconds and overtake one another. What a success says stays true for the term and
//! is always taken in. A refusal is believed, however old, if it shows that the follower departs from us at
//! or before `base`: nothing on its way could mend that. One that only complains of a gap after `base` is
//! believed if it answers a message that was sent after the last time `next_index` was set back; and if an
//! older message, still on its way, would fill the gap, it is put down to reordering, once. A refusal that is
//! believed lowers `base`, or sends everything after it again; so the search for the common point ends, and
//! never spins.

use super::effects::{Due, Tick};
use super::log::RaftLog;
use super::messages::{Conflict, Message};
use labrt::collections::VecDeque;

/// The greatest number of messages with entries on their way to one follower.
pub const WINDOW: usize = 32;

/// The greatest size of the commands in one message, in bytes; a single larger command goes alone.
pub const MAX_BATCH_BYTES: usize = 1 << 20;

/// So many commits that a follower has not heard of are worth a message of their own, at once.
const COMMIT_BURST: u64 = 64;

/// So many losses in a row, and a follower is thought to be dead.
const LOSSES_TO_PROBE: u32 = 2;

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

/// In which way a follower is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Does it answer? From where on does it need entries?
    Probe,
    /// It answers and gets entries.
    Replicate,
    /// What it needs next is only to be had as a snapshot.
    Snapshot,
}

/// What to send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// An AppendEntries with as many entries from `next_index` on as fit.
    Entries,
    /// An empty AppendEntries after this index.
    Empty { prev: u64, is_commit: bool },
    /// The snapshot.
    Snapshot,
}

/// What the leader's own state says about what a follower could be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaderView {
    pub(super) last_included_index: u64,
    pub(super) last_index: u64,
    pub(super) commit_index: u64,
}

/// A message with entries that has neither been answered nor is known to be lost.
#[derive(Clone, Copy, Debug)]
struct Inflight {
    seq: u64,
    prev: u64,
    last: u64,
}

/// A snapshot on its way.
#[derive(Clone, Copy, Debug)]
struct SnapshotInflight {
    seq: u64,
    last_included_index: u64,
    resend: Resend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resend {
    No,
    AtHeartbeat,
    Now,
}

/// A leader's view of one follower.
#[derive(Clone, Debug)]
pub struct Progress {
    match_index: u64,
    next_index: u64,
    base: u64,
    inflight: VecDeque<Inflight>,
    snapshot: Option<SnapshotInflight>,
    /// Does the follower answer? False: Probe.
    answers: bool,
    /// In Probe: an empty AppendEntries may go at once.
    probe_now: bool,
    /// In Replicate: entries may go at once although others are on their way, since a loss was reported.
    resend_now: bool,
    /// Losses since the last answer.
    losses: u32,
    /// The newest message that was answered, whatever the answer.
    answered_seq: u64,
    /// Refusals of messages older than this one say nothing new.
    believed_from_seq: u64,
    /// A refusal since the last success has been put down to reordering.
    grace_used: bool,
    /// What the follower can have committed by the messages sent, if none is lost; and by those answered.
    commit_sent: u64,
    commit_acked: u64,
    /// The message on its way that tells nothing but the commit index.
    commit_inflight: Option<u64>,
}

impl Progress {
    /// The view of a new leader whose log ends at `last_index`: it knows nothing, and hopes for the best
    /// (Figure 2: `nextIndex` is initialized to the leader's last log index + 1).
    pub fn new(last_index: u64) -> Progress {
        Progress {
            match_index: 0,
            next_index: last_index + 1,
            base: last_index,
            inflight: VecDeque::new(),
            snapshot: None,
            answers: false,
            probe_now: true,
            resend_now: false,
            losses: 0,
            answered_seq: 0,
            believed_from_seq: 0,
            grace_used: false,
            commit_sent: 0,
            commit_acked: 0,
            commit_inflight: None,
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

    /// In which way the follower is served, given where the leader's log begins.
    pub fn state(&self, last_included_index: u64) -> State {
        match self.answers {
            false => State::Probe,
            true if self.next_index <= last_included_index => State::Snapshot,
            true => State::Replicate,
        }
    }

    /// When there will be something to send, if nothing happens before.
    pub(super) fn due(&self, view: LeaderView) -> Due {
        Due {
            now: self.plan(view, Tick::NONE).is_some(),
            pipeline: self.plan(view, Tick::PIPELINE).is_some(),
            commit: self.plan(view, Tick::COMMIT).is_some(),
            heartbeat: true,
        }
    }

    /// What to send now, given how much time has passed.
    pub(super) fn plan(&self, view: LeaderView, tick: Tick) -> Option<Plan> {
        let needed = match self.state(view.last_included_index) {
            State::Probe => self.plan_retry(view, tick),
            State::Replicate => self.plan_entries(view, tick).or_else(|| self.plan_commit(view, tick)),
            State::Snapshot => self.plan_snapshot(tick),
        };
        let probe_now = self.probe_now && !self.answers;
        needed.or_else(|| (tick.heartbeat || probe_now).then(|| self.plan_heartbeat(view)))
    }

    fn plan_entries(&self, view: LeaderView, tick: Tick) -> Option<Plan> {
        let go = self.inflight.is_empty() || self.resend_now || tick.pipeline || tick.heartbeat;
        (self.has_entries_to_send(view) && go).then_some(Plan::Entries)
    }

    /// 5.3: the leader retries entries for as long as a follower does not answer; perhaps only its answers are
    /// lost. Once for every loss that is reported, which with a dead peer is every few seconds.
    fn plan_retry(&self, view: LeaderView, tick: Tick) -> Option<Plan> {
        let in_log = self.next_index > view.last_included_index;
        let go = tick.heartbeat && self.inflight.is_empty() && in_log;
        (self.has_entries_to_send(view) && go).then_some(Plan::Entries)
    }

    fn has_entries_to_send(&self, view: LeaderView) -> bool {
        self.next_index <= view.last_index && self.inflight.len() < WINDOW
    }

    /// The commit index on its own, after what the follower surely has. Entries that wait to follow will
    /// carry it.
    fn plan_commit(&self, view: LeaderView, tick: Tick) -> Option<Plan> {
        let news = view.commit_index.min(self.match_index).saturating_sub(self.commit_sent);
        let known = self.match_index >= view.last_included_index;
        let due = tick.commit || news >= COMMIT_BURST;
        let go = due && self.commit_inflight.is_none() && !self.has_entries_to_send(view);
        (news > 0 && known && go).then_some(Plan::Empty { prev: self.match_index, is_commit: true })
    }

    fn plan_snapshot(&self, tick: Tick) -> Option<Plan> {
        let resend = self.snapshot.map_or(Resend::Now, |snapshot| snapshot.resend);
        (resend == Resend::Now || (resend == Resend::AtHeartbeat && tick.heartbeat)).then_some(Plan::Snapshot)
    }

    /// Its success acknowledges everything up to where we believe the follower to be, so that held or lost
    /// replies of others do not matter.
    fn plan_heartbeat(&self, view: LeaderView) -> Plan {
        let prev = (self.next_index - 1).max(view.last_included_index);
        Plan::Empty { prev, is_commit: false }
    }

    /// Notes that an AppendEntries was sent.
    pub(super) fn append_sent(&mut self, seq: u64, what: (u64, u64, u64), is_commit: bool) {
        let (prev, last, commit) = what;
        self.probe_now = false;
        self.commit_sent = self.commit_sent.max(commit);
        if is_commit {
            self.commit_inflight = Some(seq);
        }
        if last > prev {
            self.resend_now = false;
            self.inflight.push_back(Inflight { seq, prev, last });
            self.next_index = last + 1;
        }
    }

    /// Notes that a snapshot was sent.
    pub(super) fn snapshot_sent(&mut self, seq: u64, last_included_index: u64) {
        self.snapshot = Some(SnapshotInflight { seq, last_included_index, resend: Resend::No });
    }

    /// The follower has taken an AppendEntries or a snapshot that ended at `last`, and can commit up to
    /// `commit` by it.
    pub(super) fn succeeded(&mut self, seq: u64, last: u64, commit: u64) {
        self.answered(seq);
        self.commit_acked = self.commit_acked.max(commit);
        self.commit_sent = self.commit_sent.max(commit);
        if last > self.match_index {
            self.match_index = last;
            self.grace_used = false;
        }
        self.base = self.base.max(self.match_index);
        self.next_index = self.next_index.max(self.match_index + 1);
        self.inflight.retain(|message| message.last > last && message.seq != seq);
        self.resend_now &= !self.inflight.is_empty();
        self.snapshot = self.snapshot.filter(|snapshot| snapshot.last_included_index > self.match_index);
    }

    /// The follower has refused an AppendEntries after `prev`.
    pub(super) fn refused(&mut self, seq: u64, prev: u64, conflict: Conflict, log: &RaftLog, next_seq: u64) {
        self.answered(seq);
        if prev <= self.match_index {
            // It had overtaken what has filled the gap since. Its entries, if any, were not stored.
            return self.send_again(seq);
        }
        if self.next_index <= log.last_included_index() {
            return self.snapshot_may_be_lost(seq);
        }
        let common = conflict.term.and_then(|term| log.last_index_of_term(term)).map(|index| index + 1);
        let next_index = common.unwrap_or(conflict.index).clamp(self.match_index + 1, prev);
        if next_index <= self.base {
            // However old: what the follower lacked there only our messages could have brought, and none has.
            return self.restart_from(next_index, next_seq);
        }
        if seq < self.believed_from_seq {
            return;
        }
        if !self.grace_used && self.older_message_covers(seq, conflict.index) {
            self.grace_used = true;
            return self.forget(seq);
        }
        self.restart_from(self.base + 1, next_seq);
    }

    /// There will be no answer to an AppendEntries or a snapshot.
    pub(super) fn lost(&mut self, seq: u64, next_seq: u64) {
        if self.commit_inflight == Some(seq) {
            self.commit_inflight = None;
        }
        self.commit_sent = self.commit_acked;
        if let Some(snapshot) = self.snapshot.as_mut().filter(|snapshot| snapshot.seq == seq) {
            snapshot.resend = Resend::AtHeartbeat;
        }
        // A later message was answered: the follower lives, and the loss is an old story.
        if seq > self.answered_seq {
            self.losses += 1;
        }
        let seems_dead = self.losses >= LOSSES_TO_PROBE;
        if seems_dead && self.answers {
            self.answers = false;
            return self.restart_from(self.base + 1, next_seq);
        }
        self.probe_now = !self.answers && !seems_dead;
        self.send_again(seq);
    }

    /// If the message had entries: they have not arrived by it, and may be sent again at once.
    fn send_again(&mut self, seq: u64) {
        if self.inflight.iter().any(|message| message.seq == seq) {
            self.forget(seq);
            self.resend_now = true;
        }
    }

    /// The message will not bring its entries to the follower.
    fn forget(&mut self, seq: u64) {
        self.inflight.retain(|message| message.seq != seq);
        self.next_index = self.covered() + 1;
    }

    fn answered(&mut self, seq: u64) {
        if self.commit_inflight == Some(seq) {
            self.commit_inflight = None;
        }
        self.answered_seq = self.answered_seq.max(seq);
        self.answers = true;
        self.losses = 0;
    }

    /// A heartbeat sent after the snapshot was refused, and so the snapshot has not arrived, or not yet.
    fn snapshot_may_be_lost(&mut self, refused_seq: u64) {
        if let Some(snapshot) = self.snapshot.as_mut().filter(|snapshot| snapshot.seq < refused_seq) {
            snapshot.resend = Resend::Now;
        }
    }

    /// Goes on from `next_index` as if nothing were on its way.
    fn restart_from(&mut self, next_index: u64, next_seq: u64) {
        self.next_index = next_index;
        self.base = next_index - 1;
        self.inflight.clear();
        self.believed_from_seq = next_seq;
    }

    fn older_message_covers(&self, seq: u64, index: u64) -> bool {
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
}
