//! The messages that Raft sends to its service. They bring the committed commands in the order of their
//! indices. One snapshot can replace the commands that it covers.

use crate::{Bytes, Command};

/// One message from Raft to its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command. The first command has the index 1, and each next command has the next index.
    /// After a snapshot, the index of the next command is one higher than the index of the snapshot.
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
        /// The bytes of the snapshot. The service of one of the servers has made these bytes.
        data: Bytes,
    },
}
