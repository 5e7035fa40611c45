//! The waiters for log entries, and the outcome that each waiter gets.
//!
//! All waiters have the same term: the last term in which this server started an operation. Within a term,
//! indices only grow. An entry of an older term may still be committed, but its waiter has already got
//! [`NotLeader`]. This is correct, because [`NotLeader`] says nothing about whether the operation was done.

use labapi::Started;
use labrt::collections::VecDeque;
use std::fmt;

/// The outcome if this server does not lead, or no longer leads. The client should ask another server. The
/// operation may still be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLeader;

impl fmt::Display for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this server is not the leader")
    }
}

impl std::error::Error for NotLeader {}

/// The closure of a waiter. It is called once with the outcome. If the server is killed, the closure is
/// dropped without a call.
pub(super) type Done<R> = Box<dyn FnOnce(Result<R, NotLeader>) + Send>;

struct Waiter<R> {
    index: u64,
    done: Done<R>,
}

pub(super) struct Waiters<R> {
    term: u64,
    queue: VecDeque<Waiter<R>>,
}

/// Waiters that must get the outcome [`NotLeader`]. The caller must call [`dismiss`](Dismissed::dismiss)
/// after it has released the lock of the waiters.
#[must_use = "each of these waiters still needs its outcome"]
pub(super) struct Dismissed<R>(VecDeque<Waiter<R>>);

impl<R> Dismissed<R> {
    pub fn dismiss(self) {
        self.0.into_iter().for_each(|waiter| (waiter.done)(Err(NotLeader)));
    }
}

impl<R> Waiters<R> {
    pub fn new() -> Waiters<R> {
        Waiters { term: 0, queue: VecDeque::new() }
    }

    /// Adds a waiter for an operation that was just started. Returns the waiters of older terms.
    pub fn add(&mut self, started: Started, done: Done<R>) -> Dismissed<R> {
        let older = self.end_terms_before(started.term);
        self.term = started.term;
        self.queue.push_back(Waiter { index: started.index, done });
        older
    }

    /// Removes and returns the waiters if their term is before `term`, because this server no longer leads
    /// their term.
    pub fn end_terms_before(&mut self, term: u64) -> Dismissed<R> {
        Dismissed(if self.term < term { std::mem::take(&mut self.queue) } else { VecDeque::new() })
    }

    /// Notes that entry `index` of term `term` was applied. Returns the waiter for this entry, and the
    /// waiters for entries that were skipped. Entries are applied in order.
    pub fn applied(&mut self, index: u64, term: u64) -> (Option<Done<R>>, Dismissed<R>) {
        // The skipped entries were in a snapshot, so this server does not know the replies to them.
        let missed = self.queue.iter().take_while(|waiter| waiter.index < index).count();
        let mut missed = Dismissed(self.queue.drain(..missed).collect());
        if self.queue.front().is_none_or(|waiter| waiter.index != index) {
            return (None, missed);
        }
        let Some(waiter) = self.queue.pop_front() else { return (None, missed) };
        if term == self.term {
            return (Some(waiter.done), missed);
        }
        missed.0.push_back(waiter);
        (None, missed)
    }

    /// Removes and returns all waiters, because the server is killed. The caller must release the lock before
    /// it drops the waiters.
    pub fn take(&mut self) -> Dismissed<R> {
        Dismissed(std::mem::take(&mut self.queue))
    }
}
