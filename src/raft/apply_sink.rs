//! The interface through which Raft delivers to its service.
//!
//! Raft's applier thread delivers to an [`ApplySink`]. The sender of any channel is a sink. The course's Go
//! labs use a rendezvous channel, which gives back-pressure: the applier waits until the service takes the
//! message. It holds no lock while it waits.

use super::effects::RoleChange;
use labapi::ApplyMsg;
use labrt::chan::Sender;
use labrt::sync::Signal;

/// The destination of applied messages.
///
/// A message counts as applied when Raft passes it to `deliver`.
pub trait ApplySink: Send + 'static {
    /// Delivers one message, and waits until the consumer takes it if this is necessary. Gives up as soon as
    /// `stop` is raised. Returns false if the consumer is gone or if `stop` was raised first; Raft then
    /// delivers no more messages.
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool;

    /// Delivers several messages, in order. Returns false as [`deliver`](ApplySink::deliver) does.
    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        messages.into_iter().all(|message| self.deliver(message, stop))
    }

    /// Does the sink want to be told about changes of role? A channel does not, because the course has no
    /// such message.
    fn wants_roles(&self) -> bool {
        false
    }

    /// The role or the term of this server has changed. Raft calls this in order with the messages, and only
    /// if the sink [wants](ApplySink::wants_roles) it.
    fn role_changed(&mut self, change: RoleChange) {
        let _ = change;
    }
}

impl ApplySink for Sender<ApplyMsg> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.send_unless(message, stop).is_ok()
    }
}
