//! A leader's view of one acceptor: which slots the acceptor has, which slots are on their way to it, and
//! what to send next.

use super::Options;
use crate::multi_paxos::messages::AcceptReply;
use labrt::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// The greatest number of messages with slots that can be on their way to one acceptor.
pub const WINDOW: usize = 32;

/// The greatest number of slots in one message.
const MAX_SLOTS: usize = 1024;

/// If the answers to this many later messages say that a slot is missing, its message counts as lost. One
/// answer is not enough, because two messages may have arrived in another order than they were sent.
const MISSES_TO_LOSS: u32 = 2;

/// After this many losses in a row the leader assumes that the acceptor is dead.
const LOSSES_TO_DEATH: u32 = 2;

/// What a leader can send to an acceptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// New slots, and slots to send again.
    Slots,
    /// No slots: a heartbeat, the news that slots are chosen, or the question which slots the acceptor has.
    Nothing,
}

/// A message with slots that was not answered yet, and that was not reported as lost.
#[derive(Clone, Debug)]
struct Inflight {
    seq: u64,
    /// Its slots that the acceptor is not known to have, in order.
    slots: Vec<u64>,
    /// The number of answers to later messages which said that a slot is missing.
    misses: u32,
}

/// A leader's view of one acceptor.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The acceptor has all slots up to this one. `None` means that the leader has not heard from it yet.
    up_to: Option<u64>,
    /// The later slots that the acceptor has. They are after `up_to`.
    beyond: BTreeSet<u64>,
    /// The first slot that was not sent yet. It is after `up_to`.
    next: u64,
    /// The slots before `next` to send again.
    again: BTreeSet<u64>,
    /// The messages with slots on their way. Every slot from `up_to` to `next` is in `beyond`, in `again`, or
    /// in one of these messages.
    inflight: VecDeque<Inflight>,
    /// The time at which the last message was sent.
    last_send: Option<Duration>,
    /// The number of losses since the last answer.
    losses: u32,
    /// The number of the newest message that the acceptor has answered.
    newest_answered: u64,
    /// The acceptor was told that all slots up to this one are chosen. A loss sets it to 0.
    told: u64,
}

impl View {
    /// The view of a new leader. `up_to` is what the acceptor's promise said, if it has promised.
    pub(super) fn new(up_to: Option<u64>) -> View {
        View {
            up_to,
            beyond: BTreeSet::new(),
            next: up_to.unwrap_or(0) + 1,
            again: BTreeSet::new(),
            inflight: VecDeque::new(),
            last_send: None,
            losses: 0,
            newest_answered: 0,
            told: 0,
        }
    }

    /// Is the acceptor known to have the slot?
    pub(super) fn has(&self, slot: u64) -> bool {
        self.up_to.is_some_and(|up_to| slot <= up_to) || self.beyond.contains(&slot)
    }

    /// The messages that can be sent next if the state does not change, each with its earliest time.
    pub(super) fn agenda(
        &self,
        last_slot: u64,
        chosen: u64,
        options: &Options,
    ) -> impl Iterator<Item = (Duration, Content)> + use<> {
        let after = |interval| self.last_send.map_or(Duration::ZERO, |at| at + interval);
        let heartbeat_at = after(options.heartbeat_interval);
        let unless_dead = |at: Duration| if self.losses < LOSSES_TO_DEATH { at } else { heartbeat_at };
        let has_slots = !self.again.is_empty() || self.next <= last_slot;
        // While the leader does not know what the acceptor has, it sends only heartbeats.
        let wanted = if self.up_to.is_some() && has_slots && self.inflight.len() < WINDOW {
            Some((unless_dead(Duration::ZERO), Content::Slots))
        } else if self.told < chosen {
            Some((unless_dead(after(options.commit_interval)), Content::Nothing))
        } else {
            None
        };
        wanted.into_iter().chain([(heartbeat_at, Content::Nothing)])
    }

    /// Takes the slots for the next message. If a slot must be sent again, the message has all slots that the
    /// acceptor is not known to have, as if no message were on its way. Raft does the same. So one message
    /// repairs several losses.
    pub(super) fn take_slots(&mut self, last_slot: u64) -> Vec<u64> {
        if !self.again.is_empty() {
            self.again.extend(self.inflight.drain(..).flat_map(|message| message.slots));
        }
        let new = (self.next..=last_slot).filter(|slot| !self.again.contains(slot) && !self.has(*slot));
        let slots: Vec<u64> = self.again.iter().copied().chain(new).take(MAX_SLOTS).collect();
        if let Some(last) = slots.last() {
            self.next = self.next.max(last + 1);
        }
        self.again.retain(|slot| slots.binary_search(slot).is_err());
        slots
    }

    /// Notes that a message was sent.
    pub(super) fn sent(&mut self, seq: u64, slots: Vec<u64>, chosen: u64, now: Duration) {
        self.last_send = Some(now);
        self.told = chosen;
        if !slots.is_empty() {
            self.inflight.push_back(Inflight { seq, slots, misses: 0 });
        }
        self.check();
    }

    /// Handles an answer. Returns the slots that the acceptor was not known to have before.
    pub(super) fn answered(&mut self, seq: u64, reply: &AcceptReply) -> BTreeSet<u64> {
        self.losses = 0;
        self.newest_answered = self.newest_answered.max(seq);
        let before = self.up_to.unwrap_or(0);
        let news = (before + 1..=reply.up_to).chain(reply.beyond.iter().copied());
        let news: BTreeSet<u64> = news.filter(|slot| !self.has(*slot)).collect();
        self.beyond.extend(&news);
        let mut up_to = before.max(reply.up_to);
        self.beyond.retain(|slot| *slot > up_to);
        while self.beyond.remove(&(up_to + 1)) {
            up_to += 1;
        }
        self.up_to = Some(up_to);
        self.next = self.next.max(up_to + 1);
        self.forget_what_it_has();
        self.count_misses(seq);
        self.check();
        news
    }

    fn forget_what_it_has(&mut self) {
        let View { up_to, beyond, again, inflight, .. } = self;
        let has = |slot: &u64| up_to.is_some_and(|up_to| *slot <= up_to) || beyond.contains(slot);
        again.retain(|slot| !has(slot));
        for message in inflight.iter_mut() {
            message.slots.retain(|slot| !has(slot));
        }
        inflight.retain(|message| !message.slots.is_empty());
    }

    /// The answer to message `seq` has arrived. The earlier messages whose slots are missing have probably
    /// not arrived.
    fn count_misses(&mut self, seq: u64) {
        for message in self.inflight.iter_mut().filter(|message| message.seq < seq) {
            message.misses += 1;
            if message.misses >= MISSES_TO_LOSS {
                self.again.extend(message.slots.drain(..));
            }
        }
        self.inflight.retain(|message| !message.slots.is_empty());
    }

    /// Handles the report that a message will get no answer.
    pub(super) fn lost(&mut self, seq: u64) {
        self.told = 0;
        // If the acceptor has answered a later message, it is alive. Then this loss does not count.
        if seq > self.newest_answered {
            self.losses += 1;
        }
        if let Some(at) = self.inflight.iter().position(|message| message.seq == seq) {
            self.again.extend(self.inflight.remove(at).into_iter().flat_map(|message| message.slots));
        }
        self.check();
    }

    fn check(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        let up_to = self.up_to.unwrap_or(0);
        let on_their_way = |slot: &u64| self.inflight.iter().any(|it| it.slots.binary_search(slot).is_ok());
        let is_somewhere = |slot: &u64| self.has(*slot) || self.again.contains(slot) || on_their_way(slot);
        assert!((up_to + 1..self.next).all(|slot| is_somewhere(&slot)), "a slot is forgotten: {self:?}");
        assert!(self.inflight.len() <= WINDOW && self.next > up_to, "{self:?}");
    }
}
