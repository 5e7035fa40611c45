//! The way from Raft to its service.
//!
//! Raft's applier feeds an [`ApplySink`]. Any channel's sender is a sink. The course's Go labs have a rendezvous
//! channel. It keeps the back-pressure: the applier waits until the service takes the message, and holds no lock
//! while it waits.

use labapi::ApplyMsg;
use labrt::chan::Sender;
use labrt::sync::Signal;

/// Where applied messages go.
///
/// A message counts as applied once `deliver` has returned true.
pub trait ApplySink: Send + 'static {
    /// Hands over one message and waits for it to be taken if it must. Gives up as soon as `stop` is raised.
    /// False: the consumer is gone, or `stop` came first; there will be no more messages.
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool;

    /// Hands over several messages, in order. False as in [`deliver`](ApplySink::deliver).
    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        messages.into_iter().all(|message| self.deliver(message, stop))
    }

    /// Does the sink want [`ApplyMsg::Role`] messages? The course's tests know of no such message.
    fn wants_roles(&self) -> bool {
        false
    }
}

impl ApplySink for Sender<ApplyMsg> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.send_unless(message, stop).is_ok()
    }
}
