//! The service of this experiment: a key/value store on [`Rsm`], as in `kvraft`. It can also answer a read as
//! ZooKeeper does.
//!
//! The store counts its writes. The **index** of a write is its number, and each reply tells the client the
//! index of the state from which it was made. With [`Way::Session`], a client sends the last index that it
//! has seen. The server answers from its own state, as soon as this state has that index. It asks nobody.
//!
//! A client here never repeats a write, because nothing is lost in this experiment. So the store does not
//! remember what it has done for which client.

use std::fmt;

use labapi::ServerStart;
use labgob::DecodeError;
use labrpc::{Responder, Service};
use labrt::collections::BTreeMap;
use labrt::node;
use labrt::sync::{Arc, Mutex};
use mit6824::raft::Options;
use mit6824::rsm::{Reads, Rsm, StateMachine};
use serde::{Deserialize, Serialize};

/// How the service reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One of the ways of this project's services. All of them are linearizable.
    Linearizable(Reads),
    /// As with [`Reads::Follower`], and the leader has a lease. So it answers the questions of the followers
    /// without a round of heartbeats.
    FollowerWithLease,
    /// The state of any server, but never an older state than the session has seen.
    Session,
}

impl Way {
    /// All ways, in the order of the tables.
    pub const ALL: [Way; 6] = [
        Way::Linearizable(Reads::Log),
        Way::Linearizable(Reads::ReadIndex),
        Way::Linearizable(Reads::Lease),
        Way::Linearizable(Reads::Follower),
        Way::FollowerWithLease,
        Way::Session,
    ];

    /// The name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Way::Linearizable(Reads::Log) => "log",
            Way::Linearizable(Reads::ReadIndex) => "ReadIndex",
            Way::Linearizable(Reads::Lease) => "lease",
            Way::Linearizable(Reads::Follower) => "followers",
            Way::FollowerWithLease => "followers, lease",
            Way::Session => "session",
        }
    }

    /// Can all servers answer reads? Otherwise only the leader can.
    pub fn is_everywhere(self) -> bool {
        matches!(self, Way::Linearizable(Reads::Follower) | Way::FollowerWithLease | Way::Session)
    }

    fn reads(self) -> Reads {
        match self {
            Way::Linearizable(reads) => reads,
            Way::FollowerWithLease => Reads::Follower,
            Way::Session => Reads::Log,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The arguments of `Store.Read`.
#[derive(Serialize, Deserialize)]
pub struct ReadArgs {
    pub key: String,
    /// The last index that the client has seen. Only [`Way::Session`] uses it.
    pub seen: u64,
}

/// The arguments of `Store.Write`.
#[derive(Serialize, Deserialize)]
pub struct WriteArgs {
    pub key: String,
    pub value: String,
}

/// A value, and the index of the state from which it comes. For a write, the value is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub value: String,
    pub index: u64,
}

/// The reply to both RPCs. It is `None` if this server does not lead and so cannot answer.
pub type Reply = Option<Answer>;

#[derive(Serialize, Deserialize)]
enum Op {
    Read(String),
    Write(String, String),
}

/// A read that waits until the store has the index that the session has seen.
type Later = Box<dyn FnOnce(&Store) + Send>;

#[derive(Default)]
struct Store {
    values: BTreeMap<String, String>,
    index: u64,
    /// The reads of sessions that have seen a later state, by the index for which they wait.
    later: Arc<Mutex<BTreeMap<u64, Vec<Later>>>>,
}

impl Store {
    fn read(&self, key: &str) -> Answer {
        Answer { value: self.values.get(key).cloned().unwrap_or_default(), index: self.index }
    }

    fn write(&mut self, key: String, value: String) -> Answer {
        self.values.insert(key, value);
        self.index += 1;
        let mut later = self.later.lock();
        let waits = later.split_off(&(self.index + 1));
        let ready = std::mem::replace(&mut *later, waits);
        drop(later);
        ready.into_values().flatten().for_each(|read| read(self));
        Answer { value: String::new(), index: self.index }
    }

    /// Answers the read of a session that has seen the index `seen`.
    fn read_after(&self, ReadArgs { key, seen }: ReadArgs, caller: Responder<Reply>) {
        let read = move |store: &Store| caller.reply(Some(store.read(&key)));
        match seen <= self.index {
            true => read(self),
            false => self.later.lock().entry(seen).or_default().push(Box::new(read)),
        }
    }
}

impl StateMachine for Store {
    type Op = Op;
    type Reply = Answer;

    fn apply(&mut self, op: Op) -> Answer {
        match op {
            Op::Read(key) => self.read(&key),
            Op::Write(key, value) => self.write(key, value),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        labgob::encode(&(&self.values, self.index))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        (self.values, self.index) = labgob::decode(snapshot)?;
        Ok(())
    }
}

/// One server of the service. Dropping this value kills the server.
pub struct StoreServer {
    rsm: Arc<Rsm<Store>>,
    way: Way,
}

impl StoreServer {
    /// Starts a server of the current node.
    ///
    /// # Panics
    /// If the saved state cannot be read. The experiment starts servers only without a saved state.
    pub fn start(start: ServerStart, mut options: Options, way: Way) -> StoreServer {
        options.lease |= way == Way::FollowerWithLease;
        let rsm = Rsm::make_reading(start, Store::default(), options, way.reads());
        StoreServer { rsm: Arc::new(rsm.unwrap_or_else(|error| panic!("{error}"))), way }
    }

    /// The RPC handlers of the store and of Raft.
    pub fn services(&self) -> Vec<Service> {
        let (reader, writer, way) = (self.rsm.clone(), self.rsm.clone(), self.way);
        let store = Service::new("Store")
            .node(node::current())
            .deferred("Read", move |args: ReadArgs, caller| read(&reader, way, args, caller))
            .deferred("Write", move |WriteArgs { key, value }: WriteArgs, caller| {
                submit(&writer, &Op::Write(key, value), caller);
            });
        vec![store, self.rsm.raft_service()]
    }

    /// The current term, and whether this server believes that it is the leader of that term.
    pub fn get_state(&self) -> (u64, bool) {
        self.rsm.get_state()
    }

    /// Ends the server.
    pub fn kill(&self) {
        self.rsm.kill();
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(rsm: &Rsm<Store>, way: Way, args: ReadArgs, caller: Responder<Reply>) {
    match way {
        Way::Linearizable(Reads::Log) => submit(rsm, &Op::Read(args.key), caller),
        Way::Linearizable(_) | Way::FollowerWithLease => {
            rsm.read_now(move |store| caller.reply(store.ok().map(|store| store.read(&args.key))));
        }
        Way::Session => rsm.read(|store| store.read_after(args, caller)),
    }
}

fn submit(rsm: &Rsm<Store>, op: &Op, caller: Responder<Reply>) {
    rsm.submit(op, move |outcome| caller.reply(outcome.ok()));
}
