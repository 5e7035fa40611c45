//! What Raft hands to its service, and the way it goes.
//!
//! Raft's applier feeds an [`ApplySink`]: committed commands in the order of their indices, with a snapshot
//! in place of what a snapshot covers. Any channel's sender is a sink. A rendezvous channel is what the
//! course's Go labs have, and keeps the back-pressure: the applier waits until the service takes the message,
//! and holds no lock while it waits.

use super::command::{Bytes, Command};
use labrt::chan::Sender;
use labrt::sync::Signal;

/// One message from Raft to its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command. Indices are consecutive from 1, or from the last snapshot's index + 1.
    Command {
        /// Its place in the log.
        index: u64,
        /// The term in which a leader took it in.
        term: u64,
        /// The command.
        command: Command,
    },
    /// The state of the service after `index`, from the leader. It replaces the service's own state.
    Snapshot {
        /// The index of the last command that the snapshot covers.
        index: u64,
        /// The term of that command.
        term: u64,
        /// What some server's service gave to `snapshot`.
        data: Bytes,
    },
    /// This server's part has changed. Only for sinks that ask ([`ApplySink::wants_roles`]).
    Role {
        /// The server's term from now on.
        term: u64,
        /// Is it the leader of that term?
        is_leader: bool,
    },
}

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
