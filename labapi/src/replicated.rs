//! Labs 3 and 4A: what the suites ask of a service that one group of servers replicates.

use labrpc::{End, Service};
use labrt::sync::Arc;

use crate::{CtrlerClerk, KvClerk, Persister, Strictness};

/// What a server of a replicated service is started with.
pub struct ServerStart {
    /// `ends[i]` leads to server `i` of the group; `ends[me]` leads to the server itself.
    pub ends: Vec<End>,
    /// The server's index in its group.
    pub me: usize,
    /// What the server has saved. It is empty at the first start.
    pub persister: Arc<Persister>,
    /// The server makes a snapshot when its Raft state has grown to so many bytes. `None`: it never makes
    /// one.
    pub maxraftstate: Option<usize>,
}

/// A server of a replicated service, and how to make a client of it (`StartKVServer` and `MakeClerk` of the
/// course's `kvraft`; `StartServer` and `MakeClerk` of `shardctrler`).
///
/// The harness calls [`start`](Replicated::start) first, then [`services`](Replicated::services) once, then
/// puts the services on the network and connects the server. As soon as `start` has returned, it may call the
/// other methods, from any thread, even before `services`. It calls [`kill`](Replicated::kill) last, but
/// other calls may still be under way or may follow; they must not panic.
///
/// While the harness calls a server, the server is labrt's current node: the threads that it spawns, its log
/// lines and its events are its own. The harness holds no lock of its own during a call.
pub trait Replicated: Send + Sync + Sized + 'static {
    /// What the suite does when a server leaves threads behind after `kill`, takes locks in both orders, or
    /// makes an RPC under a lock. The default warns.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the service.
    type Clerk: Send + 'static;

    /// Starts a server. It must return soon and must not wait for an RPC, because the server is not on the
    /// network yet.
    fn start(start: ServerStart) -> Self;

    /// Whether this server's Raft believes that it leads.
    fn is_leader(&self) -> bool;

    /// The server is no longer needed. Its threads must end within 100 ms. Handlers that wait must end in the
    /// same time.
    fn kill(&self);

    /// What the server answers to on the network: its own RPCs and those of its Raft.
    ///
    /// In virtual time a request costs what a client's request does, 1 to 2 ms, unless its service says
    /// otherwise ([`labrpc::Service::cost`]).
    fn services(self: &Arc<Self>) -> Vec<Service>;

    /// Makes a client of the servers behind these ends, which are in random order. Several clients work at
    /// the same time, each on a thread of its own.
    fn make_clerk(ends: Vec<End>) -> Self::Clerk;
}

/// Lab 3: a replicated key/value service. Every [`Replicated`] whose clerk is a [`KvClerk`] is one.
pub trait KvService: Replicated<Clerk: KvClerk> {}

impl<S: Replicated<Clerk: KvClerk>> KvService for S {}

/// Lab 4A: a replicated shard controller. Every [`Replicated`] whose clerk is a [`CtrlerClerk`] is one.
pub trait CtrlerService: Replicated<Clerk: CtrlerClerk> {}

impl<S: Replicated<Clerk: CtrlerClerk>> CtrlerService for S {}
