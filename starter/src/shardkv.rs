//! A sharded key/value service, to be written: lab 4B.
//!
//! The keys are in ten shards ([`key2shard`](labapi::key2shard)). A group of servers serves the shards that
//! the latest configuration of the controller gives to it. When a configuration gives a shard to another
//! group, its data goes there. Each group is replicated by a Raft of its own, so everything that changes what
//! a group serves goes through its log: the operations of clients, the configurations, the shards that come
//! and go.
//!
//! What stands here is a proposal: change whatever you like, as long as [`Sharded`] is implemented.
//!
//! # What is called when, and on which thread
//!
//! | what | its thread | may it wait? |
//! |---|---|---|
//! | `start_ctrler`, `start_server`; then the methods of [`Replica`], `kill` as the last | the test's | no |
//! | the handlers `get`, `put_append` and `transfer` | one for each request | yes, until `kill` |
//! | `apply_loop` and `poll_loop` | the server's own threads, which `start` starts | yes, until `kill` |
//! | the methods of [`Clerk`] | the thread of a client | yes, until the operation is done |
//!
//! The rules of the house are as in [`kvraft`](crate::kvraft). Two of them are easily broken here:
//!
//! * Hold no lock over an RPC to another group: that group may be calling this one.
//! * `poll_loop` ends within 100 ms of `kill`. A clerk of the controller never gives up. After `kill` its
//!   ends are closed and its calls fail at once, so it asks on for ever. Give your clerk of the controller a
//!   way to stop.
//!
//! # The challenges
//!
//! The tests look for both challenges of the course. Challenge 1: a group deletes the data of a shard that
//! has moved away. Challenge 2: while a configuration is on its way, a group goes on to serve the shards that
//! stay, and serves each shard that has come, even if others have not.

use crate::kvraft::{GetArgs, PutAppendArgs, PutOrAppend};
use crate::not_written;
use crate::raft_in_use::Raft;
use crate::shardctrler::{self, ShardCtrler};
use labapi::{
    ApplyMsg, Config, Gid, GroupStart, KvClerk, MakeEnd, Persister, RaftPeer, Replica, Replicated, Running,
    ServerStart, Sharded,
};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Receiver};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::time::{Duration, Instant};
use serde::{Deserialize, Serialize};

/// How often a server asks the controller for a new configuration.
const POLL: Duration = Duration::from_millis(100);

/// The reply of the RPC `ShardKV.Get`: the value of the key.
pub type GetReply = Result<String, ShardKvError>;

/// The reply of the RPC `ShardKV.PutAppend`.
pub type PutAppendReply = Result<(), ShardKvError>;

/// Why a server has not done what it was asked for. Add what you need; the tests never look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardKvError {
    /// The key has no value.
    ErrNoKey,
    /// This group does not serve the key's shard now.
    ErrWrongGroup,
    /// Another server leads.
    ErrWrongLeader,
}

/// The arguments of the RPC `ShardKV.Transfer`, with which shards go from one group to another.
///
/// You decide who calls whom: the group that had the shards, or the group that gets them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferArgs {
    /// The number of the configuration that moves the shards.
    pub num: u64,
    // Your data here (4B).
}

/// The reply of the RPC `ShardKV.Transfer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferReply {
    // Your data here (4B).
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    // Your data here (4B).
}

/// A server of a group.
pub struct ShardKv {
    /// What the server's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The index of this server in its group, for log lines.
    #[allow(dead_code, reason = "delete this line when a log line names it")]
    me: usize,
    /// The group of this server.
    #[allow(dead_code, reason = "delete this line when you compare it with the owner of a shard")]
    gid: Gid,
    /// The Raft peer of this server.
    raft: Arc<Raft>,
    /// What this server's Raft has saved. Its size decides about snapshots, and at the start its snapshot is
    /// read.
    #[allow(dead_code, reason = "delete this line when you look at its size")]
    persister: Arc<Persister>,
    /// Make a snapshot when `persister.raft_state_size()` comes near this number of bytes; `None`: never.
    #[allow(dead_code, reason = "delete this line when you make snapshots")]
    maxraftstate: Option<usize>,
    /// Makes an end to a server of another group, by its name in [`Config::groups`].
    #[allow(dead_code, reason = "delete this line when you call another group")]
    make_end: MakeEnd,
    /// Raised by `kill`.
    killed: Signal,
    #[allow(dead_code, reason = "delete this line when the handlers use it")]
    state: Mutex<State>,
}

/// What the lock protects.
struct State {
    /// The configuration that this group works with. A group takes in configurations one by one, without a
    /// gap.
    #[allow(dead_code, reason = "delete this line when you look at the owner of a shard")]
    config: Config,
    // Your data here (4B, challenges 1 and 2): the data of each shard, and what is under way.
}

impl ShardKv {
    /// Starts a server of a group.
    fn start(start: GroupStart) -> ShardKv {
        let GroupStart { server, gid, ctrlers, make_end } = start;
        let ServerStart { ends, me, persister, maxraftstate } = server;

        // Your initialization code here (4B). If `persister.read_snapshot()` is not empty, the state begins
        // with what is in it: Raft does not deliver that snapshot again.
        let state = State { config: Config::default() };

        let (apply, applied) = chan::rendezvous();
        let raft = Arc::new(Raft::make(ends, me, Arc::clone(&persister), apply));
        let (killed, state) = (Signal::new(), Mutex::new(state));
        let inner = Arc::new(Inner { me, gid, raft, persister, maxraftstate, make_end, killed, state });

        let applier = Arc::clone(&inner);
        labrt::thread::spawn_named(format!("shardkv-{me}-applier"), move || applier.apply_loop(&applied));
        let (poller, ctrler) = (Arc::clone(&inner), shardctrler::Clerk::new(ctrlers));
        labrt::thread::spawn_named(format!("shardkv-{me}-poller"), move || poller.poll_loop(ctrler));

        ShardKv { inner }
    }

    /// What the server answers to on the network.
    fn services(&self) -> Vec<Service> {
        let [gets, writes, transfers] = [(); 3].map(|()| Arc::clone(&self.inner));
        let shardkv = Service::new("ShardKV")
            .handler("Get", move |args: GetArgs| gets.get(args))
            .handler("PutAppend", move |args: PutAppendArgs| writes.put_append(args))
            .handler("Transfer", move |args: TransferArgs| transfers.transfer(args));
        // In virtual time a message between servers costs less than the request of a client.
        let raft = self.inner.raft.service().cost(Cost::Peer);
        vec![shardkv, raft]
    }
}

impl Sharded for ShardKv {
    type CtrlerClerk = shardctrler::Clerk;
    type Clerk = Clerk;

    fn start_ctrler(start: ServerStart) -> Running {
        let ctrler = Arc::new(<ShardCtrler as Replicated>::start(start));
        Running { services: ctrler.services(), replica: ctrler }
    }

    fn start_server(start: GroupStart) -> Running {
        let server = Arc::new(ShardKv::start(start));
        Running { services: server.services(), replica: server }
    }

    fn ctrler_clerk(ends: Vec<End>) -> shardctrler::Clerk {
        shardctrler::Clerk::new(ends)
    }

    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Clerk {
        // Your code here (4B).
        Clerk { ctrler: shardctrler::Clerk::new(ctrlers), config: Config::default(), make_end }
    }
}

impl Replica for ShardKv {
    fn is_leader(&self) -> bool {
        self.inner.raft.get_state().1
    }

    fn kill(&self) {
        self.inner.killed.raise();
        self.inner.raft.kill();
        // Your code here, if desired: wake the handlers that wait.
    }
}

impl Inner {
    /// The handler of the RPC `ShardKV.Get`.
    fn get(&self, args: GetArgs) -> GetReply {
        // Your code here (4B, challenge 2): is the shard of `args.key` served by this group now? The answer
        // may change while the operation is in the log.
        let _ = args;
        not_written("4B", "a handler of ShardKV.Get that replies")
    }

    /// The handler of the RPC `ShardKV.PutAppend`.
    fn put_append(&self, args: PutAppendArgs) -> PutAppendReply {
        // Your code here (4B, challenge 2).
        let _ = args;
        not_written("4B", "a handler of ShardKV.PutAppend that replies")
    }

    /// The handler of the RPC `ShardKV.Transfer`, which another group calls.
    fn transfer(&self, args: TransferArgs) -> TransferReply {
        // Your code here (4B). The other group may be in another configuration than this one.
        let _ = args;
        not_written("4B", "a handler of ShardKV.Transfer that replies")
    }

    /// Takes what Raft delivers, until the server is killed. Call no other group on this thread: the whole
    /// group would wait for that call.
    fn apply_loop(&self, applied: &Receiver<ApplyMsg>) {
        while let Ok(message) = applied.recv_unless(&self.killed) {
            match message {
                ApplyMsg::Command { index, term, command } => {
                    // Your code here (4B): an operation of a client, a configuration, shards that come or go.
                    // Your code here (challenge 1): when may the data of a shard that has moved be deleted?
                    // `self.raft.snapshot(index, bytes)`, when it is time for a snapshot.
                    let _ = (index, term, command);
                }
                ApplyMsg::Snapshot { index, term, data } => {
                    // Your code here (4B): the leader's snapshot replaces the whole state of this server.
                    let _ = (index, term, data);
                }
            }
        }
    }

    /// Looks for the next configuration again and again, until the server is killed.
    fn poll_loop(&self, ctrler: shardctrler::Clerk) {
        while !self.killed.wait_until(Instant::now() + POLL) {
            // Your code here (4B): if this server leads and the group is ready for it, ask for the next
            // configuration and put it into the log. Mind what the head of this file says of this thread.
            let _ = &ctrler;
        }
    }

    /// Calls the Transfer handler of a server of another group, by its name in a configuration.
    ///
    /// `None`: no reply, as with every RPC. The end works as long as it exists and this server lives. To call
    /// a server often, keep its end. While `call` waits, the thread does nothing else; `call_within` waits no
    /// longer than you say.
    #[allow(dead_code, reason = "an example; delete this line when you call it")]
    fn send_transfer(&self, server: &str, args: &TransferArgs) -> Option<TransferReply> {
        (self.make_end)(server).call("ShardKV.Transfer", args)
    }
}

/// A client of the service. It makes one call at a time.
pub struct Clerk {
    /// Asks the controller for configurations.
    #[allow(dead_code, reason = "delete this line when you ask the controller")]
    ctrler: shardctrler::Clerk,
    /// The configuration that this client knows. The first one has no groups.
    #[allow(dead_code, reason = "delete this line when you look for the group of a key")]
    config: Config,
    /// Makes an end to a server, by its name in [`Config::groups`].
    #[allow(dead_code, reason = "delete this line when you call the servers")]
    make_end: MakeEnd,
    // Your data here (4B).
}

// A call asks the group that has the shard of the key, by the configuration that the client knows. When that
// group does not serve it or does not reply, the client asks the controller for a newer configuration, and
// tries again after a pause. A call returns when its operation is done, however long that takes.
impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        // Your code here (4B). A key without a value has the empty one.
        let _ = key;
        not_written("4B", "Clerk::get to ask the servers of shardkv")
    }

    fn put(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Put, key, value);
    }

    fn append(&mut self, key: &str, value: &str) {
        self.put_append(PutOrAppend::Append, key, value);
    }
}

impl Clerk {
    fn put_append(&mut self, op: PutOrAppend, key: &str, value: &str) {
        // Your code here (4B).
        let _ = (op, key, value);
        not_written("4B", "Clerk::put_append to ask the servers of shardkv")
    }
}
