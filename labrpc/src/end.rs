//! An end: the side of a connection that sends requests.
//!
//! `call` and `send` both send a request. A `call` blocks its thread until the outcome is known. A `send`
//! blocks no thread.

use crate::completion::{Callback, Completion, Outcome, Slot};
use crate::events::{self, cause};
use crate::message::Outgoing;
use crate::name::Name;
use crate::shared::SharedNetwork;
use crate::transit::send_off;
use labrt::nesting;
use labrt::sync::{Arc, Weak};
use labrt::time::Duration;
use labrt::trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::panic::Location;
use std::task::Poll;

/// How many sends may be under way on one thread, each of them made by the handler or the `on_reply` of the
/// one before. The network's timer thread brings the next message, with an empty stack. Otherwise two servers
/// that always have a next message for each other would need a stack without end.
const DEEPEST_SEND: u32 = 16;

/// One end of a [`Network`](crate::Network). The end sends requests to the server to which it is connected.
///
/// An `End` does not keep its network alive: the network may be dropped before its ends. If the `End` is
/// dropped, the end is deleted, and the calls that still wait on this end fail. To share an end, put it into
/// an `Arc`.
///
/// A thread that holds a lock of labrt must not use [`call`](End::call) or [`send`](End::send), because the
/// server may need this lock for its reply. labrt reports such a call.
pub struct End {
    id: u64,
    name: Name,
    network: Weak<SharedNetwork>,
}

impl End {
    pub(crate) fn new(network: &Arc<SharedNetwork>, id: u64, name: Name) -> End {
        End { id, name, network: Arc::downgrade(network) }
    }

    /// Returns the end's name in its network.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Call `method` (`"Service.Method"`) and wait for the outcome. The call itself has no time limit.
    ///
    /// `None` means that the request or the reply was lost in some way. Then it is not known whether the
    /// handler ran. In three cases the call fails at once, and
    /// [`Network::total_count`](crate::Network::total_count) does not count it: the network is cleaned up,
    /// the network is gone, or the end is closed. The run fails if the method is unknown. The run also fails
    /// if the arguments or the reply do not have the type that the handler uses.
    #[track_caller]
    pub fn call<A, R>(&self, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.exchange(trace::next_id(), method, args, &events::said(args))
    }

    /// Like [`call`](End::call), but the caller passes an id from [`trace::next_id`]. This is for a sender
    /// that records its own events about the message.
    #[track_caller]
    pub fn call_as<A, R>(&self, id: u64, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.exchange(id, method, args, "")
    }

    /// Send the request of a call, and wait for the outcome. `says` tells the readers of the trace what is in
    /// the arguments.
    #[track_caller]
    fn exchange<A, R>(&self, id: u64, method: &str, args: &A, says: &str) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let outcome = match self.set_out(id, method, args, says)? {
            Sent::Over(outcome) => outcome,
            Sent::Waits(slot) => slot.wait(),
        };
        decode(outcome, Location::caller())
    }

    /// Like [`call`](End::call), but wait at most for the time `patience`. A reply that comes later is
    /// dropped. If there is no reply in this time, it is not known whether the handler has run or will run.
    /// The course's network has no such call.
    #[track_caller]
    pub fn call_within<A, R>(&self, patience: Duration, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let id = trace::next_id();
        let outcome = match self.set_out(id, method, args, &events::said(args))? {
            Sent::Over(outcome) => outcome,
            Sent::Waits(slot) => match slot.wait_for(patience) {
                Some(outcome) => outcome,
                None => {
                    self.give_up(id);
                    None
                }
            },
        };
        decode(outcome, Location::caller())
    }

    /// Send the request of a call. Returns `None` if the network is gone. This function does not wait for the
    /// outcome: its caller waits. Some callers wait with a deadline and some without. They cannot pass their
    /// wait to this function as a closure: `#[track_caller]` has no effect in a closure. So for the place of
    /// the wait, reports would show a line of the closure instead of the line of the user's call.
    #[track_caller]
    fn set_out<A>(&self, id: u64, method: &str, args: &A, says: &str) -> Option<Sent>
    where
        A: Serialize + ?Sized,
    {
        labrt::locks::blocking(method);
        let network = self.network()?;
        let mut slot = None;
        let mut make = || Completion::Slot(Arc::clone(slot.insert(Slot::new())));
        let request = Outgoing { id, end: self.id, method, place: Location::caller(), says, is_deep: false };
        // The variable `network` keeps the network alive. It is dropped when this function returns. The
        // caller begins to wait after that, so a call that waits does not keep the network alive.
        let sent = send_off(&network, request, labgob::encode(args), &mut make);
        Some(match sent {
            Poll::Ready(outcome) => Sent::Over(outcome),
            Poll::Pending => Sent::Waits(slot.expect("a message waits only with a completion")),
        })
    }

    /// End the message `id`. This must also work in a network that is cleaned up, because messages may still
    /// wait in such a network.
    fn give_up(&self, id: u64) {
        if let Some(network) = self.network.upgrade() {
            network.fail(id, cause::GIVEN_UP);
        }
    }

    /// Call `method`, but do not wait for the outcome. The closure `on_reply` is called exactly once. Its
    /// argument is the value that [`call`](End::call) would have returned.
    ///
    /// Sometimes the outcome is known at once. For example, the network is gone, or the handler is inline and
    /// nothing is delayed. Then `on_reply` runs on this thread before `send` returns. Otherwise it runs on a
    /// thread of the network, with the sender's node as the current node. There, `on_reply` must be short: it
    /// may lock a lock for a short time, but must not sleep, and must not use [`call`](End::call).
    ///
    /// `on_reply`, and an inline or deferred handler, may send the next message. If such a chain becomes
    /// long, the network's thread goes on with it, so the chain does not fill the stack.
    ///
    /// If the run ends before `on_reply` was called, `on_reply` is dropped.
    #[track_caller]
    pub fn send<A, R>(
        &self,
        method: &'static str,
        args: &A,
        on_reply: impl FnOnce(Option<R>) + Send + 'static,
    ) where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.send_saying(trace::next_id(), method, args, &events::said(args), on_reply);
    }

    /// Like [`send`](End::send), but the caller passes an id from [`trace::next_id`]. This is for a sender
    /// that records its own events about the message.
    #[track_caller]
    pub fn send_as<A, R>(
        &self,
        id: u64,
        method: &'static str,
        args: &A,
        on_reply: impl FnOnce(Option<R>) + Send + 'static,
    ) where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.send_saying(id, method, args, "", on_reply);
    }

    #[track_caller]
    fn send_saying<A, R>(
        &self,
        id: u64,
        method: &'static str,
        args: &A,
        says: &str,
        on_reply: impl FnOnce(Option<R>) + Send + 'static,
    ) where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        labrt::locks::blocking(method);
        let place = Location::caller();
        let Some(network) = self.network() else { return on_reply(None) };
        let mut on_reply = Some(on_reply);
        let mut make = || {
            let on_reply = on_reply.take().expect("a message is enlisted once");
            Completion::Callback(Callback::new(move |outcome| on_reply(decode(outcome, place))))
        };
        let nesting = nesting::enter();
        let is_deep = nesting.depth() > DEEPEST_SEND;
        let request = Outgoing { id, end: self.id, method, place, says, is_deep };
        let sent = send_off(&network, request, labgob::encode(args), &mut make);
        drop(network);
        if let (Poll::Ready(outcome), Some(on_reply)) = (sent, on_reply) {
            let _under = trace::under(id);
            on_reply(decode(outcome, place));
        }
    }

    /// Close the end for ever: the calls that wait on this end fail at once, and every later call also fails
    /// at once. This function never blocks: if a send fails, its `on_reply` runs on a thread of the network.
    /// If the end is closed already, this function does nothing.
    pub fn close(&self) {
        if let Some(network) = self.network.upgrade() {
            network.close_end(self.id);
        }
    }

    /// Returns the network, or `None` if the network is cleaned up or gone.
    fn network(&self) -> Option<Arc<SharedNetwork>> {
        self.network.upgrade().filter(|network| !network.is_done())
    }
}

/// The state of a call after its request was sent.
enum Sent {
    /// The call has ended.
    Over(Outcome),
    /// The call waits. The slot will get the outcome later.
    Waits(Arc<Slot>),
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(network) = self.network.upgrade() {
            network.remove_end(self.id);
        }
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "End({})", self.name)
    }
}

impl From<&End> for Name {
    fn from(end: &End) -> Name {
        end.name.clone()
    }
}

/// Decode the reply to a call that was made at `place`.
fn decode<R: DeserializeOwned>(outcome: Outcome, place: &'static Location<'static>) -> Option<R> {
    let bytes = outcome?;
    match labgob::decode(&bytes) {
        Ok(reply) => Some(reply),
        Err(error) => {
            let (size, expected) = (bytes.len(), std::any::type_name::<R>());
            let text = format!("ClientEnd.Call(): decode reply: {error} (in {size} bytes, as {expected})");
            labrt::fatal_at(place, text)
        }
    }
}
