//! Tests the servers of Multi-Paxos with a key/value service on top: the clients, the faults and the checker
//! of lab 3. The tests of the rules are in `experiments/src/multi_paxos/tests`.

use std::process::ExitCode;

use labapi::{Command, Replicated, ServerStart, Strictness};
use labrpc::{End, Responder, Service};
use labrt::collections::BTreeMap;
use labrt::node;
use labrt::sync::{Arc, Mutex};
use labtest::harness;
use labtest::lab3::{self, Part};
use mit6824::kvraft::{Clerk, GetArgs, KvError, PutAppendArgs, PutOrAppend, Reply, Value as Text};
use mit6824::rsm::Sessions;
use mit6824_experiments::multi_paxos::{Options, Paxos, Sink, Value};
use serde::{Deserialize, Serialize};

/// In virtual time only: on real threads, these tests would take minutes of waiting.
fn main() -> ExitCode {
    let cases = if labrt::is_sim() { lab3::cases::<KvServer>(Part::A) } else { Vec::new() };
    harness::main(labrt::here!(), Strictness::Fail, &cases)
}

/// A command of the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Get(GetArgs),
    PutAppend(PutAppendArgs),
}

/// A key/value server on Multi-Paxos. Its clients are those of lab 3.
struct KvServer {
    paxos: Paxos,
    waiters: Arc<Mutex<Waiters>>,
    node: node::NodeId,
}

/// The requests that wait, by slot: the command that was proposed there, and the caller.
type Waiters = BTreeMap<u64, (Command, Responder<Reply>)>;

/// The data, and the last write of each client.
#[derive(Default)]
struct Store {
    data: BTreeMap<String, String>,
    sessions: Sessions<()>,
    waiters: Arc<Mutex<Waiters>>,
}

impl Store {
    fn perform(&mut self, op: Op) -> Reply {
        match op {
            Op::Get(args) => self.data.get(&args.key).cloned().map(Text::from).ok_or(KvError::ErrNoKey),
            Op::PutAppend(args) => {
                let data = &mut self.data;
                self.sessions.once(args.stamp, || {
                    let value = data.entry(args.key).or_default();
                    if args.op == PutOrAppend::Put {
                        value.clear();
                    }
                    value.push_str(&args.value);
                });
                Ok(Text::default())
            }
        }
    }
}

impl Sink for Store {
    /// A caller gets the result only if its own command was chosen in its slot.
    fn apply(&mut self, slot: u64, value: Value) {
        let waiter = self.waiters.lock().remove(&slot);
        let Value::Command(command) = value else {
            return refuse(waiter);
        };
        let reply = self.perform(labgob::decode(command.as_bytes()).expect("a server has encoded it"));
        match waiter {
            Some((proposed, caller)) if proposed == command => caller.reply(reply),
            waiter => refuse(waiter),
        }
    }

    fn leads(&mut self, leads: bool) {
        if !leads {
            let waiters = std::mem::take(&mut *self.waiters.lock());
            waiters.into_values().for_each(|waiter| refuse(Some(waiter)));
        }
    }
}

/// The command may be done later. So the caller must ask again, with the same stamp.
fn refuse(waiter: Option<(Command, Responder<Reply>)>) {
    if let Some((_, caller)) = waiter {
        caller.reply(Err(KvError::ErrWrongLeader));
    }
}

impl KvServer {
    fn submit(&self, op: &Op, caller: Responder<Reply>) {
        let command = Command::new(labgob::encode(op));
        let mut caller = Some(caller);
        let waits = |slot| {
            if let Some(caller) = caller.take() {
                refuse(self.waiters.lock().insert(slot, (command.clone(), caller)));
            }
        };
        self.paxos.propose_and(command.clone(), waits);
        if let Some(caller) = caller {
            caller.reply(Err(KvError::ErrWrongLeader));
        }
    }
}

impl Replicated for KvServer {
    const STRICTNESS: Strictness = Strictness::Fail;

    type Clerk = Clerk;

    fn start(ServerStart { ends, me, persister, .. }: ServerStart) -> KvServer {
        let waiters = Arc::new(Mutex::new(Waiters::new()));
        let store = Store { waiters: waiters.clone(), ..Store::default() };
        let paxos = Paxos::start(ends, me, persister, store, Options::default());
        KvServer { paxos: paxos.expect("the saved state is good"), waiters, node: node::current() }
    }

    fn is_leader(&self) -> bool {
        self.paxos.is_leader()
    }

    fn kill(&self) {
        self.paxos.kill();
        self.waiters.lock().clear();
    }

    fn services(self: &Arc<Self>) -> Vec<Service> {
        let (gets, writes) = (self.clone(), self.clone());
        let kv = Service::new("KVServer")
            .node(self.node)
            .deferred("Get", move |args: GetArgs, caller| gets.submit(&Op::Get(args), caller))
            .deferred("PutAppend", move |args: PutAppendArgs, caller| {
                writes.submit(&Op::PutAppend(args), caller);
            });
        vec![kv, self.paxos.service()]
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk::new(ends)
    }
}
