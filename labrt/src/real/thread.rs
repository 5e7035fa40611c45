//! Threads in real time: pooled threads for short work, and named threads for long work.

use super::current::{self, check};
use super::{chan, pool, supervisor};
use crate::context::{self, Context};
use crate::foreign;
use crate::node::{self, NodeId};
use crate::outcome::title;
use crate::panics;
use crate::trace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A handle to a thread. With the handle, another thread can wait for the end of this thread.
pub struct JoinHandle<T>(chan::Receiver<std::thread::Result<T>>);

impl<T> JoinHandle<T> {
    /// Waits until the thread has ended, and returns its result.
    ///
    /// # Errors
    /// If the thread has panicked, the error is the payload of the panic. If the thread was cancelled because
    /// its run is over, the error is a text.
    #[track_caller]
    pub fn join(self) -> std::thread::Result<T> {
        self.0.recv().unwrap_or_else(|_| Err(Box::new("the thread was cancelled with its run")))
    }

    /// True if the thread has ended.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        // Every thread sends a result, even if it panics.
        !self.0.is_empty()
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

/// Starts `f` on a thread of the run's pool, as `go` does in Go. An idle OS thread is used if there is one.
///
/// The current [`node`] owns the new thread. The new thread acts under the same message or operation as the
/// calling thread (see [`trace::under`]). A panic in the new thread fails the run.
#[track_caller]
pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    start(String::new(), trace::carried(f))
}

/// Starts `f` on a new OS thread. Debuggers and reports show the thread's name. Use this function for work
/// that continues until the node stops.
#[track_caller]
pub fn spawn_named<T: Send + 'static>(
    name: impl Into<String>,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    start(name.into(), f)
}

#[track_caller]
fn start<T: Send + 'static>(name: String, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    foreign::touch();
    let (tx, rx) = chan::bounded(1);
    let owner = node::current();
    let Some(run) = current::run() else {
        let job = move || {
            let before = context::swap(Context::new(owner, Default::default()));
            let result = catch_unwind(AssertUnwindSafe(f));
            context::swap(before);
            let _ = tx.try_send(result);
        };
        pool::outside_run(name, Box::new(job));
        return JoinHandle(rx);
    };
    let slot = run.register(name.clone(), owner);
    let job = move |run: &Arc<supervisor::RealRun>| {
        let before = context::swap(Context::new(owner, run.world.discipline));
        let result = {
            let _current = current::enter(run.clone(), slot.clone());
            catch_unwind(AssertUnwindSafe(|| {
                check();
                f()
            }))
        };
        context::swap(before);
        if let Err(payload) = &result
            && !payload.is::<panics::Cancelled>()
        {
            let panic = current::take_last_panic().unwrap_or_else(|| panics::Panic::of_payload(&**payload));
            run.fail(slot.number, title(panic.node, &slot.name, slot.number), panic);
        }
        let _ = tx.try_send(result);
        run.unregister(&slot);
    };
    match name.is_empty() {
        true => run.pool.start(run.clone(), Box::new(job)),
        false => pool::dedicated(name, run.clone(), Box::new(job)),
    }
    JoinHandle(rx)
}

/// Lets other threads run.
#[track_caller]
pub fn yield_now() {
    foreign::touch();
    check();
    std::thread::yield_now();
}

/// Returns the threads of the current run that `node` owns. A node owns the threads that its code has
/// spawned.
pub fn alive(node: NodeId) -> Vec<ThreadInfo> {
    let Some(run) = current::run() else { return Vec::new() };
    run.threads()
        .into_iter()
        .filter(|s| s.owner == node)
        .map(|s| ThreadInfo { number: s.number, what: s.describe() })
        .collect()
}

/// Returns the number of threads of the current run.
pub fn count() -> usize {
    current::run().map_or(0, |run| run.threads().len())
}
