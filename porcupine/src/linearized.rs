//! The set of operations that a search has placed, as a few words.
//!
//! Order the answered operations by their returns. All of those before the first one that is not placed, the
//! *frontier*, are placed; and of the others only such can be placed as were called before the frontier's return,
//! since the search places no others: operations that are open when the frontier returns. These have different
//! *slots* (see `part`). So the set is exactly (frontier, the slots of placed operations that are open there): a
//! number and as many bits as operations were ever open at once, however long the history is.

use super::part::PartHistory;

/// A set of placed operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Linearized {
    /// The least rank of an operation that is not in the set.
    pub(super) frontier: u32,
    /// Of the operations that return after the frontier: the slots of those in the set, as bits.
    pub(super) open: Vec<u64>,
}

impl Linearized {
    /// The empty set.
    pub(super) fn none_of(history: &PartHistory) -> Linearized {
        Linearized { frontier: 0, open: vec![0; history.slots.div_ceil(64)] }
    }

    /// Does it have all operations that were answered?
    pub(super) fn is_complete(&self, history: &PartHistory) -> bool {
        self.frontier as usize == history.answered()
    }

    /// The operations with smaller numbers than this may be next: they were called before the frontier's return.
    pub(super) fn horizon(&self, history: &PartHistory) -> u32 {
        history.called_before[self.frontier as usize]
    }

    /// Adds an operation that is below the horizon and not in the set.
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

    /// Takes out the operation that was added last of those in the set.
    pub(super) fn remove(&mut self, op: u32, history: &PartHistory) {
        let rank = history.rank[op as usize];
        if rank >= self.frontier {
            self.clear(history.slot[op as usize]);
            return;
        }
        // It was the frontier itself. Those between it and the present one had been added before it.
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
