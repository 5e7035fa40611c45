//! Collections whose iteration order depends only on the insertions and removals.
//!
//! The order of std's `HashMap` depends on a random number from the system. So a server that iterates over
//! such a map behaves differently in every process. The maps of this module use a fixed hasher instead.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

pub use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// A hash map with a fixed hasher. To make a map, call `HashMap::default()`.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// A hash set with a fixed hasher. To make a set, call `HashSet::default()`.
pub type HashSet<K> = std::collections::HashSet<K, BuildHasherDefault<DefaultHasher>>;
