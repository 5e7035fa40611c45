//! The trait of labs 3 and 4A: a service that one group of servers replicates.

use labrpc::{End, Service};
use labrt::sync::Arc;

use crate::{CtrlerClerk, KvClerk, Persister, Strictness};

/// The data with which a server of a replicated service is started.
pub struct ServerStart {
    /// `ends[i]` leads to server `i` of the group; `ends[me]` leads to the server itself.
    pub ends: Vec<End>,
    /// The server's index in its group.
    pub me: usize,
    /// The disk with the data that the server has saved. At the first start the disk is empty.
    pub persister: Arc<Persister>,
    /// When the server's Raft state has grown to about this number of bytes, the server makes a snapshot.
    /// With `None`, the server never makes a snapshot.
    pub maxraftstate: Option<usize>,
}

/// A server of a replicated service. [`start`](Replicated::start) starts a server, and
/// [`make_clerk`](Replicated::make_clerk) makes a client of the service. In the course these functions are
/// `StartKVServer` and `MakeClerk` (`kvraft`), or `StartServer` and `MakeClerk` (`shardctrler`).
///
/// The harness calls [`start`](Replicated::start) first, then [`services`](Replicated::services) once, then
/// puts the services on the network and connects the server. As soon as `start` has returned, the harness may
/// call the other methods, from any thread, even before `services`. The harness calls
/// [`kill`](Replicated::kill) at the end. At that moment, other calls may still be running, and more calls
/// may follow. None of these calls may panic.
///
/// While the harness calls a server, the server is labrt's current node: the threads that the server spawns,
/// its log lines and its events are recorded as the server's own. The harness holds no lock of its own during
/// a call.
pub trait Replicated: Send + Sync + Sized + 'static {
    /// What the suite does about three faults: a server still has threads after `kill`, it makes an RPC while
    /// it holds a lock, or it locks two locks sometimes in one order and sometimes in the other. By default
    /// the suite only warns.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the service.
    type Clerk: Send + 'static;

    /// Starts a server. The call must return soon and must not wait for an RPC, because the server is not on
    /// the network yet.
    fn start(start: ServerStart) -> Self;

    /// Returns whether this server's Raft believes that it is the leader.
    fn is_leader(&self) -> bool;

    /// Stops this server, because it is no longer needed. Its threads must end within 100 ms. Handlers that
    /// wait must also end within 100 ms.
    fn kill(&self);

    /// Returns the services of this server for the network: its own RPCs and the RPCs of its Raft.
    ///
    /// In virtual time, every request to one of these services takes as long as a request of a client: 16 to
    /// 28 ms, or 1 to 2 ms in lab 3's tests of speed. A service that gets requests from other servers, such
    /// as Raft, can set a smaller cost with [`labrpc::Service::cost`].
    fn services(self: &Arc<Self>) -> Vec<Service>;

    /// Makes a client. Its `ends` lead to the servers, in random order. Several clients work at the same
    /// time, each on a thread of its own.
    fn make_clerk(ends: Vec<End>) -> Self::Clerk;
}

/// Lab 3: a replicated key/value service. Every [`Replicated`] whose clerk is a [`KvClerk`] is such a
/// service.
pub trait KvService: Replicated<Clerk: KvClerk> {}

impl<S: Replicated<Clerk: KvClerk>> KvService for S {}

/// Lab 4A: a replicated shard controller. Every [`Replicated`] whose clerk is a [`CtrlerClerk`] is such a
/// service.
pub trait CtrlerService: Replicated<Clerk: CtrlerClerk> {}

impl<S: Replicated<Clerk: CtrlerClerk>> CtrlerService for S {}
