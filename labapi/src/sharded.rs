//! Lab 4B: what the suites ask of a sharded key/value service: [`Sharded`], its replicas and its clerks.

use labrpc::{End, Service};
use labrt::sync::Arc;

use crate::{Config, CtrlerClerk, Gid, KvClerk, NSHARDS, RaftStatus, ServerStart, Strictness};

/// A sharded key/value service: a controller that says which group serves which shard, and the groups.
///
/// The harness starts the controllers and the servers of the groups, puts their services on the network, and calls
/// them through [`Replica`]. It starts and calls a server while the server is labrt's current node: what the server
/// spawns, logs and tells the trace is the server's own. The harness holds no lock of its own during a call.
pub trait Sharded: 'static {
    /// What the suite does when a server leaves threads behind after `kill`, takes locks in both orders, or makes an RPC
    /// under a lock. The default warns.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the controller.
    type CtrlerClerk: CtrlerClerk;
    /// A client of the key/value service.
    type Clerk: KvClerk;

    /// Starts a server of the controller (`StartServer` of the course's `shardctrler`); `maxraftstate` is `None`. Must
    /// return soon and must not wait for an RPC: the server is not on the network yet.
    fn start_ctrler(start: ServerStart) -> Running;

    /// Starts a server of a group (`StartServer` of the course's `shardkv`). Must return soon, as above.
    fn start_server(start: GroupStart) -> Running;

    /// A client of the controller (`MakeClerk` of `shardctrler`).
    fn ctrler_clerk(ends: Vec<End>) -> Self::CtrlerClerk;

    /// A client of the key/value service (`MakeClerk` of `shardkv`).
    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Self::Clerk;
}

/// One life of one server, of the controller or of a group.
///
/// Every method may be called at any time, from any thread, also after [`kill`](Replica::kill); none may block
/// for long.
pub trait Replica: Send + Sync + 'static {
    /// Whether this server believes that it leads its group.
    fn is_leader(&self) -> bool;

    /// The server is no longer needed. Its threads must end within 100 ms.
    fn kill(&self);

    /// How many bytes of keys and values this server holds, in shards that it serves and in others. `None`: it
    /// does not say.
    fn bytes_held(&self) -> Option<usize> {
        None
    }

    /// Where this server stands, for people who watch it. `None`: it does not say.
    fn status(&self) -> Option<ReplicaStatus> {
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
pub struct GroupStart {
    /// What every replicated server is started with. `ends` leads to the servers of the group.
    pub server: ServerStart,
    /// The group.
    pub gid: Gid,
    /// Ends to the servers of the controller, in any order; not empty.
    pub ctrlers: Vec<End>,
    /// Makes ends to the servers of other groups.
    pub make_end: MakeEnd,
}

/// Makes a new end to the server of this name. The end is deleted when it is dropped.
pub type MakeEnd = Arc<dyn Fn(&str) -> End + Send + Sync>;

/// What a server has of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    #[default]
    Nothing,
    /// The data, which it serves.
    Serving,
    /// It owns the shard but does not have the data yet.
    Awaiting,
    /// It has the data; no group owns the shard now.
    Parked,
    /// It has the data. Another group owns the shard and, as far as this server knows, does not have the data yet.
    Giving,
}

/// Where a running server stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Its Raft.
    pub raft: RaftStatus,
    /// The number of the newest configuration that it has taken in.
    pub config: u64,
    /// Which group has which shard by that configuration.
    pub owners: [Gid; NSHARDS],
    /// The groups of that configuration.
    pub groups: Vec<Gid>,
    /// What it has of each shard; nothing, if it is a controller.
    pub shards: [Holding; NSHARDS],
}

impl ReplicaStatus {
    /// The status of a server that has taken in `config`.
    pub fn new(raft: RaftStatus, config: &Config, shards: [Holding; NSHARDS]) -> ReplicaStatus {
        let groups = config.groups.keys().copied().collect();
        ReplicaStatus { raft, config: config.num, owners: config.shards, groups, shards }
    }
}
