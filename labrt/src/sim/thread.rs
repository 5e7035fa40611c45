//! The threads of virtual time. They are tasks of the kernel, but have the interface of threads.

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

/// A handle to a thread. With the handle, another thread can wait for the end of this thread.
pub struct JoinHandle<T>(Arc<parking_lot::Mutex<Shared<T>>>);

/// When a `Finish` is dropped, it wakes the threads that wait for the task's end. It is also dropped if the
/// task is unwound, or if the task is cancelled before it starts.
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

/// The description of a thread in a list of threads.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    /// The number of the thread in the run.
    pub number: u64,
    /// A text with the name of the thread, the call in which the thread waits, and the place of this call.
    pub what: String,
}

/// Starts `f` on a thread of the run's pool, as `go` does in Go.
///
/// The current [`node`] owns the new thread. The new thread acts under the same message or operation as the
/// calling thread (see [`trace::under`]). A panic in the new thread fails the run.
#[track_caller]
pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_named("", trace::carried(f))
}

/// Starts `f` on a thread of its own. Reports show the thread's name. Use this function for work that
/// continues until the node stops.
#[track_caller]
pub fn spawn_named<T: Send + 'static>(
    name: impl Into<String>,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let shared = Arc::new(parking_lot::Mutex::new(Shared { done: false, result: None, waiters: Vec::new() }));
    let finish = Finish(shared.clone());
    let job = move || match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => finish.0.lock().result = Some(Ok(value)),
        // A panic in any task must fail the run. So this task continues the panic, and the kernel catches it.
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
    /// True if the thread has ended.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        k::active();
        self.0.lock().done
    }

    /// Waits until the thread has ended, and returns its result.
    ///
    /// # Errors
    /// If the thread was cancelled because its run is over. The error is a text.
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

/// Lets other threads run. The call takes one microsecond of virtual time. So if a loop calls this function,
/// the clock does not stop.
#[track_caller]
pub fn yield_now() {
    sleep(std::time::Duration::from_micros(1));
}

/// Returns the threads of the current run that `node` owns. A node owns the threads that its code has
/// spawned.
#[track_caller]
pub fn alive(node: NodeId) -> Vec<ThreadInfo> {
    let all = k::live_tasks().into_iter();
    all.filter(|t| t.1 == node).map(|(number, _, what)| ThreadInfo { number, what }).collect()
}

/// Returns the number of threads of the current run.
#[track_caller]
pub fn count() -> usize {
    k::live_tasks().len()
}
