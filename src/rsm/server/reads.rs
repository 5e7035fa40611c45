//! Reads without the log, at one server (see [`Reads`]).

use super::{Rsm, Shared, StateMachine};
use crate::rsm::reads::{Look, Reads};
use crate::rsm::waiters::NotLeader;
use labrt::sync::Arc;

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
        let ready = self.pending.lock().wait(index, look);
        if let Some(look) = ready {
            look(Ok(&machine));
        }
    }

    /// The machine has applied the entries up to `index`. Calls the closures of the reads that waited for
    /// them.
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
