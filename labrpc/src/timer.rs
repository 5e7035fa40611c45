//! The queue of a network's delayed tasks, and the one thread that runs them.
//!
//! The thread starts with the first task. It ends when the queue is empty and the network is cleaned
//! up or gone. It owns the queue, not the network. It runs each task without the lock of the queue.

use labrt::collections::BinaryHeap;
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant};
use std::cmp::Ordering;

type Task = Box<dyn FnOnce() + Send>;

struct Entry {
    due: Instant,
    order: u64,
    /// Run the task even when the network is gone.
    outlives_network: bool,
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
    /// The network is in use: the thread waits for more tasks.
    Open,
    /// The network is cleaned up: the tasks in the queue, and those that follow from them, still
    /// run.
    Ending,
    /// The network is gone: only the tasks that outlive it still run.
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

    /// Run `task` after `delay`. It is dropped when the network is gone.
    pub fn run_after(self: &Arc<Timer>, delay: Duration, task: impl FnOnce() + Send + 'static) {
        self.push(delay, false, Box::new(task));
    }

    /// Run `task` as soon as the thread is free, even when the network is gone.
    pub fn run_soon(self: &Arc<Timer>, task: impl FnOnce() + Send + 'static) {
        self.push(Duration::ZERO, true, Box::new(task));
    }

    fn push(self: &Arc<Timer>, delay: Duration, outlives_network: bool, task: Task) {
        let due = Instant::now() + delay;
        let mut queue = self.queue.lock();
        if queue.life == Life::Closed && !outlives_network {
            // The task is dropped after the lock is free, because that may run code.
            drop(queue);
            return drop(task);
        }
        let order = queue.next_order;
        queue.next_order += 1;
        let is_first = queue.heap.peek().is_none_or(|first| due < first.due);
        queue.heap.push(Entry { due, order, outlives_network, task });
        let starts = !std::mem::replace(&mut queue.thread_runs, true);
        drop(queue);
        if starts {
            self.start();
        } else if is_first {
            self.changed.notify_one();
        }
    }

    /// The network is cleaned up: the thread ends when there is nothing left to do.
    pub fn end_when_empty(&self) {
        let mut queue = self.queue.lock();
        queue.life = queue.life.max(Life::Ending);
        drop(queue);
        self.changed.notify_one();
    }

    /// The network is gone: drop all tasks but those that outlive it; the thread ends after those.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.life = Life::Closed;
        let all = std::mem::take(&mut queue.heap);
        let (kept, dropped): (Vec<Entry>, Vec<Entry>) =
            all.into_iter().partition(|entry| entry.outlives_network);
        queue.heap.extend(kept);
        drop(queue);
        self.changed.notify_one();
        drop(dropped);
    }

    fn start(self: &Arc<Timer>) {
        let _nobody = node::enter(NodeId::NONE);
        let timer = Arc::clone(self);
        thread::spawn_named("labrpc-timer", move || timer.serve());
    }

    fn serve(&self) {
        let panicking = Panicking(self);
        while let Some(task) = self.next() {
            task();
        }
        std::mem::forget(panicking);
    }

    /// Wait for the next task that is due. `None`: there will be none.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            match queue.heap.peek().map(|first| first.due) {
                Some(due) if due <= Instant::now() => return queue.heap.pop().map(|entry| entry.task),
                Some(due) => {
                    self.changed.wait_until(&mut queue, due);
                }
                None if queue.life >= Life::Ending => {
                    // Under the same lock: a push after this starts another thread.
                    queue.thread_runs = false;
                    return None;
                }
                None => self.changed.wait(&mut queue),
            }
        }
    }
}

/// A task that panics ends the thread, and fails the run. Outside a run the next push starts
/// another thread.
struct Panicking<'a>(&'a Timer);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().thread_runs = false;
    }
}
