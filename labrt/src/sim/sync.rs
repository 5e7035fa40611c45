//! Locks, condition variables and signals in virtual time.
//!
//! The types here have internal locks of parking_lot. No code here switches to another task while it holds an
//! internal lock. So a task never has to wait for an internal lock. The internal locks only make the types
//! `Send` and `Sync` without `unsafe`.

use super::kernel::{self as k, Waiter};
use super::time::{Duration, Instant, after};
pub use crate::groups::{Once, WaitGroup};
pub use crate::instant::WaitTimeoutResult;
use crate::locks;
use crate::node;
pub use crate::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
pub use std::sync::{Arc, Weak, atomic};

/// A lock around a value. A panic does not poison the lock. See [`locks`] for the mistakes that the lock
/// finds.
///
/// The value is in a mutex of parking_lot, which is locked with `try_lock`. If `try_lock` fails, the task
/// waits in a queue.
pub struct Mutex<T: ?Sized> {
    meta: locks::Meta,
    waiters: parking_lot::Mutex<VecDeque<Waiter>>,
    inner: parking_lot::Mutex<T>,
}

/// Access to the value of a [`Mutex`]. When the guard is dropped, the lock is unlocked.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    inner: Option<parking_lot::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    /// Makes a lock around `value`.
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            meta: locks::Meta::new(Location::caller()),
            waiters: parking_lot::const_mutex(VecDeque::new()),
            inner: parking_lot::const_mutex(value),
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free, and locks it.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if !k::active() {
            return MutexGuard { mutex: self, inner: Some(self.inner.lock()) };
        }
        locks::acquiring(&self.meta);
        k::preempt("Mutex::lock");
        let inner = self.lock_now();
        locks::acquired(&self.meta);
        MutexGuard { mutex: self, inner: Some(inner) }
    }

    #[track_caller]
    fn lock_now(&self) -> parking_lot::MutexGuard<'_, T> {
        loop {
            if let Some(inner) = self.inner.try_lock() {
                return inner;
            }
            let w = k::prepare();
            self.waiters.lock().push_back(w);
            let _goes_on = node::without_pause();
            k::block(w, None, "Mutex::lock");
        }
    }

    /// Locks the lock if it is free.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        if k::active() {
            k::preempt("Mutex::try_lock");
        }
        let inner = self.inner.try_lock()?;
        locks::acquired(&self.meta);
        Some(MutexGuard { mutex: self, inner: Some(inner) })
    }

    /// Returns the value without locking. No locking is needed, because `&mut self` proves that no other
    /// thread uses the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: ?Sized> MutexGuard<'_, T> {
    /// Unlocks the lock. Destructors call this function, so it never switches tasks.
    fn release(&mut self) {
        if self.inner.take().is_some() {
            locks::released(&self.mutex.meta);
            let mut queue = self.mutex.waiters.lock();
            while let Some(w) = queue.pop_front() {
                if k::wake(w) {
                    break;
                }
            }
        }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.release();
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner.as_deref().expect("the lock is held while its guard can be used")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_deref_mut().expect("the lock is held while its guard can be used")
    }
}

/// A condition variable.
#[derive(Default)]
pub struct Condvar {
    waiters: parking_lot::Mutex<Vec<Waiter>>,
}

impl Condvar {
    /// Makes a condition variable.
    pub const fn new() -> Condvar {
        Condvar { waiters: parking_lot::const_mutex(Vec::new()) }
    }

    /// Unlocks the lock, waits for a notification, and locks the lock again.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_inner(guard, None);
    }

    /// Like [`Condvar::wait`], but waits only until `at`.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Instant) -> WaitTimeoutResult {
        self.wait_inner(guard, Some(at.0))
    }

    /// Like [`Condvar::wait`], but waits at most for `d`.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, d: Duration) -> WaitTimeoutResult {
        self.wait_inner(guard, Some(after(d)))
    }

    #[track_caller]
    fn wait_inner<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Option<u64>) -> WaitTimeoutResult {
        let w = k::prepare();
        self.waiters.lock().push(w);
        guard.release();
        let notified = k::block(w, at, "Condvar::wait");
        if !notified {
            self.waiters.lock().retain(|x| *x != w);
        }
        guard.inner = Some(guard.mutex.lock_now());
        locks::acquired(&guard.mutex.meta);
        WaitTimeoutResult(!notified)
    }

    /// Wakes one waiting task. The seed decides which task. Returns whether there was a waiting task.
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        if k::active() {
            k::preempt("Condvar::notify_one");
        }
        let mut queue = self.waiters.lock();
        while !queue.is_empty() {
            let i = k::choose(queue.len() as u64) as usize;
            if k::wake(queue.swap_remove(i)) {
                return true;
            }
        }
        false
    }

    /// Wakes all waiting tasks. Returns their number.
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        if k::active() {
            k::preempt("Condvar::notify_all");
        }
        let queue = std::mem::take(&mut *self.waiters.lock());
        queue.into_iter().filter(|w| k::wake(*w)).count()
    }
}

/// An event that happens only once. After a thread has raised the signal, the signal stays raised for all
/// threads. Clones share the signal.
#[derive(Clone, Default)]
pub struct Signal(Arc<parking_lot::Mutex<Raised>>);

#[derive(Default)]
struct Raised {
    raised: bool,
    waiters: Vec<Waiter>,
}

impl Signal {
    /// Makes a signal that is not raised.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Raises the signal. If the signal is raised already, the call does nothing. This function never
    /// switches tasks.
    #[track_caller]
    pub fn raise(&self) {
        k::active();
        let waiters = {
            let mut s = self.0.lock();
            s.raised = true;
            std::mem::take(&mut s.waiters)
        };
        for w in waiters {
            k::wake(w);
        }
    }

    /// True if the signal is raised.
    #[track_caller]
    pub fn is_raised(&self) -> bool {
        k::active();
        self.0.lock().raised
    }

    /// Waits until the signal is raised.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_at(None, "Signal::wait", Location::caller());
    }

    /// Like [`Signal::wait`], but waits only until `at`. Returns whether the signal is raised.
    #[track_caller]
    pub fn wait_until(&self, at: Instant) -> bool {
        self.wait_at(Some(at), "Signal::wait", Location::caller())
    }

    /// Like [`Signal::wait_until`], for a caller that is at `place`. `what` is the name of the wait in
    /// reports.
    pub(crate) fn wait_at(&self, at: Option<Instant>, what: &'static str, place: k::Place) -> bool {
        k::preempt_at(what, place);
        if self.is_raised() {
            return true;
        }
        let w = k::prepare();
        self.enlist(w);
        k::block_at(w, at.map(|at| at.0), what, place);
        self.dismiss(w);
        self.is_raised()
    }

    /// Adds the ticket `w` to the tickets that the signal wakes when it is raised.
    pub(super) fn enlist(&self, w: Waiter) {
        self.0.lock().waiters.push(w);
    }

    pub(super) fn dismiss(&self, w: Waiter) {
        self.0.lock().waiters.retain(|x| *x != w);
    }
}
