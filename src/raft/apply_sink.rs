//! The interface through which Raft delivers commands and snapshots to its service.
//!
//! Raft's applier thread delivers to an [`ApplySink`]. The sending half of every channel is a sink. The
//! course's Go labs use a rendezvous channel: the applier waits until the service has taken the message. The
//! applier holds no lock during this wait.
//!
//! A sink that never blocks can say so. Then other threads deliver to it, too, because this is faster than to
//! wake the applier (see `server/applier.rs`).

use super::effects::RoleChange;
use labapi::ApplyMsg;
use labrt::chan::Sender;
use labrt::sync::Signal;

/// The destination of applied messages.
///
/// A message counts as applied as soon as Raft passes it to `deliver`.
pub trait ApplySink: Send + 'static {
    /// Delivers one message. If the sink has no room, this method waits until the consumer takes a message,
    /// or until `stop` is raised. Returns false if the message was not delivered, because the consumer is
    /// gone or `stop` was raised. Raft then delivers no more messages.
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool;

    /// Delivers several messages, in order. Returns false in the same cases as
    /// [`deliver`](ApplySink::deliver).
    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>, stop: &Signal) -> bool {
        messages.into_iter().all(|message| self.deliver(message, stop))
    }

    /// Is it certain that the methods of this sink never wait for another thread? If so, a thread that calls
    /// [`Raft::flush`](super::Raft::flush) may deliver to the sink. It may take the sink's own locks, but
    /// only for a short time. The sink may call the methods of the server. But during a delivery, no call of
    /// [`Raft::flush`](super::Raft::flush) delivers. Raft asks this question only once, at the start.
    fn never_blocks(&self) -> bool {
        false
    }

    /// Does the sink want reports of changes of role? A channel does not want them, because the course has no
    /// such message.
    fn wants_roles(&self) -> bool {
        false
    }

    /// Reports that the role or the term of this server has changed. Raft calls this method between two
    /// batches of messages, and only if the sink [wants](ApplySink::wants_roles) these reports.
    fn role_changed(&mut self, change: RoleChange) {
        let _ = change;
    }
}

impl ApplySink for Sender<ApplyMsg> {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        self.send_unless(message, stop).is_ok()
    }
}
