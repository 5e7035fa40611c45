//! Exactly once: the memory of who has done what.
//!
//! A client has one operation under way at a time and numbers them 1, 2, 3, ...; a new number says that the reply
//! to the one before has arrived. So one entry a client is enough, whatever it does.

use labrt::collections::BTreeMap;
use labrt::rng::{RngExt, rng};
use serde::{Deserialize, Serialize};

/// A client: a random number, so that nobody has to hand them out.
pub type ClientId = u64;

/// The identity of an operation: repeats carry the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// Who wants it.
    pub client: ClientId,
    /// Its number among the operations of this client, from 1.
    pub seq: u64,
}

/// A client's side: its identity, and the number of its last operation.
#[derive(Debug)]
pub struct Session {
    last: Stamp,
}

impl Session {
    /// A client that never was before.
    pub fn new() -> Session {
        Session { last: Stamp { client: rng().random(), seq: 0 } }
    }

    /// The stamp of the next operation. Call it once an operation, not once a try.
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
/// It is part of the state machine's state: it must be in the snapshots, and change in `apply` only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions<R> {
    last: BTreeMap<ClientId, (u64, R)>,
}

impl<R> Sessions<R> {
    /// Nobody has done anything yet.
    pub fn new() -> Sessions<R> {
        Sessions { last: BTreeMap::new() }
    }

    /// Does the operation, unless it was done already: then gives the reply of that time.
    ///
    /// `None`: the client has done a later one since, so it has the reply and this is a late copy that nobody waits
    /// for.
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

    /// Takes over what another memory knows: per client the later operation. For state that is joined from parts.
    pub fn merge(&mut self, other: Sessions<R>) {
        for (client, (seq, reply)) in other.last {
            if self.last.get(&client).is_none_or(|(known, _)| *known < seq) {
                self.last.insert(client, (seq, reply));
            }
        }
    }

    /// How many clients it remembers.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Does it remember nobody?
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
}

impl<R> Default for Sessions<R> {
    fn default() -> Sessions<R> {
        Sessions::new()
    }
}
