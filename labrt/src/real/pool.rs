//! OS threads for the threads of a run. A pooled thread runs on an idle worker if there is one, so a
//! thread for each RPC is cheap. The pool belongs to the run and ends with it.

use super::supervisor::RealRun;
use crate::foreign;
use crossbeam::channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

pub(super) type Job = Box<dyn FnOnce(&Arc<RealRun>) + Send>;
type Task = (Arc<RealRun>, Job);

/// Small, because a run may have many threads.
const STACK: usize = 512 * 1024;

/// A worker that has been idle for so long ends.
const IDLE: Duration = Duration::from_secs(10);

/// A worker takes its next task from this channel; None ends it.
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
    /// The worker that became idle last is the last one. It is taken first: its caches are warm.
    workers: Vec<Arc<Worker>>,
    /// The run is over.
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

    /// Ends the idle workers. A busy worker ends after its work.
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

    /// Makes the worker unavailable. Returns false if it has been taken for a task.
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

/// A thread of its own, with a name that debuggers show.
pub(super) fn dedicated(name: String, run: Arc<RealRun>, job: Job) {
    os_thread(name, move || {
        foreign::adopt();
        job(&run);
    });
}

/// A thread of no run.
pub(super) fn outside_run(name: String, job: Box<dyn FnOnce() + Send>) {
    os_thread(name, job);
}

fn os_thread(name: String, f: impl FnOnce() + Send + 'static) {
    let made = std::thread::Builder::new().name(name.clone()).stack_size(STACK).spawn(f);
    if let Err(e) = made {
        panic!("the system gave no thread for {name:?}: {e}");
    }
}
