//! The blocking client: it sends one request to one server after the other until a server replies.

use super::retry::{PATIENCE, Response, Retry};
use labrpc::End;
use labrt::time::{Instant, sleep};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The servers of one group, as a client sees them. `Servers` remembers which server replied last.
pub struct Servers {
    ends: Vec<End>,
    retry: Retry,
    /// The number of the last request that was sent.
    request: u64,
}

impl Servers {
    /// Makes a client of one group. `ends` lead to the group's servers, in any order, and must not be empty.
    pub fn new(ends: Vec<End>) -> Servers {
        assert!(!ends.is_empty(), "a client needs at least one server");
        let retry = Retry::new(ends.len(), Instant::now());
        Servers { ends, retry, request: 0 }
    }

    /// Calls `method` on one server after the other until `accept` returns a result. `accept` returns `None`
    /// for the reply of a server that does not lead.
    ///
    /// A server may get the same request twice. So the arguments must contain a [`Stamp`](super::Stamp), by
    /// which the server recognizes a repeated request.
    pub fn call<A, R, T>(&mut self, method: &str, args: &A, accept: impl Fn(R) -> Option<T>) -> T
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.retry.restart(Instant::now());
        loop {
            if let Some(result) = self.round(method, args, &accept) {
                return result;
            }
            let due = self.retry.due().unwrap_or_else(Instant::now);
            sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Does one round of [`call`](Servers::call). The round ends with a result, or when a pause is due.
    /// Returns `None` if no server has given a result.
    pub(crate) fn round<A, R, T>(
        &mut self,
        method: &str,
        args: &A,
        accept: impl Fn(R) -> Option<T>,
    ) -> Option<T>
    where
        A: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        loop {
            self.request += 1;
            let server = self.retry.ask(self.request, Instant::now());
            let reply = self.ends[server].call_within(PATIENCE, method, args);
            let (response, result) = match reply.map(&accept) {
                None => (Response::Lost, None),
                Some(None) => (Response::NotLeader, None),
                Some(result) => (Response::Reply, result),
            };
            let now = Instant::now();
            self.retry.respond(self.request, response, now);
            if result.is_some() || self.retry.due() > Some(now) {
                return result;
            }
        }
    }
}
