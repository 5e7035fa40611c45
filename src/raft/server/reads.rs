//! Reads without the log: who waits for which read (see `core/reads.rs` for the rules).
//!
//! A read has a closure, which is called once with the read index, or with `None` if this server cannot say
//! it. The applier thread calls the closures that have waited. It holds no lock during the call.
//!
//! A follower asks its leader for the read index. Reads that arrive while a question is on its way wait, and
//! share the next question. They must not share the present one: its answer may be older than the read.

use super::{Raft, Shared, State};
use crate::raft::core::ReadStart;
use crate::raft::effects::ReadId;
use labrt::collections::{BTreeMap, VecDeque};
use labrt::sync::{Arc, MutexGuard};
use labrt::time::Duration;
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
    /// At a follower: the reads that wait for the next question to the leader.
    unasked: Vec<Done>,
    /// The newest question to the leader, until it is answered.
    question: Option<Question>,
    /// The number of the newest question.
    questions: u64,
}

/// A question of a follower to its leader.
struct Question {
    nth: u64,
    leader: usize,
    at: Duration,
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
        let mut state = self.shared.state.lock();
        if self.shared.killed.is_raised() {
            return;
        }
        let (leads, leader) = (state.core.is_leader(), state.core.leader());
        let Some(leader) = leader else {
            drop(state);
            return done(None);
        };
        if leads {
            drop(state);
            return self.read_index(done);
        }
        state.reads.unasked.push(Box::new(done));
        // A question can be lost, and the sender may hear of this only after seconds. So the reads do not
        // wait for its answer for ever.
        let patience = self.shared.options.entries_interval;
        let now = self.shared.now();
        let waits = |asked: &Question| asked.leader == leader && now < asked.at + patience;
        if !state.reads.question.as_ref().is_some_and(waits) {
            self.shared.ask_leader(state, leader);
        }
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

    /// Asks the leader for a read index, for all reads that wait for this.
    fn ask_leader(self: &Arc<Self>, mut state: MutexGuard<'_, State>, leader: usize) {
        let reads = &mut state.reads;
        let batch = std::mem::take(&mut reads.unasked);
        reads.questions += 1;
        let nth = reads.questions;
        reads.question = Some(Question { nth, leader, at: self.now() });
        drop(state);
        let shared = self.clone();
        self.ends[leader].send("Raft.ReadIndex", &(), move |reply: Option<Option<u64>>| {
            let _node = node::enter(shared.node);
            shared.end_question(nth, batch, reply.flatten());
        });
    }

    /// Question `nth` has its answer, or will never have one. Lets the applier call the closures of its
    /// reads, and asks the next question, if reads have arrived in the meantime.
    fn end_question(self: &Arc<Self>, nth: u64, batch: Vec<Done>, index: Option<u64>) {
        let mut state = self.state.lock();
        if self.killed.is_raised() {
            drop(state);
            return drop(batch);
        }
        state.reads.ended.extend(batch.into_iter().map(|done| (done, index)));
        let is_newest = state.reads.question.as_ref().is_some_and(|question| question.nth == nth);
        if is_newest {
            state.reads.question = None;
        }
        let leader = state.core.leader().filter(|_| !state.core.is_leader());
        if leader.is_none() && is_newest {
            // The clients of these reads ask another server.
            let unasked = std::mem::take(&mut state.reads.unasked);
            state.reads.ended.extend(unasked.into_iter().map(|done| (done, None)));
        }
        state.applier_woken_by = trace::parent();
        self.applier.notify_one();
        if let Some(leader) = leader.filter(|_| is_newest && !state.reads.unasked.is_empty()) {
            self.ask_leader(state, leader);
        }
    }
}
