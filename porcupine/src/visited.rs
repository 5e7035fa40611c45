//! The configurations that a search has visited. A configuration consists of the set of the placed operations
//! and the state after them.
//!
//! The configurations are in an arena. A hash table contains their indices in the arena. The search needs no
//! other copy of a state: when a configuration is new, its state is moved into the arena, and states are
//! never cloned. The arena consists of chunks. When it grows, it gets a new chunk, and the old chunks are not
//! moved. So the arena does not take much more memory than it needs, and it grows without a pause.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::linearized::Linearized;

/// How many entries a chunk has.
const CHUNK: usize = 4096;

/// A set of configurations. The index of a configuration is the number of configurations that were inserted
/// before it.
pub(super) struct Visited<S> {
    chunks: Vec<Chunk<S>>,
    len: usize,
    /// The number of words in [`Linearized::open`]. It is the same in all entries.
    words: usize,
    /// In this number of words at the beginning of [`Linearized::open`], two configurations must be equal. In
    /// the other words, an earlier configuration may have fewer bits.
    equal_words: usize,
    /// The hash table. A slot is 0 if it is free, and otherwise the index of a configuration plus 1. The
    /// length of the table is a power of two, and at most half of the slots are used.
    table: Vec<u32>,
    /// How many bytes the states take, according to the model.
    state_bytes: usize,
}

struct Chunk<S> {
    entries: Vec<Entry<S>>,
    /// The words in [`Linearized::open`] of all entries, one entry after the other.
    open: Vec<u64>,
}

struct Entry<S> {
    hash: u64,
    frontier: u32,
    state: S,
}

impl<S: Eq + Hash> Visited<S> {
    /// The empty set. `equal_words` is the number of words in [`Linearized::open`] with the answered
    /// operations.
    pub(super) fn new(equal_words: usize) -> Visited<S> {
        Visited { chunks: Vec::new(), len: 0, words: 0, equal_words, table: vec![0; 16], state_bytes: 0 }
    }

    /// About how many bytes the set takes.
    pub(super) fn bytes(&self) -> usize {
        let words = self.len * self.words;
        let beside_states = size_of::<Entry<S>>() - size_of::<S>();
        self.state_bytes
            + self.len * beside_states
            + words * size_of::<u64>()
            + self.table.len() * size_of::<u32>()
    }

    /// The state of a configuration.
    pub(super) fn state(&self, index: u32) -> &S {
        &self.entry(index).0.state
    }

    /// Adds a configuration with a state of `footprint` bytes, and returns its index. Returns `None` if the
    /// set already has this configuration, or one that differs from it only in unanswered operations that are
    /// *not* placed.
    ///
    /// # Panics
    /// If there are 2^32 configurations.
    pub(super) fn insert(&mut self, set: &Linearized, state: S, footprint: usize) -> Option<u32> {
        let (equal, rest) = set.open.split_at(self.equal_words);
        let hash = hash_of(set.frontier, equal, &state);
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some(index) = self.table[slot].checked_sub(1) {
            let (entry, open) = self.entry(index);
            let same = entry.hash == hash && entry.frontier == set.frontier && open.starts_with(equal);
            let has_no_more = || open[equal.len()..].iter().zip(rest).all(|(open, rest)| open & !rest == 0);
            if same && has_no_more() && entry.state == state {
                return None;
            }
            slot = (slot + 1) & mask;
        }
        let index = u32::try_from(self.len).ok().filter(|&index| index < u32::MAX);
        let index = index.expect("there is no memory for 2^32 configurations, which take 100 GB or more");
        self.table[slot] = index + 1;
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Chunk { entries: Vec::new(), open: Vec::new() });
        }
        let chunk = self.chunks.last_mut().expect("a chunk was pushed for the first entry");
        chunk.entries.push(Entry { hash, frontier: set.frontier, state });
        chunk.open.extend_from_slice(&set.open);
        self.len += 1;
        self.words = set.open.len();
        self.state_bytes += footprint;
        if 2 * self.len > self.table.len() {
            self.grow();
        }
        Some(index)
    }

    fn entry(&self, index: u32) -> (&Entry<S>, &[u64]) {
        let (chunk, at) = (&self.chunks[index as usize / CHUNK], index as usize % CHUNK);
        (&chunk.entries[at], &chunk.open[at * self.words..(at + 1) * self.words])
    }

    fn grow(&mut self) {
        let mask = 2 * self.table.len() - 1;
        let mut table = vec![0; mask + 1];
        for (index, entry) in self.chunks.iter().flat_map(|chunk| &chunk.entries).enumerate() {
            let mut slot = entry.hash as usize & mask;
            while table[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = index as u32 + 1;
        }
        self.table = table;
    }
}

fn hash_of<S: Hash>(frontier: u32, words: &[u64], state: &S) -> u64 {
    let mut hasher = DefaultHasher::new();
    frontier.hash(&mut hasher);
    words.iter().for_each(|&word| hasher.write_u64(word));
    state.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// States that all have the same hash.
    #[derive(Debug, PartialEq, Eq)]
    struct Colliding(u32);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, _: &mut H) {}
    }

    #[test]
    fn configurations_are_compared_and_not_only_their_hashes() {
        let set = Linearized { frontier: 3, open: vec![5, 0] };
        let mut visited = Visited::new(2);
        for number in 0..100 {
            assert_eq!(visited.insert(&set, Colliding(number), 4), Some(number));
        }
        for number in 0..100 {
            assert_eq!(visited.insert(&set, Colliding(number), 4), None);
            assert_eq!(visited.state(number), &Colliding(number));
        }
        // The same state with a different set is a different configuration.
        for set in [Linearized { frontier: 4, ..set.clone() }, Linearized { open: vec![5, 1], ..set }] {
            assert!(visited.insert(&set, Colliding(7), 4).is_some());
        }
    }

    #[test]
    fn more_unanswered_operations_make_no_new_configuration() {
        let set = |first, second| Linearized { frontier: 3, open: vec![first, second] };
        let mut visited = Visited::new(1);
        let mut is_new = |first, second, state| visited.insert(&set(first, second), state, 4).is_some();
        assert!(is_new(1, 0b0110, 7));
        assert!(!is_new(1, 0b0110, 7));
        assert!(!is_new(1, 0b1110, 7), "it has all that the first one has, and one operation more");
        assert!(is_new(1, 0b1010, 7), "one operation of the first one is missing");
        assert!(is_new(1, 0b0010, 7));
        assert!(!is_new(1, 0b1010, 7));
        assert!(is_new(1, 0b1110, 8), "another state");
        assert!(is_new(3, 0b1110, 7), "another answered operation");
    }

    #[test]
    fn it_tells_how_much_memory_it_takes() {
        let mut visited = Visited::new(1);
        let entries = 3 * CHUNK as u32 + 10;
        for frontier in 0..entries {
            let set = Linearized { frontier, open: vec![u64::from(frontier)] };
            // The test says that a state takes its own size and 1,000 bytes more.
            assert_eq!(visited.insert(&set, frontier, size_of::<u32>() + 1_000), Some(frontier));
        }
        let each = visited.bytes() / entries as usize;
        assert!((1_030..1_070).contains(&each), "{each} bytes each");
    }
}
