//! Exactly once: the servers remember the last operation of each client.
//!
//! A client has only one operation under way at a time and numbers its operations 1, 2, 3, ... When a client
//! uses a new number, it has the reply to the operation before. So one entry for each client is enough.

use labrt::collections::BTreeMap;
use labrt::rng::{RngExt, rng};
use serde::{Deserialize, Serialize};

/// The identity of a client: a random number. So no server has to assign it.
pub type ClientId = u64;

/// The identity of an operation. All repeats of an operation have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The client that sent the operation.
    pub client: ClientId,
    /// The operation's number among the operations of this client, from 1.
    pub seq: u64,
}

/// The client's side: its identity, and the number of its last operation.
#[derive(Debug)]
pub struct Session {
    last: Stamp,
}

impl Session {
    /// A new client.
    pub fn new() -> Session {
        Session { last: Stamp { client: rng().random(), seq: 0 } }
    }

    /// The stamp of the next operation. Call it once for each operation, not for each try.
    pub fn next_stamp(&mut self) -> Stamp {
        self.last.seq += 1;
        self.last
    }
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

/// The servers' side: for each client the last operation that was done, and its reply.
///
/// It is part of the state machine's state: it must be in the snapshots, and only `apply` may
/// change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<R> {
    last: BTreeMap<ClientId, (u64, R)>,
}

impl<R> Sessions<R> {
    /// A memory without clients.
    pub fn new() -> Sessions<R> {
        Sessions { last: BTreeMap::new() }
    }

    /// Does the operation, unless it was done before. In both cases returns the reply of the first time.
    ///
    /// `None`: a later operation of this client was already done. So the client has the reply, and no client
    /// waits for this late copy.
    pub fn once(&mut self, stamp: Stamp, operation: impl FnOnce() -> R) -> Option<R>
    where
        R: Clone,
    {
        if let Some((seq, reply)) = self.last.get(&stamp.client)
            && *seq >= stamp.seq
        {
            return (*seq == stamp.seq).then(|| reply.clone());
        }
        let reply = operation();
        self.last.insert(stamp.client, (stamp.seq, reply.clone()));
        Some(reply)
    }

    /// Adds the entries of `other`. For each client the later operation counts. A service needs this when it
    /// builds one state from several parts.
    pub fn merge(&mut self, other: Sessions<R>) {
        for (client, (seq, reply)) in other.last {
            if self.last.get(&client).is_none_or(|(known, _)| *known < seq) {
                self.last.insert(client, (seq, reply));
            }
        }
    }

    /// The number of clients that it remembers.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        self.last.len()
    }
}

impl<R> Default for Sessions<R> {
    fn default() -> Sessions<R> {
        Sessions::new()
    }
}
