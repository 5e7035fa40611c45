//! The acceptor: promises and acceptances. The learner: which slots are known to be chosen.

use super::{Accepted, Core};
use crate::multi_paxos::messages::{AcceptArgs, AcceptReply, Ballot, PrepareArgs, PrepareReply, Value};
use std::time::Duration;

impl Core {
    /// The handler of `Prepare`. The acceptor promises, unless it is bound to a higher ballot. A request of
    /// the same ballot is a repetition, and gets the promise again.
    pub fn prepare(&mut self, args: &PrepareArgs, now: Duration) -> PrepareReply {
        self.see(args.ballot, now);
        if args.ballot > self.promised {
            self.promise(args.ballot);
            self.reset_election_timer(now);
        }
        let promises = args.ballot == self.promised;
        let accepted = if promises { self.accepted_from(args.from) } else { Vec::new() };
        PrepareReply { promised: self.promised, accepted, chosen: self.chosen }
    }

    /// The handler of `Accept`. The acceptor accepts, unless it is bound to a higher ballot.
    pub fn accept(&mut self, args: &AcceptArgs, now: Duration) -> AcceptReply {
        self.see(args.ballot, now);
        if args.ballot < self.promised {
            return AcceptReply { promised: self.promised, up_to: 0, beyond: Vec::new() };
        }
        if args.ballot > self.promised {
            self.promise(args.ballot);
        }
        self.reset_election_timer(now);
        for (slot, value) in &args.proposals {
            self.accept_value(*slot, args.ballot, value.clone());
        }
        self.told = self.told.max((args.ballot, args.chosen));
        self.learn_from_leader();
        self.report()
    }

    pub(super) fn promise(&mut self, ballot: Ballot) {
        debug_assert!(ballot > self.promised, "S{}: {:?}, then {ballot:?}", self.me, self.promised);
        self.promised = ballot;
        self.highest_seen = self.highest_seen.max(ballot);
        self.effects.persist.head = true;
    }

    pub(super) fn accepted_from(&self, from: u64) -> Vec<(u64, Ballot, Value)> {
        let all = self.accepted.range(from..);
        all.map(|(slot, Accepted { ballot, value })| (*slot, *ballot, value.clone())).collect()
    }

    /// Accepts a value in the ballot to which this acceptor is bound.
    pub(super) fn accept_value(&mut self, slot: u64, ballot: Ballot, value: Value) {
        if let Some(old) = self.accepted.get(&slot) {
            // A proposer has one value for each slot, and a chosen value never changes.
            let must_be_equal = old.ballot == ballot || self.is_chosen(slot);
            debug_assert!(
                !must_be_equal || old.value == value,
                "S{} slot {slot}: {old:?}, {value:?}",
                self.me
            );
            if old.ballot == ballot {
                return;
            }
        }
        self.accepted.insert(slot, Accepted { ballot, value });
        self.effects.persist.slots.insert(slot);
    }

    /// What this acceptor has, in the ballot to which it is bound.
    fn report(&self) -> AcceptReply {
        let mut up_to = self.chosen;
        let mut beyond = Vec::new();
        let later = self.accepted.range(self.chosen + 1..);
        for (slot, _) in later.filter(|(_, it)| it.ballot == self.promised) {
            if *slot == up_to + 1 {
                up_to = *slot;
            } else {
                beyond.push(*slot);
            }
        }
        AcceptReply { promised: self.promised, up_to, beyond }
    }

    /// The leader of a ballot has said up to which slot all are chosen. Then the value that this acceptor has
    /// accepted in the same ballot is the chosen one: a leader proposes only one value for a slot, and if a
    /// slot is chosen, it proposes the chosen value. This is not true of a value of an older ballot.
    fn learn_from_leader(&mut self) {
        let (ballot, told) = self.told;
        while self.chosen < told
            && let Some(next) = self.accepted.get(&(self.chosen + 1))
            && next.ballot == ballot
        {
            self.learn(self.chosen + 1);
        }
    }

    /// Notes that the slot is chosen, with the value that this acceptor has accepted.
    pub(super) fn learn(&mut self, slot: u64) {
        debug_assert!(self.accepted.contains_key(&slot), "S{} learns slot {slot}", self.me);
        if self.is_chosen(slot) {
            return;
        }
        self.effects.chosen.push(slot);
        self.chosen_beyond.insert(slot);
        while self.chosen_beyond.remove(&(self.chosen + 1)) {
            self.chosen += 1;
            self.effects.persist.head = true;
            self.effects.wake_applier = true;
        }
    }
}
