//! What Raft gives to its service: committed commands in the order of their indices. A snapshot takes the
//! place of the commands that it covers.

use crate::{Bytes, Command};

/// One message from Raft to its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command. The indices of commands follow each other without a gap. They begin with 1, or
    /// after the index of the last snapshot.
    Command {
        /// The index of the command in the log.
        index: u64,
        /// The term in which a leader put the command into its log.
        term: u64,
        /// The command.
        command: Command,
    },
    /// A snapshot that the leader has sent: the state of a service after the command at `index`. The snapshot
    /// replaces the service's own state.
    Snapshot {
        /// The index of the last command that the snapshot covers.
        index: u64,
        /// The term of that command.
        term: u64,
        /// The bytes of the snapshot. A service on some server has made them and given them to its Raft.
        data: Bytes,
    },
}
