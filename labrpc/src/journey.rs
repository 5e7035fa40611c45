//! The way of one message, stage by stage:
//!
//! ```text
//! start -> (unreachable: wait, fail)
//!       -> delay -> dropped? -> request leg -> handler -> reply leg -> still in touch? -> lost? -> hold -> deliver
//! ```
//!
//! A stage without delay goes on at once on the present thread; one with a delay enlists the sender and puts the
//! rest of the journey into the timer's queue. As long as nothing delays it, a message needs no allocation beyond
//! its bytes, and the network's lock once.
//!
//! The handler always runs once the request has passed, against the server that stood there at the start: that it
//! was deleted meanwhile is seen only afterwards, and then the reply is thrown away.

use crate::completion::{Completion, Outcome};
use crate::core::{Core, Message, Phase};
use crate::events::{self, Cause, cause};
use crate::faults::Link;
use crate::responder::Ticket;
use crate::server::ServerCore;
use crate::service::Kind;
use crate::timer::Task;
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::Duration;
use labrt::trace;
use std::borrow::Cow;

/// What is left to do with a message after a delay.
pub(crate) enum Stage<'a> {
    /// The request has survived its delay: is it lost nevertheless?
    Arrive(Request<'a>),
    /// The handler's turn.
    Handle(Request<'a>),
    /// The handler has replied.
    Settle(Vec<u8>),
    /// The reply reaches the sender.
    Deliver(Vec<u8>),
    /// The sender learns that there is no reply.
    Fail(Cause),
}

pub(crate) struct Request<'a> {
    server: Arc<ServerCore>,
    method: Cow<'a, str>,
    args: Vec<u8>,
}

/// Where a message stands when the caller gets its thread back.
pub(crate) enum Step {
    /// It is over, and the outcome is the caller's to deal with.
    Over(Outcome),
    /// It goes on elsewhere, or has been completed there; its id.
    Waits(u64),
}

/// Makes the completion of the sender, the first time the message has to wait.
pub(crate) type Sender<'a> = &'a mut dyn FnMut() -> Completion;

/// One message on its way. Dropped unfinished (a handler panicked), it fails the call: nobody waits for ever.
pub(crate) struct Journey {
    core: Arc<Core>,
    message: Message,
    /// Its completion is in the network's hands.
    enlisted: bool,
    /// The present thread is the network's: a sender's callback may run on it.
    on_own_thread: bool,
}

/// Send message `id` off. Nothing of it is left behind when the result is [`Step::Over`].
pub(crate) fn send_off(
    core: &Arc<Core>,
    id: u64,
    end: u64,
    method: &str,
    args: Vec<u8>,
    sender: Sender<'_>,
) -> Step {
    let Some(start) = core.start(id, end, method, &args) else { return Step::Over(None) };
    let message = start.message;
    let journey = Journey { core: Arc::clone(core), message, enlisted: false, on_own_thread: false };
    let server = match start.server {
        Ok(server) => server,
        Err(cause) => return journey.fail_late(cause, sender),
    };
    let delay = journey.request_delay();
    journey.after(delay, Stage::Arrive(Request { server, method: Cow::Borrowed(method), args }), sender)
}

impl Journey {
    /// A message whose handler answers later; see [`Ticket`].
    pub fn of_ticket(core: Arc<Core>, message: Message) -> Journey {
        Journey { core, message, enlisted: true, on_own_thread: false }
    }

    /// Go on after a delay, on the timer thread.
    pub fn resume(mut self, stage: Stage<'_>) {
        self.on_own_thread = true;
        self.step(stage, &mut no_sender);
    }

    /// The handler is through: the way back.
    pub fn replied(self, reply: Vec<u8>, sender: Sender<'_>) -> Step {
        events::answered(&self.message, &reply);
        let leg = self.message.dice.cost_leg(self.message.cost);
        self.after(leg, Stage::Settle(reply), sender)
    }

    /// The handler of a ticket is through.
    pub fn replied_late(self, reply: Vec<u8>) {
        self.replied(reply, &mut no_sender);
    }

    fn step(self, stage: Stage<'_>, sender: Sender<'_>) -> Step {
        match stage {
            Stage::Arrive(request) => self.arrive(request, sender),
            Stage::Handle(request) => self.handle(request, sender),
            Stage::Settle(reply) => self.settle(reply, sender),
            Stage::Deliver(reply) => self.deliver(reply),
            Stage::Fail(cause) => self.fail(cause),
        }
    }

    /// `stage` after `delay`: at once and here when there is none, else through the queue.
    fn after(mut self, delay: Duration, stage: Stage<'_>, sender: Sender<'_>) -> Step {
        if delay.is_zero() {
            return self.step(stage, sender);
        }
        self.enlist(stage.phase(), sender);
        let timer = Arc::clone(&self.core.timer);
        let id = self.message.id;
        timer.push(delay, Task::Stage(self, stage.into_owned()));
        Step::Waits(id)
    }

    fn enlist(&mut self, phase: Phase, sender: Sender<'_>) {
        if self.enlisted {
            return self.core.set_phase(&self.message, phase);
        }
        self.enlisted = true;
        self.core.enlist(&self.message, phase, sender());
    }

    fn request_delay(&self) -> Duration {
        if !self.message.moods.unreliable {
            return Duration::ZERO;
        }
        let delay = self.message.dice.request_delay();
        events::delayed(&self.message, cause::UNRELIABLE, delay);
        delay
    }

    fn arrive(self, request: Request<'_>, sender: Sender<'_>) -> Step {
        if self.message.moods.unreliable && self.message.dice.drops_request() {
            events::dropped(&self.message, cause::UNRELIABLE_REQUEST);
            return self.fail(cause::UNRELIABLE_REQUEST);
        }
        let leg = self.message.dice.cost_leg(self.message.cost);
        if !leg.is_zero() {
            events::delayed(&self.message, cause::COST, leg);
        }
        self.after(leg, Stage::Handle(request), sender)
    }

    fn handle(mut self, request: Request<'_>, sender: Sender<'_>) -> Step {
        let Request { server, method, args } = request;
        let place = server.accept(&method);
        events::delivered(&self.message, &method);
        let (service, handler) = server.at(place);
        match &handler.kind {
            Kind::Inline(run) => {
                let reply = {
                    let _under = trace::under(self.message.id);
                    let _callee = node::enter(service.owner());
                    run(&args)
                };
                self.replied(reply, sender)
            }
            Kind::Deferred(run) => {
                self.enlist(Phase::Serving, sender);
                let id = self.message.id;
                let ticket = self.into_ticket();
                let _under = trace::under(id);
                let _callee = node::enter(service.owner());
                run(&args, ticket);
                Step::Waits(id)
            }
            Kind::Pooled(_) => {
                self.enlist(Phase::Serving, sender);
                let id = self.message.id;
                let _nobody = node::enter(NodeId::NONE);
                thread::spawn(move || {
                    let (service, handler) = server.at(place);
                    let Kind::Pooled(run) = &handler.kind else { return };
                    let reply = {
                        let _under = trace::under(id);
                        let _callee = node::enter(service.owner());
                        run(&args)
                    };
                    self.on_own_thread = true;
                    self.replied(reply, &mut no_sender);
                });
                Step::Waits(id)
            }
        }
    }

    fn settle(self, reply: Vec<u8>, sender: Sender<'_>) -> Step {
        let Message { dice, moods, link, .. } = self.message;
        if let Some(cause) = self.core.lost_touch(&self.message) {
            return self.fail(cause);
        }
        if link == Link::RepliesLost {
            events::dropped(&self.message, cause::ONE_WAY_REPLY);
            return self.fail_late(cause::ONE_WAY_REPLY, sender);
        }
        if moods.unreliable && dice.drops_reply() {
            events::dropped(&self.message, cause::UNRELIABLE_REPLY);
            return self.fail(cause::UNRELIABLE_REPLY);
        }
        let hold = if moods.long_reordering { dice.hold() } else { None };
        let Some(hold) = hold else { return self.deliver(reply) };
        events::held(&self.message, cause::LONG_REORDERING, hold);
        self.after(hold, Stage::Deliver(reply), sender)
    }

    /// As if nobody were there: the sender learns of it after the delay for that.
    fn fail_late(self, cause: Cause, sender: Sender<'_>) -> Step {
        let delay = self.message.dice.unreachable_delay(self.message.moods.long_delays);
        events::delayed(&self.message, cause, delay);
        self.after(delay, Stage::Fail(cause), sender)
    }

    fn deliver(self, reply: Vec<u8>) -> Step {
        let core = Arc::clone(&self.core);
        let message = self.message;
        self.finish(Some(reply), |outcome| {
            core.count_reply(outcome.as_deref().unwrap_or_default());
            events::replied(&message);
        })
    }

    fn fail(self, cause: Cause) -> Step {
        let message = self.message;
        self.finish(None, |_| events::failed(&message, cause))
    }

    /// Hand the outcome over; `record` it first, unless the message has been ended by somebody else.
    fn finish(mut self, outcome: Outcome, record: impl FnOnce(&Outcome)) -> Step {
        if !self.enlisted {
            record(&outcome);
            return Step::Over(outcome);
        }
        self.enlisted = false;
        let id = self.message.id;
        let Some(completion) = self.core.claim(id) else { return Step::Waits(id) };
        record(&outcome);
        match completion {
            Completion::Slot(slot) => slot.fill(outcome),
            Completion::Callback(callback) if self.on_own_thread => callback.run(id, outcome),
            Completion::Callback(callback) => self.core.call_back(id, callback, outcome),
        }
        Step::Waits(id)
    }

    fn into_ticket(mut self) -> Ticket {
        self.enlisted = false;
        Ticket::new(&self.core, self.message)
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        if self.enlisted {
            self.core.fail(self.message.id, cause::NO_REPLY);
        }
    }
}

impl Stage<'_> {
    /// The handler's turn includes the legs that the request and the reply cost.
    fn phase(&self) -> Phase {
        match self {
            Stage::Handle(_) | Stage::Settle(_) => Phase::Serving,
            Stage::Arrive(_) | Stage::Deliver(_) | Stage::Fail(_) => Phase::Travelling,
        }
    }

    fn into_owned(self) -> Stage<'static> {
        match self {
            Stage::Arrive(request) => Stage::Arrive(request.into_owned()),
            Stage::Handle(request) => Stage::Handle(request.into_owned()),
            Stage::Settle(reply) => Stage::Settle(reply),
            Stage::Deliver(reply) => Stage::Deliver(reply),
            Stage::Fail(cause) => Stage::Fail(cause),
        }
    }
}

impl Request<'_> {
    fn into_owned(self) -> Request<'static> {
        Request { server: self.server, method: Cow::Owned(self.method.into_owned()), args: self.args }
    }
}

fn no_sender() -> Completion {
    unreachable!("a message that has waited is enlisted already")
}
