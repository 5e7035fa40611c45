//! The longest partial linearizations that a search meets: for each operation, the longest one that contains
//! it.
//!
//! At every dead end the path of the search is a candidate for all operations on it. A copy of each path
//! would cost the length of the history at every dead end. So paths share their beginnings: they are a tree
//! of nodes that point to their parents. The search also skips the parts of the path that a dead end cannot
//! improve.

use labrt::collections::BTreeMap;

/// All partial linearizations of a part together have at most about this many steps. The longest are kept,
/// and at least one is always kept.
const MOST_STEPS: usize = 1 << 20;

/// The paths of a search.
pub(super) struct Partials {
    nodes: Vec<Node>,
    path: Vec<OnPath>,
    /// For each operation: the length and the last node of the longest path that contains it. The length is 0
    /// if there is none.
    longest: Vec<(u32, u32)>,
}

struct Node {
    op: u32,
    parent: Option<u32>,
}

struct OnPath {
    node: u32,
    /// The length of the longest path that was noted while this operation was on it. It never rises along the
    /// path.
    noted: u32,
    /// Does a noted path end in this node or after it? Then its nodes must stay.
    kept: bool,
}

impl Partials {
    /// For a part with this many operations.
    pub(super) fn new(operations: usize) -> Partials {
        Partials { nodes: Vec::new(), path: Vec::new(), longest: vec![(0, 0); operations] }
    }

    /// About how many bytes all of this takes.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.path.capacity() * size_of::<OnPath>()
            + self.longest.capacity() * size_of::<(u32, u32)>()
    }

    /// The search places an operation.
    pub(super) fn push(&mut self, op: u32) {
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { op, parent: self.path.last().map(|last| last.node) });
        self.path.push(OnPath { node, noted: 0, kept: false });
    }

    /// The search takes back the operation that it placed last.
    pub(super) fn pop(&mut self) {
        let Some(last) = self.path.pop() else { return };
        if !last.kept {
            self.nodes.truncate(last.node as usize);
        } else if let Some(parent) = self.path.last_mut() {
            parent.kept = true;
        }
    }

    /// The search cannot go on. This notes the path for each of its operations that has no path of this
    /// length yet.
    pub(super) fn note(&mut self) {
        let Some(last) = self.path.last() else { return };
        let (length, end) = (self.path.len() as u32, last.node);
        let mut kept = false;
        for on_path in self.path.iter_mut().rev().take_while(|on_path| on_path.noted < length) {
            on_path.noted = length;
            let longest = &mut self.longest[self.nodes[on_path.node as usize].op as usize];
            if longest.0 < length {
                *longest = (length, end);
                kept = true;
            }
        }
        if let Some(last) = self.path.last_mut() {
            last.kept |= kept;
        }
    }

    /// The noted paths, the longest first.
    pub(super) fn sequences(&self) -> Vec<Vec<u32>> {
        // Of two paths with the same length, the one that was found first comes first.
        let ends: BTreeMap<_, _> =
            self.longest.iter().map(|&(length, end)| ((u32::MAX - length, end), end)).collect();
        let mut left = MOST_STEPS;
        let mut sequences = Vec::new();
        for ((rest, _), end) in ends {
            let length = (u32::MAX - rest) as usize;
            if length == 0 || (length > left && !sequences.is_empty()) {
                break;
            }
            left = left.saturating_sub(length);
            sequences.push(self.sequence(end));
        }
        sequences
    }

    fn sequence(&self, end: u32) -> Vec<u32> {
        let mut sequence = Vec::new();
        let mut next = Some(end);
        while let Some(node) = next {
            let node = &self.nodes[node as usize];
            sequence.push(node.op);
            next = node.parent;
        }
        sequence.reverse();
        sequence
    }
}
