//! A replicated key/value service, to be written: labs 3A and 3B.
//!
//! A server puts the operations of its clients into the log of its Raft. It does to its data what comes out
//! of that log, in that order, and then replies. So all servers have the same data.
//!
//! What stands here is a proposal: change whatever you like, as long as [`Replicated`] and [`KvClerk`] are
//! implemented.
//!
//! # What is called when, and on which thread
//!
//! | what | its thread | may it wait? |
//! |---|---|---|
//! | `start`, then `services`, then `is_leader` at any time; `kill` comes last | the test's | no |
//! | the handlers `get` and `put_append` | one for each request | yes, until `kill` |
//! | `apply_loop` | the server's own thread, which `start` starts | yes, until `kill` |
//! | the methods of [`Clerk`] | the thread of a client | yes, until the operation is done |
//!
//! The server is not on the network while `start` and `services` run. Requests and calls of `is_leader` may
//! still come after `kill`; they must not panic.
//!
//! # The rules of the house, for a service
//!
//! * Threads, locks, channels, clocks and random numbers come from [`labrt`], and maps from
//!   [`labrt::collections`], never from `std`.
//! * Hold no lock over an RPC, over a send to a channel or over a wait. Raft waits in its send until
//!   `apply_loop` takes the message. So `apply_loop` must never wait for something that needs Raft to go on.
//! * All threads of a server end within 100 ms of `kill`. That includes handlers that wait: let them wait
//!   with `killed` (a channel has `recv_unless`, a [`Signal`] has `wait_until`), or wake them in `kill`.
//!
//! A method of [`RaftPeer`] never waits long, so you may call it under your own lock. No method of Raft calls
//! your code.

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

/// What `KVServer.PutAppend` does to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PutOrAppend {
    /// Replaces the value.
    Put,
    /// Adds to the end of the value. A key without a value gets this one.
    Append,
}

/// The arguments of the RPC `KVServer.PutAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAppendArgs {
    /// What to do.
    pub op: PutOrAppend,
    /// The key to write.
    pub key: String,
    /// The new value, or what is added to the old one.
    pub value: String,
    // Your data here (3A).
}

/// The reply of `KVServer.PutAppend`.
pub type PutAppendReply = Result<(), KvError>;

/// Why a server has not done what it was asked for. Add what you need; the tests never look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvError {
    /// The key has no value.
    ErrNoKey,
    /// Another server leads.
    ErrWrongLeader,
}

/// An operation in the log. `Command::new(labgob::encode(&op))` makes a command of it, and
/// `labgob::decode::<Op>(command.as_bytes())` makes it an operation again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    // Your data here (3A).
}

/// A server of the key/value service.
pub struct KvServer {
    /// What the server's threads share.
    inner: Arc<Inner>,
}

struct Inner {
    /// The index of this server in its group, for log lines.
    #[allow(dead_code, reason = "delete this line when a log line names it")]
    me: usize,
    /// The Raft peer of this server.
    raft: Arc<Raft>,
    /// What this server's Raft has saved. Its size decides about snapshots, and at the start its snapshot is
    /// read (3B).
    #[allow(dead_code, reason = "delete this line when you look at its size (3B)")]
    persister: Arc<Persister>,
    /// Make a snapshot when `persister.raft_state_size()` comes near this number of bytes; `None`: never
    /// (3B).
    #[allow(dead_code, reason = "delete this line when you make snapshots (3B)")]
    maxraftstate: Option<usize>,
    /// Raised by `kill`.
    killed: Signal,
    #[allow(dead_code, reason = "delete this line when the handlers use it")]
    state: Mutex<State>,
}

/// What the lock protects.
struct State {
    // Your data here (3A, 3B): what the service knows, and which handlers wait for which operation.
}

impl Replicated for KvServer {
    type Clerk = Clerk;

    fn start(start: ServerStart) -> KvServer {
        let ServerStart { ends, me, persister, maxraftstate } = start;

        // Your initialization code here (3A). If `persister.read_snapshot()` is not empty, the state begins
        // with what is in it (3B): Raft does not deliver that snapshot again.
        let state = State {};

        // A rendezvous: a send of Raft ends when `apply_loop` takes the message.
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
        // In virtual time a message between servers costs less than the request of a client.
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
        // Your code here (3A). `self.raft.start(command)` puts a command into the log, if this server leads.
        // It returns at once; `apply_loop` gets the command when it is committed, if it ever is.
        let _ = args;
        not_written("3A", "a handler of KVServer.Get that replies")
    }

    /// The handler of the RPC `KVServer.PutAppend`.
    fn put_append(&self, args: PutAppendArgs) -> PutAppendReply {
        // Your code here (3A).
        let _ = args;
        not_written("3A", "a handler of KVServer.PutAppend that replies")
    }

    /// Takes what Raft delivers, until the server is killed. Raft has nothing more to do with a message that
    /// was taken.
    fn apply_loop(&self, applied: &Receiver<ApplyMsg>) {
        while let Ok(message) = applied.recv_unless(&self.killed) {
            match message {
                ApplyMsg::Command { index, term, command } => {
                    // Your code here (3A): do the operation, and let the handler reply that waits for it.
                    // Your code here (3B): `self.raft.snapshot(index, bytes)`, when it is time for a
                    // snapshot.
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
    /// The ends to all servers, in random order: `ends[0]` need not lead to server 0.
    #[allow(dead_code, reason = "delete this line when you call the servers")]
    ends: Vec<End>,
    // Your data here (3A). Random numbers come from `labrt::rng`: `labrt::rng::below(1 << 62)`.
}

// A call of a clerk asks servers until one of them has done the operation, however long that takes. An RPC
// looks so:
//
//     let reply: Option<GetReply> = self.ends[server].call("KVServer.Get", &args);
//
// `None`: no reply has come, because of a dead server, a lost message or a partition; the server may have
// done the operation all the same. `call` waits as long as the handler runs, `call_within` no longer than you
// say.
//
// If no server has done it, pause a little (`labrt::time::sleep`) before you ask all of them again. When a
// test is over, its calls and pauses end by themselves, and with them the threads of its clients.
impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        // Your code here (3A). A key without a value has the empty one.
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
