//! A lock for many readers or one writer.

use crate::imp;
use crate::imp::sync::Signal;
use crate::locks;
use crate::node;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

/// Go's `sync.RWMutex`: a lock that many readers or one writer can hold. If a writer waits, new readers wait,
/// too.
///
/// A `RwLock` finds the same mistakes as a [`Mutex`](crate::sync::Mutex) (see [`locks`]). If a thread that
/// holds a `RwLock` locks it again, this is reported, even if the thread only reads. The reason is that a
/// writer may start to wait after the first call of [`RwLock::read`]. Then the second call waits for the
/// writer, and the writer waits for the thread, so both wait for ever.
pub struct RwLock<T: ?Sized> {
    meta: locks::Meta,
    queue: parking_lot::Mutex<Queue>,
    inner: parking_lot::RwLock<T>,
}

/// The threads that wait for the `RwLock`. A thread tries to lock the `RwLock` only while it holds the
/// queue's own lock. If the attempt fails, the thread enters the queue before it releases the queue's lock.
/// Each unlock of the `RwLock` wakes all threads of the queue. So no thread misses an unlock.
struct Queue {
    waiting: Vec<Signal>,
    writers: usize,
}

/// Read access to the value of a [`RwLock`]. Other threads may read at the same time. When the guard is
/// dropped, the lock is unlocked.
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    inner: Option<parking_lot::RwLockReadGuard<'a, T>>,
}

/// Write access to the value of a [`RwLock`]. No other thread has access at the same time. When the guard is
/// dropped, the lock is unlocked.
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    inner: Option<parking_lot::RwLockWriteGuard<'a, T>>,
}

impl<T> RwLock<T> {
    /// Makes a lock around `value`.
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            meta: locks::Meta::new(Location::caller()),
            queue: parking_lot::const_mutex(Queue { waiting: Vec::new(), writers: 0 }),
            inner: parking_lot::const_rwlock(value),
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer holds the lock and no writer waits for it. Then locks it for reading.
    #[track_caller]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let place = Location::caller();
        locks::acquiring(&self.meta);
        imp::enter("RwLock::read", place);
        let _goes_on = node::without_pause();
        let inner = loop {
            let woken = {
                let mut queue = self.queue.lock();
                if queue.writers == 0
                    && let Some(inner) = self.inner.try_read()
                {
                    break inner;
                }
                queue.enlist()
            };
            woken.wait_at(None, "RwLock::read", place);
        };
        locks::acquired(&self.meta);
        RwLockReadGuard { lock: self, inner: Some(inner) }
    }

    /// Waits until the lock is free, and then locks it for writing.
    #[track_caller]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let place = Location::caller();
        locks::acquiring(&self.meta);
        imp::enter("RwLock::write", place);
        let _goes_on = node::without_pause();
        let mut as_writer = None;
        let inner = loop {
            let woken = {
                let mut queue = self.queue.lock();
                if let Some(inner) = self.inner.try_write() {
                    break inner;
                }
                if as_writer.is_none() {
                    queue.writers += 1;
                    as_writer = Some(WaitingWriter(&self.queue));
                }
                queue.enlist()
            };
            woken.wait_at(None, "RwLock::write", place);
        };
        drop(as_writer);
        locks::acquired(&self.meta);
        RwLockWriteGuard { lock: self, inner: Some(inner) }
    }

    /// Locks the lock for reading if this is possible without waiting.
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        imp::enter("RwLock::try_read", Location::caller());
        let queue = self.queue.lock();
        let inner = (queue.writers == 0).then(|| self.inner.try_read())??;
        locks::acquired(&self.meta);
        Some(RwLockReadGuard { lock: self, inner: Some(inner) })
    }

    /// Locks the lock for writing if it is free.
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        imp::enter("RwLock::try_write", Location::caller());
        let _queue = self.queue.lock();
        let inner = self.inner.try_write()?;
        locks::acquired(&self.meta);
        Some(RwLockWriteGuard { lock: self, inner: Some(inner) })
    }

    /// Returns the value without locking. No locking is needed, because `&mut self` proves that no other
    /// thread uses the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// Must be called after the lock has been unlocked.
    fn released(&self) {
        locks::released(&self.meta);
        wake_all(&self.queue);
    }
}

/// Wakes all threads of the queue. Destructors call this function, so it never switches threads.
fn wake_all(queue: &parking_lot::Mutex<Queue>) {
    let waiting = std::mem::take(&mut queue.lock().waiting);
    waiting.iter().for_each(Signal::raise);
}

impl Queue {
    fn enlist(&mut self) -> Signal {
        let woken = Signal::new();
        self.waiting.push(woken.clone());
        woken
    }
}

/// A value that exists as long as a writer waits. New readers must wait until this value is dropped.
struct WaitingWriter<'a>(&'a parking_lot::Mutex<Queue>);

impl Drop for WaitingWriter<'_> {
    fn drop(&mut self) {
        self.0.lock().writers -= 1;
        // The writer may have given up because its run is over. Then the readers that waited for this writer
        // can continue.
        wake_all(self.0);
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        drop(self.inner.take());
        self.lock.released();
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        drop(self.inner.take());
        self.lock.released();
    }
}

const HELD: &str = "the lock is held while its guard can be used";

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner.as_deref().expect(HELD)
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.inner.as_deref().expect(HELD)
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_deref_mut().expect(HELD)
    }
}
