//! The network's one queue of things to do later, and the one thread that does them.
//!
//! The thread starts with the first delayed message and ends when the network is cleaned up or gone and the queue
//! is empty. It holds the queue, never the network. Each task runs outside the queue's lock.

use crate::completion::{Callback, Outcome};
use crate::journey::{Journey, Stage};
use labrt::collections::BinaryHeap;
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant};
use std::cmp::Ordering;

/// Something to do at its time.
pub(crate) enum Task {
    /// A message goes on.
    Stage(Journey, Stage<'static>),
    /// A sender learns how its message of this id ended; on this thread, so that whoever ended it runs no foreign code.
    Callback(u64, Callback, Outcome),
}

impl Task {
    fn run(self) {
        match self {
            Task::Stage(journey, stage) => journey.resume(stage),
            Task::Callback(id, callback, outcome) => callback.run(id, outcome),
        }
    }
}

struct Entry {
    due: Instant,
    order: u64,
    task: Task,
}

// The heap's greatest entry is the one that is due first; of two due at once, the one queued first.
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

/// How much longer the queue is needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    /// The network is in use: the thread waits for more.
    Open,
    /// Cleaned up: what is queued, and what follows from it, is still done.
    Ending,
    /// The network is gone: only callbacks are still run.
    Closed,
}

struct Queue {
    heap: BinaryHeap<Entry>,
    next_order: u64,
    thread_runs: bool,
    life: Life,
}

pub(crate) struct Timer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Timer {
    pub fn new() -> Arc<Timer> {
        let queue = Queue { heap: BinaryHeap::new(), next_order: 0, thread_runs: false, life: Life::Open };
        Arc::new(Timer { queue: Mutex::new(queue), changed: Condvar::new() })
    }

    /// Run `task` after `delay`. A stage of a message is dropped when the network is gone.
    pub fn push(self: &Arc<Timer>, delay: Duration, task: Task) {
        let due = Instant::now() + delay;
        let mut queue = self.queue.lock();
        if queue.life == Life::Closed && matches!(task, Task::Stage(..)) {
            drop(queue);
            return drop(task);
        }
        let order = queue.next_order;
        queue.next_order += 1;
        let is_first = queue.heap.peek().is_none_or(|first| due < first.due);
        queue.heap.push(Entry { due, order, task });
        let starts = !std::mem::replace(&mut queue.thread_runs, true);
        drop(queue);
        if starts {
            self.start();
        } else if is_first {
            self.changed.notify_one();
        }
    }

    /// The network is cleaned up: end when there is nothing left to do.
    pub fn end_when_empty(&self) {
        let mut queue = self.queue.lock();
        queue.life = queue.life.max(Life::Ending);
        drop(queue);
        self.changed.notify_one();
    }

    /// The network is gone: forget the messages, run the callbacks, end.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.life = Life::Closed;
        let all = std::mem::take(&mut queue.heap);
        let (stages, callbacks): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| matches!(entry.task, Task::Stage(..)));
        queue.heap.extend(callbacks);
        drop(queue);
        self.changed.notify_one();
        drop(stages);
    }

    fn start(self: &Arc<Timer>) {
        let _nobody = node::enter(NodeId::NONE);
        let timer = Arc::clone(self);
        thread::spawn_named("labrpc-timer", move || timer.serve());
    }

    fn serve(&self) {
        let panicking = Panicking(self);
        while let Some(task) = self.next() {
            task.run();
        }
        std::mem::forget(panicking);
    }

    /// Wait for the next task that is due; `None`: there will be none.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            match queue.heap.peek().map(|first| first.due) {
                Some(due) if due <= Instant::now() => return queue.heap.pop().map(|entry| entry.task),
                Some(due) => {
                    self.changed.wait_until(&mut queue, due);
                }
                None if queue.life >= Life::Ending => {
                    // Under the same lock: a push from here on starts another thread.
                    queue.thread_runs = false;
                    return None;
                }
                None => self.changed.wait(&mut queue),
            }
        }
    }
}

/// A task that panics takes the thread with it (and fails the run); outside a run the next push starts another.
struct Panicking<'a>(&'a Timer);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().thread_runs = false;
    }
}
