//! The set of operations that a search has placed, in a compact form.
//!
//! Consider the answered operations in the order of their returns. The *frontier* is the first operation in
//! this order that is not placed. So all operations that return before the frontier are placed. The search
//! may also have placed operations that return after the frontier, but only those that were called before the
//! frontier's return. So these operations are open when the frontier returns. Operations that are open at the
//! same time have different *slots* (see `part`). So the set can be described by the frontier, and by the
//! slots of the placed operations that are open when the frontier returns. This description needs one number,
//! and one bit for each slot. Its size does not depend on the length of the history.

use super::part::PartHistory;

/// A set of placed operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Linearized {
    /// The *rank* (place in the order of returns) of the frontier: the smallest rank of the answered
    /// operations that are not in the set.
    pub(super) frontier: u32,
    /// The slots of the operations in the set that return after the frontier. Each slot has a bit.
    pub(super) open: Vec<u64>,
}

impl Linearized {
    /// The empty set.
    pub(super) fn none_of(history: &PartHistory) -> Linearized {
        Linearized { frontier: 0, open: vec![0; history.slots.div_ceil(64)] }
    }

    /// Returns true if the set contains all operations that were answered.
    pub(super) fn is_complete(&self, history: &PartHistory) -> bool {
        self.frontier as usize == history.answered()
    }

    /// Returns the number of operations that were called before the frontier's return. An operation may be
    /// placed next only if its own number is smaller than this number.
    pub(super) fn horizon(&self, history: &PartHistory) -> u32 {
        history.called_before[self.frontier as usize]
    }

    /// Adds an operation. Its number must be below the horizon, and it must not be in the set yet.
    pub(super) fn insert(&mut self, op: u32, history: &PartHistory) {
        self.set(history.slot[op as usize]);
        while let Some(&next) = history.by_return.get(self.frontier as usize) {
            let slot = history.slot[next as usize];
            if !self.has(slot) {
                break;
            }
            self.clear(slot);
            self.frontier += 1;
        }
    }

    /// Removes the operation that was added last.
    pub(super) fn remove(&mut self, op: u32, history: &PartHistory) {
        let rank = history.rank[op as usize];
        if rank >= self.frontier {
            self.clear(history.slot[op as usize]);
            return;
        }
        // This operation was the frontier when it was added. The operations with ranks between its rank and
        // the present frontier were already in the set at that time.
        for passed in rank + 1..self.frontier {
            self.set(history.slot[history.by_return[passed as usize] as usize]);
        }
        self.frontier = rank;
    }

    fn has(&self, slot: u32) -> bool {
        self.open[slot as usize / 64] & (1 << (slot % 64)) != 0
    }

    fn set(&mut self, slot: u32) {
        self.open[slot as usize / 64] |= 1 << (slot % 64);
    }

    fn clear(&mut self, slot: u32) {
        self.open[slot as usize / 64] &= !(1 << (slot % 64));
    }
}
