//! Lab 4B: what the suites ask of a sharded key/value service: [`Sharded`], its replicas and its clerks.

use labrpc::{End, Service};
use labrt::sync::Arc;

use crate::{Config, CtrlerClerk, Gid, KvClerk, NSHARDS, RaftStatus, ServerStart, Strictness};

/// A sharded key/value service: a controller that says which group serves which shard, and the groups.
///
/// The harness starts the controllers and the servers of the groups, puts their services on the network, and
/// calls them through [`Replica`]. While the harness starts or calls a server, the server is labrt's current
/// node: the threads that it spawns, its log lines and its events are its own. The harness holds no lock of
/// its own during a call.
pub trait Sharded: 'static {
    /// What the suite does when a server leaves threads behind after `kill`, takes locks in both orders, or
    /// makes an RPC under a lock. The default warns.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the controller.
    type CtrlerClerk: CtrlerClerk;
    /// A client of the key/value service.
    type Clerk: KvClerk;

    /// Starts a server of the controller (`StartServer` of the course's `shardctrler`). `maxraftstate` is
    /// `None`. It must return soon and must not wait for an RPC, because the server is not on the network
    /// yet.
    fn start_ctrler(start: ServerStart) -> Running;

    /// Starts a server of a group (`StartServer` of the course's `shardkv`). The same rules hold as for
    /// [`start_ctrler`](Sharded::start_ctrler).
    fn start_server(start: GroupStart) -> Running;

    /// Makes a client of the controller (`MakeClerk` of `shardctrler`).
    fn ctrler_clerk(ends: Vec<End>) -> Self::CtrlerClerk;

    /// Makes a client of the key/value service (`MakeClerk` of `shardkv`).
    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Self::Clerk;
}

/// One life of one server, of the controller or of a group.
///
/// Every method may be called at any time and from any thread, also after [`kill`](Replica::kill). No method
/// may block for long.
pub trait Replica: Send + Sync + 'static {
    /// Whether this server believes that it leads its group.
    fn is_leader(&self) -> bool;

    /// The server is no longer needed. Its threads must end within 100 ms.
    fn kill(&self);

    /// How many bytes of keys and values this server holds, in shards that it serves and in other shards.
    /// `None`: the server does not tell it.
    fn bytes_held(&self) -> Option<usize> {
        None
    }

    /// The state of this server, for people who watch it. `None`: the server does not tell it.
    fn status(&self) -> Option<ReplicaStatus> {
        None
    }
}

/// A server that has been started.
pub struct Running {
    /// The server.
    pub replica: Arc<dyn Replica>,
    /// The services of the server and of its Raft. In virtual time a request to them costs what a client's
    /// request does, 1 to 2 ms, unless the service says otherwise ([`labrpc::Service::cost`]).
    pub services: Vec<Service>,
}

/// What a server of a group is started with.
pub struct GroupStart {
    /// What every replicated server is started with. `ends` lead to the servers of the group.
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

/// What a server holds of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    #[default]
    Nothing,
    /// It has the data and serves the shard.
    Serving,
    /// It owns the shard but does not have the data yet.
    Awaiting,
    /// It has the data, but no group owns the shard now.
    Parked,
    /// It has the data. Another group owns the shard and, as far as this server knows, does not have the data
    /// yet.
    Giving,
}

/// The state of a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Its Raft.
    pub raft: RaftStatus,
    /// The number of the newest configuration that it has applied.
    pub config: u64,
    /// For each shard the group that owns it by that configuration.
    pub owners: [Gid; NSHARDS],
    /// The groups of that configuration.
    pub groups: Vec<Gid>,
    /// What it holds of each shard. A controller holds nothing.
    pub shards: [Holding; NSHARDS],
}

impl ReplicaStatus {
    /// The status of a server that has applied `config`.
    pub fn new(raft: RaftStatus, config: &Config, shards: [Holding; NSHARDS]) -> ReplicaStatus {
        let groups = config.groups.keys().copied().collect();
        ReplicaStatus { raft, config: config.num, owners: config.shards, groups, shards }
    }
}
