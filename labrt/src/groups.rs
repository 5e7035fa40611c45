//! [`WaitGroup`] waits for a group of threads. [`Once`] does an action only once, even if several threads ask
//! for it.

use crate::imp;
use crate::imp::sync::Signal;
use crate::instant::Instant;
use parking_lot::Mutex;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Go's `sync.WaitGroup`: a counter, and threads that wait until the counter is zero. Clones share the
/// counter.
///
/// ```
/// use labrt::{sync::WaitGroup, thread};
///
/// labrt::run(|| {
///     let group = WaitGroup::new();
///     for _ in 0..3 {
///         group.add(1);
///         let group = group.clone();
///         thread::spawn(move || group.done());
///     }
///     group.wait();
/// });
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup(Arc<Mutex<Group>>);

#[derive(Default)]
struct Group {
    count: usize,
    /// The signal that is raised when the count becomes zero. It is `None` if no thread waits.
    zero: Option<Signal>,
}

impl WaitGroup {
    /// Makes a group whose count is zero.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` to the count. Call this before you start the `n` threads. Otherwise a thread may call
    /// [`WaitGroup::done`] too early.
    #[track_caller]
    pub fn add(&self, n: usize) {
        imp::enter("WaitGroup::add", Location::caller());
        self.0.lock().count += n;
    }

    /// Subtracts 1 from the count.
    ///
    /// # Panics
    /// When the count is zero.
    #[track_caller]
    pub fn done(&self) {
        imp::enter("WaitGroup::done", Location::caller());
        let zero = {
            let mut group = self.0.lock();
            let Some(rest) = group.count.checked_sub(1) else {
                drop(group);
                panic!("WaitGroup::done is called more often than `add` has announced");
            };
            group.count = rest;
            if rest == 0 { group.zero.take() } else { None }
        };
        if let Some(zero) = zero {
            zero.raise();
        }
    }

    /// Waits until the count is zero.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_at(None, Location::caller());
    }

    /// Like [`WaitGroup::wait`], but waits at most for `d`. Returns whether the count is zero.
    #[track_caller]
    pub fn wait_for(&self, d: Duration) -> bool {
        self.wait_at(Instant::now().checked_add(d), Location::caller())
    }

    /// Like [`WaitGroup::wait`], but waits only until `at`. Returns whether the count is zero.
    #[track_caller]
    pub fn wait_until(&self, at: Instant) -> bool {
        self.wait_at(Some(at), Location::caller())
    }

    fn wait_at(&self, at: Option<Instant>, place: &'static Location<'static>) -> bool {
        imp::enter("WaitGroup::wait", place);
        let zero = {
            let mut group = self.0.lock();
            if group.count == 0 {
                return true;
            }
            group.zero.get_or_insert_with(Signal::new).clone()
        };
        zero.wait_at(at, "WaitGroup::wait", place)
    }
}

/// Go's `sync.Once`: an action that is done only once. The first thread that calls [`Once::call_once`] does
/// it.
pub struct Once(Mutex<Progress>);

enum Progress {
    NotBegun,
    /// The first call has not returned yet. When it returns, it raises the signal.
    Begun(Signal),
    Done,
}

impl Once {
    /// Makes a `Once` whose action has not been done yet.
    pub const fn new() -> Once {
        Once(parking_lot::const_mutex(Progress::NotBegun))
    }

    /// The first call of this method calls `f`. Every other call only waits until the first call has
    /// returned. If `f` panics, the action counts as done.
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        let place = Location::caller();
        imp::enter("Once::call_once", place);
        let under_way = {
            let mut progress = self.0.lock();
            match &*progress {
                Progress::Done => return,
                Progress::Begun(end) => Some(end.clone()),
                Progress::NotBegun => {
                    *progress = Progress::Begun(Signal::new());
                    None
                }
            }
        };
        if let Some(end) = under_way {
            end.wait_at(None, "Once::call_once", place);
            return;
        }
        let _ended = Ended(self);
        f();
    }

    /// True if the first call of [`Once::call_once`] has returned.
    pub fn is_completed(&self) -> bool {
        matches!(*self.0.lock(), Progress::Done)
    }
}

impl Default for Once {
    fn default() -> Once {
        Once::new()
    }
}

struct Ended<'a>(&'a Once);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.0.0.lock(), Progress::Done);
        if let Progress::Begun(end) = before {
            end.raise();
        }
    }
}
