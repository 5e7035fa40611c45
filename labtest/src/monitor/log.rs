//! The log of a server, as the monitor knows it.

use labrt::collections::VecDeque;

/// An entry: its term, and the digest of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub term: u64,
    pub command: u32,
}

/// The index and the term of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub index: u64,
    pub term: u64,
}

/// A log whose entries up to `base` are in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The last entry that the snapshot covers. Index and term are 0 if there is no snapshot.
    pub base: Place,
    entries: VecDeque<Entry>,
}

impl Log {
    pub fn new(base: Place, entries: impl IntoIterator<Item = Entry>) -> Log {
        Log { base, entries: entries.into_iter().collect() }
    }

    /// The index of the last entry. If there are no entries after the snapshot, this is the last index of the
    /// snapshot.
    pub fn last_index(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    pub fn last(&self) -> Place {
        Place {
            index: self.last_index(),
            term: self.entries.back().map_or(self.base.term, |entry| entry.term),
        }
    }

    /// The entry at `index`, or `None` if the index is after the end of the log or in the snapshot.
    pub fn entry(&self, index: u64) -> Option<Entry> {
        let offset = index.checked_sub(self.base.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?).copied()
    }

    /// The term at `index`, or `None` if the index is after the end of the log or before the last index of
    /// the snapshot.
    pub fn term(&self, index: u64) -> Option<u64> {
        if index == self.base.index { Some(self.base.term) } else { Some(self.entry(index)?.term) }
    }

    /// Returns true if the log has this entry. In a snapshot, only the term of the last entry is known. So
    /// for every earlier entry in the snapshot the result is true, whatever its term is.
    pub fn has(&self, place: Place) -> bool {
        place.index < self.base.index || self.term(place.index) == Some(place.term)
    }

    pub fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Removes the entries from `index` on, and returns them.
    pub fn truncate(&mut self, index: u64) -> Vec<Entry> {
        let kept = usize::try_from(index.saturating_sub(self.base.index + 1)).unwrap_or(usize::MAX);
        self.entries.drain(kept.min(self.entries.len())..).collect()
    }

    pub fn extend(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
    }

    /// Replaces the entries up to `base` by a snapshot. Returns the removed entries.
    pub fn compact(&mut self, base: Place) -> Vec<Entry> {
        let covered = usize::try_from(base.index.saturating_sub(self.base.index)).unwrap_or(usize::MAX);
        self.base = base;
        self.entries.drain(..covered.min(self.entries.len())).collect()
    }

    /// Puts removed entries back to the front: the reverse of [`compact`](Log::compact).
    pub fn uncompact(&mut self, base: Place, entries: Vec<Entry>) {
        self.base = base;
        entries.into_iter().rev().for_each(|entry| self.entries.push_front(entry));
    }
}
