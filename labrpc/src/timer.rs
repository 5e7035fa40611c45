//! The queue of a network's delayed tasks, and the thread that runs them.
//!
//! The thread is started when the first task is added. The thread ends when the queue is empty and the
//! network is cleaned up or gone. The thread owns the queue, but not the network. It does not hold the lock
//! of the queue when it runs a task.

use labrt::collections::BinaryHeap;
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant};
use std::cmp::Ordering;

pub(crate) type Task = Box<dyn FnOnce() + Send>;

struct Entry {
    due: Instant,
    order: u64,
    /// True if the task must run even if the network is gone.
    outlives_network: bool,
    task: Task,
}

// The heap returns its greatest entry first. So the entry of the task that is due first must be the greatest.
// If two tasks are due at the same time, the entry that was added first is greater.
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

/// The state of the network. It decides which tasks still run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    /// The network is in use. The thread waits for more tasks.
    Open,
    /// The network is cleaned up. The tasks in the queue still run, and so do the tasks that these tasks add.
    Ending,
    /// The network is gone. Only the tasks with `outlives_network` still run.
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

    /// Run `task` after `delay`. If the network is gone before that time, the task is dropped.
    pub fn run_after(self: &Arc<Timer>, delay: Duration, task: impl FnOnce() + Send + 'static) {
        self.push(Instant::now() + delay, false, Box::new(task));
    }

    /// Run `task` at the time `due`, or as soon as possible if this time has passed. If the network is gone
    /// before that time, the task is dropped.
    pub fn run_at(self: &Arc<Timer>, due: Instant, task: impl FnOnce() + Send + 'static) {
        self.push(due, false, Box::new(task));
    }

    /// Run `task` as soon as the timer's thread is free, even if the network is gone.
    pub fn run_soon(self: &Arc<Timer>, task: impl FnOnce() + Send + 'static) {
        self.push(Instant::now(), true, Box::new(task));
    }

    fn push(self: &Arc<Timer>, due: Instant, outlives_network: bool, task: Task) {
        let mut queue = self.queue.lock();
        if queue.life == Life::Closed && !outlives_network {
            // The task must be dropped after the lock is free, because this drop may run code of a user.
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

    /// Let the thread end when the queue is empty. This is called when the network is cleaned up.
    pub fn end_when_empty(&self) {
        let mut queue = self.queue.lock();
        queue.life = queue.life.max(Life::Ending);
        drop(queue);
        self.changed.notify_one();
    }

    /// Drop all tasks except those with `outlives_network`. The thread runs the tasks that are left, and then
    /// ends. This is called when the network is gone.
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
        node::shared_thread();
        let panicking = Panicking(self);
        while let Some(task) = self.next() {
            task();
        }
        std::mem::forget(panicking);
    }

    /// Wait for the next task that is due. Returns `None` if there will be no more tasks.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            match queue.heap.peek().map(|first| first.due) {
                Some(due) if due <= Instant::now() => return queue.heap.pop().map(|entry| entry.task),
                Some(due) => {
                    self.changed.wait_until(&mut queue, due);
                }
                None if queue.life >= Life::Ending => {
                    // The lock is still held here. So if another thread adds a task later, that thread sees
                    // that no timer thread runs, and starts a new timer thread.
                    queue.thread_runs = false;
                    return None;
                }
                None => self.changed.wait(&mut queue),
            }
        }
    }
}

/// If a task panics, this value is dropped, and the thread ends. Inside a run, the run fails. Outside a run,
/// a new thread is started when the next task is added.
struct Panicking<'a>(&'a Timer);

impl Drop for Panicking<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().thread_runs = false;
    }
}
