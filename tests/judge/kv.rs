//! Tests of the judge with key/value services that make mistakes. The judge has a check for each of these
//! mistakes, and this check must find the mistake.

use labapi::{KvClerk, KvService, Replicated, ServerStart, Strictness};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use labgob::DecodeError;
use labrpc::{End, Responder, Service};
use labrt::Run;
use labrt::collections::BTreeMap;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};
use serde::{Deserialize, Serialize};

use labtest::kv::{Generic, History, IfUnknown, make_client};
use labtest::lab3::{self, Part};
use labtest::output::set_quiet;
use labtest::service::{Setup, make_config};
use labview::spacetime::{Event, Trace};
use mit6824::rsm::{NotLeader, Rsm, Servers, Session, Sessions, Stamp, StateMachine};

/// The mistakes that a service can make. By default, a service makes no mistake.
trait Mistake: Send + Sync + 'static {
    /// If this is `Some(n)`, some appends are acknowledged but not done: an append that is the n-th, 2n-th,
    /// ... write.
    const FORGETS_ONE_OF: Option<u64> = None;
    /// If this is true, a write that was sent several times is done several times.
    const REPEATS: bool = false;
    /// If this is true, a server answers reads from its own state, even if it is not the leader.
    const READS_WHAT_IT_HAS: bool = false;
    /// The size of Raft's saved state at which the service takes a snapshot. `given` is the size that the
    /// test has given.
    fn maxraftstate(given: Option<usize>) -> Option<usize> {
        given
    }
    /// How many useless bytes a snapshot contains.
    const WASTE: usize = 0;
    /// How long a server takes to answer.
    const TAKES: Duration = Duration::ZERO;
}

struct Right;
impl Mistake for Right {}

/// A key/value service with the mistake `M`. Its code is short, not fast: each append copies the whole value.
struct Faulty<M: Mistake> {
    rsm: Arc<Rsm<Store<M>>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Op {
    Get(String),
    Write { key: String, value: String, append: bool, stamp: Stamp },
}

struct Store<M> {
    data: BTreeMap<String, String>,
    sessions: Sessions<()>,
    writes: u64,
    mistake: PhantomData<M>,
}

impl<M: Mistake> StateMachine for Store<M> {
    type Op = Op;
    type Reply = String;

    fn apply(&mut self, op: Op) -> String {
        let (key, value, append, stamp) = match op {
            Op::Get(key) => return self.data.get(&key).cloned().unwrap_or_default(),
            Op::Write { key, value, append, stamp } => (key, value, append, stamp),
        };
        let Store { data, sessions, writes, .. } = self;
        let mut write = || {
            *writes += 1;
            if append && M::FORGETS_ONE_OF.is_some_and(|n| writes.is_multiple_of(n)) {
                return;
            }
            let slot = data.entry(key.clone()).or_default();
            *slot = if append { format!("{slot}{value}") } else { value.clone() };
        };
        if M::REPEATS {
            write();
        } else {
            sessions.once(stamp, write);
        }
        String::new()
    }

    fn snapshot(&self) -> Vec<u8> {
        labgob::encode(&(&self.data, &self.sessions, self.writes, vec![0u8; M::WASTE]))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
        let waste: Vec<u8>;
        (self.data, self.sessions, self.writes, waste) = labgob::decode(snapshot)?;
        drop(waste);
        Ok(())
    }
}

impl<M: Mistake> Replicated for Faulty<M> {
    const STRICTNESS: Strictness = Strictness::Fail;
    type Clerk = Clerk;

    fn start(start: ServerStart) -> Faulty<M> {
        let start = ServerStart { maxraftstate: M::maxraftstate(start.maxraftstate), ..start };
        let store =
            Store { data: BTreeMap::new(), sessions: Sessions::new(), writes: 0, mistake: PhantomData };
        let rsm = Rsm::make(start, store);
        Faulty { rsm: Arc::new(rsm.expect("a server can read what it has saved")) }
    }

    fn is_leader(&self) -> bool {
        self.rsm.get_state().1
    }

    fn kill(&self) {
        self.rsm.kill();
    }

    fn services(self: &Arc<Self>) -> Vec<Service> {
        let rsm = Arc::clone(&self.rsm);
        let faulty = Service::new("Faulty");
        let own = match M::TAKES {
            Duration::ZERO => faulty.deferred("Do", move |op, caller| answer::<M>(&rsm, op, caller)),
            takes => faulty.handler("Do", move |op: Op| {
                labrt::time::sleep(takes);
                rsm.submit_and_wait(&op).ok()
            }),
        };
        vec![own, self.rsm.raft_service()]
    }

    fn make_clerk(ends: Vec<End>) -> Clerk {
        Clerk { servers: Servers::new(ends), session: Session::new() }
    }
}

fn answer<M: Mistake>(rsm: &Rsm<Store<M>>, op: Op, caller: Responder<Option<String>>) {
    if M::READS_WHAT_IT_HAS
        && let Op::Get(key) = &op
    {
        return caller.reply(Some(rsm.read(|store| store.data.get(key).cloned().unwrap_or_default())));
    }
    rsm.submit(&op, move |outcome: Result<String, NotLeader>| caller.reply(outcome.ok()));
}

struct Clerk {
    servers: Servers,
    session: Session,
}

impl Clerk {
    fn call(&mut self, op: &Op) -> String {
        self.servers.call("Faulty.Do", op, |reply: Option<String>| reply)
    }

    fn write(&mut self, key: &str, value: &str, append: bool) {
        let stamp = self.session.next_stamp();
        self.call(&Op::Write { key: key.to_owned(), value: value.to_owned(), append, stamp });
    }
}

impl KvClerk for Clerk {
    fn get(&mut self, key: &str) -> String {
        self.call(&Op::Get(key.to_owned()))
    }

    fn put(&mut self, key: &str, value: &str) {
        self.write(key, value, false);
    }

    fn append(&mut self, key: &str, value: &str) {
        self.write(key, value, true);
    }
}

/// The check of a history may take this long, because the machine may be busy. If there is no result after
/// this time, the test fails.
const UNDECIDED_FAILS: IfUnknown = IfUnknown::Fails(Duration::from_secs(60));

/// A small test: one round, which takes one second.
fn small(clients: usize) -> Generic {
    let period = Duration::from_secs(1);
    Generic { rounds: 1, period, if_unknown: UNDECIDED_FAILS, ..Generic::new("ours", clients, 3) }
}

/// Runs a body that must fail, and returns the failure's message.
#[track_caller]
fn failure(body: impl Fn() + Send + Sync + 'static) -> String {
    try_run(body).expect("the mistake must be found")
}

#[track_caller]
fn passes(body: impl Fn() + Send + Sync + 'static) {
    assert_eq!(try_run(body), None);
}

fn try_run(body: impl Fn() + Send + Sync + 'static) -> Option<String> {
    set_quiet(true);
    let run = Run { quiet: true, ..Run::default() };
    run.once(7, body).failure.map(|failure| failure.message)
}

#[track_caller]
fn expect_start(message: &str, expected: &str) {
    assert!(message.starts_with(expected), "{message:?} does not begin with {expected:?}");
}

/// The test of lab 3 with this name.
fn lab3<S: KvService>(part: Part, name: &str) -> impl Fn() + Send + Sync + 'static {
    let case = lab3::cases::<S>(part).into_iter().find(|case| case.name == name);
    let body = case.expect("this part has a test with this name").body;
    move || body()
}

#[test]
fn a_service_without_mistakes_passes() {
    let all = Generic { unreliable: true, crash: true, partitions: true, ..small(3) };
    passes(move || all.run::<Faulty<Right>>());
    let snapshots = Generic { maxraftstate: Some(1000), ..all };
    passes(move || Generic { random_keys: true, ..snapshots }.run::<Faulty<Right>>());
}

struct Forgets;
impl Mistake for Forgets {
    const FORGETS_ONE_OF: Option<u64> = Some(20);
}

#[test]
fn a_lost_append_is_missed_by_its_client() {
    let message = failure(|| small(2).run::<Faulty<Forgets>>());
    expect_start(&message, "get wrong value, key ");
}

#[test]
fn a_lost_append_is_not_linearizable() {
    let folder: &'static Path = Box::leak(folder("lost-append").into_boxed_path());
    let test = Generic { random_keys: true, pictures: Some(folder), ..small(3) };
    let message = failure(move || test.run::<Faulty<Forgets>>());
    expect_start(&message, "history is not linearizable: key ");
    assert_eq!(
        std::fs::read_dir(folder).expect("the folder exists").count(),
        1,
        "there is exactly one picture"
    );
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}

/// Checks that a reader of the trace can find the operation that the checker names.
#[test]
fn the_verdict_of_the_checker_is_in_the_trace() {
    let folder: &'static Path = Box::leak(folder("verdict").into_boxed_path());
    let file = folder.join("run.jsonl");
    set_quiet(true);
    let run = Run { quiet: true, trace_file: Some(file.clone()), ..Run::default() };
    let test = Generic { random_keys: true, pictures: Some(folder), ..small(3) };
    let outcome = run.once(7, move || test.run::<Faulty<Forgets>>());
    assert!(outcome.failure.is_some(), "the mistake must be found");
    let trace = Trace::open(&file).expect("the trace can be read");
    let verdict =
        trace.events.iter().find(|event| event.kind == "check.verdict").expect("the trace has a verdict");
    assert_eq!(verdict.text("verdict"), Some("illegal"));
    let client = verdict.number("client").expect("the verdict names the client of the operation");
    let called = verdict.number("called").expect("the verdict has the time of the call");
    let of_client = |event: &&Event| event.kind == "client.call" && event.number("client") == Some(client);
    let calls = trace.events.iter().filter(of_client);
    let meant = calls.take_while(|event| event.t <= called).last();
    // On real threads the trace has only the last events, so the call may be missing.
    assert!(meant.is_some() || trace.run.lost > 0, "client {client} had called nothing at {called} ns");
    assert!(meant.is_none_or(|call| call.text("key") == verdict.text("key")), "{meant:?} {verdict:?}");
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}

#[test]
fn an_append_that_is_done_twice_is_seen() {
    struct Repeats;
    impl Mistake for Repeats {
        const REPEATS: bool = true;
    }
    let message = failure(lab3::<Faulty<Repeats>>(Part::A, "unreliable_one_key_3a"));
    expect_start(&message, "duplicate element \"x ");
}

struct Stale;
impl Mistake for Stale {
    const READS_WHAT_IT_HAS: bool = true;
}

/// A server that is cut off does not know the later writes on the other servers. So its reads are stale.
#[test]
fn a_stale_read_is_not_linearizable() {
    fn body<S: KvService>() {
        let cfg = make_config::<S>(Setup::of(3));
        let history = Arc::new(History::new());
        let client = |number: u32, to: &[usize]| {
            let mut client = make_client(&cfg, to);
            client.record(&history, number);
            client
        };
        client(0, &cfg.all()).put("k", "old");
        let (majority, minority) = cfg.make_partition();
        cfg.partition(&majority, &minority);
        client(1, &majority).put("k", "new");
        let mut reader = client(2, &minority);
        let id = reader.id();
        let reading = thread::spawn(move || reader.get("k"));
        sleep(Duration::from_secs(1));
        cfg.connect_all();
        cfg.connect_client(id, &cfg.all());
        reading.join().expect("the reader does not panic");
        let folder = folder("stale-read");
        let outcome = history.judge(UNDECIDED_FAILS, "a stale read", cfg.marks(), &folder);
        std::fs::remove_dir_all(folder).expect("the folder can be removed");
        if let Err(error) = outcome {
            panic!("{error}");
        }
        cfg.end();
    }
    passes(body::<Faulty<Right>>);
    expect_start(&failure(body::<Faulty<Stale>>), "history is not linearizable: key \"k\"");
}

#[test]
fn a_read_in_the_minority_is_seen() {
    let message = failure(lab3::<Faulty<Stale>>(Part::A, "one_partition_3a"));
    // The test finds one of two mistakes first. A follower of the majority may answer a read before it has
    // applied the last put. A server of the minority answers a read, although such a read must not complete.
    let stale = message.starts_with("Get(1): ") || message.starts_with("Get in minority completed");
    assert!(stale, "{message}");
}

#[test]
fn a_log_that_is_not_trimmed_is_seen() {
    struct NeverTrims;
    impl Mistake for NeverTrims {
        fn maxraftstate(_given: Option<usize>) -> Option<usize> {
            None
        }
    }
    let message = failure(|| Generic { maxraftstate: Some(50), ..small(3) }.run::<Faulty<NeverTrims>>());
    expect_start(&message, "logs were not trimmed: ");
    let message = failure(lab3::<Faulty<NeverTrims>>(Part::B, "snapshot_size_3b"));
    expect_start(&message, "logs were not trimmed: ");
}

#[test]
fn an_unwanted_snapshot_is_seen() {
    struct AlwaysTrims;
    impl Mistake for AlwaysTrims {
        fn maxraftstate(_given: Option<usize>) -> Option<usize> {
            Some(500)
        }
    }
    let message = failure(|| small(3).run::<Faulty<AlwaysTrims>>());
    expect_start(&message, "snapshot of ");
}

#[test]
fn a_snapshot_that_is_too_large_is_seen() {
    struct Wastes;
    impl Mistake for Wastes {
        const WASTE: usize = 500;
    }
    let message = failure(lab3::<Faulty<Wastes>>(Part::B, "snapshot_size_3b"));
    expect_start(&message, "snapshot too large: ");
}

/// This test runs only in virtual time, because on the real clock it would take a long time.
#[cfg(feature = "sim")]
#[test]
fn a_slow_service_is_seen() {
    struct Slow;
    impl Mistake for Slow {
        const TAKES: Duration = Duration::from_millis(35);
    }
    let message = failure(lab3::<Faulty<Slow>>(Part::A, "speed_3a"));
    expect_start(&message, "operations completed too slowly: ");
}

/// A folder for the pictures of one test.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mit6824-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}
