//! The server to which the running code belongs.
//!
//! The name of a node has three parts: its group, its index in the group, and its incarnation. A restarted
//! server is a new incarnation. The current node depends on the *code that runs*, not on the thread. For
//! example, a network calls the handler of a server on the caller's thread. During this call, the current
//! node is the node of the server.
//!
//! When a thread is spawned, the new thread starts with the node that is current on the spawning thread. This
//! node *owns* the thread until the thread ends (see [`crate::thread::alive`]).

use crate::{context, imp};
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

/// The guard of [`enter`]. When the guard is dropped, the node that was current before the call of [`enter`]
/// is current again.
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

/// Pauses a node: its threads stop, as if the operating system had stopped their process. The threads go on
/// when [`resume`] is called. A pause exists only in virtual time.
///
/// A thread that belongs to the node stops at its next call of labrt, or when its present wait ends. So a
/// sleep or a timeout that ends during the pause has no effect until the end of the pause. A thread that
/// holds a lock of labrt, or waits for one, first goes on until it holds no lock. So no other thread waits
/// for a lock of the node as long as the pause lasts.
///
/// A thread of another node may send to a thread of the paused node on a rendezvous channel, or may join such
/// a thread. This call waits until the end of the pause.
///
/// Only threads of the node stop. If another thread calls code of the node, this code runs. A network should
/// hold back the messages to the node (`labrpc::Network::pause` does this).
///
/// # Panics
/// On real threads. A test there could not know when the threads have stopped: between two calls of labrt, a
/// thread may run for as long as it wants.
#[track_caller]
pub fn pause(node: NodeId) {
    imp::pause(node);
}

/// Ends the pause of a node. If the node is not paused, the call does nothing.
#[track_caller]
pub fn resume(node: NodeId) {
    imp::resume(node);
}

/// Changes the speed of a server's clock: from now on, the clock counts `permille` milliseconds in a second.
/// A clock that was never changed counts 1000. The clock belongs to the server, so it keeps its speed if the
/// server restarts. Only code that reads a [`NodeClock`](crate::NodeClock) notices the speed. If a thread of
/// the server waits when the speed changes, the end of this wait does not change.
///
/// # Panics
/// If `permille` is 0.
#[track_caller]
pub fn set_clock_speed(node: NodeId, permille: u32) {
    crate::clock::set_speed(node, permille);
}

/// Until the guard is dropped, this thread does not stop in a pause of its node. Use this function for code
/// that runs on a thread of a node, if other threads wait for this code. For example, a sender must not stop
/// while it passes a message to the network. Otherwise the message could be lost.
pub fn without_pause() -> WithoutPause {
    context::with(|c| c.without_pause += 1);
    WithoutPause { here: std::marker::PhantomData }
}

/// The guard of [`without_pause`].
#[must_use = "the thread may stop again when the guard is dropped"]
pub struct WithoutPause {
    /// A guard must be dropped on the thread that has made it.
    here: std::marker::PhantomData<*const ()>,
}

impl Drop for WithoutPause {
    fn drop(&mut self) {
        context::with(|c| c.without_pause -= 1);
    }
}

/// Notes that many nodes depend on this thread. For example, the thread of a network delivers the messages of
/// all nodes. So code of a node that runs on this thread must be short, see [`on_shared_thread`].
pub fn shared_thread() {
    context::with(|c| c.shared = true);
}

/// True if many nodes depend on this thread. Then a node should leave work that is not urgent to its own
/// threads.
pub fn on_shared_thread() -> bool {
    context::with(|c| c.shared).unwrap_or_default()
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
