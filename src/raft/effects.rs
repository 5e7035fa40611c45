//! What a rule of the [`Core`](super::Core) asks its caller to do.
//!
//! Every call that changes the [`Core`](super::Core) adds to the core's [`Effects`]. The caller takes the
//! effects before it releases the lock, and handles them in this order. It writes the events to the trace.
//! **Then it persists the change.** Then it handles timers and wake-ups. **Only after that can a reply or a
//! message be sent** (Figure 2: "updated on stable storage before responding to RPCs"). So a reader of the
//! trace sees first the change, then the save, then the reply.

use super::messages::Conflict;
use labapi::Role;
use std::fmt;

/// What the caller must do after a change of the core. The caller gets this value from
/// [`Core::take_effects`](super::Core::take_effects).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "other servers must not see state that is not persisted"]
pub struct Effects {
    /// The changes that the caller must write with [`Core::persist_to`](super::Core::persist_to).
    pub persist: PersistDelta,
    /// The changes and findings of the rules, in the order in which they happened. They go into the trace and
    /// the log lines.
    pub events: Vec<Event>,
    /// The election timer was restarted, because this server got a message from a leader, granted a vote,
    /// started an election, or stepped down as the leader. The timer now uses the timeout that the caller has
    /// set before. So the caller must draw a new random timeout for the next restart and pass it to
    /// [`Core::set_election_timeout`](super::Core::set_election_timeout).
    pub election_timer_reset: bool,
    /// There are new messages for the service.
    pub wake_applier: bool,
    /// The new term and role, if one of them has changed.
    pub role_changed: Option<RoleChange>,
    /// The reads that no longer wait, each with its read index. The service may answer a read when it has
    /// applied the entry at the read index. `None` means that this server no longer leads, so the read must
    /// be repeated.
    pub reads: Vec<(ReadId, Option<u64>)>,
}

impl Effects {
    /// Removes all effects, but keeps the buffers.
    pub(super) fn clear(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        *self = Effects { events, ..Effects::default() };
    }
}

/// The number of a read that waits for a round of messages, see
/// [`Core::begin_read`](super::Core::begin_read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadId(pub(super) u64);

/// Something that a rule has changed or found. An event contains only small values. The rest, for example the
/// entries that were appended, is in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The term has risen to this value.
    TermRose(u64),
    /// This server votes for `candidate` in `term`. The candidate may be this server.
    Voted {
        /// The server that gets the vote.
        candidate: usize,
        /// The term of the vote.
        term: u64,
    },
    /// `candidate` does not get this server's vote in `term`, which is the candidate's term.
    VoteRefused {
        /// The server that asked for the vote.
        candidate: usize,
        /// The term of the request.
        term: u64,
        /// Why the vote is refused.
        cause: &'static str,
    },
    /// This server asks the others whether they would vote for it in this term.
    PreVotesAsked(u64),
    /// `candidate` has asked whether this server would vote for it in `term`.
    PreVoteAnswered {
        /// The server that has asked.
        candidate: usize,
        /// The term in which that server would start an election.
        term: u64,
        /// Why the answer is no, or `None` if it is yes.
        refusal: Option<&'static str>,
    },
    /// This leader begins to transfer its leadership to the server with this number.
    TransferBegan(usize),
    /// This leader gives up the transfer of its leadership to the server with this number.
    TransferEnded(usize),
    /// The server has the role `role` in `term` from now on.
    RoleChanged {
        /// The new role.
        role: Role,
        /// The current term.
        term: u64,
        /// Why the role changed.
        cause: &'static str,
    },
    /// The entries `first` to `last` were appended to the log.
    Appended {
        /// The index of the first new entry.
        first: u64,
        /// The index of the last new entry.
        last: u64,
    },
    /// The last entries of the log were removed.
    Truncated {
        /// The index of the first removed entry.
        from: u64,
        /// The number of removed entries.
        dropped: u64,
    },
    /// The commit index has risen to this value.
    Committed(u64),
    /// The service now gets all messages up to this index.
    Applied(u64),
    /// There is a new snapshot, and the log begins where the snapshot ends. The text says where the snapshot
    /// comes from.
    SnapshotKept(&'static str),
    /// This follower has refused the entries after `prev`.
    EntriesRefused {
        /// The index at which the follower's log does not match.
        prev: u64,
        /// The follower's hint: how far the two logs may agree.
        conflict: Conflict,
    },
    /// A follower has refused this leader's entries after `prev`.
    RefusalHeard {
        /// The follower that has refused the entries.
        peer: usize,
        /// The index at which the follower's log does not match.
        prev: u64,
        /// The follower's hint, if the reply has one: how far the two logs may agree.
        conflict: Option<Conflict>,
    },
}

/// The term and role that a server has from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// The current term.
    pub term: u64,
    /// Does this server lead the current term?
    pub is_leader: bool,
}

/// The part of the persistent state that has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistDelta {
    /// `current_term`, `voted_for` or the index at which the log begins has changed.
    pub hard_state: bool,
    /// The entries from this index on must be written. They replace all frames that the persister has from
    /// this index on.
    pub log_from: Option<u64>,
    /// There is a new snapshot, and the log was compacted.
    pub snapshot: bool,
    /// The index just before the first entry that is in the persister now.
    pub(super) saved_from: u64,
}

/// For a log line: what must be persisted.
impl fmt::Display for PersistDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hard_state = self.hard_state.then(|| "term and vote".to_owned());
        let log = self.log_from.map(|from| format!("the log from index {from}"));
        let snapshot = self.snapshot.then(|| "a snapshot".to_owned());
        let parts: Vec<String> = [hard_state, log, snapshot].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

impl PersistDelta {
    /// Is there nothing to persist?
    pub fn is_empty(&self) -> bool {
        !self.hard_state && self.log_from.is_none() && !self.snapshot
    }

    /// Notes that entries from `index` on have changed.
    pub(super) fn entries_from(&mut self, index: u64) {
        self.log_from = Some(self.log_from.map_or(index, |older| older.min(index)));
    }
}
