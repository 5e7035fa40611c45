//! Reads without the log.
//!
//! By default a read is an operation like any other: it goes through the log (`Rsm::submit`). The other
//! values of [`Reads`] answer a read from the machine of one server (`Rsm::read_now`). Raft first says which
//! entry the machine must have applied: the read index (see the rules in `raft/core/reads.rs`).
//!
//! A leader can answer such reads only after an entry of its own term is committed. So at the start of each
//! term that it leads, the server proposes an empty command, unless the machine starts an operation of its
//! own. The machine never sees an empty command.

use super::waiters::NotLeader;
use labrt::collections::BTreeMap;

/// How a service reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// Each read is an entry of the log, as in the labs.
    #[default]
    Log,
    /// The leader answers reads. After a read has arrived, a majority must answer a heartbeat. It writes
    /// nothing, and reads that arrive together share the heartbeats.
    ReadIndex,
    /// The leader answers reads without any message, as long as it has a lease. This is the fastest way. It
    /// is correct only if the clocks of the servers are good, see [`Options::lease`](crate::raft::Options).
    Lease,
    /// Every server answers reads. A follower asks the leader for the read index. So the followers share the
    /// work of reading.
    Follower,
}

/// The closure of a read. It gets the machine, or [`NotLeader`] if this server cannot answer.
pub(super) type Look<M> = Box<dyn FnOnce(Result<&M, NotLeader>) + Send>;

/// The reads whose entry is not applied yet.
pub(super) struct Pending<M> {
    /// The index of the last entry that the machine has applied.
    applied: u64,
    /// The closures by read index.
    waiting: BTreeMap<u64, Vec<Look<M>>>,
}

impl<M> Pending<M> {
    /// The machine has applied the entries up to `applied`, and no read waits.
    pub(super) fn new(applied: u64) -> Pending<M> {
        Pending { applied, waiting: BTreeMap::new() }
    }

    /// Keeps a read until the machine has applied the entry at `index`. If the machine has applied it, the
    /// read need not wait, and this function returns it.
    pub(super) fn wait(&mut self, index: u64, look: Look<M>) -> Option<Look<M>> {
        if self.applied < index {
            self.waiting.entry(index).or_default().push(look);
            return None;
        }
        Some(look)
    }

    /// Notes that the machine has applied the entries up to `index`. Returns the reads that it can answer
    /// now.
    pub(super) fn applied(&mut self, index: u64) -> BTreeMap<u64, Vec<Look<M>>> {
        self.applied = index;
        let later = self.waiting.split_off(&(index + 1));
        std::mem::replace(&mut self.waiting, later)
    }

    /// Removes and returns all reads.
    pub(super) fn take(&mut self) -> BTreeMap<u64, Vec<Look<M>>> {
        std::mem::take(&mut self.waiting)
    }
}
