//! What the suites ask of a sharded key/value service: [`Sharded`], its replicas and its clerks.

use labrpc::{End, Service};
use labrt::sync::Arc;

use super::status::Status;
use crate::raft::Persister;
use crate::shardctrler::Gid;
use crate::shardkv::MakeEnd;
use crate::tester::clerks::{CtrlerClerk, KvClerk};
use crate::tester::peer::Strictness;

/// One life of one server, of the controller or of a group.
///
/// Every method may be called at any time, from any thread, also after [`kill`](Replica::kill); none may block
/// for long.
pub trait Replica: Send + Sync + 'static {
    /// Whether this server believes that it leads its group.
    fn is_leader(&self) -> bool;

    /// The server is no longer needed: its threads must end soon.
    fn kill(&self);

    /// How many bytes of keys and values this server holds, of shards that it serves and of others. `None`: it
    /// does not say.
    fn bytes_held(&self) -> Option<usize> {
        None
    }

    /// Where this server stands, for whoever watches it. `None`: it does not say.
    fn status(&self) -> Option<Status> {
        None
    }
}

/// A server that has been started.
pub struct Running {
    /// The server.
    pub replica: Arc<dyn Replica>,
    /// What it and its Raft answer to on the network. In virtual time a request costs what a client's does, 1 to
    /// 2 ms, unless its service says otherwise ([`labrpc::Service::cost`]).
    pub services: Vec<Service>,
}

/// What a server of a group is started with.
pub struct ServerStart {
    /// Ends to the servers of the group; `ends[me]` is the one to the server itself.
    pub ends: Vec<End>,
    /// The server's index in its group.
    pub me: usize,
    /// What it has saved; empty at a first start.
    pub persister: Arc<Persister>,
    /// The server makes a snapshot when its Raft state has grown beyond so many bytes; `None`: never.
    pub maxraftstate: Option<usize>,
    /// The group.
    pub gid: Gid,
    /// Ends to the controllers.
    pub ctrlers: Vec<End>,
    /// Ends to whomever else.
    pub make_end: MakeEnd,
}

/// A sharded key/value service under test: a controller that says which group serves which shard, and the groups.
///
/// The harness starts and calls servers while they are labrt's current node, so that threads that they spawn and
/// log lines that they write are theirs.
pub trait Sharded: 'static {
    /// What becomes of breaches of good order that the course does not look for.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the controller.
    type CtrlerClerk: CtrlerClerk;
    /// A client of the key/value service.
    type Clerk: KvClerk;

    /// Starts server `me` of the controller (`StartServer` of the course's `shardctrler`). Must return soon and
    /// must not wait for an RPC: the server is not on the network yet.
    fn start_ctrler(ends: Vec<End>, me: usize, persister: Arc<Persister>) -> Running;

    /// Starts a server of a group (`StartServer` of the course's `shardkv`). Must return soon, as above.
    fn start_server(start: ServerStart) -> Running;

    /// A client of the controller (`MakeClerk` of `shardctrler`).
    fn ctrler_clerk(ends: Vec<End>) -> Self::CtrlerClerk;

    /// A client of the key/value service (`MakeClerk` of `shardkv`).
    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Self::Clerk;
}
