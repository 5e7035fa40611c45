//! An end: the sending side of one connection.
//!
//! `call` and `send` do the same, but a delayed call blocks its thread, and a delayed send holds no
//! thread.

use crate::completion::{Callback, Completion, Outcome, Slot};
use crate::events::cause;
use crate::message::Outgoing;
use crate::name::Name;
use crate::shared::SharedNetwork;
use crate::transit::send_off;
use labrt::sync::{Arc, Weak};
use labrt::time::{Duration, Instant};
use labrt::trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::panic::Location;
use std::task::Poll;

/// One end of a [`Network`](crate::Network): sends requests to the server it is connected to.
///
/// An end does not keep the network alive. If the `End` is dropped, the end is deleted, and the calls
/// that still wait on it fail. To share an end, put it into an `Arc`.
///
/// No thread may [`call`](End::call) or [`send`](End::send) while it holds a labrt lock, because
/// the reply may need that lock. labrt reports it.
pub struct End {
    id: u64,
    name: Name,
    network: Weak<SharedNetwork>,
}

impl End {
    pub(crate) fn new(network: &Arc<SharedNetwork>, id: u64, name: Name) -> End {
        End { id, name, network: Arc::downgrade(network) }
    }

    /// The end's name in its network.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Call `method` (`"Service.Method"`) and wait for the outcome. The call itself has no time limit.
    ///
    /// `None`: the request or the reply was lost in some way, and it is unknown whether the handler
    /// ran. When the network is cleaned up or gone, or the end closed, the call fails
    /// at once and is not counted. Fatal: an unknown method, and arguments or a reply of another
    /// type than the handler's.
    #[track_caller]
    pub fn call<A, R>(&self, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.call_as(trace::next_id(), method, args)
    }

    /// [`call`](End::call) under an id from [`trace::next_id`], for a sender that has events of its
    /// own about the message.
    #[track_caller]
    pub fn call_as<A, R>(&self, id: u64, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let outcome = match self.set_out(id, method, args)? {
            Sent::Over(outcome) => outcome,
            Sent::Waits(slot) => slot.wait(),
        };
        decode(outcome, Location::caller())
    }

    /// [`call`](End::call), but wait at most `patience`. A reply that comes later is dropped, and it is
    /// unknown whether the handler has run or will run. The course's network has no such call.
    #[track_caller]
    pub fn call_within<A, R>(&self, patience: Duration, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let id = trace::next_id();
        let deadline = Instant::now() + patience;
        let outcome = match self.set_out(id, method, args)? {
            Sent::Over(outcome) => outcome,
            Sent::Waits(slot) => match slot.wait_until(deadline) {
                Some(outcome) => outcome,
                None => {
                    self.give_up(id);
                    None
                }
            },
        };
        decode(outcome, Location::caller())
    }

    /// Send the request of a call. `None`: the network is gone. The caller waits itself, not in a
    /// closure that it passes: `#[track_caller]` does not reach into closures, and reports name the
    /// place of a wait.
    #[track_caller]
    fn set_out<A>(&self, id: u64, method: &str, args: &A) -> Option<Sent>
    where
        A: Serialize + ?Sized,
    {
        labrt::locks::blocking(method);
        let network = self.network()?;
        let mut slot = None;
        let mut make = || Completion::Slot(Arc::clone(slot.insert(Slot::new())));
        let request = Outgoing { id, end: self.id, method, place: Location::caller() };
        // Here the strong handle is dropped: a call that waits does not keep the network alive.
        let sent = send_off(&network, request, labgob::encode(args), &mut make);
        Some(match sent {
            Poll::Ready(outcome) => Sent::Over(outcome),
            Poll::Pending => Sent::Waits(slot.expect("a message waits only with a completion")),
        })
    }

    /// End message `id`. This works in a network that is cleaned up, too: messages may wait there.
    fn give_up(&self, id: u64) {
        if let Some(network) = self.network.upgrade() {
            network.fail(id, cause::GIVEN_UP);
        }
    }

    /// Call `method` without waiting. `on_reply` gets what [`call`](End::call) would have returned,
    /// exactly once.
    ///
    /// If the outcome is known at once (no delay and an inline handler, or the network is gone),
    /// `on_reply` runs on this thread before `send` returns. Else it runs later on a thread of the
    /// network, with the sender's node as the current node. There it must be short: it may take a
    /// lock for a moment, but must not sleep or `call`.
    ///
    /// An `on_reply` that is still due when its run ends is dropped.
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
        self.send_as(trace::next_id(), method, args, on_reply);
    }

    /// [`send`](End::send) under an id from [`trace::next_id`], for a sender that has events of its
    /// own about the message.
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
        labrt::locks::blocking(method);
        let place = Location::caller();
        let Some(network) = self.network() else { return on_reply(None) };
        let mut on_reply = Some(on_reply);
        let mut make = || {
            let on_reply = on_reply.take().expect("a message is enlisted once");
            Completion::Callback(Callback::new(move |outcome| on_reply(decode(outcome, place))))
        };
        let request = Outgoing { id, end: self.id, method, place };
        let sent = send_off(&network, request, labgob::encode(args), &mut make);
        drop(network);
        if let (Poll::Ready(outcome), Some(on_reply)) = (sent, on_reply) {
            let _under = trace::under(id);
            on_reply(decode(outcome, place));
        }
    }

    /// Close the end for good: the calls that wait on it fail at once, and so does every later
    /// call. This never blocks: the `on_reply` of a failed send runs on a thread of the network.
    /// Closing twice is harmless.
    pub fn close(&self) {
        if let Some(network) = self.network.upgrade() {
            network.close_end(self.id);
        }
    }

    /// The network; `None` when it is cleaned up or gone.
    fn network(&self) -> Option<Arc<SharedNetwork>> {
        self.network.upgrade().filter(|network| !network.is_done())
    }
}

/// What has come of the request of a call so far.
enum Sent {
    /// All is over.
    Over(Outcome),
    /// The slot gets the outcome.
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

/// The reply to a call that was made at `place`.
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
