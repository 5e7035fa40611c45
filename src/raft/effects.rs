//! What the pure rules ask the threads around them to do.
//!
//! Every call that changes the [`Core`](super::Core) adds to its [`Effects`]. The caller takes the effects
//! out before it releases the lock and does what they ask: it writes the events to the trace, **then it
//! persists, then it lets anything out** (Figure 2: "updated on stable storage before responding to RPCs"),
//! then it handles timers and wake-ups. So a reader of the trace sees first the change, then the save, then
//! the reply.

use super::messages::Conflict;
use labapi::Role;

/// What the caller must do after a change of the core. Take it with
/// [`Core::take_effects`](super::Core::take_effects).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "state that is not persisted must not be seen by others"]
pub struct Effects {
    /// The changes to write with [`Core::persist_to`](super::Core::persist_to).
    pub persist: PersistDelta,
    /// What has happened, in this order, for the trace and the log lines.
    pub events: Vec<Event>,
    /// The election timer was restarted: a leader was heard, a vote was granted, an election was started, or
    /// a leader stepped down. The timer now uses the timeout that was drawn for it. So draw the next timeout
    /// and pass it to [`Core::set_election_timeout`](super::Core::set_election_timeout).
    pub election_timer_reset: bool,
    /// There are more messages to apply.
    pub wake_applier: bool,
    /// The new term and role, if one of them has changed.
    pub role_changed: Option<RoleChange>,
}

impl Effects {
    /// Removes all effects, but keeps the buffers.
    pub(super) fn clear(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        *self = Effects { events, ..Effects::default() };
    }
}

/// Something that a rule has changed or found. An event has numbers only. A reader finds the rest in the
/// core, for example the entries that were appended.
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
        /// The server that asked.
        candidate: usize,
        /// The term of the request.
        term: u64,
        /// Why the vote is refused.
        cause: &'static str,
    },
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
        /// The index of the last one.
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
    /// The service is given all messages up to this index.
    Applied(u64),
    /// There is a new snapshot, which ends where the log begins now. The text says where the snapshot comes
    /// from.
    SnapshotKept(&'static str),
    /// This follower has refused the entries after `prev`.
    EntriesRefused {
        /// The index that does not match.
        prev: u64,
        /// What the follower tells the leader about its log.
        conflict: Conflict,
    },
    /// A follower has refused this leader's entries after `prev`.
    RefusalHeard {
        /// The follower that refused.
        peer: usize,
        /// The index at which its log does not match.
        prev: u64,
        /// What the follower told about its log, if it told anything.
        conflict: Option<Conflict>,
    },
}

/// The term and role of a server from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// The current term.
    pub term: u64,
    /// Does this server lead it?
    pub is_leader: bool,
}

/// The part of the persistent state that has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistDelta {
    /// `current_term`, `voted_for` or the index at which the log begins has changed.
    pub hard_state: bool,
    /// Entries from this index on must be written. Older frames at this index and after it are removed.
    pub log_from: Option<u64>,
    /// There is a new snapshot, and the log was compacted.
    pub snapshot: bool,
    /// The index before the first entry that the persister holds now.
    pub(super) saved_from: u64,
}

impl PersistDelta {
    /// Is there nothing to persist?
    pub fn is_empty(&self) -> bool {
        !self.hard_state && self.log_from.is_none() && !self.snapshot
    }

    /// Entries from `index` on have changed.
    pub(super) fn entries_from(&mut self, index: u64) {
        self.log_from = Some(self.log_from.map_or(index, |older| older.min(index)));
    }
}
