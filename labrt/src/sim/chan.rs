//! Channels in virtual time. They have the same interface and the same error types as the channels on real
//! threads.

use super::kernel::{self as k, Place, Waiter};
use super::sync::Signal;
use super::time::{Duration, Instant, after};
use crate::locks;
pub use crate::select::Select;
use crate::select::Selected;
pub use crossbeam::channel::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::panic::Location;
use std::sync::Arc;

/// A message that is in the channel. On a rendezvous channel, the sender of such a message waits until a
/// receiver takes it.
struct Offer<T> {
    number: u64,
    message: T,
    sender: Option<Waiter>,
    /// True if the offer is a case of a select. Such an offer can be taken only while its sender waits.
    may_lapse: bool,
}

impl<T> Offer<T> {
    /// True if the message can be taken.
    fn holds(&self) -> bool {
        !self.may_lapse || self.sender.is_some_and(k::is_waiting)
    }
}

struct Inner<T> {
    offers: VecDeque<Offer<T>>,
    next: u64,
    /// The largest number of messages in the channel. `None` means that there is no limit.
    capacity: Option<usize>,
    receivers_waiting: VecDeque<Waiter>,
    senders_waiting: VecDeque<Waiter>,
    senders: usize,
    receivers: usize,
}

impl<T> Inner<T> {
    fn push(&mut self, message: T, sender: Option<Waiter>) -> u64 {
        self.offer(message, sender, false)
    }

    fn offer(&mut self, message: T, sender: Option<Waiter>, may_lapse: bool) -> u64 {
        let number = self.next;
        self.next += 1;
        self.offers.push_back(Offer { number, message, sender, may_lapse });
        wake_one(&mut self.receivers_waiting);
        number
    }

    fn pop(&mut self) -> Option<T> {
        let first = self.offers.iter().position(Offer::holds)?;
        let offer = self.offers.remove(first).expect("the position was found just now");
        if let Some(w) = offer.sender {
            k::wake(w);
        }
        wake_one(&mut self.senders_waiting);
        Some(offer.message)
    }

    /// True if the number of waiting receivers is larger than the number of messages. This is used for
    /// rendezvous channels.
    fn is_awaited(&self) -> bool {
        let waiting = self.receivers_waiting.iter().filter(|w| k::is_waiting(**w)).count();
        waiting > self.offers.iter().filter(|offer| offer.holds()).count()
    }

    fn is_full(&self) -> bool {
        self.capacity.is_some_and(|c| self.offers.len() >= c)
    }

    /// Removes an offer and returns its message. Returns `None` if a receiver has already taken the message.
    fn withdraw(&mut self, number: u64) -> Option<T> {
        let at = self.offers.iter().position(|o| o.number == number)?;
        self.offers.remove(at).map(|o| o.message)
    }
}

fn wake_one(queue: &mut VecDeque<Waiter>) {
    while let Some(w) = queue.pop_front() {
        if k::wake(w) {
            return;
        }
    }
}

fn wake_all(queue: &mut VecDeque<Waiter>) {
    for w in queue.drain(..) {
        k::wake(w);
    }
}

type Shared<T> = Arc<parking_lot::Mutex<Inner<T>>>;

/// The sending side of a channel. Clones send to the same channel.
pub struct Sender<T>(Shared<T>);

/// The receiving side of a channel. Clones receive from the same channel. Each message is received by only
/// one of them.
pub struct Receiver<T>(Shared<T>);

fn channel<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(parking_lot::Mutex::new(Inner {
        offers: VecDeque::new(),
        next: 0,
        capacity,
        receivers_waiting: VecDeque::new(),
        senders_waiting: VecDeque::new(),
        senders: 1,
        receivers: 1,
    }));
    (Sender(shared.clone()), Receiver(shared))
}

/// Makes a channel with room for any number of messages.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(None)
}

/// Makes a channel with room for `n` messages. If the channel is full, a send waits. If `n` is 0, this is a
/// [`rendezvous`] channel.
pub fn bounded<T>(n: usize) -> (Sender<T>, Receiver<T>) {
    channel(Some(n))
}

/// Makes a channel without room for a message: Go's unbuffered channel. A send waits until a receiver has
/// received the message.
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    channel(Some(0))
}

impl<T> Sender<T> {
    /// Sends a message. If the channel is full, the call waits until there is room.
    ///
    /// # Errors
    /// All receivers are gone. The error contains the message that was not sent.
    #[track_caller]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_or(message, None)
    }

    /// Like [`Sender::send`], but gives up when the signal is raised.
    ///
    /// # Errors
    /// All receivers are gone, or the signal is raised. The error contains the message that was not sent.
    #[track_caller]
    pub fn send_unless(&self, message: T, stop: &Signal) -> Result<(), SendError<T>> {
        self.send_or(message, Some(stop))
    }

    #[track_caller]
    fn send_or(&self, message: T, stop: Option<&Signal>) -> Result<(), SendError<T>> {
        let capacity = self.0.lock().capacity;
        if capacity.is_some() {
            locks::blocking("a send on a bounded channel");
        }
        if k::active() {
            k::preempt("Sender::send");
        }
        match capacity {
            Some(0) => self.meet(message, stop),
            _ => self.put(message, stop),
        }
    }

    #[track_caller]
    fn put(&self, message: T, stop: Option<&Signal>) -> Result<(), SendError<T>> {
        loop {
            let w = {
                let mut s = self.0.lock();
                if s.receivers == 0 || stop.is_some_and(|s| s.is_raised()) {
                    // This task may have been woken because there is room for a message. The task gives up
                    // and does not use this room. So another sender must be woken.
                    if !s.is_full() {
                        wake_one(&mut s.senders_waiting);
                    }
                    return Err(SendError(message));
                }
                if !s.is_full() {
                    s.push(message, None);
                    return Ok(());
                }
                let w = k::prepare();
                s.senders_waiting.push_back(w);
                w
            };
            self.wait(w, stop);
        }
    }

    /// Sends a message on a rendezvous channel. Waits until a receiver has taken the message.
    #[track_caller]
    fn meet(&self, message: T, stop: Option<&Signal>) -> Result<(), SendError<T>> {
        let mut w = k::prepare();
        let number = {
            let mut s = self.0.lock();
            if s.receivers == 0 || stop.is_some_and(|s| s.is_raised()) {
                return Err(SendError(message));
            }
            s.push(message, Some(w))
        };
        loop {
            self.wait(w, stop);
            let mut s = self.0.lock();
            let over = s.receivers == 0 || stop.is_some_and(|s| s.is_raised());
            match s.offers.iter().position(|o| o.number == number) {
                None => return Ok(()),
                Some(_) if over => {
                    let message = s.withdraw(number).expect("no receiver has taken the message");
                    return Err(SendError(message));
                }
                Some(i) => {
                    w = k::prepare();
                    s.offers[i].sender = Some(w);
                }
            }
        }
    }

    #[track_caller]
    fn wait(&self, w: Waiter, stop: Option<&Signal>) {
        if let Some(stop) = stop {
            stop.enlist(w);
        }
        k::block(w, None, "Sender::send");
        if let Some(stop) = stop {
            stop.dismiss(w);
        }
        self.0.lock().senders_waiting.retain(|x| *x != w);
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.0.lock().capacity.is_some()
    }

    /// Sends a message if this is possible without waiting.
    ///
    /// # Errors
    /// The channel is full, or all receivers are gone. The error contains the message that was not sent.
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        if k::active() {
            k::preempt("Sender::try_send");
        }
        let mut s = self.0.lock();
        if s.receivers == 0 {
            return Err(TrySendError::Disconnected(message));
        }
        let room = match s.capacity {
            Some(0) => s.is_awaited(),
            _ => !s.is_full(),
        };
        if !room {
            return Err(TrySendError::Full(message));
        }
        s.push(message, None);
        Ok(())
    }
}

enum Step<T> {
    Got(T),
    Closed,
    Empty(Option<Waiter>),
}

impl<T> Receiver<T> {
    fn step(&self, enlist: bool) -> Step<T> {
        let mut s = self.0.lock();
        if let Some(m) = s.pop() {
            return Step::Got(m);
        }
        if s.senders == 0 {
            return Step::Closed;
        }
        let w = enlist.then(k::prepare);
        s.receivers_waiting.extend(w);
        Step::Empty(w)
    }

    #[track_caller]
    fn recv_until(&self, at: Option<u64>) -> Result<T, RecvTimeoutError> {
        self.recv_from(at, None, Location::caller())
    }

    /// Waits until there is a message, the clock has reached `at`, or `stop` is raised.
    fn recv_from(&self, at: Option<u64>, stop: Option<&Signal>, place: Place) -> Result<T, RecvTimeoutError> {
        k::preempt_at("Receiver::recv", place);
        if stop.is_some_and(Signal::is_raised) {
            return Err(RecvTimeoutError::Disconnected);
        }
        loop {
            // If a message has woken this task, the task must receive it, even if `stop` has been raised
            // since then. The reason is that no other receiver has been woken for this message.
            let w = match self.step(true) {
                Step::Got(m) => return Ok(m),
                Step::Closed => return Err(RecvTimeoutError::Disconnected),
                Step::Empty(w) => w.expect("a step that enlists returns a ticket"),
            };
            if let Some(stop) = stop {
                if stop.is_raised() {
                    self.0.lock().receivers_waiting.retain(|x| *x != w);
                    return Err(RecvTimeoutError::Disconnected);
                }
                stop.enlist(w);
            }
            let woken = k::block_at(w, at, "Receiver::recv", place);
            if let Some(stop) = stop {
                stop.dismiss(w);
                self.0.lock().receivers_waiting.retain(|x| *x != w);
            }
            if !woken {
                self.0.lock().receivers_waiting.retain(|x| *x != w);
                return match self.step(false) {
                    Step::Got(m) => Ok(m),
                    Step::Closed => Err(RecvTimeoutError::Disconnected),
                    Step::Empty(_) => Err(RecvTimeoutError::Timeout),
                };
            }
        }
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
        self.recv_from(None, Some(stop), Location::caller()).map_err(|_| RecvError)
    }

    /// Waits for a message, but only until `at`.
    ///
    /// # Errors
    /// The time `at` was reached, or the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(at.0))
    }

    /// Waits for a message, but at most for the time `d`.
    ///
    /// # Errors
    /// The time has passed, or the channel is empty and all senders are gone.
    #[track_caller]
    pub fn recv_timeout(&self, d: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(after(d)))
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// The channel is empty. The error says whether all senders are gone.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        if k::active() {
            k::preempt("Receiver::try_recv");
        }
        match self.step(false) {
            Step::Got(m) => Ok(m),
            Step::Closed => Err(TryRecvError::Disconnected),
            Step::Empty(_) => Err(TryRecvError::Empty),
        }
    }

    /// The number of messages in the channel. It is 0 for a rendezvous channel, which has no room for
    /// messages.
    #[track_caller]
    pub fn len(&self) -> usize {
        k::active();
        let s = self.0.lock();
        if s.capacity == Some(0) { 0 } else { s.offers.len() }
    }

    /// True if there are no messages in the channel.
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all messages until all senders are gone.
    #[track_caller]
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        let place = Location::caller();
        std::iter::from_fn(move || self.recv_from(None, None, place).ok())
    }

    /// Iterates over all messages until all senders are gone or the signal is raised. A server that can be
    /// killed uses this method where Go code has `for m := range ch`.
    #[track_caller]
    pub fn iter_unless<'a>(&'a self, stop: &'a Signal) -> impl Iterator<Item = T> + 'a {
        let place = Location::caller();
        std::iter::from_fn(move || self.recv_from(None, Some(stop), place).ok())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Sender(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers += 1;
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut s = self.0.lock();
        s.senders -= 1;
        if s.senders == 0 {
            wake_all(&mut s.receivers_waiting);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // These messages must be dropped after the lock is free. The reason is that a message may contain a
        // sender or a receiver of this channel, and the drop of this sender or receiver needs the lock.
        let abandoned = {
            let mut s = self.0.lock();
            s.receivers -= 1;
            if s.receivers > 0 {
                return;
            }
            wake_all(&mut s.senders_waiting);
            let mut offers = std::mem::take(&mut s.offers);
            // If a sender still waits for a receiver of its message, the sender gets the message back.
            let (kept, abandoned): (VecDeque<_>, VecDeque<_>) =
                offers.drain(..).partition(|o| o.sender.is_some());
            for w in kept.iter().filter_map(|o| o.sender) {
                k::wake(w);
            }
            s.offers = kept;
            abandoned
        };
        drop(abandoned);
    }
}

// ---- the cases of a select ---------------------------------------------------------------------

/// A case of a [`Select`]. `R` is the result of the select.
pub(crate) trait Case<'a, R> {
    /// Completes the case if this is possible without waiting. Returns whether it was completed.
    fn try_now(&mut self) -> bool;

    /// Notes that the running task starts to wait for the case, with the ticket `w`.
    fn enlist(&mut self, w: Waiter);

    /// Notes that the task with the ticket `w` does not wait for the case any more.
    fn dismiss(&mut self, w: Waiter);

    /// Makes the result. Must be called after the case is completed.
    fn finish(self: Box<Self>) -> R;
}

const HAPPENED: &str = "the case has happened";

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
    fn try_now(&mut self) -> bool {
        self.got = match self.rx.step(false) {
            Step::Got(message) => Some(Ok(message)),
            Step::Closed => Some(Err(RecvError)),
            Step::Empty(_) => None,
        };
        self.got.is_some()
    }

    fn enlist(&mut self, w: Waiter) {
        self.rx.0.lock().receivers_waiting.push_back(w);
    }

    fn dismiss(&mut self, w: Waiter) {
        self.rx.0.lock().receivers_waiting.retain(|x| *x != w);
    }

    fn finish(self: Box<Self>) -> R {
        (self.then)(self.got.expect(HAPPENED))
    }
}

pub(crate) struct SendCase<'a, T, F> {
    tx: &'a Sender<T>,
    /// The message to send. It is `None` while the message is in the channel.
    message: Option<T>,
    /// The number of the message's offer. There is an offer only if the channel is a rendezvous channel and
    /// the task waits.
    offer: Option<u64>,
    then: F,
    done: Option<Result<(), SendError<T>>>,
}

impl<'a, T, F> SendCase<'a, T, F> {
    pub(crate) fn new(tx: &'a Sender<T>, message: T, then: F) -> SendCase<'a, T, F> {
        SendCase { tx, message: Some(message), offer: None, then, done: None }
    }
}

impl<'a, T, R, F: FnOnce(Result<(), SendError<T>>) -> R> Case<'a, R> for SendCase<'a, T, F> {
    fn try_now(&mut self) -> bool {
        let mut s = self.tx.0.lock();
        if let Some(number) = self.offer.take() {
            self.message = s.withdraw(number);
        }
        let Some(message) = self.message.take() else {
            self.done = Some(Ok(()));
            return true;
        };
        if s.receivers == 0 {
            self.done = Some(Err(SendError(message)));
            return true;
        }
        let has_room = if s.capacity == Some(0) { s.is_awaited() } else { !s.is_full() };
        if !has_room {
            self.message = Some(message);
            return false;
        }
        s.push(message, None);
        self.done = Some(Ok(()));
        true
    }

    fn enlist(&mut self, w: Waiter) {
        let mut s = self.tx.0.lock();
        if s.capacity != Some(0) {
            return s.senders_waiting.push_back(w);
        }
        let message = self.message.take().expect("the message has not been sent yet");
        self.offer = Some(s.offer(message, Some(w), true));
    }

    fn dismiss(&mut self, w: Waiter) {
        let mut s = self.tx.0.lock();
        s.senders_waiting.retain(|x| *x != w);
        if let Some(number) = self.offer.take() {
            self.message = s.withdraw(number);
        }
    }

    fn finish(self: Box<Self>) -> R {
        (self.then)(self.done.expect(HAPPENED))
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
    fn try_now(&mut self) -> bool {
        self.signal.is_raised()
    }

    fn enlist(&mut self, w: Waiter) {
        self.signal.enlist(w);
    }

    fn dismiss(&mut self, w: Waiter) {
        self.signal.dismiss(w);
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
    place: Place,
) -> Selected {
    k::preempt_at("Select::wait", place);
    loop {
        if let Some(i) = any(cases) {
            return Selected::Case(i);
        }
        if changed.iter().any(Signal::is_raised) {
            return Selected::Changed;
        }
        if !waits {
            return Selected::Nothing;
        }
        let w = k::prepare();
        for (i, case) in cases.iter_mut().enumerate() {
            case.enlist(w.of_case(i));
        }
        changed.iter().for_each(|signal| signal.enlist(w.of_case(cases.len())));
        let is_woken = k::block_at(w, at.map(|at| at.0), "Select::wait", place);
        // The case that has woken this task is tried first. The reason is that no other task has been woken
        // for the message, or for the room, that this case needs.
        let by = k::woken_by();
        let happened = is_woken && cases.get_mut(by).is_some_and(|case| case.try_now());
        for (i, case) in cases.iter_mut().enumerate() {
            case.dismiss(w.of_case(i));
        }
        changed.iter().for_each(|signal| signal.dismiss(w.of_case(cases.len())));
        if happened {
            return Selected::Case(by);
        }
        if !is_woken {
            return any(cases).map_or(Selected::Nothing, Selected::Case);
        }
    }
}

/// Completes one of the cases that are ready. The seed decides which case.
fn any<'a, R>(cases: &mut [Box<dyn Case<'a, R> + 'a>]) -> Option<usize> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    while !order.is_empty() {
        let i = order.swap_remove(k::choose(order.len() as u64) as usize);
        if cases[i].try_now() {
            return Some(i);
        }
    }
    None
}
