//! The client's side: one request, as many servers as it takes.
//!
//! A clerk cannot know who leads. It asks the server that answered last, then one after the other, for as long as it
//! takes. A message that was lost says nothing about who leads, so the one that answered last gets a second try;
//! after a round in which nobody answered it sleeps a little, longer each time.

use labrpc::End;
use labrt::time::{Duration, sleep};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a clerk waits for one server before it asks the next one. A leader that is cut off from its followers
/// cannot answer, and does not know it.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// The pauses after rounds in which no server could answer: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));

/// The servers of one group, and which of them answered last.
pub struct Servers {
    ends: Vec<End>,
    /// The one to ask first.
    first: usize,
    /// It was the one that answered last.
    proven: bool,
}

impl Servers {
    /// The servers behind these ends, in any order; not empty.
    pub fn new(ends: Vec<End>) -> Servers {
        assert!(!ends.is_empty(), "a clerk needs at least one server");
        Servers { ends, first: 0, proven: false }
    }

    /// Calls `method` on one server after the other until `accept` takes a reply. It returns `None` for
    /// a reply that says: not me.
    ///
    /// The servers see repeats: the arguments must say that they are ([`Stamp`](super::Stamp)).
    pub fn call<A, R, T>(&mut self, method: &str, args: &A, accept: impl Fn(R) -> Option<T>) -> T
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let mut pause = PAUSE.0;
        loop {
            if let Some(result) = self.round(method, args, &accept) {
                return result;
            }
            sleep(pause);
            pause = PAUSE.1.min(pause * 2);
        }
    }

    /// One round of [`call`](Servers::call): asks each server once, the first one twice if it deserves it. `None`:
    /// none of them could answer.
    pub fn round<A, R, T>(&mut self, method: &str, args: &A, accept: impl Fn(R) -> Option<T>) -> Option<T>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        for _ in 0..self.ends.len() {
            let mut reply = self.ends[self.first].call_within(PATIENCE, method, args);
            if reply.is_none() && self.proven {
                reply = self.ends[self.first].call_within(PATIENCE, method, args);
            }
            if let Some(result) = reply.and_then(&accept) {
                self.proven = true;
                return Some(result);
            }
            self.first = (self.first + 1) % self.ends.len();
            self.proven = false;
        }
        None
    }
}
