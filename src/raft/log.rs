//! The log of one server: a snapshot of the beginning, and the entries after it.
//!
//! All other files use *indices* in the paper's sense: the first entry has index 1, and an index keeps its
//! meaning when the beginning of the log is discarded (section 7). Only this file knows where an entry is in
//! memory.
//!
//! Terms never fall along a log, so binary search finds the last entry of a term.

use super::invariants::Invariant;
use super::messages::Entry;
use labrt::collections::VecDeque;

/// The part of a log after the snapshot: the entries, and the index and term of the entry just before them.
#[derive(Clone, Debug, Default)]
pub struct RaftLog {
    last_included_index: u64,
    last_included_term: u64,
    entries: VecDeque<Entry>,
}

impl RaftLog {
    /// The log of a new server, without snapshot and entries.
    pub fn new() -> RaftLog {
        RaftLog::default()
    }

    /// A log that begins after a snapshot. The snapshot's last entry has the index `last_included_index` and
    /// the term `last_included_term`.
    ///
    /// # Panics
    /// If an entry has a lower term than the entry before it (Log Matching).
    pub fn after(last_included_index: u64, last_included_term: u64, entries: Vec<Entry>) -> RaftLog {
        let mut log = RaftLog { last_included_index, last_included_term, entries: VecDeque::new() };
        entries.into_iter().for_each(|entry| {
            log.append(entry);
        });
        log
    }

    /// The last index that the snapshot covers. It is 0 if there is no snapshot.
    pub fn last_included_index(&self) -> u64 {
        self.last_included_index
    }

    /// The term of the entry at [`last_included_index`](RaftLog::last_included_index). It is 0 if there is no
    /// snapshot.
    pub fn last_included_term(&self) -> u64 {
        self.last_included_term
    }

    /// The index of the first entry in memory. If no entry is in memory, this is the index that the next
    /// entry will get.
    pub fn first_index(&self) -> u64 {
        self.last_included_index + 1
    }

    /// The index of the last entry, whether this entry is in memory or in the snapshot. It is 0 for an empty
    /// log.
    pub fn last_index(&self) -> u64 {
        self.last_included_index + self.entries.len() as u64
    }

    /// The term of the last entry. It is 0 for an empty log.
    pub fn last_term(&self) -> u64 {
        self.entries.back().map_or(self.last_included_term, |entry| entry.term)
    }

    /// The number of entries in memory.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Are there no entries in memory?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at `index`, or `None` if a snapshot has replaced it or the log is shorter.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(self.position(index)?)
    }

    /// The term of the entry at `index`. The term is also known for the last entry that the snapshot covers.
    /// At index 0 of a log without a snapshot, the term is 0.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.last_included_index {
            return Some(self.last_included_term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Searches the entries up to `index` for the last entry with a term of at most `term`, and returns its
    /// index. The terms of most entries that the snapshot has replaced are not known. If only such an entry
    /// can have such a term, this method returns an index before
    /// [`last_included_index`](RaftLog::last_included_index).
    pub fn last_index_up_to_term(&self, index: u64, term: u64) -> u64 {
        let count = self.entries.partition_point(|entry| entry.term <= term) as u64;
        let found = (self.last_included_index + count).min(index);
        let is_known = found > self.last_included_index || self.last_included_term <= term;
        if is_known { found } else { found.min(self.last_included_index.saturating_sub(1)) }
    }

    /// Another log ends with this index and term. Is it at least as up to date as this log (5.4.1)?
    pub fn is_up_to_date(&self, last_log_index: u64, last_log_term: u64) -> bool {
        (last_log_term, last_log_index) >= (self.last_term(), self.last_index())
    }

    /// Appends an entry and returns its index.
    pub fn append(&mut self, entry: Entry) -> u64 {
        Invariant::LogMatching.check(entry.term >= self.last_term(), || {
            format!("an entry of term {} would follow one of term {}", entry.term, self.last_term())
        });
        self.entries.push_back(entry);
        self.last_index()
    }

    /// Removes the entry at `index` and all entries after it.
    ///
    /// # Panics
    /// If the snapshot covers `index`.
    pub fn truncate_from(&mut self, index: u64) {
        Invariant::CommittedStays.check(index > self.last_included_index, || {
            format!("truncating from {index}, but the snapshot covers {}", self.last_included_index)
        });
        self.entries.truncate((index - self.first_index()) as usize);
    }

    /// Removes all entries up to and including `index`, because a snapshot covers them now. Later entries
    /// stay.
    ///
    /// # Panics
    /// If `index` is not in the log.
    pub fn compact(&mut self, index: u64) {
        let term = self.term_at(index).expect("the caller gives the index of an entry in the log");
        self.entries.drain(..(index - self.last_included_index) as usize);
        (self.last_included_index, self.last_included_term) = (index, term);
    }

    /// Removes everything, because a snapshot that ends at `index` replaces the whole log.
    pub fn reset(&mut self, index: u64, term: u64) {
        *self = RaftLog { last_included_index: index, last_included_term: term, entries: VecDeque::new() };
    }

    /// The entries from `first` to the end of the log.
    pub fn iter_from(&self, first: u64) -> impl Iterator<Item = &Entry> {
        let skipped = first.saturating_sub(self.first_index()) as usize;
        self.entries.range(skipped.min(self.entries.len())..)
    }

    /// At most `max_entries` entries, from index `first` on. Together, their commands have at most
    /// `max_bytes` bytes. Only the first entry may be larger than that.
    pub fn batch(&self, first: u64, max_entries: usize, max_bytes: usize) -> Vec<Entry> {
        let (mut count, mut bytes) = (0, 0);
        let fits = |entry: &&Entry| {
            count += 1;
            bytes += entry.command.len();
            count == 1 || bytes <= max_bytes
        };
        self.iter_from(first).take(max_entries).take_while(fits).cloned().collect()
    }

    fn position(&self, index: u64) -> Option<usize> {
        index.checked_sub(self.first_index()).map(|position| position as usize)
    }
}
