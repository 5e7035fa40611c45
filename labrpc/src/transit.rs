//! The stages of one message, from the call to its outcome:
//!
//! ```text
//! start -> (reaches no server: wait, fail)
//!       -> delay -> dropped? -> request leg -> handler -> reply leg
//!       -> server lost? -> dropped? -> hold -> deliver
//! ```
//!
//! In virtual time a request has a cost ([`Cost`](crate::Cost)): the two *legs* are the two halves of this
//! cost. A stage without delay runs at once on the current thread. Before a delay the message is *enlisted*:
//! it is added to the table of waiting messages (see `shared.rs`). The next stage goes into the queue of the
//! timer. For a message without delays, memory is allocated only for its bytes, and the lock of the network
//! is locked only once.
//!
//! If a request is not lost, its handler runs on the server that existed when the request was sent. The
//! handler also runs if this server is removed while the request is delayed. But then the sender gets no
//! reply. `Link::RequestsHeld` is an exception: a held request goes to the server that has the same name at
//! the time of the release. If no server has this name at that time, or if the end is disabled, the call
//! fails.
//!
//! With a [`Capacity`](crate::Capacity), a message also waits for its nodes. The request waits until its
//! sender has sent it, and again before its handler. The reply waits until the server has sent it, and again
//! before it is delivered. See `Transit::leave` and `Transit::run`.

use crate::completion::{Completion, MakeCompletion, Outcome};
use crate::events::{self, Cause, cause};
use crate::faults::{Fate, Link, MessageEvent};
use crate::message::{Message, Outgoing, Phase};
use crate::queues::{Job, Way};
use crate::responder::{ReplyPath, Ticket};
use crate::server::{HandlerAt, SharedServer};
use crate::service::{HandlerKind, Service};
use crate::shared::SharedNetwork;
use labrt::node::{self, NodeId};
use labrt::sync::{Arc, Weak};
use labrt::thread;
use labrt::time::Duration;
use labrt::trace;
use std::borrow::Cow;
use std::task::Poll;

/// Send a request. `Ready` means that the message has ended. `Pending` means that the message is enlisted.
/// Its completion will get the outcome, or has already got it.
pub(crate) fn send_off(
    network: &Arc<SharedNetwork>,
    request: Outgoing<'_>,
    args: Vec<u8>,
    make: MakeCompletion<'_>,
) -> Poll<Outcome> {
    let _goes_on = node::without_pause();
    let Some(start) = network.start(request, &args) else { return Poll::Ready(None) };
    let transit = Transit {
        network: Arc::clone(network),
        message: start.message,
        is_enlisted: false,
        on_network_thread: false,
    };
    if start.message.settings.is_watched && start.server.is_ok() {
        network.call_hook(start.message.from, MessageEvent::Sent);
    }
    let server = match start.server {
        Ok(server) => server,
        Err(cause) => {
            transit.leave_unseen(args.len());
            return transit.fail_late(cause, make);
        }
    };
    let (from, bytes, is_deep) = (transit.message.from, args.len(), request.is_deep);
    let request = Request { server, method: Cow::Borrowed(request.method), args };
    if transit.message.link == Link::RequestsHeld {
        transit.leave_unseen(bytes);
        return transit.hold(Stage::Arrive(request), make);
    }
    let delay = transit.request_delay();
    if is_deep && transit.job(from, Way::Out, bytes).is_none() {
        return transit.wait(delay, Stage::Arrive(request), make);
    }
    transit.leave(from, bytes, delay, Stage::Arrive(request), make)
}

/// One message that has been sent and has not ended yet. If a handler panics, the transit is dropped, and
/// then the call fails. So the caller does not wait for ever.
struct Transit {
    network: Arc<SharedNetwork>,
    message: Message,
    /// True if the completion of the message is in the network's table.
    is_enlisted: bool,
    /// True if the current thread belongs to the network. On such a thread, callbacks of senders may run.
    on_network_thread: bool,
}

/// The next step of a message after a delay.
enum Stage<'a> {
    /// The delay of the request is over. The request may still be dropped.
    Arrive(Request<'a>),
    /// The request reaches its handler.
    Handle(Request<'a>),
    /// The handler has replied. The reply may still be lost or held back.
    Return(Vec<u8>),
    /// The reply reaches the sender.
    Deliver(Vec<u8>),
    /// The sender learns that there is no reply.
    Fail(Cause),
}

struct Request<'a> {
    server: Arc<SharedServer>,
    method: Cow<'a, str>,
    args: Vec<u8>,
}

impl Transit {
    /// Run `stage` after `delay`. If the delay is zero, the stage runs at once. Otherwise the stage goes into
    /// the queue of the timer.
    fn after(self, delay: Duration, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        if delay.is_zero() {
            return self.run(stage, make);
        }
        self.wait(delay, stage, make)
    }

    /// Enlist the message, and add `stage` to the queue of the timer. This function is not inlined, because
    /// inlining makes a call without delay 20 % slower.
    #[inline(never)]
    fn wait(mut self, delay: Duration, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        self.enlist(stage.phase(), make);
        let timer = Arc::clone(&self.network.timer);
        let stage = stage.into_owned();
        timer.run_after(delay, move || {
            self.on_network_thread = true;
            let _pending = self.run(stage, &mut is_enlisted_already);
        });
        Poll::Pending
    }

    /// Keep `stage` until the messages of the end are released.
    fn hold(mut self, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        match &stage {
            Stage::Arrive(_) => events::delayed(&self.message, cause::HELD_LINK, Duration::ZERO),
            _ => events::held(&self.message, cause::HELD_LINK, Duration::ZERO),
        }
        self.enlist(Phase::Travelling, make);
        let network = Arc::clone(&self.network);
        let stage = stage.into_owned();
        let message = self.message;
        network.hold(&message, move || {
            self.on_network_thread = true;
            let stage = match stage {
                Stage::Arrive(request) => match self.network.route_again(&mut self.message) {
                    Ok(server) => Stage::Arrive(Request { server, ..request }),
                    Err(cause) => Stage::Fail(cause),
                },
                stage => stage,
            };
            let _pending = self.run(stage, &mut is_enlisted_already);
        });
        Poll::Pending
    }

    /// Keep `stage` until the pause of the node ends.
    #[cold]
    fn wait_for(mut self, node: NodeId, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        self.enlist(Phase::Travelling, make);
        let network = Arc::clone(&self.network);
        let stage = stage.into_owned();
        let step = move || {
            self.on_network_thread = true;
            let _pending = self.run(stage, &mut is_enlisted_already);
        };
        if let Some(step) = network.paused.keep(node, Box::new(step)) {
            network.timer.run_soon(step);
        }
        Poll::Pending
    }

    fn run(self, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let node = match stage {
            Stage::Handle(_) => self.message.to,
            Stage::Deliver(_) | Stage::Fail(_) => self.message.from,
            Stage::Arrive(_) | Stage::Return(_) => NodeId::NONE,
        };
        if !node.is_none() && self.network.paused.has(node) {
            return self.wait_for(node, stage, make);
        }
        let bytes = match &stage {
            Stage::Handle(request) => request.args.len(),
            Stage::Deliver(reply) => reply.len(),
            Stage::Arrive(_) | Stage::Return(_) | Stage::Fail(_) => return self.enter(stage, make),
        };
        match self.job(node, Way::In, bytes) {
            None => self.enter(stage, make),
            Some(job) => self.take_in(node, job, stage, make),
        }
    }

    fn enter(self, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        match stage {
            Stage::Arrive(request) => self.arrive(request, make),
            Stage::Handle(request) => self.handle(request, make),
            Stage::Return(reply) => self.return_reply(reply, make),
            Stage::Deliver(reply) => self.deliver(reply),
            Stage::Fail(cause) => self.fail(cause),
        }
    }

    fn enlist(&mut self, phase: Phase, make: MakeCompletion<'_>) {
        if self.is_enlisted {
            return self.network.set_phase(&self.message, phase);
        }
        self.is_enlisted = true;
        self.network.enlist(&self.message, phase, make());
    }

    // ---- busy nodes -----------------------------------------------------------------------------

    /// Returns what the message costs a node. Returns `None` if it costs nothing.
    #[inline]
    fn job(&self, node: NodeId, way: Way, bytes: usize) -> Option<Job> {
        let capacity = self.message.settings.capacity.filter(|_| !node.is_none())?;
        Some(Job { way, bytes, takes: capacity.time_for(bytes) })
    }

    /// Let the message leave `node`. After that, run `stage` after `delay`.
    fn leave(
        self,
        node: NodeId,
        bytes: usize,
        delay: Duration,
        stage: Stage<'_>,
        make: MakeCompletion<'_>,
    ) -> Poll<Outcome> {
        let Some(job) = self.job(node, Way::Out, bytes) else { return self.after(delay, stage, make) };
        let (phase, stage) = (stage.phase(), stage.into_owned());
        let next = move |transit: Transit| transit.after(delay, stage, &mut is_enlisted_already);
        self.occupy(node, job, phase, next, make)
    }

    /// Let the sender be busy with a request that reaches no server, or that the network keeps. The request
    /// itself does not wait for the sender.
    fn leave_unseen(&self, bytes: usize) {
        let from = self.message.from;
        if let Some(job) = self.job(from, Way::Out, bytes) {
            self.network.queues.add(from, job, Box::new(|| {}));
        }
    }

    /// Let `node` take the message in. After that, run `stage`.
    #[cold]
    fn take_in(self, node: NodeId, job: Job, stage: Stage<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let (phase, stage) = (stage.phase(), stage.into_owned());
        let next = move |transit: Transit| match transit.network.paused.has(node) {
            true => transit.wait_for(node, stage, &mut is_enlisted_already),
            false => transit.enter(stage, &mut is_enlisted_already),
        };
        self.occupy(node, job, phase, next, make)
    }

    /// Run `next` when `node` has finished this job.
    #[cold]
    fn occupy(
        mut self,
        node: NodeId,
        job: Job,
        phase: Phase,
        next: impl FnOnce(Transit) -> Poll<Outcome> + Send + 'static,
        make: MakeCompletion<'_>,
    ) -> Poll<Outcome> {
        self.enlist(phase, make);
        let queues = Arc::clone(&self.network.queues);
        let step = move || {
            self.on_network_thread = true;
            let _pending = next(self);
        };
        queues.add(node, job, Box::new(step));
        Poll::Pending
    }

    // ---- the request ----------------------------------------------------------------------------

    fn request_delay(&self) -> Duration {
        let Message { dice, settings, .. } = self.message;
        let mut total = Duration::ZERO;
        let mut add = |cause, delay: Duration| {
            events::delayed(&self.message, cause, delay);
            total += delay;
        };
        if settings.unreliable {
            add(cause::UNRELIABLE, dice.request_delay());
        }
        if let Some(Fate::Late(delay)) = self.message.fate {
            add(cause::CHOSEN, delay);
        }
        let latency = dice.request_latency(settings.latency);
        if !latency.is_zero() {
            add(cause::LATENCY, latency);
        }
        if let Some(hold) = settings.reorder_requests.then(|| dice.request_hold()).flatten() {
            add(cause::LONG_REORDERING, hold);
        }
        total
    }

    fn arrive(self, request: Request<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let Message { dice, settings, .. } = self.message;
        let lost = match self.message.fate {
            Some(fate) => (fate == Fate::RequestLost).then_some(cause::CHOSEN),
            None => dice.drops_request(settings.lost_requests()).then_some(cause::UNRELIABLE_REQUEST),
        };
        if let Some(cause) = lost {
            events::dropped(&self.message, cause);
            return self.fail(cause);
        }
        if let Some(delay) = dice.duplicate(settings.duplicated_requests, settings.duplicate_delay) {
            self.duplicate(&request, delay);
        }
        let leg = dice.cost_leg(self.message.cost);
        if !leg.is_zero() {
            events::delayed(&self.message, cause::COST, leg);
        }
        self.after(leg, Stage::Handle(request), make)
    }

    /// Let the request arrive a second time, after `delay`. The reply to the second request is dropped. By
    /// default, the second request reaches the same server as the first. If the network has a
    /// `duplicate_delay`, the second request reaches the server that has the same name at the time of the
    /// second arrival. If no server has the name at that time, the second request is lost.
    fn duplicate(&self, request: &Request<'_>, delay: Duration) {
        let Request { server, method, args } = request;
        let (server, method, args) = (Arc::clone(server), method.to_string(), args.clone());
        let message = self.message;
        let paused = Arc::clone(&self.network.paused);
        let network = message.settings.duplicate_delay.map(|_| Arc::downgrade(&self.network));
        let job = self.job(message.to, Way::In, args.len());
        let queues = Arc::clone(&self.network.queues);
        self.network.timer.run_after(delay, move || {
            let server = match network {
                None => server,
                Some(network) => match network.upgrade().and_then(|network| network.present_server(&message))
                {
                    Some(present) => present,
                    None => return,
                },
            };
            let to = message.to;
            let handle = move || handle_again(&server, &message, &method, args);
            let step = move || match job {
                None => handle(),
                Some(job) => queues.add(to, job, Box::new(handle)),
            };
            if !paused.has(to) {
                return step();
            }
            if let Some(step) = paused.keep(to, Box::new(step)) {
                step();
            }
        });
    }

    // ---- the handler ----------------------------------------------------------------------------

    fn handle(mut self, request: Request<'_>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let Request { server, method, args } = request;
        let at = server.accept(&method, self.message.place);
        events::delivered(&self.message, &method);
        let (service, handler) = server.at(at);
        match &handler.kind {
            HandlerKind::Inline(run) => {
                let reply = as_callee(self.message.id, service, || run(&args));
                self.replied(reply, make)
            }
            HandlerKind::Deferred(run) => {
                self.enlist(Phase::Serving, make);
                let id = self.message.id;
                let ticket = self.into_ticket();
                as_callee(id, service, || run(&args, ticket));
                Poll::Pending
            }
            HandlerKind::Pooled(_) => {
                self.enlist(Phase::Serving, make);
                self.handle_pooled(server, at, args);
                Poll::Pending
            }
        }
    }

    fn handle_pooled(mut self, server: Arc<SharedServer>, at: HandlerAt, args: Vec<u8>) {
        // The thread belongs to the node of the handler. So if the handler still waits after the node was
        // killed, the tests report that the node has not ended this thread.
        let (service, _) = server.at(at);
        let _callee = node::enter(service.owner());
        thread::spawn(move || {
            let (service, handler) = server.at(at);
            let HandlerKind::Pooled(run) = &handler.kind else { return };
            let reply = as_callee(self.message.id, service, || run(&args));
            // The code after the handler is code of the network, so it belongs to no node.
            let _network = node::enter(NodeId::NONE);
            self.on_network_thread = true;
            let _pending = self.replied(reply, &mut is_enlisted_already);
        });
    }

    /// Make the ticket for a deferred handler. From then on, the ticket must end the message, with or without
    /// a reply.
    fn into_ticket(mut self) -> Ticket {
        self.is_enlisted = false;
        let path: Weak<SharedNetwork> = Arc::downgrade(&self.network);
        Ticket::new(path, self.message)
    }

    // ---- the reply ------------------------------------------------------------------------------

    /// Continue after the handler has returned its reply.
    fn replied(mut self, reply: Vec<u8>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        events::handler_replied(&self.message, &reply);
        let leg = self.message.dice.cost_leg(self.message.cost);
        let (to, bytes) = (self.message.to, reply.len());
        if self.message.settings.is_watched && self.leaves_at_once(make) {
            return self.leave(to, bytes, leg, Stage::Deliver(reply), make);
        }
        self.leave(to, bytes, leg, Stage::Return(reply), make)
    }

    /// Call the hook of the network. Returns true if the reply has left its server. Then a removal of the
    /// server does not stop the reply.
    fn leaves_at_once(&mut self, make: MakeCompletion<'_>) -> bool {
        if self.network.why_server_lost(&self.message).is_some() {
            return false;
        }
        // The hook may remove the server. In the phase `Travelling`, the message does not end when its server
        // is removed.
        self.enlist(Phase::Travelling, make);
        self.network.call_hook(self.message.to, MessageEvent::Replied { to: self.message.from })
    }

    fn return_reply(self, reply: Vec<u8>, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let Message { dice, settings, link, .. } = self.message;
        if let Some(cause) = self.network.why_server_lost(&self.message) {
            return self.fail(cause);
        }
        if link == Link::RepliesLost {
            events::dropped(&self.message, cause::ONE_WAY_REPLY);
            return self.fail_late(cause::ONE_WAY_REPLY, make);
        }
        let lost = match self.message.fate {
            Some(fate) => (fate == Fate::ReplyLost).then_some(cause::CHOSEN),
            None => dice.drops_reply(settings.lost_replies()).then_some(cause::UNRELIABLE_REPLY),
        };
        if let Some(cause) = lost {
            events::dropped(&self.message, cause);
            return self.fail(cause);
        }
        if link == Link::RepliesHeld {
            return self.hold(Stage::Deliver(reply), make);
        }
        let mut total = Duration::ZERO;
        let mut add = |cause, hold: Duration| {
            events::held(&self.message, cause, hold);
            total += hold;
        };
        if let Some(hold) = settings.long_reordering.then(|| dice.reply_hold()).flatten() {
            add(cause::LONG_REORDERING, hold);
        }
        let latency = dice.reply_latency(settings.latency);
        if !latency.is_zero() {
            add(cause::LATENCY, latency);
        }
        self.after(total, Stage::Deliver(reply), make)
    }

    // ---- the outcome ----------------------------------------------------------------------------

    /// Let the message fail after a delay. The delay is chosen as for a call that reaches no server.
    fn fail_late(self, cause: Cause, make: MakeCompletion<'_>) -> Poll<Outcome> {
        let delay = self.message.dice.unreachable_delay(self.message.settings.long_delays);
        events::delayed(&self.message, cause, delay);
        self.after(delay, Stage::Fail(cause), make)
    }

    fn deliver(self, reply: Vec<u8>) -> Poll<Outcome> {
        let network = Arc::clone(&self.network);
        let message = self.message;
        self.finish(Some(reply), |outcome| {
            network.count_reply(outcome.as_deref().unwrap_or_default());
            events::reply_delivered(&message);
        })
    }

    fn fail(self, cause: Cause) -> Poll<Outcome> {
        let message = self.message;
        self.finish(None, |_| events::failed(&message, cause))
    }

    /// Record the outcome with `record`, and give the outcome to the sender. If the message has already
    /// ended, do nothing.
    fn finish(mut self, outcome: Outcome, record: impl FnOnce(&Outcome)) -> Poll<Outcome> {
        if !self.is_enlisted {
            record(&outcome);
            return Poll::Ready(outcome);
        }
        self.is_enlisted = false;
        let id = self.message.id;
        let Some(completion) = self.network.claim(id) else { return Poll::Pending };
        record(&outcome);
        match completion {
            Completion::Slot(slot) => slot.fill(outcome),
            Completion::Callback(callback) if self.on_network_thread => callback.run(id, outcome),
            Completion::Callback(callback) => self.network.call_back(id, callback, outcome),
        }
        Poll::Pending
    }
}

impl Drop for Transit {
    fn drop(&mut self) {
        if self.is_enlisted {
            self.network.fail(self.message.id, cause::NO_REPLY);
        }
    }
}

impl ReplyPath for SharedNetwork {
    fn reply(self: Arc<Self>, message: Message, reply: Vec<u8>) {
        let _goes_on = node::without_pause();
        // The calling thread belongs to the server, so no callback of a sender may run on it.
        let transit = Transit { network: self, message, is_enlisted: true, on_network_thread: false };
        let _pending = transit.replied(reply, &mut is_enlisted_already);
    }

    fn no_reply(&self, message: &Message) {
        self.fail(message.id, cause::NO_REPLY);
    }
}

impl Stage<'_> {
    /// Returns the phase in which the message waits before this stage. The two halves of the cost belong to
    /// the phase `Serving`.
    fn phase(&self) -> Phase {
        match self {
            Stage::Handle(_) | Stage::Return(_) => Phase::Serving,
            Stage::Arrive(_) | Stage::Deliver(_) | Stage::Fail(_) => Phase::Travelling,
        }
    }

    fn into_owned(self) -> Stage<'static> {
        match self {
            Stage::Arrive(request) => Stage::Arrive(request.into_owned()),
            Stage::Handle(request) => Stage::Handle(request.into_owned()),
            Stage::Return(reply) => Stage::Return(reply),
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

/// Let the second copy of a request reach its handler. The reply to this copy is dropped.
fn handle_again(server: &Arc<SharedServer>, message: &Message, method: &str, args: Vec<u8>) {
    let at = server.accept(method, message.place);
    events::duplicated(message, method);
    let (service, handler) = server.at(at);
    let id = message.id;
    match &handler.kind {
        HandlerKind::Inline(run) => drop(as_callee(id, service, || run(&args))),
        HandlerKind::Deferred(run) => {
            let nowhere: Weak<SharedNetwork> = Weak::new();
            as_callee(id, service, || run(&args, Ticket::new(nowhere, *message)));
        }
        HandlerKind::Pooled(_) => {
            let server = Arc::clone(server);
            thread::spawn(move || {
                let (service, handler) = server.at(at);
                let HandlerKind::Pooled(run) = &handler.kind else { return };
                drop(as_callee(id, service, || run(&args)));
            });
        }
    }
}

/// Run a handler of `service`. During the call, the service's node is the current node. The events that this
/// thread records during the call have the message `id` as their parent.
fn as_callee<T>(id: u64, service: &Service, handler: impl FnOnce() -> T) -> T {
    let _under = trace::under(id);
    let _callee = node::enter(service.owner());
    handler()
}

fn is_enlisted_already() -> Completion {
    unreachable!("a message that has waited has a completion")
}
