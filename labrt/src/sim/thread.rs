//! Tasks of the virtual clock, with the interface of threads.

use super::kernel::{self as k, Waiter};
use super::time::sleep;
use crate::node::{self, NodeId};
use crate::trace;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

struct Shared<T> {
    done: bool,
    result: Option<std::thread::Result<T>>,
    waiters: Vec<Waiter>,
}

/// A handle on a thread.
pub struct JoinHandle<T>(Arc<parking_lot::Mutex<Shared<T>>>);

/// It is also dropped when the task is cancelled before it starts, or is unwound.
struct Finish<T>(Arc<parking_lot::Mutex<Shared<T>>>);

impl<T> Drop for Finish<T> {
    fn drop(&mut self) {
        let waiters = {
            let mut s = self.0.lock();
            s.done = true;
            std::mem::take(&mut s.waiters)
        };
        for w in waiters {
            k::wake(w);
        }
    }
}

/// A thread in a list of threads.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    /// Its number in the run.
    pub number: u64,
    /// Its name, what it waits for, and where.
    pub what: String,
}

/// Starts `f` on a thread of the run's pool, as `go` does in Go.
///
/// The current [`node`] owns the thread, and the thread acts under the same message or operation as
/// this one ([`trace::under`]). A panic in it fails the run.
#[track_caller]
pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_named("", trace::carried(f))
}

/// Starts `f` on a thread of its own. Reports show its name. It is for work that lasts as long as its
/// node.
#[track_caller]
pub fn spawn_named<T: Send + 'static>(
    name: impl Into<String>,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let shared = Arc::new(parking_lot::Mutex::new(Shared { done: false, result: None, waiters: Vec::new() }));
    let finish = Finish(shared.clone());
    let job = move || match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => finish.0.lock().result = Some(Ok(value)),
        // A panic in any task fails the run; the kernel sees it.
        Err(payload) => {
            drop(finish);
            resume_unwind(payload)
        }
    };
    k::spawn(name.into(), node::current(), Box::new(job));
    k::preempt("thread::spawn");
    JoinHandle(shared)
}

impl<T> JoinHandle<T> {
    /// Has it ended?
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        k::active();
        self.0.lock().done
    }

    /// Waits for the thread's end.
    ///
    /// # Errors
    /// A text if it was cancelled with its run.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        loop {
            let w = {
                let mut s = self.0.lock();
                if s.done {
                    return s
                        .result
                        .take()
                        .unwrap_or_else(|| Err(Box::new("the thread was cancelled with its run")));
                }
                let w = k::prepare();
                s.waiters.push(w);
                w
            };
            k::block(w, None, "JoinHandle::join");
        }
    }
}

/// Lets others run. It takes a microsecond of virtual time, so that a loop around it makes progress.
#[track_caller]
pub fn yield_now() {
    sleep(std::time::Duration::from_micros(1));
}

/// The threads of the current run that `node` owns: they were spawned while its code ran.
#[track_caller]
pub fn alive(node: NodeId) -> Vec<ThreadInfo> {
    let all = k::live_tasks().into_iter();
    all.filter(|t| t.1 == node).map(|(number, _, what)| ThreadInfo { number, what }).collect()
}

/// The number of threads of the current run.
#[track_caller]
pub fn count() -> usize {
    k::live_tasks().len()
}
