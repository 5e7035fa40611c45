//! Exactly-once semantics: the servers remember the last operation of each client.
//!
//! A client waits for the reply to an operation before it starts the next one. It numbers its operations 1,
//! 2, 3, ... So when a client uses a new number, it already has the reply to the previous operation. For this
//! reason, the servers need to remember only one operation for each client.

use labapi::observe;
use labrt::collections::BTreeMap;
use labrt::rng::{RngExt, rng};
use serde::{Deserialize, Serialize};

/// The identity of a client. It is a random number, so no server has to assign it.
pub type ClientId = u64;

/// The identity of an operation. If a client sends an operation several times, the stamp stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The client that sent the operation.
    pub client: ClientId,
    /// The operation's number among the operations of this client, from 1.
    pub seq: u64,
}

/// What a client remembers: its identity, and the number of its last operation.
#[derive(Debug)]
pub struct Session {
    last: Stamp,
}

impl Session {
    /// The session of a new client, with a random identity.
    pub fn new() -> Session {
        Session { last: Stamp { client: rng().random(), seq: 0 } }
    }

    /// Returns the stamp of the next operation. A client calls this method once for each operation. If the
    /// client sends the operation again, it uses the same stamp.
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

/// What the servers remember for each client: the number of the last operation that was done, and the reply
/// to this operation.
///
/// The sessions are part of the state machine's state. So they must be in the snapshots, and only `apply` may
/// change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<R> {
    last: BTreeMap<ClientId, (u64, R)>,
}

impl<R> Sessions<R> {
    /// An empty value, which knows no clients.
    pub fn new() -> Sessions<R> {
        Sessions { last: BTreeMap::new() }
    }

    /// Does the operation, unless it was done before. In both cases the result is the reply that the
    /// operation got when it was done.
    ///
    /// The result is `None` if a later operation of this client was already done. Then the client already has
    /// the reply to this operation, so it does not wait for another reply.
    pub fn once(&mut self, stamp: Stamp, operation: impl FnOnce() -> R) -> Option<R>
    where
        R: Clone,
    {
        if let Some((seq, reply)) = self.last.get(&stamp.client)
            && *seq >= stamp.seq
        {
            observe::repeated(stamp.client, stamp.seq);
            return (*seq == stamp.seq).then(|| reply.clone());
        }
        let reply = operation();
        self.last.insert(stamp.client, (stamp.seq, reply.clone()));
        Some(reply)
    }

    /// Adds the entries of `other`. If a client is in both values, the entry with the later operation stays.
    /// A service needs this method if it makes one state from several states, each with its own sessions.
    pub fn merge(&mut self, other: Sessions<R>) {
        for (client, (seq, reply)) in other.last {
            if self.last.get(&client).is_none_or(|(known, _)| *known < seq) {
                self.last.insert(client, (seq, reply));
            }
        }
    }

    /// The number of clients that the servers remember.
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
