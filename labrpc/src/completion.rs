//! How a message that had to wait comes back to whoever sent it.
//!
//! Completing runs no code of the sender by itself: a slot only wakes its thread, a callback is handed back to be
//! run where running foreign code is allowed.

use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::time::Instant;
use labrt::trace;

/// The encoded reply, or `None` for a failure of any kind.
pub(crate) type Outcome = Option<Vec<u8>>;

/// Whoever waits for a message.
pub(crate) enum Completion {
    /// A thread in `call`.
    Slot(Arc<Slot>),
    /// The `on_reply` of a `send`.
    Callback(Callback),
}

/// One outcome, filled once, taken once.
pub(crate) struct Slot {
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
}

impl Slot {
    pub fn new() -> Arc<Slot> {
        Arc::new(Slot { outcome: Mutex::new(None), filled: Condvar::new() })
    }

    pub fn fill(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.filled.notify_one();
    }

    #[track_caller]
    pub fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.lock();
        loop {
            if let Some(outcome) = outcome.take() {
                return outcome;
            }
            self.filled.wait(&mut outcome);
        }
    }

    /// Wait until `deadline` at the latest; `None`: it came first.
    #[track_caller]
    pub fn wait_until(&self, deadline: Instant) -> Option<Outcome> {
        let mut outcome = self.outcome.lock();
        loop {
            if let Some(outcome) = outcome.take() {
                return Some(outcome);
            }
            if self.filled.wait_until(&mut outcome, deadline).timed_out() {
                return outcome.take();
            }
        }
    }
}

/// What a sender wants done with the outcome, and the node whose code that is.
pub(crate) struct Callback {
    node: NodeId,
    run: Box<dyn FnOnce(Outcome) + Send>,
}

impl Callback {
    pub fn new(run: impl FnOnce(Outcome) + Send + 'static) -> Callback {
        Callback { node: node::current(), run: Box::new(run) }
    }

    /// Runs it, in the course of message `id`.
    pub fn run(self, id: u64, outcome: Outcome) {
        let _under = trace::under(id);
        let _node = node::enter(self.node);
        (self.run)(outcome);
    }
}
