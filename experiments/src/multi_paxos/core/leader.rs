//! The proposer: phase 1, and the leader of phase 2.

use super::view::{Content, View};
use super::{Core, Options, Sent, Standing};
use crate::multi_paxos::messages::{
    AcceptArgs, AcceptReply, Ballot, Message, PrepareArgs, PrepareReply, Value,
};
use labapi::Command;
use labrt::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The state of a proposer in phase 1.
#[derive(Clone, Debug)]
pub(super) struct Candidacy {
    /// The first slot that this server does not know to be chosen.
    from: u64,
    /// The servers that have promised, and the slot up to which each knows all slots to be chosen.
    promises: BTreeMap<usize, u64>,
    /// For each slot, the value that was accepted in the highest ballot, according to the promises.
    values: BTreeMap<u64, (Ballot, Value)>,
    /// When each server was asked last.
    asked: Vec<Option<Duration>>,
}

impl Candidacy {
    fn add(&mut self, server: usize, accepted: Vec<(u64, Ballot, Value)>, chosen: u64) {
        self.promises.insert(server, chosen);
        for (slot, ballot, value) in accepted {
            if self.values.get(&slot).is_none_or(|(highest, _)| *highest < ballot) {
                self.values.insert(slot, (ballot, value));
            }
        }
    }

    pub(super) fn deadline(&self, peer: usize, options: &Options) -> Option<Duration> {
        if self.promises.contains_key(&peer) {
            return None;
        }
        Some(self.asked[peer].map_or(Duration::ZERO, |at| at + options.heartbeat_interval))
    }
}

impl Core {
    // ------------------------------------------------------------------ Phase 1

    /// Takes a ballot that is higher than every ballot that this server has seen. This server is the first
    /// that promises. The promise is saved before any other server hears of the ballot. So the server does
    /// not use the ballot again after a restart.
    pub(super) fn begin_phase_1(&mut self, now: Duration) {
        let ballot = Ballot { round: self.highest_seen.round + 1, server: self.me };
        self.promise(ballot);
        self.reset_election_timer(now);
        let mut candidacy = Candidacy {
            from: self.chosen + 1,
            promises: BTreeMap::new(),
            values: BTreeMap::new(),
            asked: vec![None; self.n],
        };
        candidacy.add(self.me, self.accepted_from(candidacy.from), self.chosen);
        self.standing = Standing::Candidate(candidacy);
        self.begin_phase_2_with_majority();
    }

    pub(super) fn prepare_message(&mut self, peer: usize, now: Duration) -> Message {
        let from = self.chosen + 1;
        if let Standing::Candidate(candidacy) = &mut self.standing {
            candidacy.asked[peer] = Some(now);
        }
        Message::Prepare(PrepareArgs { ballot: self.promised, from })
    }

    /// Handles the reply to `Prepare`.
    pub fn prepare_reply(&mut self, sent: Sent, reply: &PrepareReply, now: Duration) {
        self.see(reply.promised, now);
        let is_promise = reply.promised == sent.ballot && sent.ballot == self.promised;
        if let (true, Standing::Candidate(candidacy)) = (is_promise, &mut self.standing) {
            candidacy.add(sent.peer, reply.accepted.clone(), reply.chosen);
            self.begin_phase_2_with_majority();
        }
    }

    /// If a majority has promised, this server leads. In the slots that are not known to be chosen, it
    /// proposes the value of the highest ballot. If a majority may have accepted a value, then this majority
    /// and the majority of the promises have a server in common. So the value that was perhaps chosen is
    /// among the values of the promises, and all higher ballots have the same value. Where the promises have
    /// no value, nothing was chosen, and the leader may propose anything. It proposes a no-op, because later
    /// slots cannot be applied before this one.
    fn begin_phase_2_with_majority(&mut self) {
        let Standing::Candidate(candidacy) = &mut self.standing else { return };
        if candidacy.promises.len() < self.n / 2 + 1 {
            return;
        }
        let (from, promises) = (candidacy.from, std::mem::take(&mut candidacy.promises));
        let mut values = std::mem::take(&mut candidacy.values);
        let last = values.last_key_value().map_or(from - 1, |(slot, _)| *slot);
        let views = (0..self.n).map(|server| View::new(promises.get(&server).copied())).collect();
        self.standing = Standing::Leader(views);
        self.effects.leads = Some(true);
        for slot in from..=last {
            let value = values.remove(&slot).map_or(Value::NoOp, |(_, value)| value);
            self.accept_value(slot, self.promised, value);
            self.count(slot);
        }
    }

    // ------------------------------------------------------------------ Phase 2

    /// Proposes a command in the next free slot. Returns the slot, or `None` if this server does not lead.
    /// This server accepts the command at once.
    pub fn propose(&mut self, command: Command) -> Option<u64> {
        if !self.is_leader() {
            return None;
        }
        let slot = self.last_slot() + 1;
        self.accept_value(slot, self.promised, Value::Command(command));
        self.count(slot);
        Some(slot)
    }

    pub(super) fn accept_message(&mut self, peer: usize, now: Duration) -> Option<Message> {
        let (last, chosen, seq) = (self.last_slot(), self.chosen, self.next_seq);
        let Standing::Leader(views) = &mut self.standing else { return None };
        let view = &mut views[peer];
        let (_, content) = view.agenda(last, chosen, &self.options).find(|(at, _)| *at <= now)?;
        let slots = if content == Content::Slots { view.take_slots(last) } else { Vec::new() };
        let value = |slot: &u64| self.accepted[slot].value.clone();
        let proposals = slots.iter().map(|slot| (*slot, value(slot))).collect();
        view.sent(seq, slots, chosen, now);
        Some(Message::Accept(AcceptArgs { ballot: self.promised, proposals, chosen }))
    }

    /// Handles the reply to `Accept`.
    pub fn accept_reply(&mut self, sent: Sent, reply: &AcceptReply, now: Duration) {
        self.see(reply.promised, now);
        if reply.promised != sent.ballot || sent.ballot != self.promised {
            return;
        }
        let Standing::Leader(views) = &mut self.standing else { return };
        let news: BTreeSet<u64> = views[sent.peer].answered(sent.seq, reply);
        news.into_iter().for_each(|slot| self.count(slot));
    }

    /// If a majority has the slot, it is chosen. The slots before it do not matter. This server itself has
    /// accepted the value.
    fn count(&mut self, slot: u64) {
        let Standing::Leader(views) = &self.standing else { return };
        let others = views.iter().enumerate().filter(|(server, view)| *server != self.me && view.has(slot));
        if others.count() + 1 >= self.majority() {
            self.learn(slot);
        }
    }
}
