//! Clerks, and which servers they can reach.
//!
//! A clerk gets its ends in random order, so it does not know which end leads to which server. Only the
//! harness knows to which server an end leads.

use labapi::Replicated;
use std::fmt;
use std::ops::{Deref, DerefMut};

use labrpc::{End, Name};
use labrt::dlog;
use labrt::node::NodeId;
use labrt::rng;

use super::Cluster;

/// The number that the harness gives to a clerk.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ClientId(usize);

/// Shows the number with a `C` before it, for example `C1005`.
impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}", self.0)
    }
}

impl ClientId {
    /// The number without the `C`, for the trace.
    pub fn number(self) -> u32 {
        u32::try_from(self.0).expect("the number of a clerk fits into 32 bits")
    }

    pub(super) fn first(servers: usize) -> ClientId {
        ClientId(servers + 1000)
    }
}

/// A clerk, and its number in the harness.
pub struct Client<C> {
    clerk: C,
    id: ClientId,
}

impl<C> Client<C> {
    /// The clerk's number in the harness.
    pub fn id(&self) -> ClientId {
        self.id
    }
}

impl<C> Deref for Client<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.clerk
    }
}

impl<C> DerefMut for Client<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.clerk
    }
}

impl<S: Replicated> Cluster<S> {
    /// Makes a clerk that can reach the servers in `to`. The clerk can reach another server only after the
    /// test has connected it to that server.
    pub fn make_client(&self, to: &[usize]) -> Client<S::Clerk> {
        let mut ends: Vec<End> = self.all().into_iter().map(|j| self.net.make_end(NodeId::NONE, j)).collect();
        let names: Vec<Name> = ends.iter().map(|end| end.name().clone()).collect();
        shuffle(&mut ends);
        let clerk = S::make_clerk(ends);
        let id = {
            let mut state = self.state.lock();
            let id = state.next_client;
            state.next_client = ClientId(id.0 + 1);
            state.clerks.insert(id, names);
            id
        };
        self.connect_client(id, to);
        Client { clerk, id }
    }

    /// Connects a clerk to these servers, in addition to the servers that it can already reach.
    pub fn connect_client(&self, client: ClientId, to: &[usize]) {
        dlog!(TEST, "connects {client} to {to:?}");
        self.enable_client(client, to, true);
    }

    /// Disconnects a clerk from these servers.
    pub fn disconnect_client(&self, client: ClientId, from: &[usize]) {
        dlog!(TEST, "disconnects {client} from {from:?}");
        self.enable_client(client, from, false);
    }

    fn enable_client(&self, client: ClientId, servers: &[usize], works: bool) {
        let Some(names) = self.state.lock().clerks.get(&client).cloned() else { return };
        servers.iter().for_each(|&j| self.net.enable(&names[j], works));
    }

    /// Deletes a clerk that is no longer needed.
    pub fn delete_client(&self, client: Client<S::Clerk>) {
        self.state.lock().clerks.remove(&client.id);
    }
}

/// Puts the items into random order (Fisher-Yates).
fn shuffle<T>(items: &mut [T]) {
    for i in 1..items.len() {
        let j = rng::below(i as u64 + 1) as usize;
        items.swap(i, j);
    }
}
