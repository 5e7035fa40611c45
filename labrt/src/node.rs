//! The server to which the running code belongs.
//!
//! The name of a node has three parts: its group, its index in the group, and its incarnation. A restarted
//! server is a new incarnation. The current node depends on the *code that runs*, not on the thread. For
//! example, a network calls the handler of a server on the caller's thread. During this call, the current
//! node is that of the server.
//!
//! When a thread is spawned, the new thread starts with the node that is current on the spawning thread. This
//! node *owns* the thread until the thread ends (see [`crate::thread::alive`]).

use crate::context;
use std::fmt;

/// The name of one incarnation of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NodeId {
    /// The replica group. It is 0 if there is only one group.
    pub group: u16,
    /// The server's index in its group. The first index is 0.
    pub index: u16,
    /// The number of this start of the server: 1 for the first start, 2 for the second. Only [`NodeId::NONE`]
    /// has 0.
    pub incarnation: u32,
}

impl NodeId {
    /// The value for code that belongs to no server: the code of the test and of the network.
    pub const NONE: NodeId = NodeId { group: 0, index: 0, incarnation: 0 };

    /// The first incarnation of server `index` of the only group.
    pub fn first(index: usize) -> NodeId {
        NodeId { group: 0, index: u16::try_from(index).expect("fewer than 65,536 servers"), incarnation: 1 }
    }

    /// True if this is [`NodeId::NONE`].
    pub fn is_none(self) -> bool {
        self == NodeId::NONE
    }

    /// Returns the whole name as one number.
    pub(crate) fn pack(self) -> u64 {
        (self.group as u64) << 48 | (self.index as u64) << 32 | self.incarnation as u64
    }
}

/// Prints `S2` if there is only one group, `G1S2` for group 1, and `-` for no node. The incarnation is not
/// printed.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_none(), self.group) {
            (true, _) => f.pad("-"),
            (false, 0) => f.pad(&format!("S{}", self.index)),
            (false, g) => f.pad(&format!("G{g}S{}", self.index)),
        }
    }
}

/// Returns the node whose code this thread runs now.
pub fn current() -> NodeId {
    context::node()
}

/// Makes `node` current on this thread until the guard is dropped.
pub fn enter(node: NodeId) -> NodeGuard {
    NodeGuard { before: context::set_node(node), here: std::marker::PhantomData }
}

/// The guard of [`enter`]. When the guard is dropped, the node from before the call of [`enter`] is current
/// again.
#[must_use = "the node is current only as long as the guard lives"]
pub struct NodeGuard {
    before: NodeId,
    /// A guard must be dropped on the thread that has entered the node.
    here: std::marker::PhantomData<*const ()>,
}

impl Drop for NodeGuard {
    fn drop(&mut self) {
        context::set_node(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(NodeId::first(2).to_string(), "S2");
        assert_eq!(NodeId { group: 1, index: 2, incarnation: 7 }.to_string(), "G1S2");
        assert_eq!(NodeId::NONE.to_string(), "-");
    }

    #[test]
    fn guards_nest() {
        let (a, b) = (NodeId::first(0), NodeId::first(1));
        let outer = enter(a);
        {
            let _inner = enter(b);
            assert_eq!(current(), b);
        }
        assert_eq!(current(), a);
        drop(outer);
        assert_eq!(current(), NodeId::NONE);
    }
}
