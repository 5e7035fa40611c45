//! A pool of OS threads. They run the threads that a run starts. A *worker* is an OS thread of the pool. When
//! a program calls [`thread::spawn`](super::thread::spawn), an idle worker runs the new thread. If no worker
//! is idle, a new worker is started. So a program can cheaply use a thread for each RPC. The pool belongs to
//! the run and ends with the run.

use super::scheduling;
use super::supervisor::RealRun;
use crate::foreign;
use crossbeam::channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

pub(super) type Job = Box<dyn FnOnce(&Arc<RealRun>) + Send>;
type Task = (Arc<RealRun>, Job);

/// The stack size of a worker in bytes. It is small, because a run may have many threads.
const STACK: usize = 512 * 1024;

/// When a worker has been idle for this time, it ends.
const IDLE: Duration = Duration::from_secs(10);

/// An OS thread of the pool. The worker receives its next task from `rx`. The message `None` ends the worker.
struct Worker {
    tx: Sender<Option<Task>>,
    rx: Receiver<Option<Task>>,
}

#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The idle workers. The last worker in the list became idle last. It is used first, because its data is
    /// probably still in the CPU's caches.
    workers: Vec<Arc<Worker>>,
    /// True if the run is over.
    closed: bool,
}

impl Pool {
    pub(super) fn start(&self, run: Arc<RealRun>, job: Job) {
        let worker = self.idle.lock().workers.pop();
        match worker {
            Some(w) => w.tx.try_send(Some((run, job))).expect("an idle worker's mailbox is empty"),
            None => new_worker((run, job)),
        }
    }

    /// Ends the idle workers. A busy worker ends when its work is done.
    pub(super) fn close(&self) {
        let mut idle = self.idle.lock();
        idle.closed = true;
        for w in idle.workers.drain(..) {
            w.tx.try_send(None).expect("an idle worker's mailbox is empty");
        }
    }

    /// Makes the worker available. Returns false if the run is over.
    fn offer(&self, worker: &Arc<Worker>) -> bool {
        let mut idle = self.idle.lock();
        if !idle.closed {
            idle.workers.push(worker.clone());
        }
        !idle.closed
    }

    /// Makes the worker unavailable. Returns false if the worker was no longer in the list of idle workers:
    /// it has just been given a task, or the run is over.
    fn withdraw(&self, worker: &Arc<Worker>) -> bool {
        let mut idle = self.idle.lock();
        let at = idle.workers.iter().position(|w| Arc::ptr_eq(w, worker));
        at.is_some_and(|i| {
            idle.workers.remove(i);
            true
        })
    }
}

fn new_worker(first: Task) {
    os_thread("labrt-pool".into(), move || {
        foreign::adopt();
        let (tx, rx) = bounded(1);
        let me = Arc::new(Worker { tx, rx });
        let (run, mut job) = first;
        loop {
            job(&run);
            if !run.pool.offer(&me) {
                return;
            }
            let next = match me.rx.recv_timeout(IDLE) {
                Ok(next) => next,
                Err(_) if run.pool.withdraw(&me) => None,
                Err(_) => me.rx.recv().ok().flatten(),
            };
            match next {
                Some((_, next)) => job = next,
                None => return,
            }
        }
    });
}

/// Starts an OS thread that does only `job`. Debuggers show the thread's name.
pub(super) fn dedicated(name: String, run: Arc<RealRun>, job: Job) {
    os_thread(name, move || {
        foreign::adopt();
        job(&run);
    });
}

/// Starts an OS thread that belongs to no run.
pub(super) fn outside_run(name: String, job: Box<dyn FnOnce() + Send>) {
    os_thread(name, job);
}

fn os_thread(name: String, f: impl FnOnce() + Send + 'static) {
    let made = std::thread::Builder::new().name(name.clone()).stack_size(STACK).spawn(|| {
        scheduling::ask_for_batch_policy();
        f();
    });
    if let Err(e) = made {
        panic!("the system gave no thread for {name:?}: {e}");
    }
}
