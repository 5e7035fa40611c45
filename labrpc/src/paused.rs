//! The nodes that are paused, and the messages that wait for them.
//!
//! A message waits at two points: before its handler would run on a paused node, and before its paused sender
//! would get the outcome. The other stages of the message go on, because they happen in the network.

use crate::state::Step;
use labrt::collections::BTreeMap;
use labrt::node::NodeId;
use labrt::sync::Mutex;
use labrt::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(crate) struct Paused {
    /// The number of paused nodes. It is nearly always 0. Then a message does not have to lock `waiting`.
    count: AtomicUsize,
    /// The steps of messages that wait for each paused node.
    waiting: Mutex<BTreeMap<NodeId, Vec<Step>>>,
}

impl Paused {
    /// Let the messages of a node wait from now on.
    pub fn pause(&self, node: NodeId) {
        let mut waiting = self.waiting.lock();
        waiting.entry(node).or_default();
        self.count.store(waiting.len(), Ordering::Release);
    }

    /// End the pause of a node. Returns the steps that have waited, in the order in which they began to wait.
    pub fn resume(&self, node: NodeId) -> Vec<Step> {
        let mut waiting = self.waiting.lock();
        let steps = waiting.remove(&node).unwrap_or_default();
        self.count.store(waiting.len(), Ordering::Release);
        steps
    }

    /// Returns whether the node is paused.
    #[inline]
    pub fn has(&self, node: NodeId) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.waiting.lock().contains_key(&node)
    }

    /// Keep a step until the pause of the node ends. If the node is not paused, return the step.
    pub fn keep(&self, node: NodeId, step: Step) -> Option<Step> {
        match self.waiting.lock().get_mut(&node) {
            None => Some(step),
            Some(steps) => {
                steps.push(step);
                None
            }
        }
    }

    /// End all pauses. Returns the steps that have waited.
    pub fn clear(&self) -> Vec<Step> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut waiting = self.waiting.lock();
        self.count.store(0, Ordering::Release);
        std::mem::take(&mut *waiting).into_values().flatten().collect()
    }
}
