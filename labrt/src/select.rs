//! Go's `select`: waits for the first of several things.

use crate::imp::chan::SignalCase;
use crate::imp::chan::{Case, Receiver, RecvCase, RecvError, SendCase, SendError, Sender, select};
use crate::imp::sync::Signal;
use crate::instant::Instant;
use crate::locks;
use crate::timer::Timer;
use std::panic::Location;
use std::time::Duration;

/// Waits for the first of several things: messages, room for a message, signals, timers.
///
/// Each case has a closure. The closure returns the result of the select. Exactly one case happens. Its
/// closure is called, and the closures of the other cases are dropped. If several cases are ready, one of
/// them is chosen at random. But if a timer is due, the case of this timer is chosen.
///
/// ```
/// use labrt::chan::{Select, unbounded};
/// use labrt::sync::Signal;
/// use labrt::time::Duration;
///
/// enum Event {
///     Entry(String),
///     Killed,
/// }
///
/// labrt::run(|| {
///     let (entries, applied) = unbounded();
///     let killed = Signal::new();
///     entries.send("x=1".to_string()).expect("the receiver is below");
///     let event = Select::new()
///         .recv(&applied, |entry| Event::Entry(entry.expect("the sender is above")))
///         .signal(&killed, || Event::Killed)
///         .wait_for(Duration::from_secs(1));
///     assert!(matches!(event, Some(Event::Entry(entry)) if entry == "x=1"));
/// });
/// ```
#[must_use = "a select does nothing until it waits"]
pub struct Select<'a, R> {
    cases: Vec<Box<dyn Case<'a, R> + 'a>>,
    timers: Vec<TimerCase<'a, R>>,
    /// True if a case sends on a bounded channel. If so, the select may wait for a receiver, and the receiver
    /// may need a lock that this thread holds. So if this thread holds a lock, the select reports a mistake
    /// before it waits (see [`locks`]).
    sends: bool,
}

struct TimerCase<'a, R> {
    timer: &'a Timer,
    then: Box<dyn FnOnce() -> R + 'a>,
}

impl<'a, R: 'a> Select<'a, R> {
    /// Makes a select without cases.
    pub fn new() -> Select<'a, R> {
        Select { cases: Vec::new(), timers: Vec::new(), sends: false }
    }

    /// Adds a case that receives a message: Go's `case m, ok := <-rx`. The closure `then` gets the message.
    /// If the channel is empty and all senders are gone, `then` gets an error.
    pub fn recv<T>(mut self, rx: &'a Receiver<T>, then: impl FnOnce(Result<T, RecvError>) -> R + 'a) -> Self {
        self.cases.push(Box::new(RecvCase::new(rx, then)));
        self
    }

    /// Adds a case that sends a message: Go's `case tx <- message`. If all receivers are gone, the closure
    /// `then` gets an error with the message. If another case happens, the message is dropped.
    pub fn send<T>(
        mut self,
        tx: &'a Sender<T>,
        message: T,
        then: impl FnOnce(Result<(), SendError<T>>) -> R + 'a,
    ) -> Self
    where
        T: 'a,
    {
        self.sends |= tx.is_bounded();
        self.cases.push(Box::new(SendCase::new(tx, message, then)));
        self
    }

    /// Adds a case that happens when the signal is raised. This is Go's `case <-done`, where `done` is closed
    /// to stop other goroutines.
    pub fn signal(mut self, signal: &'a Signal, then: impl FnOnce() -> R + 'a) -> Self {
        self.cases.push(Box::new(SignalCase::new(signal, then)));
        self
    }

    /// Adds a case that happens when the timer fires: Go's `case <-timer.C`. The timer may be reset during
    /// the wait.
    pub fn timer(mut self, timer: &'a Timer, then: impl FnOnce() -> R + 'a) -> Self {
        self.timers.push(TimerCase { timer, then: Box::new(then) });
        self
    }

    /// Waits until a case happens. If the select has no cases, the call waits until the run is over.
    #[track_caller]
    pub fn wait(self) -> R {
        let place = Location::caller();
        self.run(Patience::Endless, place).expect("a wait without a time limit ends only when a case happens")
    }

    /// Like [`Select::wait`], but waits only until `at`. Returns `None` if no case has happened by then.
    #[track_caller]
    pub fn wait_until(self, at: Instant) -> Option<R> {
        let place = Location::caller();
        self.run(Patience::Until(at), place)
    }

    /// Like [`Select::wait`], but waits at most for `d`: Go's `case <-time.After(d)`. Returns `None` if no
    /// case has happened in this time.
    #[track_caller]
    pub fn wait_for(self, d: Duration) -> Option<R> {
        let place = Location::caller();
        let patience = Instant::now().checked_add(d).map_or(Patience::Endless, Patience::Until);
        self.run(patience, place)
    }

    /// Like [`Select::wait`], but never waits: Go's `select` with a `default`. Returns `None` if no case is
    /// ready.
    #[track_caller]
    pub fn try_now(self) -> Option<R> {
        let place = Location::caller();
        self.run(Patience::None, place)
    }

    #[track_caller]
    fn run(mut self, patience: Patience, place: &'static Location<'static>) -> Option<R> {
        if self.sends && patience != Patience::None {
            locks::blocking("a select that sends on a bounded channel");
        }
        loop {
            if let Some(i) = self.timers.iter().position(|case| case.timer.take_if_due()) {
                return Some((self.timers.swap_remove(i).then)());
            }
            let limit = match patience {
                Patience::Until(at) => Some(at),
                _ => None,
            };
            let (due, changed) =
                self.timers.iter().map(|case| case.timer.watch()).unzip::<_, _, Vec<_>, Vec<_>>();
            let at = due.into_iter().flatten().chain(limit).min();
            let waits = patience != Patience::None;
            match select(&mut self.cases, &changed, at, waits, place) {
                Selected::Case(i) => return Some(self.cases.swap_remove(i).finish()),
                Selected::Changed => {}
                Selected::Nothing if !waits => return None,
                Selected::Nothing if limit.is_some_and(|limit| limit <= Instant::now()) => {
                    // The time limit is reached, but a timer may be due at the same time.
                    let due = self.timers.iter().position(|case| case.timer.take_if_due())?;
                    return Some((self.timers.swap_remove(due).then)());
                }
                Selected::Nothing => {}
            }
        }
    }
}

impl<'a, R: 'a> Default for Select<'a, R> {
    fn default() -> Select<'a, R> {
        Select::new()
    }
}

/// The reason why a wait for several cases has ended. The function `select` returns this type in virtual time
/// and in real time.
pub(crate) enum Selected {
    /// The case with this index has happened.
    Case(usize),
    /// One of the timers was set or stopped. Each timer has a signal that tells the select about this.
    Changed,
    /// No case has happened, for one of three reasons: the time limit was reached; the run has ended; or the
    /// select was not allowed to wait, and no case was ready.
    Nothing,
}

/// How long a select may wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Until(Instant),
    Endless,
}
