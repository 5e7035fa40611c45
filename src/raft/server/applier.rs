//! Delivering to the service: the applier thread, and the threads that help it.
//!
//! The service hears its news one after the other, in order. There is one sink, and a thread needs it to
//! deliver. The thread takes the sink and the next news out of the state at the same moment. Then it releases
//! the lock and delivers. After that it puts the sink back. So no lock is held during a delivery, and two
//! threads never deliver at the same time.
//!
//! # Who delivers
//!
//! The **applier** is the thread for this work. It may wait in the sink.
//!
//! But it takes much longer to wake a thread than to apply a command. Often a thread in
//! [`Raft::flush`](super::Raft::flush) gets the answers to the messages that it has just sent, so it learns
//! that its entries are committed. Then this thread **helps**: it delivers the entries itself. With this, a
//! client that works alone does several times as many operations per second. A thread helps only if all of
//! this is true:
//!
//! * The sink [never blocks](ApplySink::never_blocks). So a helper does not wait for a slow service.
//! * This server leads. Nobody waits for the results of another server.
//! * Other nodes do not depend on the thread ([`node::on_shared_thread`]).
//!
//! A helper delivers at most [`HELP_DELIVERIES`] times, so it does not work for other threads for ever. After
//! that it wakes the applier. As long as a helper will look for news, no thread wakes the applier.

use super::reads::Done;
use super::{Shared, State};
use crate::raft::ApplySink;
use crate::raft::core::ApplyBatch;
use crate::raft::effects::RoleChange;
use labrt::collections::VecDeque;
use labrt::sync::{MutexGuard, Signal};
use labrt::time::Duration;
use labrt::{node, trace};

/// The greatest number of commands that a thread takes at a time.
const APPLY_BATCH: usize = 1024;

/// The greatest number of deliveries of one helper.
const HELP_DELIVERIES: usize = 4;

type Sink = Box<dyn ApplySink>;

/// Where the sink is.
enum Place {
    /// No thread delivers.
    Here(Sink),
    /// A thread delivers. After that, this thread looks for more news, or wakes the applier.
    Taken,
    /// The server was killed, or the sink accepts no more messages.
    Gone,
}

/// What Raft passes to the service: a report, or a batch of messages.
enum News {
    /// The role or the term has changed.
    Role(RoleChange),
    /// A read no longer waits. Its closure is called with the read index.
    Read(Done, Option<u64>),
    /// Committed messages.
    Batch(ApplyBatch),
}

/// The next news, and the sink for it.
struct Delivery {
    sink: Sink,
    news: News,
    /// For the trace: the id of the message or operation that has caused the news.
    cause: u64,
}

impl Delivery {
    /// Delivers. The caller must hold no lock. Returns the sink, or `None` if it accepts no more messages.
    fn run(self, killed: &Signal) -> Option<Sink> {
        let Delivery { mut sink, news, cause } = self;
        let _under = trace::under(cause);
        match news {
            News::Role(change) => sink.role_changed(change),
            News::Read(done, index) => done(index),
            News::Batch(batch) => {
                if !sink.deliver_batch(batch, killed) {
                    return None;
                }
            }
        }
        Some(sink)
    }
}

/// What the server knows about its deliveries.
pub(super) struct Applying {
    sink: Place,
    /// May a thread help the applier?
    allows_help: bool,
    /// The number of threads that will look for news at the end of their flush.
    helpers: usize,
    /// If this server does not lead, its applier takes no batch before this time.
    rest: Duration,
    /// Does the applier sleep until `rest`?
    resting: bool,
    /// The number of messages in the newest batch.
    batch: usize,
    /// For the trace: the id of the message or operation that has caused the newest news. It is 0 if there is
    /// none.
    cause: u64,
    /// Changes of role that the service must hear. It is `None` if the service does not want such reports.
    roles: Option<VecDeque<RoleChange>>,
}

impl Applying {
    pub(super) fn new(sink: impl ApplySink) -> Applying {
        Applying {
            allows_help: sink.never_blocks(),
            helpers: 0,
            rest: Duration::ZERO,
            resting: false,
            cause: 0,
            batch: 0,
            roles: sink.wants_roles().then(VecDeque::new),
            sink: Place::Here(Box::new(sink)),
        }
    }

    /// Do several clients work at the same time? If only one client works, each batch has one message.
    pub(super) fn is_busy(&self) -> bool {
        self.batch > 1
    }

    /// Adds a report, if the service wants it. Returns whether there is news now.
    pub(super) fn add_role(&mut self, change: RoleChange) -> bool {
        self.roles.as_mut().map(|roles| roles.push_back(change)).is_some()
    }

    /// Takes the sink out, for ever. If a helper has the sink, the helper drops it.
    fn take_sink(&mut self) -> Option<Sink> {
        match std::mem::replace(&mut self.sink, Place::Gone) {
            Place::Here(sink) => Some(sink),
            Place::Taken => {
                self.sink = Place::Taken;
                None
            }
            Place::Gone => None,
        }
    }
}

impl State {
    /// May the applier wait until `rest`, to get more messages in one batch?
    fn may_rest(&self) -> bool {
        let backlog = self.core.commit_index() - self.core.last_applied();
        !self.core.is_leader() && backlog < APPLY_BATCH as u64
    }

    /// Does the service get no batch yet, because this server does not lead?
    fn rests(&self, now: Duration) -> bool {
        self.may_rest() && now < self.applying.rest
    }

    /// Is there news that no thread has taken?
    fn has_news(&self) -> bool {
        let reports = self.applying.roles.as_ref().is_some_and(|roles| !roles.is_empty());
        reports || self.reads.has_ended() || self.core.commit_index() > self.core.last_applied()
    }
}

impl Shared {
    /// Wakes the applier for news, unless a helper delivers it.
    pub(super) fn wake_applier(&self, state: &mut State) {
        state.applying.cause = trace::parent();
        if state.applying.helpers == 0 {
            self.applier.notify_one();
        }
    }

    /// Like [`wake_applier`](Shared::wake_applier), for new messages. The applier may rest.
    pub(super) fn wake_applier_for_messages(&self, state: &mut State) {
        match state.applying.resting && state.may_rest() {
            true => state.applying.cause = trace::parent(),
            false => self.wake_applier(state),
        }
    }

    /// The work of the applier thread.
    pub(super) fn apply(&self) {
        let unwinding = Unwinding(self);
        let mut sink = None;
        while let Some(delivery) = self.wait_for_news(&mut sink) {
            sink = delivery.run(&self.killed);
            if sink.is_none() {
                self.state.lock().applying.sink = Place::Gone;
                break;
            }
        }
        std::mem::forget(unwinding);
    }

    /// Puts the sink back, if the applier has it, and waits until the applier must deliver. Returns `None` if
    /// the applier must end. Then it gets the sink back, unless a helper has the sink.
    fn wait_for_news(&self, sink: &mut Option<Sink>) -> Option<Delivery> {
        let mut state = self.state.lock();
        if let Some(sink) = sink.take() {
            state.applying.sink = Place::Here(sink);
        }
        loop {
            if self.killed.is_raised() || matches!(state.applying.sink, Place::Gone) {
                *sink = state.applying.take_sink();
                return None;
            }
            let now = self.now();
            if let Some(delivery) = self.next_delivery(&mut state, now) {
                return Some(delivery);
            }
            if state.rests(now) {
                let rest = state.applying.rest;
                state.applying.resting = true;
                self.sleep(&self.applier, &mut state, Some(rest));
                state.applying.resting = false;
            } else {
                self.applier.wait(&mut state);
            }
        }
    }

    /// Takes the sink and the next news. Returns `None` if there is no news, if another thread delivers, or
    /// if the server rests.
    fn next_delivery(&self, state: &mut State, now: Duration) -> Option<Delivery> {
        if !matches!(state.applying.sink, Place::Here(_)) {
            return None;
        }
        let cause = state.applying.cause;
        let news = self.next_news(state, now)?;
        let sink = state.applying.take_sink()?;
        state.applying.sink = Place::Taken;
        Some(Delivery { sink, news, cause })
    }

    fn next_news(&self, state: &mut State, now: Duration) -> Option<News> {
        if let Some(change) = state.applying.roles.as_mut().and_then(VecDeque::pop_front) {
            return Some(News::Role(change));
        }
        let (term, leads) = (state.core.current_term(), state.core.is_leader());
        if let Some((done, index)) = state.reads.next_ended(term, leads) {
            return Some(News::Read(done, index));
        }
        if state.rests(now) {
            return None;
        }
        let _under = trace::under(state.applying.cause);
        let batch = state.core.take_apply(APPLY_BATCH)?;
        self.settle(state);
        state.applying.rest = now + self.options.apply_interval;
        state.applying.batch = batch.len();
        Some(News::Batch(batch))
    }

    /// This thread begins to flush. Returns whether it must [help](Shared::help) at the end.
    pub(super) fn will_help(&self, state: &mut State) -> bool {
        let helps = state.applying.allows_help && !node::on_shared_thread();
        state.applying.helpers += usize::from(helps);
        helps
    }

    /// Delivers news on this thread, which has flushed.
    pub(super) fn help<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        let _node = node::enter(self.node);
        let mut unused = None;
        for _ in 0..HELP_DELIVERIES {
            if self.killed.is_raised() || !state.core.is_leader() {
                break;
            }
            let now = self.now();
            let Some(delivery) = self.next_delivery(&mut state, now) else { break };
            drop(state);
            let sink = delivery.run(&self.killed);
            state = self.state.lock();
            (state.applying.sink, unused) = match sink {
                Some(sink) if !self.killed.is_raised() => (Place::Here(sink), None),
                refused => (Place::Gone, refused),
            };
        }
        state.applying.helpers -= 1;
        let applier_ends = matches!(state.applying.sink, Place::Gone);
        if state.applying.helpers == 0 && (applier_ends || state.has_news()) {
            self.applier.notify_one();
        }
        // The destructor of a sink may run any code, so the lock is released first.
        drop(state);
        drop(unused);
    }
}

/// If the applier thread is unwound, nothing is delivered any more. The sink must be dropped, because it may
/// have a reference to this server.
struct Unwinding<'a>(&'a Shared);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        let sink = self.0.state.lock().applying.take_sink();
        drop(sink);
    }
}
