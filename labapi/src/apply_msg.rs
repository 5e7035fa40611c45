//! What Raft hands to its service: committed commands in the order of their indices, with a snapshot in place of what
//! a snapshot covers.

use crate::{Bytes, Command};

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
}
