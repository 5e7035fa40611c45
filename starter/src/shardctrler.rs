//! The shard controller that you will write: lab 4A.
//!
//! The controller keeps a list of configurations. A [`Config`] says which group serves which shard. Join,
//! Leave and Move each make the next configuration. Query reads a configuration. Like the service of lab 3,
//! the controller is replicated by Raft. If a clerk has to send an operation twice, the operation is done
//! only once.
//!
//! The code here is a proposal. Change whatever you like, but keep an implementation of [`Replicated`], of
//! [`Replica`] and of [`CtrlerClerk`].
//!
//! The order of the calls, their threads and the rules of the house are the same as in
//! [`kvraft`](crate::kvraft). There is one more rule, which is easily broken: from the same operation, all
//! servers must make the same configuration. So a configuration must not depend on a random number, a clock
//! or the order of a hash map.
//!
//! As in the course, the controller takes no snapshots.

use crate::not_written;
use crate::raft_in_use::Raft;
use labapi::{ApplyMsg, Config, CtrlerClerk, Gid, RaftPeer, Replica, Replicated, ServerStart};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Receiver};
use labrt::collections::BTreeMap;
use labrt::sync::{Arc, Mutex, Signal};
use serde::{Deserialize, Serialize};

/// The arguments of the RPC `ShardCtrler.Join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinArgs {
    /// The new groups: the names of their servers, by gid.
    pub groups: BTreeMap<Gid, Vec<String>>,
    // Your data here (4A).
}

/// The arguments of the RPC `ShardCtrler.Leave`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveArgs {
    /// The groups to remove.
    pub gids: Vec<Gid>,
    // Your data here (4A).
}

/// The arguments of the RPC `ShardCtrler.Move`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveArgs {
    /// The number of the shard.
    pub shard: usize,
    /// The new group of the shard.
    pub gid: Gid,
    // Your data here (4A).
}

/// The arguments of the RPC `ShardCtrler.Query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryArgs {
    /// The number of the configuration. For `None` (-1 in the course) and for a number that does not exist
    /// yet, the reply has the latest configuration.
    pub num: Option<u64>,
    // Your data here (4A).
}

/// The reply of Join, Leave and Move.
pub type ChangeReply = Result<(), CtrlerError>;

/// The reply of Query.
pub type QueryReply = Result<Config, CtrlerError>;

/// The reason why a server has not done an operation. Add the errors that you need. The tests never read
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CtrlerError {
    /// This server is not the leader.
    ErrWrongLeader,
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    // Your data here (4A).
}

/// A server of the controller.
pub struct ShardCtrler {
    /// The data that the server's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The index of this server in its group, for log lines.
    #[allow(dead_code, reason = "delete this line when a log line shows this index")]
    me: usize,
    /// The Raft peer of this server.
    raft: Arc<Raft>,
    /// This signal is raised by `kill`.
    killed: Signal,
    #[allow(dead_code, reason = "delete this line when the handlers use the state")]
    state: Mutex<State>,
}

/// The state that the lock protects.
struct State {
    /// All configurations. `configs[num]` is the configuration with the number `num`. The first one has no
    /// groups.
    #[allow(dead_code, reason = "delete this line when the operations use the configurations")]
    configs: Vec<Config>,
    // Your data here (4A).
}

impl Replicated for ShardCtrler {
    type Clerk = Clerk;

    fn start(start: ServerStart) -> ShardCtrler {
        let ServerStart { ends, me, persister, maxraftstate: _ } = start;

        // Your initialization code here (4A).
        let state = State { configs: vec![Config::default()] };

        let (apply, applied) = chan::rendezvous();
        let raft = Arc::new(Raft::make(ends, me, persister, apply));
        let inner = Arc::new(Inner { me, raft, killed: Signal::new(), state: Mutex::new(state) });

        let applier = Arc::clone(&inner);
        labrt::thread::spawn_named(format!("shardctrler-{me}-applier"), move || applier.apply_loop(&applied));

        ShardCtrler { inner }
    }

    fn is_leader(&self) -> bool {
        self.inner.raft.get_state().1
    }

    fn kill(&self) {
        self.inner.killed.raise();
        self.inner.raft.kill();
        // Your code here, if desired: wake the handlers that wait.
    }

    fn services(self: &Arc<ShardCtrler>) -> Vec<Service> {
        let [joins, leaves, moves, queries] = [(); 4].map(|()| Arc::clone(&self.inner));
        let ctrler = Service::new("ShardCtrler")
            .handler("Join", move |args: JoinArgs| joins.join(args))
            .handler("Leave", move |args: LeaveArgs| leaves.leave(args))
            .handler("Move", move |args: MoveArgs| moves.move_shard(args))
            .handler("Query", move |args: QueryArgs| queries.query(args));
        // In virtual time a call between two servers takes less time than a call of a client.
        let raft = self.inner.raft.service().cost(Cost::Peer);
        vec![ctrler, raft]
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk::new(ends)
    }
}

/// Lab 4B starts the same server through this trait: see [`shardkv`](crate::shardkv).
impl Replica for ShardCtrler {
    fn is_leader(&self) -> bool {
        Replicated::is_leader(self)
    }

    fn kill(&self) {
        Replicated::kill(self);
    }
}

impl Inner {
    /// The handler of the RPC `ShardCtrler.Join`: the new groups get their share of the shards.
    fn join(&self, args: JoinArgs) -> ChangeReply {
        // Your code here (4A).
        let _ = args;
        not_written("4A", "a handler of ShardCtrler.Join that replies")
    }

    /// The handler of the RPC `ShardCtrler.Leave`: the shards of these groups go to the groups that stay.
    fn leave(&self, args: LeaveArgs) -> ChangeReply {
        // Your code here (4A).
        let _ = args;
        not_written("4A", "a handler of ShardCtrler.Leave that replies")
    }

    /// The handler of the RPC `ShardCtrler.Move`: one shard goes to a group, and no other shard moves.
    fn move_shard(&self, args: MoveArgs) -> ChangeReply {
        // Your code here (4A).
        let _ = args;
        not_written("4A", "a handler of ShardCtrler.Move that replies")
    }

    /// The handler of the RPC `ShardCtrler.Query`.
    fn query(&self, args: QueryArgs) -> QueryReply {
        // Your code here (4A).
        let _ = args;
        not_written("4A", "a handler of ShardCtrler.Query that replies")
    }

    /// Receives the messages of Raft until the server is killed.
    fn apply_loop(&self, applied: &Receiver<ApplyMsg>) {
        while let Ok(message) = applied.recv_unless(&self.killed) {
            // The controller makes no snapshots, so Raft never delivers one.
            let ApplyMsg::Command { index, term, command } = message else { continue };
            // Your code here (4A): do the operation. If a handler waits for it, let this handler reply.
            let _ = (index, term, command);
        }
    }
}

/// A client of the controller. It makes one call at a time.
///
/// A call ends when a server has done the operation, as in [`kvraft`](crate::kvraft). In lab 4B there is an
/// exception: a server of a group has a clerk of the controller, too. The thread that uses this clerk must
/// end within 100 ms of the server's `kill`.
pub struct Clerk {
    /// The ends to all servers of the controller, in random order.
    #[allow(dead_code, reason = "delete this line when you call the servers")]
    ends: Vec<End>,
    // Your data here (4A).
}

impl Clerk {
    /// Makes a client of the servers to which these ends lead.
    pub fn new(ends: Vec<End>) -> Clerk {
        // Your code here (4A).
        Clerk { ends }
    }
}

impl CtrlerClerk for Clerk {
    fn query(&mut self, num: Option<u64>) -> Config {
        // Your code here (4A).
        let _ = num;
        not_written("4A", "Clerk::query to ask the servers of shardctrler")
    }

    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>) {
        // Your code here (4A).
        let _ = groups;
        not_written("4A", "Clerk::join to ask the servers of shardctrler")
    }

    fn leave(&mut self, gids: Vec<Gid>) {
        // Your code here (4A).
        let _ = gids;
        not_written("4A", "Clerk::leave to ask the servers of shardctrler")
    }

    fn move_shard(&mut self, shard: usize, gid: Gid) {
        // Your code here (4A).
        let _ = (shard, gid);
        not_written("4A", "Clerk::move_shard to ask the servers of shardctrler")
    }
}
