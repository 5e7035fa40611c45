//! A sharded key/value service that you will write: lab 4B.
//!
//! The keys are in ten shards ([`key2shard`](labapi::key2shard)). A group of servers serves the shards that
//! the controller's latest configuration gives to the group. When a configuration gives a shard to another
//! group, the shard's data is sent to that group. Each group is replicated by a Raft of its own. So every
//! change of a group's state goes through the group's log: the operations of clients, the configurations, and
//! the shards that come and go.
//!
//! The code here is a proposal. Change whatever you like, but keep an implementation of [`Sharded`].
//!
//! # The order of the calls, and their threads
//!
//! | method | its thread | may the method wait? |
//! |---|---|---|
//! | `start_ctrler`, `start_server`; then the methods of [`Replica`]; `kill` comes last | the test's | no |
//! | the handlers `get`, `put_append` and `transfer` | one for each request | yes, until `kill` |
//! | `apply_loop` and `poll_loop` | the server's own threads, which `start` starts | yes, until `kill` |
//! | the methods of [`Clerk`] | the thread of a client | yes, until the operation is done |
//!
//! The rules of the house are the same as in [`kvraft`](crate::kvraft). Two of them are easily broken here:
//!
//! * Hold no lock during an RPC to another group. The other group may be calling this group at the same time.
//! * `poll_loop` must end within 100 ms of `kill`. But a clerk of the controller never gives up. After `kill`
//!   the clerk's ends are closed and its RPCs fail at once, so it tries again for ever. Change your clerk of
//!   the controller so that it can stop.
//!
//! After a restart of all servers of a group, the new leader must not commit the entries of older terms until
//! it commits an entry of its own term (section 5.4.2 of the paper). If the group refuses its clients until
//! the old entries are committed, no client adds an entry, so the group may wait for ever. Find out how your
//! group gets an entry of the new term.
//!
//! # The challenges
//!
//! The tests check both challenges of the course. Challenge 1: a group deletes the data of a shard that has
//! moved to another group. Challenge 2: during a change of the configuration, a group still serves the shards
//! that stay. The group also serves each new shard whose data has arrived, even if other shards have not
//! arrived yet.

// These are the types of lab 3's RPCs. If you have not solved lab 3, define your own types here instead.
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

/// The time between two requests of a server to the controller for a new configuration.
const POLL: Duration = Duration::from_millis(100);

/// The reply of the RPC `ShardKV.Get`: the value of the key.
pub type GetReply = Result<String, ShardKvError>;

/// The reply of the RPC `ShardKV.PutAppend`.
pub type PutAppendReply = Result<(), ShardKvError>;

/// The reason why a server has not done an operation. Add the errors that you need. The tests never read
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShardKvError {
    /// The key has no value.
    ErrNoKey,
    /// This group does not serve the key's shard now.
    ErrWrongGroup,
    /// This server is not the leader.
    ErrWrongLeader,
}

/// The arguments of the RPC `ShardKV.Transfer`, which sends shards from one group to another.
///
/// You decide who makes the call: the group that had the shards, or the group that gets them.
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
    /// The data that the server's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The index of this server in its group, for log lines.
    #[allow(dead_code, reason = "delete this line when a log line shows this index")]
    me: usize,
    /// The group of this server.
    #[allow(dead_code, reason = "delete this line when you compare this group with the owner of a shard")]
    gid: Gid,
    /// The Raft peer of this server.
    raft: Arc<Raft>,
    /// The disk on which this server's Raft saves its state. The size of the Raft state decides when to make
    /// a snapshot. When the server starts, it reads the saved snapshot.
    #[allow(dead_code, reason = "delete this line when you read the size of the Raft state")]
    persister: Arc<Persister>,
    /// Make a snapshot when `persister.raft_state_size()` comes near this number of bytes. If this is `None`,
    /// never make a snapshot.
    #[allow(dead_code, reason = "delete this line when you make snapshots")]
    maxraftstate: Option<usize>,
    /// Makes an end to a server of another group, by its name in [`Config::groups`].
    #[allow(dead_code, reason = "delete this line when you call another group")]
    make_end: MakeEnd,
    /// This signal is raised by `kill`.
    killed: Signal,
    #[allow(dead_code, reason = "delete this line when the handlers use the state")]
    state: Mutex<State>,
}

/// The state that the lock protects.
struct State {
    /// The configuration that this group uses now. A group applies the configurations one by one, without a
    /// gap.
    #[allow(dead_code, reason = "delete this line when you read the owner of a shard")]
    config: Config,
    // Your data here (4B, challenges 1 and 2): the data of each shard, and which shards must still come or
    // go.
}

impl ShardKv {
    /// Starts a server of a group.
    fn start(start: GroupStart) -> ShardKv {
        let GroupStart { server, gid, ctrlers, make_end } = start;
        let ServerStart { ends, me, persister, maxraftstate } = server;

        // Your initialization code here (4B). If `persister.read_snapshot()` is not empty, make the first
        // state from this snapshot. Raft does not deliver this snapshot again.
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

    /// The services of this server on the network.
    fn services(&self) -> Vec<Service> {
        let [gets, writes, transfers] = [(); 3].map(|()| Arc::clone(&self.inner));
        let shardkv = Service::new("ShardKV")
            .handler("Get", move |args: GetArgs| gets.get(args))
            .handler("PutAppend", move |args: PutAppendArgs| writes.put_append(args))
            .handler("Transfer", move |args: TransferArgs| transfers.transfer(args));
        // In virtual time a call between two servers takes less time than a call of a client.
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
        // Your code here (4B, challenge 2): does this group serve the shard of `args.key` now? The answer may
        // change while the operation is in the log but not applied yet.
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
        // Your code here (4B). The other group may have another configuration than this group.
        let _ = args;
        not_written("4B", "a handler of ShardKV.Transfer that replies")
    }

    /// Receives the messages of Raft until the server is killed. Call no other group on this thread, because
    /// the server cannot apply anything until that call returns.
    fn apply_loop(&self, applied: &Receiver<ApplyMsg>) {
        while let Ok(message) = applied.recv_unless(&self.killed) {
            match message {
                ApplyMsg::Command { index, term, command } => {
                    // Your code here (4B): apply an operation of a client, a configuration, or shards that
                    // come or go.
                    // Your code here (challenge 1): a shard has moved to another group. When may its data be
                    // deleted?
                    // Is it time for a snapshot? Then call `self.raft.snapshot(index, bytes)`.
                    let _ = (index, term, command);
                }
                ApplyMsg::Snapshot { index, term, data } => {
                    // Your code here (4B): the leader's snapshot replaces the whole state of this server.
                    let _ = (index, term, data);
                }
            }
        }
    }

    /// Asks the controller again and again for the next configuration, until the server is killed.
    fn poll_loop(&self, ctrler: shardctrler::Clerk) {
        while !self.killed.wait_until(Instant::now() + POLL) {
            // Your code here (4B): if this server is the leader and the group is ready for the next
            // configuration, ask for it and put it into the log. The comment at the top of this file has a
            // rule for this thread.
            let _ = &ctrler;
        }
    }

    /// Calls the Transfer handler of a server of another group, by its name in a configuration.
    ///
    /// `None` means that no reply has come, as with every RPC. When you drop an end, the network deletes it.
    /// So keep the end to a server that you call often. When this server is killed, its ends are closed, and
    /// its calls fail at once. `call` may block its thread for a long time. `call_within` waits no longer
    /// than the time that you give.
    #[allow(dead_code, reason = "this is an example; delete this line when you call this function")]
    fn send_transfer(&self, server: &str, args: &TransferArgs) -> Option<TransferReply> {
        (self.make_end)(server).call("ShardKV.Transfer", args)
    }
}

/// A client of the service. It makes one call at a time.
pub struct Clerk {
    /// The client that asks the controller for configurations.
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

// The client's configuration says which group has the key's shard. A method of a clerk calls this group. If
// the group does not serve the shard or does not reply, the client asks the controller for a newer
// configuration, and tries again after a pause. The method returns when its operation is done, even if that
// takes a long time.
impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        // Your code here (4B). If a key has no value, return the empty text.
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
