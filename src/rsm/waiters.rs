//! Who waits for which entry of the log.
//!
//! All waiters are of one term, the last one in which this server took something in: in it, indices only grow. An
//! entry of an older term may still be committed, but its waiters were told [`NotLeader`], which is always allowed.

use super::server::NotLeader;
use labapi::Started;
use labrt::collections::VecDeque;

/// What a submitter left behind: called once, or dropped with the server.
pub(super) type Done<R> = Box<dyn FnOnce(Result<R, NotLeader>) + Send>;

struct Waiter<R> {
    index: u64,
    done: Done<R>,
}

pub(super) struct Waiters<R> {
    term: u64,
    queue: VecDeque<Waiter<R>>,
}

/// Waiters that have nothing to hope for. Call [`dismiss`](Dismissed::dismiss) without a lock.
#[must_use = "they wait for an answer"]
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

    /// Adds a waiter for an operation that was just taken in.
    pub fn add(&mut self, started: Started, done: Done<R>) -> Dismissed<R> {
        let older = self.end_terms_before(started.term);
        self.term = started.term;
        self.queue.push_back(Waiter { index: started.index, done });
        older
    }

    /// This server no longer leads any term before `term`.
    pub fn end_terms_before(&mut self, term: u64) -> Dismissed<R> {
        Dismissed(if self.term < term { std::mem::take(&mut self.queue) } else { VecDeque::new() })
    }

    /// The waiter for the entry at `index`, which came out with `term`; and those that missed theirs. Entries come out
    /// in order.
    pub fn applied(&mut self, index: u64, term: u64) -> (Option<Done<R>>, Dismissed<R>) {
        // What a snapshot has covered came out unseen: nobody here knows the reply.
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

    /// All of them, for a server that ends. To be dropped without a lock.
    pub fn take(&mut self) -> Dismissed<R> {
        Dismissed(std::mem::take(&mut self.queue))
    }
}
