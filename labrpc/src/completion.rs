//! How the sender of a message that had to wait learns the outcome.
//!
//! A slot wakes the thread that waits. A callback is code of the sender. The code that ends the
//! message decides on which thread the callback runs.

use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::time::Instant;
use labrt::trace;

/// The encoded reply, or `None` for a failure of any kind.
pub(crate) type Outcome = Option<Vec<u8>>;

/// What to do with the outcome of a message.
pub(crate) enum Completion {
    /// A thread waits in `call`.
    Slot(Arc<Slot>),
    /// The `on_reply` of a `send` has to run.
    Callback(Callback),
}

/// Makes the completion of a message, when the message has to wait for the first time.
pub(crate) type MakeCompletion<'a> = &'a mut dyn FnMut() -> Completion;

/// A place for one outcome: filled once, taken once.
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

    /// Wait until `deadline` at the latest. `None`: the deadline came first.
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

/// The `on_reply` of a `send`, and the node whose code it is.
pub(crate) struct Callback {
    node: NodeId,
    run: Box<dyn FnOnce(Outcome) + Send>,
}

impl Callback {
    /// A callback of the current node.
    pub fn new(run: impl FnOnce(Outcome) + Send + 'static) -> Callback {
        Callback { node: node::current(), run: Box::new(run) }
    }

    /// Run it as its node, under message `id`.
    pub fn run(self, id: u64, outcome: Outcome) {
        let _under = trace::under(id);
        let _node = node::enter(self.node);
        (self.run)(outcome);
    }
}
