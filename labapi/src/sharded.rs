//! The traits of lab 4B: the sharded key/value service ([`Sharded`]) and its servers ([`Replica`]).

use labrpc::{End, Service};
use labrt::sync::Arc;

use crate::{Config, CtrlerClerk, Gid, KvClerk, NSHARDS, RaftStatus, ServerStart, Strictness};

/// A sharded key/value service. It consists of several groups of servers, and a controller that says which
/// group serves which shard.
///
/// The harness starts the servers of the controller and of the groups, and puts their services on the
/// network. It calls the servers through [`Replica`]. While the harness starts or calls a server, the server
/// is labrt's current node: the threads that the server spawns, its log lines and its events are recorded as
/// the server's own. The harness holds no lock of its own during a call.
pub trait Sharded: 'static {
    /// What the suite does about three faults: a server still has threads after `kill`, it makes an RPC while
    /// it holds a lock, or it locks two locks sometimes in one order and sometimes in the other. By default
    /// the suite only warns.
    const STRICTNESS: Strictness = Strictness::Warn;

    /// A client of the controller.
    type CtrlerClerk: CtrlerClerk;
    /// A client of the key/value service.
    type Clerk: KvClerk;

    /// Starts a server of the controller (`StartServer` of the course's `shardctrler`). `start.maxraftstate`
    /// is `None`. The call must return soon and must not wait for an RPC, because the server is not on the
    /// network yet.
    fn start_ctrler(start: ServerStart) -> Running;

    /// Starts a server of a group (`StartServer` of the course's `shardkv`). Like
    /// [`start_ctrler`](Sharded::start_ctrler), the call must return soon and must not wait for an RPC.
    fn start_server(start: GroupStart) -> Running;

    /// Makes a client of the controller (`MakeClerk` of `shardctrler`).
    fn ctrler_clerk(ends: Vec<End>) -> Self::CtrlerClerk;

    /// Makes a client of the key/value service (`MakeClerk` of `shardkv`).
    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Self::Clerk;
}

/// One server of the controller or of a group, from its start to its `kill`.
///
/// Every method may be called at any time and from any thread, also after [`kill`](Replica::kill). No method
/// may block for a long time.
pub trait Replica: Send + Sync + 'static {
    /// Returns whether this server believes that it is the leader of its group.
    fn is_leader(&self) -> bool;

    /// Stops this server, because it is no longer needed. Its threads must end within 100 ms.
    fn kill(&self);

    /// Returns how many bytes of keys and values this server has, in the shards that it serves and in other
    /// shards. Returns `None` if the server does not report this number.
    fn bytes_held(&self) -> Option<usize> {
        None
    }

    /// Returns the state of this server. Programs such as the demo show this state to the user. Returns
    /// `None` if the server does not report its state.
    fn status(&self) -> Option<ReplicaStatus> {
        None
    }
}

/// A server that has been started.
pub struct Running {
    /// The server.
    pub replica: Arc<dyn Replica>,
    /// The services of the server and of its Raft. In virtual time, every request to a service of this list
    /// takes as long as a request of a client: 16 to 28 ms. A service that gets requests from other servers,
    /// such as Raft, can set a smaller cost with [`labrpc::Service::cost`].
    pub services: Vec<Service>,
}

/// The data with which a server of a group is started.
pub struct GroupStart {
    /// The data with which every replicated server is started. The `ends` in this data lead to the servers of
    /// the group.
    pub server: ServerStart,
    /// The group to which the server belongs.
    pub gid: Gid,
    /// Ends to the servers of the controller, in any order. There is at least one end.
    pub ctrlers: Vec<End>,
    /// Makes ends to the servers of other groups.
    pub make_end: MakeEnd,
}

/// A function that makes a new end to the server with the given name. The network deletes the end when the
/// end is dropped.
pub type MakeEnd = Arc<dyn Fn(&str) -> End + Send + Sync>;

/// Whether a server has the data of a shard, and who owns the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// The server has no data of the shard and does not own it.
    #[default]
    Nothing,
    /// The server has the data and serves the shard.
    Serving,
    /// The server's group owns the shard, but the server does not have the data yet.
    Awaiting,
    /// The server has the data, but no group owns the shard now.
    Parked,
    /// The server has the data, but another group owns the shard. As far as this server knows, that group
    /// does not have the data yet.
    Giving,
}

/// The state of a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The state of the server's Raft.
    pub raft: RaftStatus,
    /// The number of the newest configuration that the server has applied.
    pub config: u64,
    /// For each shard, the group that owns the shard in that configuration.
    pub owners: [Gid; NSHARDS],
    /// The groups of that configuration.
    pub groups: Vec<Gid>,
    /// What the server has of each shard. For a server of the controller, this is always
    /// [`Holding::Nothing`].
    pub shards: [Holding; NSHARDS],
}

impl ReplicaStatus {
    /// Makes the status of a server that has applied `config`.
    pub fn new(raft: RaftStatus, config: &Config, shards: [Holding; NSHARDS]) -> ReplicaStatus {
        let groups = config.groups.keys().copied().collect();
        ReplicaStatus { raft, config: config.num, owners: config.shards, groups, shards }
    }
}
