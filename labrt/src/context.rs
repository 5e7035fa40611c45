//! The context of the running thread: the current node, the message or operation for which the thread works,
//! and the locks that the thread holds.
//!
//! On real threads the context is in a thread-local variable. In virtual time many tasks share one OS thread
//! and this variable. So each switch from one task to another also exchanges the context in the variable.

use crate::locks::{Discipline, Held};
use crate::node::NodeId;
use std::cell::RefCell;

#[derive(Default)]
pub(crate) struct Context {
    pub(crate) node: NodeId,
    /// The message or operation for which this thread works. 0 means none.
    pub(crate) parent: u64,
    /// The locks that this thread holds, in the order in which it locked them.
    pub(crate) held: Vec<Held>,
    /// The number of guards of [`crate::node::without_pause`]. If it is not 0, the thread does not stop in a
    /// pause.
    pub(crate) without_pause: u32,
    /// The number of guards of [`crate::nesting::enter`].
    pub(crate) nesting: u32,
    /// True if many nodes depend on this thread, see [`crate::node::shared_thread`].
    pub(crate) shared: bool,
    pub(crate) discipline: Discipline,
}

impl Context {
    /// Makes the context with which a thread starts. `node` owns the thread.
    pub(crate) fn new(node: NodeId, discipline: Discipline) -> Context {
        Context { node, parent: 0, held: Vec::new(), without_pause: 0, nesting: 0, shared: false, discipline }
    }
}

mod tls {
    use super::*;
    thread_local!(pub(super) static CONTEXT: RefCell<Context> = RefCell::default());
}

/// Calls `f` with the context. Returns `None` if the thread is ending and its context is already gone.
pub(crate) fn with<R>(f: impl FnOnce(&mut Context) -> R) -> Option<R> {
    tls::CONTEXT.try_with(|c| f(&mut c.borrow_mut())).ok()
}

/// Makes `context` the context of this thread, and returns the earlier context.
pub(crate) fn swap(context: Context) -> Context {
    with(|c| std::mem::replace(c, context)).unwrap_or_default()
}

pub(crate) fn node() -> NodeId {
    with(|c| c.node).unwrap_or_default()
}

pub(crate) fn set_node(node: NodeId) -> NodeId {
    with(|c| std::mem::replace(&mut c.node, node)).unwrap_or_default()
}

pub(crate) fn node_and_parent() -> (NodeId, u64) {
    with(|c| (c.node, c.parent)).unwrap_or_default()
}

pub(crate) fn set_parent(parent: u64) -> u64 {
    with(|c| std::mem::replace(&mut c.parent, parent)).unwrap_or_default()
}
