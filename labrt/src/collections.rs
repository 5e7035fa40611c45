//! Collections whose iteration order depends on their contents and history alone.
//!
//! std's `HashMap` orders its keys by a number drawn from the system, so a node that walks one acts
//! differently in every process. These use a fixed hasher instead.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

pub use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// A hash map with a fixed hasher. Make one with `HashMap::default()`.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// A hash set with a fixed hasher. Make one with `HashSet::default()`.
pub type HashSet<K> = std::collections::HashSet<K, BuildHasherDefault<DefaultHasher>>;
