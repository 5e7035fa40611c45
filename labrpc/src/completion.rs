//! A completion brings the outcome of a message to its sender, if the message had to wait. If the message
//! never waits, the outcome is returned directly.
//!
//! There are two kinds of completions. A slot wakes the thread that waits. A callback is a closure of the
//! sender. The code that ends the message decides on which thread the callback runs.

use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::time::{Duration, Instant};
use labrt::{thread, trace};

/// The encoded reply, or `None` for a failure of any kind.
pub(crate) type Outcome = Option<Vec<u8>>;

/// The receiver of a message's outcome.
pub(crate) enum Completion {
    /// A thread waits in `call` for this slot.
    Slot(Arc<Slot>),
    /// The `on_reply` of a `send` must be called.
    Callback(Callback),
}

/// A closure that makes the completion of a message. The closure is called before the first wait of the
/// message. If the message never waits, the closure is not called.
pub(crate) type MakeCompletion<'a> = &'a mut dyn FnMut() -> Completion;

/// A place for one outcome. The outcome is stored in the slot once, and is taken from it once.
pub(crate) struct Slot {
    /// Did many other messages wait when this one began to wait?
    in_crowd: AtomicBool,
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
}

/// How often a thread lets other threads run before it sleeps until its outcome comes. Often one of these
/// threads brings the outcome. Then nobody has to wake this thread, and to wake a thread takes much longer
/// than to let others run. In virtual time nothing would be gained, because computing takes no time there.
const YIELDS: u32 = if labrt::is_sim() { 0 } else { 16 };

/// If more messages than this wait already, a thread sleeps at once. Too many other threads would run before
/// its outcome comes.
const CROWD: usize = 256;

impl Slot {
    pub fn new() -> Arc<Slot> {
        let in_crowd = AtomicBool::new(false);
        Arc::new(Slot { in_crowd, outcome: Mutex::new(None), filled: Condvar::new() })
    }

    /// The message begins to wait. `others` other messages wait already.
    pub fn begin_to_wait(&self, others: usize) {
        self.in_crowd.store(others > CROWD, Ordering::Relaxed);
    }

    pub fn fill(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.filled.notify_one();
    }

    /// Take the outcome if it is there, or if it comes while other threads run.
    #[track_caller]
    fn take_soon(&self) -> Option<Outcome> {
        let yields = if self.in_crowd.load(Ordering::Relaxed) { 0 } else { YIELDS };
        for _ in 0..yields {
            if let Some(outcome) = self.outcome.lock().take() {
                return Some(outcome);
            }
            thread::yield_now();
        }
        None
    }

    #[track_caller]
    pub fn wait(&self) -> Outcome {
        if let Some(outcome) = self.take_soon() {
            return outcome;
        }
        let mut outcome = self.outcome.lock();
        loop {
            if let Some(outcome) = outcome.take() {
                return outcome;
            }
            self.filled.wait(&mut outcome);
        }
    }

    /// Wait for the outcome, but at most for the time `patience`. Returns `None` if there is no outcome in
    /// this time.
    #[track_caller]
    pub fn wait_for(&self, patience: Duration) -> Option<Outcome> {
        if let Some(outcome) = self.take_soon() {
            return Some(outcome);
        }
        let mut outcome = self.outcome.lock();
        if let Some(outcome) = outcome.take() {
            return Some(outcome);
        }
        let deadline = Instant::now() + patience;
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

/// The closure `on_reply` of a `send`, and the node to which the closure belongs.
pub(crate) struct Callback {
    node: NodeId,
    run: Box<dyn FnOnce(Outcome) + Send>,
}

impl Callback {
    /// Makes a callback that belongs to the current node.
    pub fn new(run: impl FnOnce(Outcome) + Send + 'static) -> Callback {
        Callback { node: node::current(), run: Box::new(run) }
    }

    /// The node to which the callback belongs.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Run the callback. During the call, the callback's node is the current node. In the trace, the events
    /// of the callback have the message `id` as their parent.
    pub fn run(self, id: u64, outcome: Outcome) {
        let _under = trace::under(id);
        let _node = node::enter(self.node);
        (self.run)(outcome);
    }
}
