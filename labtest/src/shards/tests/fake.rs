//! A fake sharded service, for tests of the harness and of the suites.
//!
//! Controller 0 has all configurations and all data. The servers of the groups only forward operations to
//! controller 0. Controller 0 checks whether the group of the server owns the shard. So no data ever moves to
//! another server, and nothing is replicated. But clerks send requests to the same servers as in a real
//! service. The harness can stop the servers and lose messages, as with a real service. A [`Play`] gives the
//! fake service a fault.

use labapi::{
    Config as ShardConfig, CtrlerClerk, Gid, GroupStart, KvClerk, MakeEnd, Persister, Replica, Running,
    ServerStart, Sharded, Strictness, key2shard,
};
use std::marker::PhantomData;

use labrpc::{End, Service};
use labrt::collections::BTreeMap;
use labrt::rng;
use labrt::sync::{Arc, Mutex, Signal};
use labrt::thread;
use labrt::time::{Duration, sleep};
use serde::{Deserialize, Serialize};

/// The faults of the fake service. By default it has no fault.
pub(super) trait Play: Send + Sync + 'static {
    const STRICTNESS: Strictness = Strictness::Fail;

    /// Each server of a group has one thread. This is the code that the thread runs in one life of the
    /// server. It should end when `killed` is raised.
    fn live(start: Life) {
        start.killed.wait();
    }

    /// Returns true if group `asking` may serve a shard of group `owner`.
    fn may_serve(asking: Gid, owner: Gid) -> bool {
        asking == owner
    }

    /// The value that a client gets when it reads `value`.
    fn read(value: String) -> String {
        value
    }
}

/// What a server's thread gets when it calls [`Play::live`]. Only the servers of groups have such a thread.
pub(super) struct Life {
    pub(super) me: usize,
    pub(super) gid: Gid,
    pub(super) persister: Arc<Persister>,
    pub(super) make_end: MakeEnd,
    pub(super) killed: Signal,
}

/// The fake service that behaves as `P` says.
pub(super) struct Fake<P>(PhantomData<P>);

/// The fake service without a fault.
pub(super) struct Honest;
impl Play for Honest {}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Change {
    Join(BTreeMap<Gid, Vec<String>>),
    Leave(Vec<Gid>),
    Move(usize, Gid),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Get,
    Put(String),
    Append(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    client: u64,
    seq: u64,
    key: String,
    op: Op,
}

/// The answer to an operation. It is `None` if the group does not own the shard, or if controller 0 cannot be
/// reached.
type Answer = Option<String>;

/// The whole state of controller 0. It is always saved as a whole.
#[derive(Default, Serialize, Deserialize)]
struct Everything {
    configs: Vec<ShardConfig>,
    data: BTreeMap<String, String>,
    /// For each client, the number of its last operation, and the answer to this operation.
    last: BTreeMap<u64, (u64, String)>,
}

impl Everything {
    fn latest(&self) -> ShardConfig {
        self.configs.last().cloned().unwrap_or_default()
    }

    fn change(&mut self, change: Change) {
        let mut config = self.latest();
        if self.configs.is_empty() {
            self.configs.push(config.clone());
        }
        config.num += 1;
        match change {
            Change::Move(shard, gid) => config.shards[shard] = gid,
            // The fake controller does not remember the requests of its clients. So it recognizes a repeated
            // join by the groups in it.
            Change::Join(groups) if groups.keys().all(|gid| config.groups.contains_key(gid)) => return,
            Change::Join(groups) => {
                config.groups.extend(groups);
                deal(&mut config);
            }
            Change::Leave(gids) => {
                gids.iter().for_each(|gid| drop(config.groups.remove(gid)));
                deal(&mut config);
            }
        }
        self.configs.push(config);
    }

    fn apply<P: Play>(&mut self, asking: Gid, request: &Request) -> Answer {
        if !P::may_serve(asking, self.latest().shards[key2shard(&request.key)]) {
            return None;
        }
        if let Some((seq, answer)) = self.last.get(&request.client)
            && *seq == request.seq
        {
            return Some(answer.clone());
        }
        let value = self.data.entry(request.key.clone()).or_default();
        let answer = match &request.op {
            Op::Get => P::read(value.clone()),
            Op::Put(new) => {
                value.clone_from(new);
                String::new()
            }
            Op::Append(more) => {
                *value += more;
                String::new()
            }
        };
        self.last.insert(request.client, (request.seq, answer.clone()));
        Some(answer)
    }
}

/// Distributes the shards: shard 0 goes to the first group, shard 1 to the next group and so on. After the
/// last group comes the first group again.
fn deal(config: &mut ShardConfig) {
    let gids: Vec<Gid> = config.groups.keys().copied().collect();
    config.shards = std::array::from_fn(|shard| gids.get(shard % gids.len().max(1)).copied().unwrap_or(0));
}

/// A service that reports which servers this server can reach. The caller asks for the servers of the group,
/// for the controllers, or for one server by its name.
fn probe(ends: Vec<End>, ctrlers: Arc<Vec<End>>, make_end: Option<MakeEnd>) -> Service {
    let reached = |ends: &[End]| ends.iter().map(reaches).collect::<Vec<bool>>();
    Service::new("Probe")
        .inline("Here", |_: ()| ())
        .handler("Peers", move |_: ()| reached(&ends))
        .handler("Ctrlers", move |_: ()| reached(&ctrlers))
        .handler("Named", move |name: String| make_end.as_ref().map(|make_end| reaches(&make_end(&name))))
}

/// Returns true if a call over this end gets an answer.
pub(super) fn reaches(end: &End) -> bool {
    end.call::<_, ()>("Probe.Here", &()).is_some()
}

struct FakeReplica {
    leads: bool,
    killed: Signal,
}

impl Replica for FakeReplica {
    fn is_leader(&self) -> bool {
        self.leads
    }

    fn kill(&self) {
        self.killed.raise();
    }

    fn bytes_held(&self) -> Option<usize> {
        self.leads.then_some(17)
    }
}

impl<P: Play> Sharded for Fake<P> {
    const STRICTNESS: Strictness = P::STRICTNESS;

    type CtrlerClerk = Admin;
    type Clerk = Clerk;

    fn start_ctrler(start: ServerStart) -> Running {
        let ServerStart { ends, me, persister, .. } = start;
        let bytes = persister.read_raft_state();
        let all: Everything = match bytes.is_empty() {
            true => Everything::default(),
            false => labgob::decode(&bytes).expect("controller 0 has saved its state in this form"),
        };
        let all = Arc::new(Mutex::new(all));
        let replica = Arc::new(FakeReplica { leads: me == 0, killed: Signal::new() });
        let saving = move |f: &dyn Fn(&mut Everything) -> Answer| {
            let mut all = all.lock();
            let answer = f(&mut all);
            persister.save_raft_state(&labgob::encode(&*all));
            answer
        };
        let saving = Arc::new(saving);
        let on_change = Arc::clone(&saving);
        let on_query = Arc::clone(&saving);
        let ctrler = Service::new("Ctrler")
            .inline("Change", move |change: Change| {
                (me == 0).then(|| {
                    on_change(&|all| {
                        all.change(change.clone());
                        None
                    });
                })
            })
            .inline("Query", move |num: Option<u64>| {
                let config = Mutex::new(ShardConfig::default());
                on_query(&|all| {
                    let at =
                        num.and_then(|num| usize::try_from(num).ok()).and_then(|num| all.configs.get(num));
                    *config.lock() = at.cloned().unwrap_or_else(|| all.latest());
                    None
                });
                (me == 0).then(|| config.into_inner())
            });
        let store = Service::new("Store").inline("Do", move |(asking, request): (Gid, Request)| -> Answer {
            if me != 0 {
                return None;
            }
            saving(&|all| all.apply::<P>(asking, &request))
        });
        Running { replica, services: vec![ctrler, store, probe(ends, Arc::new(Vec::new()), None)] }
    }

    fn start_server(start: GroupStart) -> Running {
        let GroupStart { server, gid, ctrlers, make_end } = start;
        let ServerStart { ends, me, persister, .. } = server;
        let ctrlers = Arc::new(ctrlers);
        let killed = Signal::new();
        let life = Life { me, gid, persister, make_end: Arc::clone(&make_end), killed: killed.clone() };
        thread::spawn_named(format!("fake-{me}"), move || P::live(life));
        let replica = Arc::new(FakeReplica { leads: me == 0, killed });
        let store = Arc::clone(&ctrlers);
        let shardkv = Service::new("ShardKV").handler("Do", move |request: Request| -> Answer {
            store[0].call("Store.Do", &(gid, request)).flatten()
        });
        let probe = probe(ends, ctrlers, Some(make_end));
        Running { replica, services: vec![shardkv, probe] }
    }

    fn ctrler_clerk(ends: Vec<End>) -> Admin {
        Admin(ends)
    }

    fn clerk(ctrlers: Vec<End>, make_end: MakeEnd) -> Clerk {
        let client = rng::below(1 << 62);
        Clerk { ctrlers: Admin(ctrlers), make_end, config: ShardConfig::default(), client, seq: 0 }
    }
}

pub(super) struct Admin(Vec<End>);

impl Admin {
    fn change(&self, change: &Change) {
        while self.0[0].call::<_, Option<()>>("Ctrler.Change", change).is_none() {
            sleep(Duration::from_millis(100));
        }
    }
}

impl CtrlerClerk for Admin {
    fn query(&mut self, num: Option<u64>) -> ShardConfig {
        loop {
            for end in &self.0 {
                if let Some(Some(config)) = end.call("Ctrler.Query", &num) {
                    return config;
                }
            }
            sleep(Duration::from_millis(100));
        }
    }

    fn join(&mut self, groups: BTreeMap<Gid, Vec<String>>) {
        self.change(&Change::Join(groups));
    }

    fn leave(&mut self, gids: Vec<Gid>) {
        self.change(&Change::Leave(gids));
    }

    fn move_shard(&mut self, shard: usize, gid: Gid) {
        self.change(&Change::Move(shard, gid));
    }
}

pub(super) struct Clerk {
    ctrlers: Admin,
    make_end: MakeEnd,
    config: ShardConfig,
    client: u64,
    seq: u64,
}

impl Clerk {
    fn call(&mut self, key: &str, op: Op) -> String {
        self.seq += 1;
        let request = Request { client: self.client, seq: self.seq, key: key.to_owned(), op };
        loop {
            let gid = self.config.shards[key2shard(key)];
            for server in self.config.groups.get(&gid).into_iter().flatten() {
                let end = (self.make_end)(server);
                if let Some(Some(answer)) = end.call("ShardKV.Do", &request) {
                    return answer;
                }
            }
            sleep(Duration::from_millis(100));
            self.config = self.ctrlers.query(None);
        }
    }
}

impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        self.call(key, Op::Get)
    }

    fn put(&mut self, key: &str, value: &str) {
        self.call(key, Op::Put(value.to_owned()));
    }

    fn append(&mut self, key: &str, value: &str) {
        self.call(key, Op::Append(value.to_owned()));
    }
}
