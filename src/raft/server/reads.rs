//! Reads without the log: who waits for which read (see `core/reads.rs` for the rules).
//!
//! A read has a closure, which is called once with the read index, or with `None` if this server cannot say
//! it. The applier thread calls the closures that have waited. It holds no lock during the call.

use super::{Raft, Shared};
use crate::raft::core::ReadStart;
use crate::raft::effects::ReadId;
use labrt::collections::{BTreeMap, VecDeque};
use labrt::sync::Arc;
use labrt::{node, trace};

/// The closure of a read.
pub(super) type Done = Box<dyn FnOnce(Option<u64>) + Send>;

/// The reads of a server.
#[derive(Default)]
pub(super) struct Reads {
    /// The reads that wait for a round of messages.
    waiting: BTreeMap<ReadId, Done>,
    /// The reads whose closures the applier must call, with their read indices.
    ended: VecDeque<(Done, Option<u64>)>,
}

impl Reads {
    /// Hands a read that no longer waits over to the applier.
    pub(super) fn end(&mut self, id: ReadId, index: Option<u64>) {
        if let Some(done) = self.waiting.remove(&id) {
            self.ended.push_back((done, index));
        }
    }

    /// The next closure that the applier must call, with its read index.
    pub(super) fn next_ended(&mut self) -> Option<(Done, Option<u64>)> {
        self.ended.pop_front()
    }
}

impl Raft {
    /// Asks for a read index without an entry in the log. When the service has applied the entry at this
    /// index, it may answer the read from its own state. `done` is called once: with the read index, or with
    /// `None` if this server does not lead. The call may happen before this method returns. If the server is
    /// killed, `done` is dropped.
    ///
    /// The service must propose an entry when its server is elected. Otherwise the entry at the read index
    /// may never be committed.
    ///
    /// The caller must not hold a lock, because the calling thread also sends messages and handles answers.
    pub fn read_index(&self, done: impl FnOnce(Option<u64>) + Send + 'static) {
        self.shared.read_index(Box::new(done));
    }

    /// Like [`read_index`](Raft::read_index), but a follower asks its leader for the read index. So the
    /// follower may answer the read. The index is `None` if this server knows no leader, or if there is no
    /// answer.
    pub fn read_index_of_leader(&self, done: impl FnOnce(Option<u64>) + Send + 'static) {
        let state = self.shared.state.lock();
        let (leads, leader) = (state.core.is_leader(), state.core.leader());
        drop(state);
        let Some(leader) = leader else { return done(None) };
        if leads {
            return self.read_index(done);
        }
        let shared = self.shared.clone();
        self.shared.ends[leader].send("Raft.ReadIndex", &(), move |reply: Option<Option<u64>>| {
            let _node = node::enter(shared.node);
            shared.end_read(Box::new(done), reply.flatten());
        });
    }

    /// The index of the last entry that the saved snapshot covered when this server started.
    pub(crate) fn restored_index(&self) -> u64 {
        self.shared.restored_index
    }
}

impl Shared {
    pub(super) fn read_index(self: &Arc<Self>, done: Done) {
        if self.killed.is_raised() {
            return;
        }
        let mut state = self.state.lock();
        let start = state.core.begin_read(self.now());
        if let Some(ReadStart::Waits(id)) = start {
            state.reads.waiting.insert(id, done);
            self.settle_unsent(&mut state);
            drop(state);
            return self.flush();
        }
        drop(state);
        match start {
            Some(ReadStart::Index(index)) => done(Some(index)),
            _ => done(None),
        }
    }

    /// Lets the applier call the closure of a read.
    fn end_read(&self, done: Done, index: Option<u64>) {
        let mut state = self.state.lock();
        if !self.killed.is_raised() {
            state.reads.ended.push_back((done, index));
            state.applier_woken_by = trace::parent();
            self.applier.notify_one();
        }
    }
}
