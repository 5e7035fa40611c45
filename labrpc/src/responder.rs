//! The right, and the duty, to answer one request later: what a deferred handler gets.

use crate::core::{Core, Message};
use crate::events::cause;
use crate::journey::Journey;
use labrt::sync::{Arc, Weak};
use serde::Serialize;
use std::marker::PhantomData;

/// Answers one request of a [deferred](crate::Service::deferred) handler: once, at any time, from any thread.
///
/// Dropped without a reply, the call fails at once, as if the reply had been lost. A responder keeps neither the
/// network nor the server alive, so a server may keep it in its own tables.
#[must_use = "a responder that is dropped fails the call"]
pub struct Responder<R> {
    ticket: Ticket,
    reply: PhantomData<fn(R)>,
}

impl<R: Serialize> Responder<R> {
    pub(crate) fn new(ticket: Ticket) -> Responder<R> {
        Responder { ticket, reply: PhantomData }
    }

    /// Send the reply on its way. Never blocks and never runs the caller's code, so a lock may be held.
    pub fn reply(self, reply: R) {
        self.ticket.reply(labgob::encode(&reply));
    }
}

/// The untyped half of a [`Responder`].
pub(crate) struct Ticket {
    core: Weak<Core>,
    message: Message,
    open: bool,
}

impl Ticket {
    pub fn new(core: &Arc<Core>, message: Message) -> Ticket {
        Ticket { core: Arc::downgrade(core), message, open: true }
    }

    fn reply(mut self, reply: Vec<u8>) {
        self.open = false;
        if let Some(core) = self.core.upgrade() {
            Journey::of_ticket(core, self.message).replied_late(reply);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        if let Some(core) = self.core.upgrade() {
            core.fail(self.message.id, cause::NO_REPLY);
        }
    }
}
