//! Timers that can be reset and stopped while threads wait for them.

use crate::imp;
use crate::imp::sync::Signal;
use crate::instant::Instant;
use parking_lot::Mutex;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Go's `time.Timer` and `time.Ticker` in one type. Clones share the timer.
///
/// A timer does not need a thread. When the time of a timer has come, the timer *fires*: one thread that
/// waits for the timer continues. A thread waits in [`Timer::wait`] or in a [`Select`](crate::chan::Select).
/// [`Timer::reset`] and [`Timer::stop`] have an effect at once, even on threads that already wait. In Go, a
/// timer has a channel, which must sometimes be drained. Here there is no such channel.
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
    /// When the timer fires. With `None`, it never fires.
    due: Option<Instant>,
    /// The time between two ticks, if the timer fires again and again.
    period: Option<Duration>,
    /// The signal that is raised when the timer is set or stopped. It is `None` if no thread has waited since
    /// the last change.
    changed: Option<Signal>,
}

impl Timer {
    /// Makes a timer that fires once, after the time `d`: Go's `time.NewTimer`.
    #[track_caller]
    pub fn after(d: Duration) -> Timer {
        Timer::with(Instant::now().checked_add(d), None)
    }

    /// Makes a timer that fires again after each `period`: Go's `time.NewTicker`. If no thread has received a
    /// tick before the next tick is due, one of the two ticks is lost.
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

    /// Sets the timer again: it fires after the time `d`. If the timer is periodic, `d` is also its new
    /// period. Returns whether the timer was running.
    #[track_caller]
    pub fn reset(&self, d: Duration) -> bool {
        let now = Instant::now();
        self.set(|state| {
            state.due = now.checked_add(d);
            state.period = state.period.map(|_| d.max(Duration::from_nanos(1)));
        })
    }

    /// Stops the timer. It does not fire until it is reset. Returns whether the timer was running.
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

    /// Waits until the timer fires: Go's `<-timer.C`. If the timer is stopped, the call waits until the timer
    /// is reset and fires.
    #[track_caller]
    pub fn wait(&self) {
        let place = Location::caller();
        while !self.take_if_due() {
            let (due, changed) = self.watch();
            changed.wait_at(due, "Timer::wait", place);
        }
    }

    /// Lets the timer fire if it is due. Returns whether it has fired.
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

    /// Returns the time at which the timer fires, and a signal that is raised when the timer is set or
    /// stopped.
    pub(crate) fn watch(&self) -> (Option<Instant>, Signal) {
        let mut state = self.0.lock();
        let due = state.due;
        (due, state.changed.get_or_insert_with(Signal::new).clone())
    }
}
