//! A deferred handler replies with a responder: only once, but at any time.

use crate::events;
use crate::message::Message;
use labrt::sync::{Arc, Weak};
use serde::Serialize;
use std::marker::PhantomData;

/// The object with which a [deferred](crate::Service::deferred) handler replies to one request. The handler
/// can reply only once, but at any time and from any thread.
///
/// If the responder is dropped without a reply, the call fails at once, as if the reply was lost. A responder
/// contains no reference that keeps the network or the server alive. So a server may store its responders.
#[must_use = "a responder that is dropped fails the call"]
pub struct Responder<R> {
    ticket: Ticket,
    /// Does the trace get a text that says what is in the reply?
    says: bool,
    reply: PhantomData<fn(R)>,
}

impl<R: Serialize> Responder<R> {
    /// `method` is the full name of the method to which this is the reply.
    pub(crate) fn new(ticket: Ticket, method: &str) -> Responder<R> {
        Responder { ticket, says: events::tells_replies(method), reply: PhantomData }
    }

    /// Send the reply. This method never blocks, and never runs the sender's `on_reply`. So you may hold a
    /// lock when you use it.
    pub fn reply(self, reply: R) {
        if self.says {
            events::reply_says(self.ticket.message.id, &reply);
        }
        self.ticket.reply(labgob::encode(&reply));
    }
}

/// The object through which a ticket sends a reply back to the sender: the network.
pub(crate) trait ReplyPath: Send + Sync {
    /// Called when the handler of `message` has replied.
    fn reply(self: Arc<Self>, message: Message, reply: Vec<u8>);

    /// Called when it is certain that the handler of `message` will never reply.
    fn no_reply(&self, message: &Message);
}

/// The part of a [`Responder`] that does not depend on the type of the reply. It calls its [`ReplyPath`]
/// exactly once: with a reply, or when it is dropped without a reply.
pub(crate) struct Ticket {
    path: Weak<dyn ReplyPath>,
    message: Message,
    is_open: bool,
}

impl Ticket {
    pub fn new(path: Weak<dyn ReplyPath>, message: Message) -> Ticket {
        Ticket { path, message, is_open: true }
    }

    fn reply(mut self, reply: Vec<u8>) {
        self.is_open = false;
        if let Some(path) = self.path.upgrade() {
            path.reply(self.message, reply);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        if let Some(path) = self.path.upgrade() {
            path.no_reply(&self.message);
        }
    }
}
