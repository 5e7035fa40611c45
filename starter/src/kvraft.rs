//! A replicated key/value service that you will write: labs 3A and 3B.
//!
//! A server puts the operations of its clients into the log of its Raft. When Raft delivers committed
//! operations, the server applies them to its data, in the order of the log. Then it replies to the clients.
//! So all servers have the same data.
//!
//! The code here is a proposal. Change whatever you like, but keep an implementation of [`Replicated`] and of
//! [`KvClerk`].
//!
//! # The order of the calls, and their threads
//!
//! | method | its thread | may the method wait? |
//! |---|---|---|
//! | `start`, then `services`, then `is_leader` at any time; `kill` comes last | the test's | no |
//! | the handlers `get` and `put_append` | one for each request | yes, until `kill` |
//! | `apply_loop` | the server's own thread, which `start` starts | yes, until `kill` |
//! | the methods of [`Clerk`] | the thread of a client | yes, until the operation is done |
//!
//! The server is not on the network while `start` and `services` run. Requests and calls of `is_leader` may
//! still come after `kill`; they must not panic.
//!
//! # The rules of the house for a service
//!
//! * Threads, locks, channels, clocks and random numbers come from [`labrt`], and maps from
//!   [`labrt::collections`], never from `std`.
//! * Hold no lock during an RPC, a send to a channel or a wait. When Raft sends a message, it waits until
//!   `apply_loop` receives the message. So `apply_loop` must never wait for something that needs progress in
//!   Raft.
//! * All threads of a server end within 100 ms of `kill`. This is also true for handlers that wait. Let them
//!   wait with the signal `killed` (a channel has `recv_unless`, a [`Signal`] has `wait_until`), or wake them
//!   in `kill`.
//!
//! If a server is no longer the leader, its handlers that wait must end, because their operations may never
//! be applied. Raft does not report that its server has stopped being the leader. Wait with a time limit, or
//! call [`get_state`](RaftPeer::get_state) from time to time ([`labrt::chan::Select`] can wait for several
//! things).
//!
//! A method of [`RaftPeer`] never waits for a long time, and never calls your code. So you may call it while
//! you hold your own lock.

use crate::not_written;
use crate::raft_in_use::Raft;
use labapi::{ApplyMsg, KvClerk, Persister, RaftPeer, Replicated, ServerStart};
use labrpc::{Cost, End, Service};
use labrt::chan::{self, Receiver};
use labrt::sync::{Arc, Mutex, Signal};
use serde::{Deserialize, Serialize};

/// The arguments of the RPC `KVServer.Get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetArgs {
    /// The key to read.
    pub key: String,
    // Your data here (3A).
}

/// The reply of `KVServer.Get`: the value of the key.
pub type GetReply = Result<String, KvError>;

/// The kinds of change that `KVServer.PutAppend` can make to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutOrAppend {
    /// Replaces the value.
    Put,
    /// Adds the given text to the end of the value. If the key has no value, the given text becomes its
    /// value.
    Append,
}

/// The arguments of the RPC `KVServer.PutAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAppendArgs {
    /// Says whether to replace the value or to add text to it.
    pub op: PutOrAppend,
    /// The key to write.
    pub key: String,
    /// The new value, or the text to add to the old value.
    pub value: String,
    // Your data here (3A).
}

/// The reply of `KVServer.PutAppend`.
pub type PutAppendReply = Result<(), KvError>;

/// The reason why a server has not done an operation. Add the errors that you need. The tests never read
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvError {
    /// The key has no value.
    ErrNoKey,
    /// This server is not the leader.
    ErrWrongLeader,
}

/// An operation in the log. `Command::encode(&op)` makes a command from an operation, and
/// `labgob::decode::<Op>(command.as_bytes())` makes an operation from a command. The page of a run shows what
/// is in such a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    // Your data here (3A).
}

/// A server of the key/value service.
pub struct KvServer {
    /// The data that the server's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The index of this server in its group, for log lines.
    #[allow(dead_code, reason = "delete this line when a log line shows this index")]
    me: usize,
    /// The Raft peer of this server.
    raft: Arc<Raft>,
    /// The disk on which this server's Raft saves its state. The size of the Raft state decides when to make
    /// a snapshot. When the server starts, it reads the saved snapshot (3B).
    #[allow(dead_code, reason = "delete this line when you read the size of the Raft state (3B)")]
    persister: Arc<Persister>,
    /// Make a snapshot when `persister.raft_state_size()` comes near this number of bytes. If this is `None`,
    /// never make a snapshot (3B).
    #[allow(dead_code, reason = "delete this line when you make snapshots (3B)")]
    maxraftstate: Option<usize>,
    /// This signal is raised by `kill`.
    killed: Signal,
    #[allow(dead_code, reason = "delete this line when the handlers use the state")]
    state: Mutex<State>,
}

/// The state that the lock protects.
struct State {
    // Your data here (3A, 3B): what the service knows, and which handlers wait for which operation.
}

impl Replicated for KvServer {
    type Clerk = Clerk;

    fn start(start: ServerStart) -> KvServer {
        let ServerStart { ends, me, persister, maxraftstate } = start;

        // Your initialization code here (3A). If `persister.read_snapshot()` is not empty, make the first
        // state from this snapshot (3B). Raft does not deliver this snapshot again.
        let state = State {};

        // This is a rendezvous channel: Raft's send of a message ends only when `apply_loop` receives this
        // message.
        let (apply, applied) = chan::rendezvous();
        let raft = Arc::new(Raft::make(ends, me, Arc::clone(&persister), apply));
        let (killed, state) = (Signal::new(), Mutex::new(state));
        let inner = Arc::new(Inner { me, raft, persister, maxraftstate, killed, state });

        let applier = Arc::clone(&inner);
        labrt::thread::spawn_named(format!("kvraft-{me}-applier"), move || applier.apply_loop(&applied));

        KvServer { inner }
    }

    fn is_leader(&self) -> bool {
        self.inner.raft.get_state().1
    }

    fn kill(&self) {
        self.inner.killed.raise();
        self.inner.raft.kill();
        // Your code here, if desired: wake the handlers that wait.
    }

    fn services(self: &Arc<KvServer>) -> Vec<Service> {
        let (gets, writes) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        let kv = Service::new("KVServer")
            .handler("Get", move |args: GetArgs| gets.get(args))
            .handler("PutAppend", move |args: PutAppendArgs| writes.put_append(args));
        // In virtual time a call between two servers takes less time than a call of a client.
        let raft = self.inner.raft.service().cost(Cost::Peer);
        vec![kv, raft]
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        // Your code here (3A).
        Clerk { ends }
    }
}

impl Inner {
    /// The handler of the RPC `KVServer.Get`.
    fn get(&self, args: GetArgs) -> GetReply {
        // Your code here (3A). If this server is the leader, `self.raft.start(command)` puts a command into
        // the log. The call returns at once. When the command is committed, `apply_loop` gets it. It may also
        // happen that the command is never committed.
        let _ = args;
        not_written("3A", "a handler of KVServer.Get that replies")
    }

    /// The handler of the RPC `KVServer.PutAppend`.
    fn put_append(&self, args: PutAppendArgs) -> PutAppendReply {
        // Your code here (3A).
        let _ = args;
        not_written("3A", "a handler of KVServer.PutAppend that replies")
    }

    /// Receives the messages of Raft until the server is killed.
    fn apply_loop(&self, applied: &Receiver<ApplyMsg>) {
        while let Ok(message) = applied.recv_unless(&self.killed) {
            match message {
                ApplyMsg::Command { index, term, command } => {
                    // Your code here (3A): do the operation. If a handler waits for it, let this handler
                    // reply.
                    // Your code here (3B): is it time for a snapshot? Then call
                    // `self.raft.snapshot(index, bytes)`.
                    let _ = (index, term, command);
                }
                ApplyMsg::Snapshot { index, term, data } => {
                    // Your code here (3B): the leader's snapshot replaces the whole state of this server.
                    let _ = (index, term, data);
                }
            }
        }
    }
}

/// A client of the service. It makes one call at a time.
pub struct Clerk {
    /// The ends to all servers, in random order. So `ends[0]` may lead to a server other than server 0.
    #[allow(dead_code, reason = "delete this line when you call the servers")]
    ends: Vec<End>,
    // Your data here (3A). Random numbers come from `labrt::rng`, for example `labrt::rng::below(1 << 62)`.
}

// A method of a clerk calls servers until one of them has done the operation, even if that takes a long time.
// An RPC looks like this:
//
//     let reply: Option<GetReply> = self.ends[server].call("KVServer.Get", &args);
//
// `None` means that no reply has come, because of a dead server, a lost message or a partition. The server
// may have done the operation nevertheless. `call` waits until the handler ends. `call_within` waits no
// longer than the time that you give.
//
// If no server has done the operation, pause for a short time (`labrt::time::sleep`) before you try all
// servers again. When a test is over, the threads of its clients end by themselves, even inside a call or a
// pause.
impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        // Your code here (3A). If a key has no value, return the empty text.
        let _ = key;
        not_written("3A", "Clerk::get to ask the servers of kvraft")
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
        // Your code here (3A).
        let _ = (op, key, value);
        not_written("3A", "Clerk::put_append to ask the servers of kvraft")
    }
}
