//! An end: the sending side of one connection.
//!
//! `call` and `send` are one path; they differ in who waits. A call that is delayed blocks its thread; a send that
//! is delayed holds none.

use crate::completion::{Callback, Completion, Outcome, Slot};
use crate::core::Core;
use crate::events::cause;
use crate::journey::{Step, send_off};
use crate::name::Name;
use labrt::sync::{Arc, Weak};
use labrt::time::{Duration, Instant};
use labrt::trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// One end of a [`Network`](crate::Network): sends requests to the server it is connected to.
///
/// It belongs to whoever made it and does not keep the network alive. Dropping it deletes the end; what it still
/// waits for fails then. To share one, put it into an `Arc`.
///
/// Neither [`call`](End::call) nor [`send`](End::send) may be made while a labrt lock is held: the reply may need
/// that lock. It is reported.
pub struct End {
    id: u64,
    name: Name,
    core: Weak<Core>,
}

impl End {
    pub(crate) fn new(core: &Arc<Core>, id: u64, name: Name) -> End {
        End { id, name, core: Arc::downgrade(core) }
    }

    /// The end's name in its network.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Call `method` (`"Service.Method"`) and wait for the outcome, without a time limit of its own.
    ///
    /// `None`: lost in some way, and nothing is known about whether the handler ran. At once, uncounted, when the
    /// network is cleaned up or gone or the end closed. Fatal: an unknown method, arguments or a reply of another
    /// type than the handler's.
    #[track_caller]
    pub fn call<A, R>(&self, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.wait_for_reply(method, args, |_, slot| slot.wait())
    }

    /// [`call`](End::call), but wait at most `patience`: a reply that comes later reaches nobody, and nothing is known
    /// about whether the handler ran or will run. The course's network has no such thing.
    #[track_caller]
    pub fn call_within<A, R>(&self, patience: Duration, method: &str, args: &A) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let deadline = Instant::now() + patience;
        self.wait_for_reply(method, args, |id, slot| match slot.wait_until(deadline) {
            Some(outcome) => outcome,
            None => {
                if let Some(core) = self.network() {
                    core.fail(id, cause::GIVEN_UP);
                }
                None
            }
        })
    }

    #[track_caller]
    fn wait_for_reply<A, R>(
        &self,
        method: &str,
        args: &A,
        wait: impl FnOnce(u64, &Slot) -> Outcome,
    ) -> Option<R>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        labrt::locks::blocking(method);
        let core = self.network()?;
        let mut slot = None;
        let mut sender = || Completion::Slot(Arc::clone(slot.insert(Slot::new())));
        let outcome =
            match send_off(&core, trace::next_id(), self.id, method, labgob::encode(args), &mut sender) {
                Step::Over(outcome) => outcome,
                Step::Waits(id) => {
                    drop(core);
                    wait(id, &slot.expect("a message waits only with a completion"))
                }
            };
        decode(outcome)
    }

    /// Call `method` without waiting: `on_reply` gets what [`call`](End::call) would have returned, exactly once.
    ///
    /// It runs on this thread before `send` returns when the outcome is immediate (no delay, an inline handler, the
    /// network gone), else later on a thread of the network, with the sender's node as the current node. There it
    /// must be brief: it may take a lock for a moment, but not sleep or `call`.
    ///
    /// A call-back that is still due when its run ends is dropped.
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

    /// [`send`](End::send) under an id from [`trace::next_id`], for a sender that has events of its own about the
    /// message.
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
        let Some(core) = self.network() else { return on_reply(None) };
        let mut on_reply = Some(on_reply);
        let mut sender = || {
            let on_reply = on_reply.take().expect("a message is enlisted once");
            Completion::Callback(Callback::new(move |outcome| on_reply(decode(outcome))))
        };
        let step = send_off(&core, id, self.id, method, labgob::encode(args), &mut sender);
        drop(core);
        if let (Step::Over(outcome), Some(on_reply)) = (step, on_reply) {
            let _under = trace::under(id);
            on_reply(decode(outcome));
        }
    }

    /// Close the end for good: what it waits for fails at once, and so does every later call. Never blocks; the
    /// `on_reply` of failed sends run on a thread of the network. Closing twice is harmless.
    pub fn close(&self) {
        if let Some(core) = self.core.upgrade() {
            core.close_end(self.id);
        }
    }

    fn network(&self) -> Option<Arc<Core>> {
        self.core.upgrade().filter(|core| !core.is_done())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.remove_end(self.id);
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

fn decode<R: DeserializeOwned>(outcome: Outcome) -> Option<R> {
    let bytes = outcome?;
    match labgob::decode(&bytes) {
        Ok(reply) => Some(reply),
        Err(error) => labrt::fatal(format!(
            "ClientEnd.Call(): decode reply: {error} (in {} bytes, as {})",
            bytes.len(),
            std::any::type_name::<R>()
        )),
    }
}
