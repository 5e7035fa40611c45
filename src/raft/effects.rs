//! What the pure rules ask of the threads around them.
//!
//! Every call that changes the [`Core`](super::Core) adds to its [`Effects`]; the caller takes them out
//! before it releases the lock, and sees to them: **first persist, then let anything out** (Figure 2:
//! "updated on stable storage before responding to RPCs"), then timers and wake-ups. Events are told before what
//! they tell is saved: a reader of the trace sees the change, then the save, then the reply.

use super::messages::Conflict;
use labapi::Role;

/// What is to be done after a change of the core. Take it with
/// [`Core::take_effects`](super::Core::take_effects).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "state that is not persisted must not be seen by others"]
pub struct Effects {
    /// What to hand to the persister, by [`Core::persist_to`](super::Core::persist_to).
    pub persist: PersistDelta,
    /// What has happened, in this order, to be told to whoever looks.
    pub events: Vec<Event>,
    /// The election timer was started afresh, since a leader was heard, a vote was granted, an election was
    /// started, or a leader has stepped down. It has used the timeout that was drawn for it: draw the next one
    /// and hand it to [`Core::set_election_timeout`](super::Core::set_election_timeout).
    pub election_timer_reset: bool,
    /// There is more to apply.
    pub wake_applier: bool,
    /// The role or the term has changed.
    pub role_changed: Option<RoleChange>,
}

impl Effects {
    /// Nothing is to be done any more. The buffers stay.
    pub(super) fn clear(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        *self = Effects { events, ..Effects::default() };
    }
}

/// Something that a rule has changed or found. Figures only: what else a reader wants to know, such as the
/// entries of a log that has grown, is in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The term has risen to this one.
    TermRose(u64),
    /// The vote in `term` goes to `candidate`, who may be this server.
    Voted {
        /// Who has the vote.
        candidate: usize,
        /// In which term.
        term: u64,
    },
    /// `candidate` does not get the vote in `term`, its term.
    VoteRefused {
        /// Who has asked.
        candidate: usize,
        /// In which term.
        term: u64,
        /// Why not.
        cause: &'static str,
    },
    /// The server is a `role` in `term` from now on.
    RoleChanged {
        /// What it is.
        role: Role,
        /// In which term.
        term: u64,
        /// Why.
        cause: &'static str,
    },
    /// The log has grown by the entries `first` to `last`.
    Appended {
        /// The index of the first new entry.
        first: u64,
        /// The index of the last one.
        last: u64,
    },
    /// The log has lost its last entries.
    Truncated {
        /// The index of the first of them.
        from: u64,
        /// How many.
        dropped: u64,
    },
    /// The commit index has risen to this one.
    Committed(u64),
    /// The service is given everything up to this index.
    Applied(u64),
    /// There is a new snapshot, up to where the log begins now; the text says where it comes from.
    SnapshotKept(&'static str),
    /// This follower has refused the entries after `prev`.
    EntriesRefused {
        /// The index that does not match.
        prev: u64,
        /// What the leader is told.
        conflict: Conflict,
    },
    /// A follower has refused this leader's entries after `prev`.
    RefusalHeard {
        /// Who has.
        peer: usize,
        /// The index that does not match there.
        prev: u64,
        /// What it has told; `None`: nothing.
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
    /// `current_term` or `voted_for`, or where the log begins.
    pub hard_state: bool,
    /// Entries from this index on are to be written; older frames at and after it are dropped.
    pub log_from: Option<u64>,
    /// The log was compacted, and there is a new snapshot.
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
