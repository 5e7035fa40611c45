//! The longest partial linearizations that a search finds. For each operation, this file keeps the longest
//! partial linearization that contains the operation.
//!
//! The path of a search is the sequence of the placed operations. At a dead end, the path may be the longest
//! path so far for some of its operations. To copy the whole path at every dead end would take too much time
//! and memory. So paths with the same beginning share this beginning. The paths form a tree, in which each
//! node has a pointer to its parent. At a dead end, [`Partials::note`] goes along the path, from its end
//! towards its beginning. It stops as soon as nothing can change: from there on, each operation already has a
//! path that is as long as the whole present path, or longer.

use labrt::collections::BTreeMap;

/// [`Partials::sequences`] returns the longest partial linearizations of a part. Together they have at most
/// this number of steps. The longest one is always returned, even if it alone has more steps.
const MOST_STEPS: usize = 1 << 20;

/// The paths of a search.
pub(super) struct Partials {
    nodes: Vec<Node>,
    path: Vec<OnPath>,
    /// For each operation, the length and the last node of the longest path that contains it. The length is 0
    /// if there is no such path.
    longest: Vec<(u32, u32)>,
}

struct Node {
    op: u32,
    parent: Option<u32>,
}

struct OnPath {
    node: u32,
    /// The length of the longest path that was noted while this operation was on the path. Along the path,
    /// from its beginning to its end, this number never rises.
    noted: u32,
    /// True if a stored path goes through this node. Then the node must be kept. While a later node of that
    /// path is still on the path of the search, only the later node has this mark. `pop` passes the mark on.
    kept: bool,
}

impl Partials {
    /// Returns an empty set of paths, for a part with this number of operations.
    pub(super) fn new(operations: usize) -> Partials {
        Partials { nodes: Vec::new(), path: Vec::new(), longest: vec![(0, 0); operations] }
    }

    /// About how many bytes these paths take.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.path.capacity() * size_of::<OnPath>()
            + self.longest.capacity() * size_of::<(u32, u32)>()
    }

    /// Notes that the search places an operation.
    pub(super) fn push(&mut self, op: u32) {
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { op, parent: self.path.last().map(|last| last.node) });
        self.path.push(OnPath { node, noted: 0, kept: false });
    }

    /// Notes that the search takes the last operation out of the order.
    pub(super) fn pop(&mut self) {
        let Some(last) = self.path.pop() else { return };
        if !last.kept {
            self.nodes.truncate(last.node as usize);
        } else if let Some(parent) = self.path.last_mut() {
            parent.kept = true;
        }
    }

    /// Notes the present path, because the search has come to a dead end. If an operation on the path has
    /// only shorter paths so far, this path is stored for the operation.
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
        // Of two paths with the same length, the path that was found first comes first.
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
