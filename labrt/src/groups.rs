//! Waiting for a group of threads, and doing something once for all threads.

use crate::imp;
use crate::imp::sync::Signal;
use crate::instant::Instant;
use parking_lot::Mutex;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Go's `sync.WaitGroup`: a counter, and threads that wait until it is zero. Clones share it.
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
    /// Raised when the count is zero. There is one only while a thread waits.
    zero: Option<Signal>,
}

impl WaitGroup {
    /// A group with count zero.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` to the count. To be called before the thread that it stands for is started.
    #[track_caller]
    pub fn add(&self, n: usize) {
        imp::enter("WaitGroup::add", Location::caller());
        self.0.lock().count += n;
    }

    /// Takes one from the count.
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

    /// The same, for `d` at the most; true: the count is zero.
    #[track_caller]
    pub fn wait_for(&self, d: Duration) -> bool {
        self.wait_at(Instant::now().checked_add(d), Location::caller())
    }

    /// The same, until `at` at the latest; true: the count is zero.
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

/// Go's `sync.Once`: something that is done once, by the first thread that asks for it.
pub struct Once(Mutex<Progress>);

enum Progress {
    NotBegun,
    /// Under way. The signal is raised at the end.
    Begun(Signal),
    Done,
}

impl Once {
    /// Nothing has been done.
    pub const fn new() -> Once {
        Once(parking_lot::const_mutex(Progress::NotBegun))
    }

    /// Calls `f` if it is the first call, else waits until the first call has returned. If `f`
    /// panics, it counts as done.
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

    /// Has the first call returned?
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
