//! What belongs to the running thread: the current node, the message or operation that it works
//! for, and the locks that it holds.
//!
//! On real threads this is a plain thread-local. In virtual time many tasks share one OS thread, so
//! each switch of tasks exchanges the contents of the thread-local.

use crate::locks::{Discipline, Held};
use crate::node::NodeId;
use std::cell::RefCell;

#[derive(Default)]
pub(crate) struct Context {
    pub(crate) node: NodeId,
    /// The message or operation that this thread works for; 0: none.
    pub(crate) parent: u64,
    /// The locks this thread holds, in the order in which it took them.
    pub(crate) held: Vec<Held>,
    pub(crate) discipline: Discipline,
}

impl Context {
    /// The context of a thread owned by `node`.
    pub(crate) fn new(node: NodeId, discipline: Discipline) -> Context {
        Context { node, parent: 0, held: Vec::new(), discipline }
    }
}

mod tls {
    use super::*;
    thread_local!(pub(super) static CONTEXT: RefCell<Context> = RefCell::default());
}

/// Calls `f` on the context; None while the thread is being torn down.
pub(crate) fn with<R>(f: impl FnOnce(&mut Context) -> R) -> Option<R> {
    tls::CONTEXT.try_with(|c| f(&mut c.borrow_mut())).ok()
}

/// Replaces the present context by `context` and returns the present one.
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
