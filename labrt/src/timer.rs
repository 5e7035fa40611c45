//! Timers that can be reset and stopped while others wait for them.

use crate::imp;
use crate::imp::sync::Signal;
use crate::instant::Instant;
use parking_lot::Mutex;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Go's `time.Timer`, and its `time.Ticker`. Clones share the timer.
///
/// A timer costs no thread. It *fires* once for each time it is set: one waiting thread goes on, in
/// [`Timer::wait`] or in a [`Select`](crate::chan::Select). [`Timer::reset`] and [`Timer::stop`]
/// count at once for the threads that wait already, so there is no channel to be drained as in Go.
///
/// ```
/// use labrt::time::{Duration, Instant, Timer};
///
/// labrt::run(|| {
///     let election = Timer::after(Duration::from_millis(20));
///     let handler = election.clone();
///     labrt::thread::spawn(move || {
///         labrt::time::sleep(Duration::from_millis(10));
///         handler.reset(Duration::from_millis(20)); // a heartbeat has come
///     });
///     let began = Instant::now();
///     election.wait();
///     assert!(began.elapsed() >= Duration::from_millis(25));
/// });
/// ```
#[derive(Clone)]
pub struct Timer(Arc<Mutex<State>>);

struct State {
    /// When it fires; None: never.
    due: Option<Instant>,
    /// It fires again and again.
    period: Option<Duration>,
    /// Raised when it is set anew. There is one only while a thread waits.
    changed: Option<Signal>,
}

impl Timer {
    /// A timer that fires once, `d` from now: Go's `time.NewTimer`.
    #[track_caller]
    pub fn after(d: Duration) -> Timer {
        Timer::with(Instant::now().checked_add(d), None)
    }

    /// A timer that fires every `period`: Go's `time.NewTicker`. If nobody takes a tick until the
    /// next one is due, one of them is lost.
    ///
    /// # Panics
    /// When `period` is zero.
    #[track_caller]
    pub fn every(period: Duration) -> Timer {
        assert!(period > Duration::ZERO, "Timer::every: the period is zero; expected a longer one");
        Timer::with(Instant::now().checked_add(period), Some(period))
    }

    fn with(due: Option<Instant>, period: Option<Duration>) -> Timer {
        Timer(Arc::new(Mutex::new(State { due, period, changed: None })))
    }

    /// Sets the timer anew: it fires `d` from now, and if it is periodic, every `d` from then on.
    /// Returns whether it was running.
    #[track_caller]
    pub fn reset(&self, d: Duration) -> bool {
        let now = Instant::now();
        self.set(|state| {
            state.due = now.checked_add(d);
            state.period = state.period.map(|_| d.max(Duration::from_nanos(1)));
        })
    }

    /// Stops the timer: it does not fire until it is reset. Returns whether it was running.
    #[track_caller]
    pub fn stop(&self) -> bool {
        self.set(|state| state.due = None)
    }

    #[track_caller]
    fn set(&self, change: impl FnOnce(&mut State)) -> bool {
        imp::enter("Timer::set", Location::caller());
        let (was_running, changed) = {
            let mut state = self.0.lock();
            let was_running = state.due.is_some();
            change(&mut state);
            (was_running, state.changed.take())
        };
        if let Some(changed) = changed {
            changed.raise();
        }
        was_running
    }

    /// Waits until the timer fires: Go's `<-timer.C`. On a timer that is stopped it waits until the
    /// timer is reset and fires.
    #[track_caller]
    pub fn wait(&self) {
        let place = Location::caller();
        while !self.take_if_due() {
            let (due, changed) = self.watch();
            changed.wait_at(due, "Timer::wait", place);
        }
    }

    /// Lets the timer fire if it is due.
    #[track_caller]
    pub(crate) fn take_if_due(&self) -> bool {
        let now = Instant::now();
        let mut state = self.0.lock();
        let Some(due) = state.due.filter(|due| *due <= now) else { return false };
        state.due = state.period.and_then(|period| {
            let missed = (now - due).as_nanos() / period.as_nanos();
            let periods = u32::try_from(missed + 1).unwrap_or(u32::MAX);
            due.checked_add(period.checked_mul(periods)?)
        });
        true
    }

    /// When the timer fires, and a signal that is raised when it is set anew.
    pub(crate) fn watch(&self) -> (Option<Instant>, Signal) {
        let mut state = self.0.lock();
        let due = state.due;
        (due, state.changed.get_or_insert_with(Signal::new).clone())
    }
}
