//! Reads without the log.
//!
//! By default a read is an operation like any other: it goes through the log ([`Rsm::submit`]). The other
//! values of [`Reads`] answer a read from the machine of one server ([`Rsm::read_now`]). Raft first says which
//! entry the machine must have applied: the read index (see the rules in `raft/core/reads.rs`).
//!
//! A leader can answer such reads only after an entry of its own term is committed. So at the start of each
//! term that it leads, the server proposes an empty command, unless the machine starts an operation of its own.
//! The machine never sees an empty command.

use super::server::{Rsm, Shared, StateMachine};
use super::waiters::NotLeader;
use labrt::collections::BTreeMap;
use labrt::sync::Arc;

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

    /// Notes that the machine has applied the entries up to `index`. Returns the reads that it can answer now.
    fn applied(&mut self, index: u64) -> BTreeMap<u64, Vec<Look<M>>> {
        self.applied = index;
        let later = self.waiting.split_off(&(index + 1));
        std::mem::replace(&mut self.waiting, later)
    }

    /// Removes and returns all reads.
    fn take(&mut self) -> BTreeMap<u64, Vec<Look<M>>> {
        std::mem::take(&mut self.waiting)
    }
}

impl<M: StateMachine> Rsm<M> {
    /// Reads the machine without the log. `look` is called once. It gets a machine with the effects of all
    /// operations that were complete when this method was called. Or it gets [`NotLeader`]; then the client
    /// should ask another server. If the server is killed, `look` is dropped.
    ///
    /// `look` runs with the machine's lock. So it must be short and must not call the `Rsm`. It may run
    /// before this method returns.
    ///
    /// # Panics
    /// If the server was made with [`Reads::Log`]. Then all reads go through the log.
    pub fn read_now(&self, look: impl FnOnce(Result<&M, NotLeader>) + Send + 'static) {
        assert_ne!(self.shared.reads, Reads::Log, "this server reads through the log: expected `submit`");
        let shared = self.shared.clone();
        let done = move |index| shared.look(index, Box::new(look));
        match self.shared.reads {
            Reads::Follower => self.raft().read_index_of_leader(done),
            _ => self.raft().read_index(done),
        }
    }

    /// How this server reads.
    pub fn reads(&self) -> Reads {
        self.shared.reads
    }
}

impl<M: StateMachine> Shared<M> {
    /// Calls `look` as soon as the machine has applied the entry at the read index.
    fn look(self: &Arc<Self>, index: Option<u64>, look: Look<M>) {
        let Some(index) = index else { return look(Err(NotLeader)) };
        let machine = self.machine.lock();
        let mut pending = self.pending.lock();
        if pending.applied < index {
            return pending.waiting.entry(index).or_default().push(look);
        }
        drop(pending);
        look(Ok(&machine));
    }

    /// The machine has applied the entries up to `index`. Calls the closures of the reads that waited for them.
    pub(super) fn answer_reads(&self, index: u64, machine: &M) {
        if self.reads == Reads::Log {
            return;
        }
        let ready = self.pending.lock().applied(index);
        ready.into_values().flatten().for_each(|look| look(Ok(machine)));
    }

    /// The server is killed. Drops the closures of all reads.
    pub(super) fn drop_reads(&self) {
        if self.reads != Reads::Log {
            let waiting = self.pending.lock().take();
            drop(waiting);
        }
    }

    /// This server may have lost its leadership. So the entries for which reads wait may never be committed.
    pub(super) fn dismiss_reads(&self) {
        if self.reads == Reads::Log {
            return;
        }
        let waiting = self.pending.lock().take();
        waiting.into_values().flatten().for_each(|look| look(Err(NotLeader)));
    }
}
