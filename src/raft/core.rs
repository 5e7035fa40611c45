//! The rules of Raft: Figure 2 and section 7 of the paper, as a state machine without clock, channel, lock or
//! I/O.
//!
//! A [`Core`] is one server's state. Each rule is a method: an RPC's arguments in, its reply out
//! ([`request_vote`](Core::request_vote), [`append_entries`](Core::append_entries),
//! [`install_snapshot`](Core::install_snapshot)); the outcome of an RPC in ([`vote_reply`](Core::vote_reply),
//! [`append_reply`](Core::append_reply), [`snapshot_reply`](Core::snapshot_reply),
//! [`message_lost`](Core::message_lost)); what happens on this server in
//! ([`election_timeout`](Core::election_timeout), [`propose`](Core::propose), [`snapshot`](Core::snapshot)).
//! What goes out is asked for: [`next_message`](Core::next_message) per peer,
//! [`take_apply`](Core::take_apply) for the service.
//!
//! What a rule wants done in the world it adds to its [`Effects`]. After every call the threads around the
//! core do the same thing, in one place and under one lock:
//!
//! ```text
//! let reply = core.append_entries(&args);
//! let effects = core.take_effects();
//! core.persist_to(&persister, &effects.persist);     // before the reply or any message can be seen
//! ```
//!
//! so that persistence comes before every reply (Figure 2).
//!
//! # Parts
//!
//! * this file: the state, the three transitions between roles (Figure 4), the effects
//! * `core/election.rs`: votes (5.2, 5.4.1)
//! * `core/replication.rs`: entries and commitment (5.3, 5.4.2)
//! * `core/snapshots.rs`: log compaction (section 7)
//! * `core/storage.rs`: to the persister and back
//!
//! # What a leader does not do
//!
//! It does not put an empty entry into the log when elected: the labs count indices. It does not step down
//! because it cannot reach a majority: it stays leader of its term, commits nothing, and becomes a follower
//! when it hears of a higher term. That is the only way out of leadership.

mod election;
mod replication;
mod snapshots;
mod storage;

pub use snapshots::SnapshotError;
pub use storage::RestoreError;

use super::effects::{Due, Effects, Event, RoleChange, Tick};
use super::invariants::Invariant;
use super::log::RaftLog;
use super::messages::{AppendEntriesArgs, Message};
use super::progress::{LeaderView, MAX_BATCH_BYTES, Outgoing, Plan, Progress, Sent, What};
use election::Ballot;
use labapi::{ApplyMsg, Bytes, Role};

/// A role with what belongs to it.
#[derive(Clone, Debug)]
enum Standing {
    Follower,
    Candidate(Vec<Ballot>),
    Leader(Vec<Progress>),
}

/// Committed messages in order; what [`Core::take_apply`] hands out.
pub type ApplyBatch = Vec<ApplyMsg>;

/// Rules that can be broken on purpose, for tests that show what a broken rule looks like. The default is
/// Raft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A leader that [has not heard from a majority](Core::majority_lost) becomes a follower. Looks prudent;
    /// but it then stands for election, raises its term in vain while it is cut off, and unseats a good
    /// leader when it returns.
    pub step_down_without_majority: bool,
    /// A leader commits entries of older terms, too, by counting replicas. Figure 8 of the paper shows how
    /// such an entry can still be overwritten.
    pub commit_older_terms_by_count: bool,
}

/// The state of one server.
#[derive(Clone, Debug)]
pub struct Core {
    me: usize,
    n: usize,
    /// Figure 2, persistent state.
    current_term: u64,
    voted_for: Option<usize>,
    log: RaftLog,
    /// The snapshot that stands for the entries up to the log's `last_included_index`.
    snapshot: Bytes,
    /// Figure 2, volatile state.
    commit_index: u64,
    last_applied: u64,
    standing: Standing,
    /// Broken on purpose?
    pub rules: Rules,
    /// The next message's number.
    next_seq: u64,
    /// Not taken yet.
    effects: Effects,
    /// The persister's first entry follows this index.
    saved_from: u64,
    /// For each peer, when the threads think that something is due.
    planned: Vec<Due>,
}

impl Core {
    /// A new server, number `me` of `n`, that remembers nothing.
    ///
    /// # Panics
    /// If `me` is not below `n`.
    pub fn new(me: usize, n: usize) -> Core {
        assert!(me < n, "server {me} of {n}: servers are numbered from 0");
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
            rules: Rules::default(),
            next_seq: 1,
            effects: Effects::default(),
            saved_from: 0,
            planned: vec![Due::default(); n],
        }
    }

    /// Server `me` of `n` in this state, with no snapshot but what `log` begins with and nothing committed beyond
    /// that. A candidate has no vote but its own, and a leader knows nothing of its followers.
    ///
    /// # Panics
    /// If no server can be in this state: the log reaches beyond `term`, or a candidate or leader has not voted
    /// for itself.
    pub fn of(me: usize, n: usize, term: u64, voted_for: Option<usize>, log: RaftLog, role: Role) -> Core {
        assert!(log.last_term() <= term, "a log that ends in term {}, in term {term}", log.last_term());
        let stands = role != Role::Follower;
        assert!(!stands || voted_for == Some(me), "a {} votes for itself, not {voted_for:?}", role.name());
        let mut core = Core::new(me, n);
        core.standing = match role {
            Role::Follower => Standing::Follower,
            Role::Candidate => Standing::Candidate(vec![Ballot::default(); n]),
            Role::Leader => Standing::Leader(vec![Progress::new(log.last_index()); n]),
        };
        let covered = log.last_included_index();
        (core.commit_index, core.last_applied, core.saved_from) = (covered, covered, covered);
        (core.current_term, core.voted_for, core.log) = (term, voted_for, log);
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

    /// The latest term this server has seen.
    pub fn current_term(&self) -> u64 {
        self.current_term
    }

    /// Who has this server's vote in the current term.
    pub fn voted_for(&self) -> Option<usize> {
        self.voted_for
    }

    /// What this server is at the moment.
    pub fn role(&self) -> Role {
        match self.standing {
            Standing::Follower => Role::Follower,
            Standing::Candidate(_) => Role::Candidate,
            Standing::Leader(_) => Role::Leader,
        }
    }

    /// Does it lead the current term?
    pub fn is_leader(&self) -> bool {
        matches!(self.standing, Standing::Leader(_))
    }

    /// The snapshot that stands for the beginning of the log; empty if there is none.
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

    /// The index of the last entry handed out by [`take_apply`](Core::take_apply).
    pub fn last_applied(&self) -> u64 {
        self.last_applied
    }

    /// A leader's view of a peer; `None` if this server does not lead, or is that peer.
    pub fn progress(&self, peer: usize) -> Option<&Progress> {
        match &self.standing {
            Standing::Leader(progress) if peer != self.me => progress.get(peer),
            _ => None,
        }
    }

    /// Takes what the calls since the last time want done. See to [`Effects::persist`] first.
    pub fn take_effects(&mut self) -> Effects {
        let mut effects = Effects::default();
        self.take_effects_into(&mut effects);
        effects
    }

    /// [`take_effects`](Core::take_effects) in place of what is in `effects`, whose buffers are used again.
    pub fn take_effects_into(&mut self, effects: &mut Effects) {
        effects.clear();
        std::mem::swap(effects, &mut self.effects);
        if !effects.persist.is_empty() {
            effects.persist.saved_from = self.saved_from;
            self.saved_from = self.log.last_included_index();
        }
        effects.wake_peers =
            self.peers().filter(|&p| self.peek_due(p).sooner_than(self.planned[p])).collect();
    }

    /// When there will be something to send to `peer` if nothing happens before. Ask before going to sleep: a
    /// peer for which something is due sooner than the last answer here said is named in
    /// [`Effects::wake_peers`].
    pub fn due(&mut self, peer: usize) -> Due {
        self.planned[peer] = self.peek_due(peer);
        self.planned[peer]
    }

    /// The next message for `peer`, given how much time has passed; `None` if there is none. Ask again after
    /// sending: there may be more.
    pub fn next_message(&mut self, peer: usize, tick: Tick) -> Option<Outgoing> {
        if peer == self.me {
            return None;
        }
        match &self.standing {
            Standing::Follower => None,
            Standing::Candidate(_) => self.next_vote_request(peer, tick),
            Standing::Leader(_) => self.next_leader_message(peer, tick),
        }
    }

    /// The network says that there will be no answer to a message. It may have arrived all the same.
    pub fn message_lost(&mut self, sent: Sent) {
        let next_seq = self.next_seq;
        if let Some(progress) = self.progress_of(sent) {
            progress_lost(progress, sent, next_seq);
        }
    }

    /// The shell believes that a leader has lost touch with the majority. Raft does not care;
    /// [`Rules::step_down_without_majority`] does.
    pub fn majority_lost(&mut self) {
        if self.rules.step_down_without_majority && self.is_leader() {
            self.enter(Standing::Follower, "majority lost");
            self.effects.reset_election_timer = true;
        }
    }

    fn peers(&self) -> impl Iterator<Item = usize> + use<> {
        let me = self.me;
        (0..self.n).filter(move |&peer| peer != me)
    }

    fn majority(&self) -> usize {
        self.n / 2 + 1
    }

    // ------------------------------------------------------------------ Roles (Figure 4)

    /// Figure 2, all servers: a term higher than ours makes us a follower of it. A candidate also becomes one
    /// when it hears the leader of its own term.
    fn become_follower(&mut self, term: u64, cause: &'static str) {
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
        // As a leader it had no election timeout.
        self.effects.reset_election_timer |= was_leader;
    }

    /// 5.2: increments the term, votes for itself, and asks the others.
    fn become_candidate(&mut self) {
        Invariant::RolesAsInFigure4.check(!self.is_leader(), || {
            format!("S{} leads term {} and would stand", self.me, self.current_term)
        });
        self.set_term(self.current_term + 1);
        self.set_vote(self.me);
        self.enter(Standing::Candidate(vec![Ballot::default(); self.n]), "election timeout");
        self.effects.reset_election_timer = true;
    }

    /// 5.2: a candidate with the votes of a majority leads its term.
    fn become_leader(&mut self) {
        Invariant::RolesAsInFigure4.check(self.role() == Role::Candidate, || {
            format!("S{} is no candidate in term {}", self.me, self.current_term)
        });
        let progress = vec![Progress::new(self.log.last_index()); self.n];
        self.enter(Standing::Leader(progress), "votes of a majority");
    }

    /// The one place where a role changes; it makes the one event.
    fn enter(&mut self, standing: Standing, cause: &'static str) {
        self.standing = standing;
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
            format!(
                "S{} voted for {:?} in term {}, now {candidate}",
                self.me, self.voted_for, self.current_term
            )
        });
        self.voted_for = Some(candidate);
        self.effects.persist.hard_state = true;
        self.happened(Event::Voted { candidate, term: self.current_term });
    }

    fn happened(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    /// A message from the leader of `term` has come. False: the term is over.
    fn hear_leader(&mut self, term: u64) -> bool {
        if term < self.current_term {
            return false;
        }
        Invariant::OneLeaderPerTerm.check(term > self.current_term || !self.is_leader(), || {
            format!("S{} leads term {term} and hears another leader of it", self.me)
        });
        self.become_follower(term, "heard the leader");
        self.effects.reset_election_timer = true;
        true
    }

    /// Is this the outcome of a message that matters to us as we are now? Steps down if the reply's term is
    /// higher.
    fn is_current(&mut self, sent: Sent, reply_term: u64) -> bool {
        if reply_term > self.current_term {
            self.become_follower(reply_term, "a reply of a higher term");
        }
        sent.term == self.current_term && reply_term == self.current_term
    }

    // ------------------------------------------------------------------ What to send

    fn peek_due(&self, peer: usize) -> Due {
        match &self.standing {
            Standing::Follower => Due::default(),
            _ if peer == self.me => Due::default(),
            Standing::Candidate(ballots) => ballots[peer].due(),
            Standing::Leader(progress) => progress[peer].due(self.leader_view()),
        }
    }

    fn leader_view(&self) -> LeaderView {
        LeaderView {
            last_included_index: self.log.last_included_index(),
            last_index: self.log.last_index(),
            commit_index: self.commit_index,
        }
    }

    fn next_leader_message(&mut self, peer: usize, tick: Tick) -> Option<Outgoing> {
        match self.progress(peer)?.plan(self.leader_view(), tick)? {
            Plan::Entries => Some(self.send_entries(peer)),
            Plan::Empty { prev, is_commit } => Some(self.send_append(peer, prev, 0, is_commit)),
            Plan::Snapshot => Some(self.send_snapshot(peer)),
        }
    }

    fn send_entries(&mut self, peer: usize) -> Outgoing {
        let next_index = self.progress(peer).expect("planned from it").next_index();
        self.send_append(peer, next_index - 1, MAX_BATCH_BYTES, false)
    }

    /// An AppendEntries after `prev`; `max_bytes` of 0: without entries.
    fn send_append(&mut self, peer: usize, prev: u64, max_bytes: usize, is_commit: bool) -> Outgoing {
        let entries = match max_bytes {
            0 => Vec::new(),
            _ => self.log.batch(prev + 1, usize::MAX, max_bytes),
        };
        let last = prev + entries.len() as u64;
        let commit = self.commit_index.min(last);
        let message = Message::AppendEntries(AppendEntriesArgs {
            term: self.current_term,
            leader_id: self.me,
            prev_log_index: prev,
            prev_log_term: self.log.term_at(prev).expect("a plan names a prev that the log still knows"),
            entries,
            leader_commit: self.commit_index,
        });
        let sent = self.stamp(peer, What::Append { prev, last, commit });
        let progress = self.progress_of(sent).expect("only a leader sends entries");
        progress.append_sent(sent.seq, (prev, last, commit), is_commit);
        Outgoing { sent, message }
    }

    fn stamp(&mut self, peer: usize, what: What) -> Sent {
        let seq = self.next_seq;
        self.next_seq += 1;
        Sent { peer, term: self.current_term, seq, what }
    }

    /// The progress that the outcome of a message concerns, if we still lead the term in which we sent it.
    fn progress_of(&mut self, sent: Sent) -> Option<&mut Progress> {
        match &mut self.standing {
            Standing::Leader(progress) if sent.term == self.current_term => progress.get_mut(sent.peer),
            _ => None,
        }
    }
}

fn progress_lost(progress: &mut Progress, sent: Sent, next_seq: u64) {
    // A lost request for a vote is old news to a leader.
    if sent.what != What::Vote {
        progress.lost(sent.seq, next_seq);
    }
}
