//! Channels on real threads. They use the channels of crossbeam, but every wait also ends when the run ends.

use super::current::{cancel_channel, check, waiting};
use super::sync::Signal;
use super::time::{Duration, Instant, to_std};
pub use crate::select::Select;
use crate::select::Selected;
use crate::{foreign, locks};
pub use crossbeam::channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use crossbeam::channel::{SelectedOperation, at, never, select as select_now};
use std::panic::Location;

/// The sending side of a channel. Clones send to the same channel.
pub struct Sender<T> {
    inner: crossbeam::channel::Sender<T>,
    /// True if the channel has room for any number of messages, so that a send never waits.
    unbounded: bool,
}

/// The receiving side of a channel. Clones receive from the same channel. Each message is received by only
/// one of them.
pub struct Receiver<T>(crossbeam::channel::Receiver<T>);

/// Makes a channel with room for any number of messages.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (inner, receiver) = crossbeam::channel::unbounded();
    (Sender { inner, unbounded: true }, Receiver(receiver))
}

/// Makes a channel with room for `n` messages. If the channel is full, a send waits. If `n` is 0, this is a
/// [`rendezvous`] channel.
pub fn bounded<T>(n: usize) -> (Sender<T>, Receiver<T>) {
    let (inner, receiver) = crossbeam::channel::bounded(n);
    (Sender { inner, unbounded: false }, Receiver(receiver))
}

/// Makes a channel without room for a message: Go's unbuffered channel. A send waits until a receiver has
/// received the message.
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    bounded(0)
}

impl<T> Sender<T> {
    /// Sends a message. If the channel is full, the call waits until there is room.
    ///
    /// # Errors
    /// All receivers are gone. The error contains the message that was not sent.
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        foreign::touch();
        if self.unbounded {
            return self.inner.send(message);
        }
        self.send_or(message, never::<()>(), Location::caller())
    }

    /// Like [`Sender::send`], but gives up when the signal is raised.
    ///
    /// # Errors
    /// All receivers are gone, or the signal is raised. The error contains the message that was not sent.
    #[track_caller]
    pub fn send_unless(&self, message: T, stop: &Signal) -> Result<(), SendError<T>> {
        foreign::touch();
        if stop.is_raised() {
            return Err(SendError(message));
        }
        if self.unbounded {
            return self.inner.send(message);
        }
        self.send_or(message, stop.receiver().clone(), Location::caller())
    }

    #[track_caller]
    fn send_or<N>(
        &self,
        message: T,
        stop: crossbeam::channel::Receiver<N>,
        place: &'static Location<'static>,
    ) -> Result<(), SendError<T>> {
        locks::blocking("a send on a bounded channel");
        let message = match self.inner.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(m)) => return Err(SendError(m)),
            Err(TrySendError::Full(m)) => m,
        };
        let _waiting = waiting("Sender::send", place, None);
        if check() {
            return Err(SendError(message));
        }
        let cancel = cancel_channel();

        let mut select = crossbeam::channel::Select::new();
        let (send, _, _) = (select.send(&self.inner), select.recv(&stop), select.recv(&cancel));
        let ready = select.select();
        if ready.index() == send {
            return ready.send(&self.inner, message);
        }
        finish_other(ready, send, &stop, &cancel);
        check();
        Err(SendError(message))
    }

    pub(crate) fn is_bounded(&self) -> bool {
        !self.unbounded
    }

    /// Sends a message if this is possible without waiting.
    ///
    /// # Errors
    /// The channel is full, or all receivers are gone. The error contains the message that was not sent.
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        foreign::touch();
        self.inner.try_send(message)
    }
}

/// Completes the selected operation, because crossbeam requires this. Must be called only if the selected
/// operation is not the send. In this case one of the channels `stop` and `cancel` is disconnected. This
/// function receives from that channel.
fn finish_other<N>(
    ready: SelectedOperation<'_>,
    send: usize,
    stop: &crossbeam::channel::Receiver<N>,
    cancel: &crossbeam::channel::Receiver<std::convert::Infallible>,
) {
    if ready.index() == send + 1 {
        let _ = ready.recv(stop);
    } else {
        let _ = ready.recv(cancel);
    }
}

impl<T> Receiver<T> {
    #[track_caller]
    fn recv_until(&self, limit: Option<Instant>) -> Result<T, RecvTimeoutError> {
        foreign::touch();
        self.recv_from(limit, never::<()>(), Location::caller())
    }

    /// Waits until one of three things happens: there is a message, the time `limit` is reached, or `stop` is
    /// disconnected.
    fn recv_from<N>(
        &self,
        limit: Option<Instant>,
        stop: crossbeam::channel::Receiver<N>,
        place: &'static Location<'static>,
    ) -> Result<T, RecvTimeoutError> {
        match self.0.try_recv() {
            Ok(m) => return Ok(m),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {}
        }
        let _waiting = waiting("Receiver::recv", place, None);
        if check() {
            return Err(RecvTimeoutError::Disconnected);
        }
        let cancel = cancel_channel();
        let result = match limit {
            None => select_now! {
                recv(self.0) -> m => m.map_err(|_| RecvTimeoutError::Disconnected),
                recv(stop) -> _ => Err(RecvTimeoutError::Disconnected),
                recv(cancel) -> _ => Err(RecvTimeoutError::Disconnected),
            },
            Some(limit) => select_now! {
                recv(self.0) -> m => m.map_err(|_| RecvTimeoutError::Disconnected),
                recv(stop) -> _ => Err(RecvTimeoutError::Disconnected),
                recv(cancel) -> _ => Err(RecvTimeoutError::Disconnected),
                recv(at(to_std(limit))) -> _ => Err(RecvTimeoutError::Timeout),
            },
        };
        if result.is_err() {
            check();
        }
        result
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// When the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// Like [`Receiver::recv`], but gives up when the signal is raised. If the signal is raised before the
    /// call, no message is received. If the signal is raised during the wait, the call may still receive a
    /// message that was sent at the same time.
    ///
    /// # Errors
    /// The signal is raised, or the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv_unless(&self, stop: &Signal) -> Result<T, RecvError> {
        foreign::touch();
        self.recv_unless_at(stop, Location::caller())
    }

    fn recv_unless_at(&self, stop: &Signal, place: &'static Location<'static>) -> Result<T, RecvError> {
        if stop.is_raised() {
            return Err(RecvError);
        }
        self.recv_from(None, stop.receiver().clone(), place).map_err(|_| RecvError)
    }

    /// Waits for a message, but only until `at`.
    ///
    /// # Errors
    /// The time `at` was reached, or the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(at))
    }

    /// Waits for a message, but at most for the time `d`.
    ///
    /// # Errors
    /// The time has passed, or the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, d: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Instant::now().checked_add(d))
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// The channel is empty. The error says whether all senders are gone.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        foreign::touch();
        self.0.try_recv()
    }

    /// The number of messages in the channel.
    #[track_caller]
    pub fn len(&self) -> usize {
        foreign::touch();
        self.0.len()
    }

    /// True if there are no messages in the channel.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all messages until all senders are gone.
    #[track_caller]
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        foreign::touch();
        let place = Location::caller();
        std::iter::from_fn(move || self.recv_from(None, never::<()>(), place).ok())
    }

    /// Iterates over all messages until all senders are gone or the signal is raised. A server that can be
    /// killed uses this method where Go code has `for m := range ch`.
    #[track_caller]
    pub fn iter_unless<'a>(&'a self, stop: &'a Signal) -> impl Iterator<Item = T> + 'a {
        foreign::touch();
        let place = Location::caller();
        std::iter::from_fn(move || self.recv_unless_at(stop, place).ok())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { inner: self.inner.clone(), unbounded: self.unbounded }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver(self.0.clone())
    }
}

// ---- the cases of a select ---------------------------------------------------------------------

/// A case of a [`Select`]. `R` is the result of the select.
pub(crate) trait Case<'a, R> {
    fn register<'s>(&self, select: &mut crossbeam::channel::Select<'s>) -> usize
    where
        'a: 's;

    /// Completes the operation of the case. Must be called after the case was selected.
    fn complete(&mut self, ready: SelectedOperation<'_>);

    /// Makes the result. Must be called after [`Case::complete`].
    fn finish(self: Box<Self>) -> R;
}

const COMPLETED: &str = "the case has been completed";

pub(crate) struct RecvCase<'a, T, F> {
    rx: &'a Receiver<T>,
    then: F,
    got: Option<Result<T, RecvError>>,
}

impl<'a, T, F> RecvCase<'a, T, F> {
    pub(crate) fn new(rx: &'a Receiver<T>, then: F) -> RecvCase<'a, T, F> {
        RecvCase { rx, then, got: None }
    }
}

impl<'a, T, R, F: FnOnce(Result<T, RecvError>) -> R> Case<'a, R> for RecvCase<'a, T, F> {
    fn register<'s>(&self, select: &mut crossbeam::channel::Select<'s>) -> usize
    where
        'a: 's,
    {
        select.recv(&self.rx.0)
    }

    fn complete(&mut self, ready: SelectedOperation<'_>) {
        self.got = Some(ready.recv(&self.rx.0));
    }

    fn finish(self: Box<Self>) -> R {
        (self.then)(self.got.expect(COMPLETED))
    }
}

pub(crate) struct SendCase<'a, T, F> {
    tx: &'a Sender<T>,
    message: Option<T>,
    then: F,
    done: Option<Result<(), SendError<T>>>,
}

impl<'a, T, F> SendCase<'a, T, F> {
    pub(crate) fn new(tx: &'a Sender<T>, message: T, then: F) -> SendCase<'a, T, F> {
        SendCase { tx, message: Some(message), then, done: None }
    }
}

impl<'a, T, R, F: FnOnce(Result<(), SendError<T>>) -> R> Case<'a, R> for SendCase<'a, T, F> {
    fn register<'s>(&self, select: &mut crossbeam::channel::Select<'s>) -> usize
    where
        'a: 's,
    {
        select.send(&self.tx.inner)
    }

    fn complete(&mut self, ready: SelectedOperation<'_>) {
        let message = self.message.take().expect("a case is completed once");
        self.done = Some(ready.send(&self.tx.inner, message));
    }

    fn finish(self: Box<Self>) -> R {
        (self.then)(self.done.expect(COMPLETED))
    }
}

pub(crate) struct SignalCase<'a, F> {
    signal: &'a Signal,
    then: F,
}

impl<'a, F> SignalCase<'a, F> {
    pub(crate) fn new(signal: &'a Signal, then: F) -> SignalCase<'a, F> {
        SignalCase { signal, then }
    }
}

impl<'a, R, F: FnOnce() -> R> Case<'a, R> for SignalCase<'a, F> {
    fn register<'s>(&self, select: &mut crossbeam::channel::Select<'s>) -> usize
    where
        'a: 's,
    {
        select.recv(self.signal.receiver())
    }

    fn complete(&mut self, ready: SelectedOperation<'_>) {
        let _raised = ready.recv(self.signal.receiver());
    }

    fn finish(self: Box<Self>) -> R {
        (self.then)()
    }
}

/// Waits until one of the cases is ready or one of the signals `changed` is raised, but at most until `at`.
/// If `waits` is false, this function only checks the cases once.
pub(crate) fn select<'a, R>(
    cases: &mut [Box<dyn Case<'a, R> + 'a>],
    changed: &[Signal],
    at: Option<Instant>,
    waits: bool,
    place: &'static Location<'static>,
) -> Selected {
    foreign::touch_at(place);
    let cancel = cancel_channel();
    let mut select = crossbeam::channel::Select::new();
    for case in cases.iter() {
        case.register(&mut select);
    }
    for signal in changed {
        select.recv(signal.receiver());
    }
    let ready = match select.try_select() {
        Ok(ready) => ready,
        Err(_) if !waits => return Selected::Nothing,
        Err(_) => {
            let _waiting = waiting("Select::wait", place, None);
            // If the run has ended, `check` unwinds this thread. But if a destructor waits here while the
            // thread is already being unwound, the wait must continue, because the destructor needs a result.
            // If no result ever comes, the report of the run names the thread.
            if !check() {
                select.recv(&cancel);
            }
            let ready = match at {
                Some(at) => select.select_deadline(to_std(at)).ok(),
                None => Some(select.select()),
            };
            match ready {
                Some(ready) => ready,
                None => return Selected::Nothing,
            }
        }
    };
    let index = ready.index();
    if let Some(case) = cases.get_mut(index) {
        case.complete(ready);
        return Selected::Case(index);
    }
    if let Some(signal) = changed.get(index - cases.len()) {
        let _raised = ready.recv(signal.receiver());
        return Selected::Changed;
    }
    let _cancelled = ready.recv(&cancel);
    check();
    Selected::Nothing
}
