//! The run to which the running thread belongs, and the thread's slot in this run. This module also has the
//! code that all kinds of waits use.

use super::supervisor::RealRun;
use crate::node::NodeId;
use crate::outcome::title;
use crate::panics::{self, Panic};
use crossbeam::channel::Receiver;
use parking_lot::{Condvar, Mutex};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::panic::Location;
use std::sync::Arc;

/// A wait of a thread. Reports show the wait, and the end of the run cancels it.
pub(super) struct Wait {
    pub(super) what: &'static str,
    pub(super) place: &'static Location<'static>,
    /// The condition variable that is notified when the run is cancelled. It is `None` for a wait on a
    /// channel: such a wait ends when the channel of [`cancel_channel`] is disconnected.
    condvar: Option<Arc<Condvar>>,
}

/// What the supervisor of a run knows about one thread of the run.
pub(crate) struct Slot {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) owner: NodeId,
    pub(super) wait: Mutex<Option<Wait>>,
}

impl Slot {
    /// Wakes the thread. Then the thread notices that the run is cancelled.
    pub(super) fn nudge(&self) {
        if let Some(condvar) = self.wait.lock().as_ref().and_then(|w| w.condvar.as_ref()) {
            condvar.notify_all();
        }
    }

    /// Describes the thread and its wait. An example is `S1 raft-1-ticker: in Condvar::wait at
    /// src/raft/server.rs:42`.
    pub(super) fn describe(&self) -> String {
        let at = match &*self.wait.lock() {
            Some(w) => format!("in {} at {}", w.what, w.place),
            None => "running".to_string(),
        };
        format!("{}: {at}", title(self.owner, &self.name, self.number))
    }
}

#[derive(Default)]
struct Current {
    run: RefCell<Option<(Arc<RealRun>, Arc<Slot>)>>,
    last_panic: RefCell<Option<Panic>>,
}

mod tls {
    use super::*;
    thread_local! {
        pub(super) static CURRENT: Current = Current::default();
        /// True if the events of this thread are kept. This variable is read for each event, so the access
        /// must be fast. For this reason it is not a part of `CURRENT`.
        pub(super) static WATCHED: Cell<bool> = const { Cell::new(false) };
    }
}

/// Makes this OS thread a thread of the run until the guard is dropped.
pub(super) fn enter(run: Arc<RealRun>, slot: Arc<Slot>) -> impl Sized {
    struct Leave(Option<(Arc<RealRun>, Arc<Slot>)>, bool);
    impl Drop for Leave {
        fn drop(&mut self) {
            let before = self.0.take();
            tls::WATCHED.set(self.1);
            let _ = tls::CURRENT.try_with(|c| c.run.replace(before));
        }
    }
    let watched = tls::WATCHED.replace(run.events.is_some());
    Leave(tls::CURRENT.with(|c| c.run.replace(Some((run, slot)))), watched)
}

/// Returns whether the events of this thread are kept.
#[inline]
pub(super) fn watched() -> bool {
    tls::WATCHED.get()
}

pub(super) fn with_run<R>(f: impl FnOnce(Option<&Arc<RealRun>>) -> R) -> R {
    let mut f = Some(f);
    let done = tls::CURRENT.try_with(|c| match c.run.try_borrow() {
        Ok(run) => (f.take().expect("the closure is called once"))(run.as_ref().map(|(run, _)| run)),
        Err(_) => (f.take().expect("the closure is called once"))(None),
    });
    done.unwrap_or_else(|_| (f.take().expect("the closure has not been called yet"))(None))
}

pub(super) fn run() -> Option<Arc<RealRun>> {
    with_run(|r| r.cloned())
}

pub(super) fn set_last_panic(panic: Panic) {
    let _ = tls::CURRENT.try_with(|c| c.last_panic.replace(Some(panic)));
}

/// Returns the last panic of this thread, with its place. A second call returns `None`, until the thread
/// panics again.
pub(super) fn take_last_panic() -> Option<Panic> {
    tls::CURRENT.try_with(|c| c.last_panic.take()).ok().flatten()
}

pub(super) fn thread_number() -> u64 {
    tls::CURRENT.try_with(|c| c.run.borrow().as_ref().map_or(0, |(_, s)| s.number)).unwrap_or(0)
}

/// Unwinds the thread if its run is cancelled. If the run is cancelled and the thread is already being
/// unwound, returns `true`. Then the thread is in a destructor, and its waits must be short.
pub(super) fn check() -> bool {
    if !with_run(|r| r.is_some_and(|r| r.is_cancelled())) {
        return false;
    }
    if !std::thread::panicking() {
        panics::cancel();
    }
    true
}

/// Returns a channel that is disconnected when the run is cancelled. Outside a run, this channel is never
/// disconnected.
pub(super) fn cancel_channel() -> Receiver<Infallible> {
    with_run(|r| r.map_or_else(crossbeam::channel::never, |r| r.cancel_channel()))
}

/// Records that this thread waits. The record is removed when the guard is dropped.
pub(super) fn waiting(
    what: &'static str,
    place: &'static Location<'static>,
    condvar: Option<Arc<Condvar>>,
) -> Waiting {
    let slot = tls::CURRENT.try_with(|c| c.run.borrow().as_ref().map(|(_, s)| s.clone())).ok().flatten();
    if let Some(slot) = &slot {
        *slot.wait.lock() = Some(Wait { what, place, condvar });
    }
    Waiting(slot)
}

pub(super) struct Waiting(Option<Arc<Slot>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(slot) = &self.0 {
            *slot.wait.lock() = None;
        }
    }
}
