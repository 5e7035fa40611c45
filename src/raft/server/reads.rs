//! Reads without the log: who waits for which read (see `core/reads.rs` for the rules).
//!
//! A read has a closure, which is called once with the read index, or with `None` if this server cannot say
//! it. The thread that delivers to the service (`applier.rs`) calls the closures that have waited. It holds
//! no lock during the call.
//!
//! A follower asks its leader for the read index. Reads that arrive while a question is on its way wait, and
//! share the next question. They must not share the present one: its answer may be older than the read.

use super::{Raft, Shared, State};
use crate::raft::core::ReadStart;
use crate::raft::effects::ReadId;
use labrt::collections::{BTreeMap, VecDeque};
use labrt::node;
use labrt::sync::{Arc, MutexGuard};
use labrt::time::Duration;

/// The closure of a read.
pub(super) type Done = Box<dyn FnOnce(Option<u64>) + Send>;

/// The reads of a server.
#[derive(Default)]
pub(super) struct Reads {
    /// The reads that wait for a round of messages.
    waiting: BTreeMap<ReadId, Done>,
    /// The reads whose closures the applier must call.
    ended: VecDeque<Ended>,
    /// At a follower: the reads that wait for the next question to the leader.
    unasked: Vec<Done>,
    /// The newest question to the leader, until it is answered.
    question: Option<Question>,
    /// The number of the newest question.
    questions: u64,
}

/// A read that has its read index, or will never have one.
struct Ended {
    done: Done,
    index: Option<u64>,
    /// The term in which the read began. In another term, the entry at the index may never be applied, so
    /// the read fails.
    term: u64,
    /// The server has read as the leader. If it has stepped down, the read fails for the same reason.
    as_leader: bool,
}

/// A question of a follower to its leader.
struct Question {
    nth: u64,
    leader: usize,
    at: Duration,
}

impl Reads {
    /// Hands a read of the leader of `term` that no longer waits over to the applier.
    pub(super) fn end(&mut self, id: ReadId, index: Option<u64>, term: u64) {
        if let Some(done) = self.waiting.remove(&id) {
            self.ended.push_back(Ended { done, index, term, as_leader: true });
        }
    }

    /// Is there a closure that the applier must call?
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// The next closure that the applier must call, with its read index. `term` is the server's term now, and
    /// `leads` says whether it leads this term.
    pub(super) fn next_ended(&mut self, term: u64, leads: bool) -> Option<(Done, Option<u64>)> {
        let it = self.ended.pop_front()?;
        Some((it.done, it.index.filter(|_| it.term == term && (leads || !it.as_leader))))
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
        // A question can be lost, and the sender may hear of this only after seconds. So later reads do not
        // wait for its answer.
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
        let mut state = self.state.lock();
        if self.killed.is_raised() {
            return;
        }
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
        let term = state.core.current_term();
        drop(state);
        let shared = self.clone();
        self.ends[leader].send("Raft.ReadIndex", &(), move |reply: Option<Option<u64>>| {
            let _node = node::enter(shared.node);
            shared.end_question(nth, term, batch, reply.flatten());
        });
    }

    /// Question `nth`, which was asked in `term`, has its answer, or will never have one. Lets the applier
    /// call the closures of its reads, and asks the next question, if reads have arrived in the meantime.
    fn end_question(self: &Arc<Self>, nth: u64, term: u64, batch: Vec<Done>, index: Option<u64>) {
        let mut state = self.state.lock();
        if self.killed.is_raised() {
            drop(state);
            return drop(batch);
        }
        let ended = |index| move |done| Ended { done, index, term, as_leader: false };
        state.reads.ended.extend(batch.into_iter().map(ended(index)));
        let is_newest = state.reads.question.as_ref().is_some_and(|question| question.nth == nth);
        if is_newest {
            state.reads.question = None;
        }
        let leader = state.core.leader().filter(|_| !state.core.is_leader());
        if leader.is_none() && is_newest {
            // The clients of these reads ask another server.
            let unasked = std::mem::take(&mut state.reads.unasked);
            state.reads.ended.extend(unasked.into_iter().map(ended(None)));
        }
        self.wake_applier(&mut state);
        if let Some(leader) = leader.filter(|_| is_newest && !state.reads.unasked.is_empty()) {
            self.ask_leader(state, leader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrt::sync::Mutex;

    /// Ends a read of the leader of term 3 (`as_leader`) or of a follower, and returns the index with which
    /// the applier calls its closure in `term`.
    fn told(as_leader: bool, term: u64, leads: bool) -> Option<u64> {
        let (found, mut reads) = (Arc::new(Mutex::new(None)), Reads::default());
        let kept = found.clone();
        let done = Box::new(move |index| *kept.lock() = Some(index));
        reads.ended.push_back(Ended { done, index: Some(7), term: 3, as_leader });
        let (done, index) = reads.next_ended(term, leads).expect("a read has ended");
        done(index);
        let found = found.lock().take();
        found.expect("the closure was called")
    }

    #[test]
    fn a_read_index_counts_only_in_its_term_and_role() {
        assert_eq!(told(true, 3, true), Some(7));
        assert_eq!(told(true, 3, false), None, "the leader has stepped down in its own term");
        assert_eq!(told(true, 4, true), None, "it leads again, but another term");
        assert_eq!(told(false, 3, false), Some(7));
        assert_eq!(told(false, 4, false), None, "the leader that has answered is deposed");
    }
}
