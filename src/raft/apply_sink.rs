//! The way from Raft to its service.
//!
//! Raft's applier feeds an [`ApplySink`]. Any channel's sender is a sink. The course's Go labs have a rendezvous
//! channel. It keeps the back-pressure: the applier waits until the service takes the message, and holds no lock
//! while it waits.

use super::effects::RoleChange;
use labapi::ApplyMsg;
use labrt::chan::Sender;
use labrt::sync::Signal;

/// Where applied messages go.
///
/// A message counts as applied when Raft hands it to `deliver`.
pub trait ApplySink: Send + 'static {
    /// Hands over one message and waits for it to be taken if it must. Gives up as soon as `stop` is raised.
    /// False: the consumer is gone, or `stop` came first; there will be no more messages.
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool;

    /// Hands over several messages, in order. False as in [`deliver`](ApplySink::deliver).
    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        messages.into_iter().all(|message| self.deliver(message, stop))
    }

    /// Does the sink want to hear of changes of role? A channel does not: the course has no such message.
    fn wants_roles(&self) -> bool {
        false
    }

    /// The role or the term of this server has changed. Called in order with the messages, and only if the sink
    /// [wants](ApplySink::wants_roles) it.
    fn role_changed(&mut self, change: RoleChange) {
        let _ = change;
    }
}

impl ApplySink for Sender<ApplyMsg> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.send_unless(message, stop).is_ok()
    }
}
