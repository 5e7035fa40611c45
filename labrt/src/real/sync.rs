//! Locks, condition variables and signals on real threads.

use super::current::{self, check, waiting};
use super::time::{Duration, Instant, to_std};
pub use crate::groups::{Once, WaitGroup};
pub use crate::instant::WaitTimeoutResult;
pub use crate::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::{foreign, locks};
use crossbeam::channel::{Receiver, Sender};
use std::convert::Infallible;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
pub use std::sync::{Arc, Weak, atomic};

/// A thread that waits for a lock checks again and again whether its run is over. This is the time between
/// two checks. Threads hold locks only for microseconds, so only a deadlock makes a wait so long.
const LOCK_PATIENCE: Duration = Duration::from_millis(100);

/// When a run is over, its threads are unwound, and their destructors run. A destructor then waits at most
/// this long for a condition variable.
const LAST_WAIT: Duration = Duration::from_millis(5);

/// A lock around a value. A panic does not poison the lock. See [`locks`] for the mistakes that the lock
/// finds.
pub struct Mutex<T: ?Sized> {
    meta: locks::Meta,
    inner: parking_lot::Mutex<T>,
}

/// Access to the value of a [`Mutex`]. When the guard is dropped, the lock is unlocked.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    inner: parking_lot::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    /// Makes a lock around `value`.
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { meta: locks::Meta::new(Location::caller()), inner: parking_lot::Mutex::new(value) }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free, and locks it.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        foreign::touch();
        locks::acquiring(&self.meta);
        let inner = match self.inner.try_lock() {
            Some(inner) => inner,
            None => self.lock_slow(Location::caller()),
        };
        locks::acquired(&self.meta);
        MutexGuard { mutex: self, inner }
    }

    #[cold]
    fn lock_slow(&self, place: &'static Location<'static>) -> parking_lot::MutexGuard<'_, T> {
        let _waiting = waiting("Mutex::lock", place, None);
        loop {
            if let Some(inner) = self.inner.try_lock_for(LOCK_PATIENCE) {
                return inner;
            }
            check();
        }
    }

    /// Locks the lock if it is free.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        foreign::touch();
        let inner = self.inner.try_lock()?;
        locks::acquired(&self.meta);
        Some(MutexGuard { mutex: self, inner })
    }

    /// Returns the value without locking. No locking is needed, because `&mut self` proves that no other
    /// thread uses the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        locks::released(&self.mutex.meta);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// A condition variable. A wait can end without a notification, so the caller must check its condition again
/// after each wait.
#[derive(Default)]
pub struct Condvar {
    /// While a thread waits, the record of its wait has a clone of this `Arc`. If the run is cancelled, the
    /// run wakes the thread with this clone.
    inner: Arc<parking_lot::Condvar>,
}

impl Condvar {
    /// Makes a condition variable.
    pub fn new() -> Condvar {
        Condvar::default()
    }

    /// Unlocks the lock, waits for a notification, and locks the lock again.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_inner(guard, None);
    }

    /// Like [`Condvar::wait`], but waits only until `at`.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Instant) -> WaitTimeoutResult {
        self.wait_inner(guard, Some(at))
    }

    /// Like [`Condvar::wait`], but waits at most for `d`.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, d: Duration) -> WaitTimeoutResult {
        self.wait_inner(guard, Instant::now().checked_add(d))
    }

    #[track_caller]
    fn wait_inner<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, at: Option<Instant>) -> WaitTimeoutResult {
        foreign::touch();
        let waiting = waiting("Condvar::wait", Location::caller(), Some(self.inner.clone()));
        // This check must come after the wait was recorded. If the run is cancelled before the check, the
        // check notices this. If the run is cancelled later, the condition variable is notified.
        let at = match check() {
            true => Some(Instant::now() + LAST_WAIT),
            false => at,
        };
        locks::released(&guard.mutex.meta);
        let timed_out = match at {
            None => {
                self.inner.wait(&mut guard.inner);
                false
            }
            Some(at) => self.inner.wait_until(&mut guard.inner, to_std(at)).timed_out(),
        };
        drop(waiting);
        locks::acquired(&guard.mutex.meta);
        check();
        WaitTimeoutResult(timed_out)
    }

    /// Wakes one waiting thread. Returns whether there was a waiting thread.
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        foreign::touch();
        self.inner.notify_one()
    }

    /// Wakes all waiting threads. Returns their number.
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        foreign::touch();
        self.inner.notify_all()
    }
}

/// An event that happens only once. After a thread has raised the signal, the signal stays raised for all
/// threads. Clones share the signal.
#[derive(Clone)]
pub struct Signal(Arc<Raised>);

struct Raised {
    /// `raise` drops this sender. This disconnects the receiver. Then a select that waits for the receiver
    /// continues.
    sender: parking_lot::Mutex<Option<Sender<Infallible>>>,
    receiver: Receiver<Infallible>,
    flag: atomic::AtomicBool,
}

impl Default for Signal {
    fn default() -> Signal {
        Signal::new()
    }
}

impl Signal {
    /// Makes a signal that is not raised.
    pub fn new() -> Signal {
        let (sender, receiver) = crossbeam::channel::bounded(0);
        Signal(Arc::new(Raised {
            sender: parking_lot::Mutex::new(Some(sender)),
            receiver,
            flag: atomic::AtomicBool::new(false),
        }))
    }

    /// Raises the signal. If the signal is raised already, the call does nothing.
    #[track_caller]
    pub fn raise(&self) {
        foreign::touch();
        self.0.flag.store(true, atomic::Ordering::Release);
        let sender = self.0.sender.lock().take();
        drop(sender);
    }

    /// True if the signal is raised.
    #[track_caller]
    pub fn is_raised(&self) -> bool {
        foreign::touch();
        self.0.flag.load(atomic::Ordering::Acquire)
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
    pub(crate) fn wait_at(
        &self,
        at: Option<Instant>,
        what: &'static str,
        place: &'static Location<'static>,
    ) -> bool {
        foreign::touch_at(place);
        if self.is_raised() {
            return true;
        }
        let _waiting = waiting(what, place, None);
        if check() {
            return self.is_raised();
        }
        let cancel = current::cancel_channel();
        let limit = at.map_or_else(crossbeam::channel::never, |at| crossbeam::channel::at(to_std(at)));
        crossbeam::channel::select! {
            recv(self.0.receiver) -> _ => {}
            recv(cancel) -> _ => { check(); }
            recv(limit) -> _ => {}
        }
        self.is_raised()
    }

    pub(super) fn receiver(&self) -> &Receiver<Infallible> {
        &self.0.receiver
    }
}
