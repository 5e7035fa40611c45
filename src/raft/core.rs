//! The rules of Raft: Figure 2 and section 7 of the paper, as a state machine without clock, channel, lock or
//! I/O.
//!
//! A [`Core`] is the state of one server. Each rule of Raft is a method of it:
//!
//! * An RPC handler takes the arguments and returns the reply: [`request_vote`](Core::request_vote),
//!   [`append_entries`](Core::append_entries), [`install_snapshot`](Core::install_snapshot).
//! * After an RPC of this server, the caller reports the reply with [`vote_reply`](Core::vote_reply),
//!   [`append_reply`](Core::append_reply) or [`snapshot_reply`](Core::snapshot_reply). If there is no reply,
//!   the caller reports the loss with [`message_lost`](Core::message_lost).
//! * The caller reports what happens on this server with [`election_timeout`](Core::election_timeout),
//!   [`propose`](Core::propose) and [`snapshot`](Core::snapshot).
//! * The caller asks for output: [`next_message`](Core::next_message) returns the next message for a peer,
//!   and [`take_apply`](Core::take_apply) returns the next messages for the service.
//!
//! If a rule needs an action outside the core, it adds this action to the [`Effects`]. After every call of a
//! rule, the caller does the following, before it releases the server's lock (see `Shared::settle_unsent`):
//!
//! ```text
//! let reply = core.append_entries(&args, now);
//! let effects = core.take_effects();
//! core.persist_to(&persister, &effects.persist);     // before the reply or any message can be seen
//! ```
//!
//! So the state is persistent before any reply is sent (Figure 2).
//!
//! # Time
//!
//! Rules get the time as an argument, `now`. It is the time that has passed since a fixed moment, which the
//! caller chooses. The core returns two kinds of deadlines: [`election_deadline`](Core::election_deadline)
//! says when this server starts an election, and [`next_deadline`](Core::next_deadline) says when a peer
//! needs the next message. The core uses no random numbers: the caller draws each election timeout.
//!
//! # Parts
//!
//! * this file: the state, the three transitions between roles (Figure 4), the effects
//! * `core/election.rs`: votes (5.2, 5.4.1)
//! * `core/replication.rs`: entries and commitment (5.3, 5.4.2)
//! * `core/snapshots.rs`: log compaction (section 7)
//! * `core/storage.rs`: writing the state to the persister, and reading it back
//! * `core/whole.rs`: the invariants of the whole state
//! * `core/beyond.rs`: what goes beyond Figure 2; it is off by default
//!
//! # What a leader does not do
//!
//! A leader does not put an empty entry into its log when it is elected, because the tests of the labs expect
//! that only commands use indices. A leader that cannot reach a majority does not step down: it stays leader
//! of its term and commits nothing. A leader becomes a follower only when a message or a reply has a higher
//! term. The option [`check_quorum`](Options::check_quorum) changes this.

mod beyond;
mod check_quorum;
mod election;
mod pre_vote;
mod reads;
mod replication;
mod snapshots;
mod storage;
mod transfer;
mod whole;

#[cfg(test)]
mod broken;

pub use reads::ReadStart;
pub use snapshots::SnapshotError;
pub use storage::RestoreError;
pub use transfer::TransferError;

use super::effects::{Effects, Event, RoleChange};
use super::invariants::Invariant;
use super::log::RaftLog;
use super::messages::{AppendEntriesArgs, Message};
use super::options::Options;
use super::progress::{Content, MAX_BATCH_BYTES, Outgoing, Progress, Sent, What};
use beyond::Beyond;
use election::Ballot;
use labapi::{ApplyMsg, Bytes, Role};
use std::time::Duration;

/// A role, together with the state that only this role needs.
#[derive(Clone, Debug)]
enum Standing {
    Follower,
    Candidate(Vec<Ballot>),
    Leader(Vec<Progress>),
}

/// Committed messages for the service, in order. [`Core::take_apply`] returns one batch.
pub type ApplyBatch = Vec<ApplyMsg>;

/// The state of one server.
#[derive(Clone, Debug)]
pub struct Core {
    me: usize,
    n: usize,
    /// The persistent state of Figure 2: this field and the next two.
    current_term: u64,
    voted_for: Option<usize>,
    log: RaftLog,
    /// The snapshot that replaces the entries up to the log's `last_included_index`.
    snapshot: Bytes,
    /// The volatile state of Figure 2: this field and the next one.
    commit_index: u64,
    last_applied: u64,
    standing: Standing,
    /// The time intervals and options of this server.
    pub options: Options,
    /// The time at which this server starts an election, if it hears from no leader and grants no vote until
    /// then.
    election_deadline: Duration,
    /// The election timeout. When the core restarts the election timer, the new deadline is the current time
    /// plus this timeout.
    election_timeout: Duration,
    /// The number that the next message gets.
    next_seq: u64,
    /// The effects that the caller has not taken yet.
    effects: Effects,
    /// The index just before the first entry that is in the persister.
    saved_from: u64,
    /// What goes beyond Figure 2.
    beyond: Beyond,
}

impl Core {
    /// A new server with an empty state: number `me` in a group of `n` servers.
    ///
    /// # Panics
    /// If `me` is not below `n`.
    pub fn new(me: usize, n: usize) -> Core {
        assert!(me < n, "there is no server {me} of {n}: servers are numbered from 0");
        let options = Options::default();
        Core {
            me,
            n,
            current_term: 0,
            voted_for: None,
            log: RaftLog::new(),
            snapshot: Bytes::default(),
            commit_index: 0,
            last_applied: 0,
            standing: Standing::Follower,
            election_deadline: options.election_timeout.start,
            election_timeout: options.election_timeout.start,
            options,
            next_seq: 1,
            effects: Effects::default(),
            saved_from: 0,
            beyond: Beyond::default(),
        }
    }

    /// Server `me` of `n` in the given state, for tests and for [`restore`](Core::restore). `log` may begin
    /// after a snapshot. Only the entries that this snapshot covers are committed. The data of the snapshot
    /// is empty. A candidate has only its own vote. A leader has just been elected: it knows nothing about
    /// its followers, and it asked them for their votes at time zero. Nothing of this state is in a persister
    /// yet.
    ///
    /// # Panics
    /// If no server can be in this state: the log has an entry of a later term than `term`, or a candidate or
    /// leader has not voted for itself.
    pub fn of(me: usize, n: usize, term: u64, voted_for: Option<usize>, log: RaftLog, role: Role) -> Core {
        assert!(
            log.last_term() <= term,
            "the log ends in term {}, but the current term is {term}",
            log.last_term()
        );
        let stands = role != Role::Follower;
        assert!(
            !stands || voted_for == Some(me),
            "a {} votes for itself, not for {voted_for:?}",
            role.name()
        );
        let mut core = Core::new(me, n);
        core.standing = match role {
            Role::Follower => Standing::Follower,
            Role::Candidate => Standing::Candidate(vec![Ballot::default(); n]),
            Role::Leader => Standing::Leader(vec![Progress::new(log.last_index(), Some(Duration::ZERO)); n]),
        };
        let covered = log.last_included_index();
        (core.commit_index, core.last_applied, core.saved_from) = (covered, covered, covered);
        (core.current_term, core.voted_for, core.log) = (term, voted_for, log);
        core.effects.persist.hard_state = true;
        core.effects.persist.entries_from(covered + 1);
        core
    }

    /// This server's number.
    pub fn me(&self) -> usize {
        self.me
    }

    /// The number of servers.
    pub fn servers(&self) -> usize {
        self.n
    }

    /// The greatest term that this server has seen.
    pub fn current_term(&self) -> u64 {
        self.current_term
    }

    /// The candidate that got this server's vote in the current term.
    pub fn voted_for(&self) -> Option<usize> {
        self.voted_for
    }

    /// The current role of this server.
    pub fn role(&self) -> Role {
        match self.standing {
            Standing::Follower => Role::Follower,
            Standing::Candidate(_) => Role::Candidate,
            Standing::Leader(_) => Role::Leader,
        }
    }

    /// Does this server lead the current term?
    pub fn is_leader(&self) -> bool {
        matches!(self.standing, Standing::Leader(_))
    }

    /// The snapshot that replaces the beginning of the log. It is empty if there is no snapshot.
    pub fn snapshot_data(&self) -> &Bytes {
        &self.snapshot
    }

    /// The log.
    pub fn log(&self) -> &RaftLog {
        &self.log
    }

    /// The index of the last entry known to be committed.
    pub fn commit_index(&self) -> u64 {
        self.commit_index
    }

    /// The index of the last entry that [`take_apply`](Core::take_apply) has returned.
    pub fn last_applied(&self) -> u64 {
        self.last_applied
    }

    /// A leader's view of a peer. `None` if this server does not lead, or if `peer` is this server.
    pub fn progress(&self, peer: usize) -> Option<&Progress> {
        match &self.standing {
            Standing::Leader(progress) if peer != self.me => progress.get(peer),
            _ => None,
        }
    }

    /// Takes the effects of all rules that were called since the effects were last taken. Write
    /// [`Effects::persist`] to the persister before any message or reply is sent.
    pub fn take_effects(&mut self) -> Effects {
        let mut effects = Effects::default();
        self.take_effects_into(&mut effects);
        effects
    }

    /// Like [`take_effects`](Core::take_effects), but stores the result in `effects`. The old content of
    /// `effects` is discarded, but its memory is used again.
    pub fn take_effects_into(&mut self, effects: &mut Effects) {
        // This method is called after each rule. So here the whole state is checked after each rule.
        if cfg!(any(test, all(debug_assertions, feature = "sim"))) {
            self.check_invariants();
        }
        effects.clear();
        std::mem::swap(effects, &mut self.effects);
        if !effects.persist.is_empty() {
            effects.persist.saved_from = self.saved_from;
            self.saved_from = self.log.last_included_index();
        }
    }

    /// The time at which the caller calls [`election_timeout`](Core::election_timeout), if nothing happens
    /// until then. It is `None` if this server leads, because a leader does not start an election.
    pub fn election_deadline(&self) -> Option<Duration> {
        match self.is_leader() {
            true => self.leader_deadline(),
            false => Some(self.election_deadline),
        }
    }

    /// Sets the timeout that the election timer uses when it restarts next.
    pub fn set_election_timeout(&mut self, timeout: Duration) {
        self.election_timeout = timeout;
    }

    /// Restarts the election timer, with the timeout that was [set](Core::set_election_timeout).
    pub fn reset_election_timer(&mut self, now: Duration) {
        self.end_pre_vote();
        self.election_deadline = now + self.election_timeout;
        self.effects.election_timer_reset = true;
    }

    /// The time at which a message for `peer` is due, if nothing happens until then. The time may be in the
    /// past. It is `None` if no message will be due.
    pub fn next_deadline(&self, peer: usize) -> Option<Duration> {
        match &self.standing {
            _ if peer == self.me => None,
            _ if self.asks_for_pre_votes() => self.pre_vote_deadline(peer),
            Standing::Follower => None,
            Standing::Candidate(ballots) => ballots[peer].deadline(&self.options),
            Standing::Leader(progress) => {
                let agenda = progress[peer].agenda(&self.log, self.commit_index, &self.options);
                let beyond = self.timeout_now_deadline(peer).into_iter().chain(self.round_deadline(peer));
                agenda.map(|(at, _)| at).chain(beyond).min()
            }
        }
    }

    /// The next message for `peer`, or `None` if no message is due now. Then the next message is due at
    /// [`next_deadline`](Core::next_deadline). Call this method again after sending the message, because more
    /// messages may be due.
    pub fn next_message(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        if peer == self.me {
            return None;
        }
        match &self.standing {
            _ if self.asks_for_pre_votes() => self.next_pre_vote_request(peer, now),
            Standing::Follower => None,
            Standing::Candidate(_) => self.next_vote_request(peer, now),
            Standing::Leader(_) => self
                .next_timeout_now(peer, now)
                .or_else(|| self.next_leader_message(peer, now))
                .or_else(|| self.next_round_message(peer, now)),
        }
    }

    /// Handles the network's report that there will be no answer to a message. The peer may have got the
    /// message nevertheless.
    pub fn message_lost(&mut self, sent: Sent) {
        let next_seq = self.next_seq;
        if let Some(progress) = self.progress_of(sent) {
            // If the lost message asked for a vote, nothing changes: a leader needs no more votes.
            if !matches!(sent.what, What::Vote | What::PreVote | What::TimeoutNow) {
                progress.lost(sent.seq, next_seq);
            }
        }
    }

    fn majority(&self) -> usize {
        self.n / 2 + 1
    }

    // ------------------------------------------------------------------ Roles (Figure 4)

    /// Figure 2, all servers: a server that sees a higher term becomes a follower in that term. A candidate
    /// also becomes a follower when it gets a message from the leader of its own term.
    fn become_follower(&mut self, term: u64, cause: &'static str, now: Duration) {
        let raised = term > self.current_term;
        let was_leader = self.is_leader();
        Invariant::RolesAsInFigure4.check(raised || !was_leader, || {
            format!("S{} leads term {} and would step down for term {term}", self.me, self.current_term)
        });
        if raised {
            self.set_term(term);
        } else if self.role() == Role::Follower {
            return;
        }
        self.enter(Standing::Follower, cause);
        if was_leader {
            // A leader does not use the election timer, so the deadline is out of date.
            self.reset_election_timer(now);
        }
    }

    /// Section 5.2: this server increments its term and votes for itself. As a candidate it will ask the
    /// other servers for their votes.
    fn become_candidate(&mut self, now: Duration) {
        Invariant::RolesAsInFigure4.check(!self.is_leader(), || {
            format!("S{} leads term {} and would start an election", self.me, self.current_term)
        });
        self.set_term(self.current_term + 1);
        self.set_vote(self.me);
        self.enter(Standing::Candidate(vec![Ballot::default(); self.n]), "election timeout");
        self.reset_election_timer(now);
    }

    /// Section 5.2: a candidate with the votes of a majority leads its term.
    fn become_leader(&mut self) {
        Invariant::RolesAsInFigure4.check(self.role() == Role::Candidate, || {
            format!("S{} is not a candidate in term {}", self.me, self.current_term)
        });
        let Standing::Candidate(ballots) = &self.standing else { return };
        let asked = ballots.iter().map(|ballot| ballot.asked);
        let progress = asked.map(|asked| Progress::new(self.log.last_index(), asked)).collect();
        self.enter(Standing::Leader(progress), "votes of a majority");
        self.note_leadership();
    }

    /// Changes the role. No other function does this, so every change of role makes exactly one event.
    fn enter(&mut self, standing: Standing, cause: &'static str) {
        self.standing = standing;
        self.fail_reads();
        let (role, term) = (self.role(), self.current_term);
        self.effects.role_changed = Some(RoleChange { term, is_leader: self.is_leader() });
        self.happened(Event::RoleChanged { role, term, cause });
    }

    fn set_term(&mut self, term: u64) {
        Invariant::TermsRise.check(term > self.current_term, || {
            format!("from {} to {term} on S{}", self.current_term, self.me)
        });
        self.current_term = term;
        self.voted_for = None;
        self.effects.persist.hard_state = true;
        self.happened(Event::TermRose(term));
    }

    fn set_vote(&mut self, candidate: usize) {
        Invariant::OneVotePerTerm.check(self.voted_for.is_none_or(|voted| voted == candidate), || {
            let (me, term, voted) = (self.me, self.current_term, self.voted_for_name());
            format!("S{me} has voted for {voted} in term {term}, and now votes for S{candidate}")
        });
        self.voted_for = Some(candidate);
        self.effects.persist.hard_state = true;
        self.happened(Event::Voted { candidate, term: self.current_term });
    }

    fn happened(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    /// Handles a message from the leader of `term`. Returns false if the current term is already higher.
    fn hear_leader(&mut self, leader: usize, term: u64, now: Duration) -> bool {
        if term < self.current_term {
            return false;
        }
        Invariant::OneLeaderPerTerm.check(term > self.current_term || !self.is_leader(), || {
            format!("S{} leads term {term} and hears another leader of the same term", self.me)
        });
        self.become_follower(term, "heard the leader", now);
        self.reset_election_timer(now);
        self.note_leader(leader, now);
        true
    }

    /// Do the message and its reply belong to the current term? If the reply has a higher term, this server
    /// first becomes a follower in that term.
    fn is_current(&mut self, sent: Sent, reply_term: u64, now: Duration) -> bool {
        if reply_term > self.current_term {
            self.become_follower(reply_term, "a reply of a higher term", now);
        }
        let current = sent.term == self.current_term && reply_term == self.current_term;
        if current {
            self.note_answer(sent, now);
        }
        current
    }

    // ------------------------------------------------------------------ What to send

    fn next_leader_message(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        let mut agenda = self.progress(peer)?.agenda(&self.log, self.commit_index, &self.options);
        let (_, content) = agenda.find(|(at, _)| *at <= now)?;
        let (what, message) = match content {
            Content::Snapshot => self.snapshot_message(),
            _ => self.append_message(peer, content)?,
        };
        let sent = self.stamp(peer, what, now);
        self.progress_of(sent)?.sent(sent, content, now);
        Some(Outgoing { sent, message })
    }

    fn append_message(&self, peer: usize, content: Content) -> Option<(What, Message)> {
        let prev = self.progress(peer)?.prev(content, &self.log);
        let entries = match content {
            Content::Entries => self.log.batch(prev + 1, usize::MAX, MAX_BATCH_BYTES),
            _ => Vec::new(),
        };
        let last = prev + entries.len() as u64;
        let message = Message::AppendEntries(AppendEntriesArgs {
            term: self.current_term,
            leader_id: self.me,
            prev_log_index: prev,
            prev_log_term: self.log.term_at(prev).expect("the agenda chooses a prev that is in the log"),
            entries,
            leader_commit: self.commit_index,
        });
        Some((What::Append { prev, last, commit: self.commit_index.min(last) }, message))
    }

    fn stamp(&mut self, peer: usize, what: What, now: Duration) -> Sent {
        let seq = self.next_seq;
        self.next_seq += 1;
        let sent = Sent { peer, term: self.current_term, seq, at: now, what };
        self.note_sent(sent);
        sent
    }

    /// The progress of the peer to which the message was sent, or `None` if this server no longer leads the
    /// term in which it sent the message.
    fn progress_of(&mut self, sent: Sent) -> Option<&mut Progress> {
        match &mut self.standing {
            Standing::Leader(progress) if sent.term == self.current_term => progress.get_mut(sent.peer),
            _ => None,
        }
    }
}
