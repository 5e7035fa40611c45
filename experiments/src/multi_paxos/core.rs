//! The rules of Multi-Paxos, as a state machine without clock, channel, lock or I/O.
//!
//! A [`Core`] is the state of one server. It is used as the core of Raft is used:
//!
//! * An RPC handler takes the arguments and returns the reply: [`prepare`](Core::prepare) and
//!   [`accept`](Core::accept).
//! * After an RPC of this server, the caller reports the reply with [`prepare_reply`](Core::prepare_reply) or
//!   [`accept_reply`](Core::accept_reply). If there is no reply, the caller reports the loss with
//!   [`message_lost`](Core::message_lost).
//! * The caller reports what happens on this server with [`election_timeout`](Core::election_timeout) and
//!   [`propose`](Core::propose).
//! * The caller asks for output: [`next_message`](Core::next_message) and [`take_apply`](Core::take_apply).
//!
//! After every call, the caller takes the [`Effects`], and **saves the change before it sends any message or
//! reply**. The time is an argument: a plain number that the caller reads from its clock.

mod acceptor;
mod leader;
mod storage;
mod view;

use super::messages::{Ballot, Message, Value};
use labrt::collections::{BTreeMap, BTreeSet};
use leader::Candidacy;
use std::ops::Range;
use std::time::Duration;

pub use storage::RestoreError;
use view::View;
pub use view::WINDOW;

/// Time intervals of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A server that hears no leader for this time begins phase 1. Each timeout is drawn from this range.
    pub election_timeout: Range<Duration>,
    /// A leader that has nothing else to send to an acceptor sends a heartbeat after this interval.
    pub heartbeat_interval: Duration,
    /// If there are no new slots within this time, the leader says in a message of its own which slots are
    /// chosen.
    pub commit_interval: Duration,
}

impl Default for Options {
    /// The same intervals as the default options of this project's Raft.
    fn default() -> Options {
        Options {
            election_timeout: Duration::from_millis(300)..Duration::from_millis(600),
            heartbeat_interval: Duration::from_millis(100),
            commit_interval: Duration::from_millis(10),
        }
    }
}

/// A message to a peer, and the value with which the caller reports the outcome of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Identifies the message.
    pub sent: Sent,
    /// The message.
    pub message: Message,
}

/// Identifies a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The receiver.
    pub peer: usize,
    /// The sender's ballot.
    pub ballot: Ballot,
    /// The number of the message. Every message of this server has a greater number than the one before.
    pub seq: u64,
}

/// What the caller must do after a call of the core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "other servers must not see state that is not saved"]
pub struct Effects {
    /// The changes that the caller must save with [`Core::persist_to`].
    pub persist: PersistDelta,
    /// The slots that this server has learned to be chosen, in the order in which it has learned it.
    pub chosen: Vec<u64>,
    /// There are new values for the service.
    pub wake_applier: bool,
    /// This server leads from now on, or it no longer leads.
    pub leads: Option<bool>,
    /// The election timer was restarted. The caller must draw a new random timeout for the next restart.
    pub election_timer_reset: bool,
}

/// The part of the saved state that has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersistDelta {
    /// The promise, or the slot up to which all are known to be chosen, has changed.
    pub head: bool,
    /// These slots have another ballot or value.
    pub slots: BTreeSet<u64>,
}

impl PersistDelta {
    /// Is there nothing to save?
    pub fn is_empty(&self) -> bool {
        !self.head && self.slots.is_empty()
    }
}

/// What an acceptor has accepted in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    ballot: Ballot,
    value: Value,
}

/// The role of a server as a proposer.
#[derive(Clone, Debug)]
enum Standing {
    /// It proposes nothing.
    Follower,
    /// It is in phase 1.
    Candidate(Candidacy),
    /// It is in phase 2. There is a view of each acceptor, also an unused one of this server itself.
    Leader(Vec<View>),
}

/// The state of one server.
#[derive(Clone, Debug)]
pub struct Core {
    me: usize,
    n: usize,
    /// The intervals. [`Options::election_timeout`] is not used here: see
    /// [`set_election_timeout`](Core::set_election_timeout).
    pub options: Options,

    /// This acceptor accepts nothing in a ballot below this one. It never falls. Saved.
    promised: Ballot,
    /// For each slot, the acceptance with the highest ballot. Its ballot is at most `promised`. Saved.
    accepted: BTreeMap<u64, Accepted>,
    /// All slots up to this one are chosen, and `accepted` has the chosen values. It never falls. Saved.
    chosen: u64,

    /// The slots after `chosen` that this server, as a leader, knows to be chosen. `accepted` has the chosen
    /// values.
    chosen_beyond: BTreeSet<u64>,
    /// The last leader that this server has heard, and the slot up to which all are chosen according to it.
    told: (Ballot, u64),
    /// All slots up to this one were passed to the service. At most `chosen`.
    applied: u64,
    /// The highest ballot in any message. At least `promised`.
    highest_seen: Ballot,
    standing: Standing,
    election_deadline: Duration,
    election_timeout: Duration,
    next_seq: u64,
    effects: Effects,
}

impl Core {
    /// Server `me` of `n`, at its first start.
    ///
    /// # Panics
    /// If `me` is not below `n`.
    pub fn new(me: usize, n: usize) -> Core {
        assert!(me < n, "server {me} of {n}");
        let options = Options::default();
        Core {
            me,
            n,
            promised: Ballot::default(),
            accepted: BTreeMap::new(),
            chosen: 0,
            chosen_beyond: BTreeSet::new(),
            told: (Ballot::default(), 0),
            applied: 0,
            highest_seen: Ballot::default(),
            standing: Standing::Follower,
            election_deadline: options.election_timeout.start,
            election_timeout: options.election_timeout.start,
            options,
            next_seq: 1,
            effects: Effects::default(),
        }
    }

    /// The ballot to which this acceptor is bound.
    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// Does this server lead?
    pub fn is_leader(&self) -> bool {
        matches!(self.standing, Standing::Leader(_))
    }

    /// All slots up to this one are known to be chosen.
    pub fn chosen(&self) -> u64 {
        self.chosen
    }

    /// Is this slot known to be chosen?
    pub fn is_chosen(&self, slot: u64) -> bool {
        (1..=self.chosen).contains(&slot) || self.chosen_beyond.contains(&slot)
    }

    /// What this acceptor has accepted in this slot, in the highest ballot.
    pub fn accepted(&self, slot: u64) -> Option<(Ballot, &Value)> {
        self.accepted.get(&slot).map(|it| (it.ballot, &it.value))
    }

    /// The last slot in which this acceptor has accepted a value. It is 0 if there is none.
    pub fn last_slot(&self) -> u64 {
        self.accepted.last_key_value().map_or(0, |(slot, _)| *slot)
    }

    /// Takes the effects of all rules that were called since the effects were last taken.
    pub fn take_effects(&mut self) -> Effects {
        self.check();
        std::mem::take(&mut self.effects)
    }

    /// Takes the next chosen values for the service, at most `max`: slots in order, without a gap.
    pub fn take_apply(&mut self, max: usize) -> Vec<(u64, Value)> {
        let count = usize::try_from(self.chosen - self.applied).unwrap_or(usize::MAX).min(max);
        let values = self.accepted.range(self.applied + 1..).take(count);
        let values: Vec<(u64, Value)> = values.map(|(slot, it)| (*slot, it.value.clone())).collect();
        self.applied += values.len() as u64;
        values
    }

    // ------------------------------------------------------------------ Roles

    /// The time at which the caller calls [`election_timeout`](Core::election_timeout), if nothing happens
    /// until then. It is `None` if this server leads.
    pub fn election_deadline(&self) -> Option<Duration> {
        (!self.is_leader()).then_some(self.election_deadline)
    }

    /// Sets the timeout that the election timer uses when it restarts next.
    pub fn set_election_timeout(&mut self, timeout: Duration) {
        self.election_timeout = timeout;
    }

    /// Restarts the election timer.
    pub fn reset_election_timer(&mut self, now: Duration) {
        self.election_deadline = now + self.election_timeout;
        self.effects.election_timer_reset = true;
    }

    /// Handles the end of the election timeout: this server begins phase 1 with a new ballot.
    pub fn election_timeout(&mut self, now: Duration) {
        if !self.is_leader() {
            self.begin_phase_1(now);
        }
    }

    /// A message has this ballot. If it is higher than the ballot of this proposer, the proposer gives up.
    fn see(&mut self, ballot: Ballot, now: Duration) {
        self.highest_seen = self.highest_seen.max(ballot);
        let own = self.promised.server == self.me && self.promised >= ballot;
        if own || matches!(self.standing, Standing::Follower) {
            return;
        }
        if self.is_leader() {
            self.effects.leads = Some(false);
            // A leader does not use the election timer, so the deadline is out of date.
            self.reset_election_timer(now);
        }
        self.standing = Standing::Follower;
    }

    fn majority(&self) -> usize {
        self.n / 2 + 1
    }

    // ------------------------------------------------------------------ What to send

    /// The time at which a message for `peer` is due, if nothing happens until then.
    pub fn next_deadline(&self, peer: usize) -> Option<Duration> {
        match &self.standing {
            _ if peer == self.me => None,
            Standing::Follower => None,
            Standing::Candidate(candidacy) => candidacy.deadline(peer, &self.options),
            Standing::Leader(views) => {
                views[peer].agenda(self.last_slot(), self.chosen, &self.options).map(|(at, _)| at).min()
            }
        }
    }

    /// The next message for `peer`, or `None` if no message is due now. Call this method again after sending
    /// the message, because more messages may be due.
    pub fn next_message(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        let message = match &self.standing {
            _ if self.next_deadline(peer).is_none_or(|at| at > now) => return None,
            Standing::Follower => return None,
            Standing::Candidate(_) => self.prepare_message(peer, now),
            Standing::Leader(_) => self.accept_message(peer, now)?,
        };
        let sent = Sent { peer, ballot: self.promised, seq: self.next_seq };
        self.next_seq += 1;
        Some(Outgoing { sent, message })
    }

    /// Handles the network's report that there will be no answer to a message. The peer may have got the
    /// message nevertheless.
    pub fn message_lost(&mut self, sent: Sent) {
        if sent.ballot != self.promised {
            return;
        }
        // A candidate asks again after the heartbeat interval, with or without such a report.
        if let Standing::Leader(views) = &mut self.standing {
            views[sent.peer].lost(sent.seq);
        }
    }

    // ------------------------------------------------------------------ Checks

    /// Checks what is true after each rule.
    fn check(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        assert!(self.applied <= self.chosen, "applied {}, chosen {}", self.applied, self.chosen);
        assert!(self.promised <= self.highest_seen, "{:?} > {:?}", self.promised, self.highest_seen);
        let first = self.chosen_beyond.first();
        assert!(first.is_none_or(|slot| *slot > self.chosen + 1), "{first:?} after {}", self.chosen);
        let leads = !matches!(self.standing, Standing::Follower);
        assert!(!leads || self.promised.server == self.me, "S{} leads {:?}", self.me, self.promised);
    }
}
