//! Part 3A: the service without snapshots.

use labapi::KvService;
use labrt::chan;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

use crate::harness::Case;
use crate::kv::appends::{check_concurrent_appends, element};
use crate::kv::{Generic, IfUnknown, make_client, spawn_clients, speed};
use crate::lives::join;
use crate::raft::ELECTION_TIMEOUT;
use crate::service::{Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::of_course("basic_3a", "TestBasic3A", basic_3a::<S>),
        Case::of_course("speed_3a", "TestSpeed3A", speed_3a::<S>),
        Case::of_course("concurrent_3a", "TestConcurrent3A", concurrent_3a::<S>),
        Case::of_course("unreliable_3a", "TestUnreliable3A", unreliable_3a::<S>),
        Case::of_course("unreliable_one_key_3a", "TestUnreliableOneKey3A", unreliable_one_key_3a::<S>),
        Case::of_course("one_partition_3a", "TestOnePartition3A", one_partition_3a::<S>),
        Case::of_course(
            "many_partitions_one_client_3a",
            "TestManyPartitionsOneClient3A",
            many_partitions_one_client_3a::<S>,
        ),
        Case::of_course(
            "many_partitions_many_clients_3a",
            "TestManyPartitionsManyClients3A",
            many_partitions_many_clients_3a::<S>,
        ),
        Case::of_course("persist_one_client_3a", "TestPersistOneClient3A", persist_one_client_3a::<S>),
        Case::of_course("persist_concurrent_3a", "TestPersistConcurrent3A", persist_concurrent_3a::<S>),
        Case::of_course(
            "persist_concurrent_unreliable_3a",
            "TestPersistConcurrentUnreliable3A",
            persist_concurrent_unreliable_3a::<S>,
        ),
        Case::of_course("persist_partition_3a", "TestPersistPartition3A", persist_partition_3a::<S>),
        Case::of_course(
            "persist_partition_unreliable_3a",
            "TestPersistPartitionUnreliable3A",
            persist_partition_unreliable_3a::<S>,
        ),
        Case::of_course(
            "persist_partition_unreliable_linearizable_3a",
            "TestPersistPartitionUnreliableLinearizable3A",
            persist_partition_unreliable_linearizable_3a::<S>,
        ),
        Case::ours("one_partition_3a_strict", one_partition_3a_strict::<S>),
        Case::ours(
            "persist_partition_unreliable_linearizable_3a_strict",
            persist_partition_unreliable_linearizable_3a_strict::<S>,
        ),
    ]
}

/// The options for five servers, this number of clients, and no faults.
fn calm(clients: usize) -> Generic {
    Generic::new("3A", clients, 5)
}

fn basic_3a<S: KvService>() {
    calm(1).run::<S>();
}

fn speed_3a<S: KvService>() {
    speed::<S>("3A", None);
}

fn concurrent_3a<S: KvService>() {
    calm(5).run::<S>();
}

fn unreliable_3a<S: KvService>() {
    Generic { unreliable: true, ..calm(5) }.run::<S>();
}

fn many_partitions_one_client_3a<S: KvService>() {
    Generic { partitions: true, ..calm(1) }.run::<S>();
}

fn many_partitions_many_clients_3a<S: KvService>() {
    Generic { partitions: true, ..calm(5) }.run::<S>();
}

fn persist_one_client_3a<S: KvService>() {
    Generic { crash: true, ..calm(1) }.run::<S>();
}

fn persist_concurrent_3a<S: KvService>() {
    Generic { crash: true, ..calm(5) }.run::<S>();
}

fn persist_concurrent_unreliable_3a<S: KvService>() {
    Generic { unreliable: true, crash: true, ..calm(5) }.run::<S>();
}

fn persist_partition_3a<S: KvService>() {
    Generic { crash: true, partitions: true, ..calm(5) }.run::<S>();
}

fn persist_partition_unreliable_3a<S: KvService>() {
    Generic { unreliable: true, crash: true, partitions: true, ..calm(5) }.run::<S>();
}

fn persist_partition_unreliable_linearizable_3a<S: KvService>() {
    everything_at_once().run::<S>();
}

/// Like [`persist_partition_unreliable_linearizable_3a`], but the checker must come to a verdict. In the
/// course the test also passes if the checker has no verdict after a second.
fn persist_partition_unreliable_linearizable_3a_strict<S: KvService>() {
    let if_unknown = IfUnknown::Fails(Duration::from_secs(60));
    Generic { if_unknown, ..everything_at_once() }.run::<S>();
}

fn everything_at_once() -> Generic {
    let faults = Generic { unreliable: true, crash: true, partitions: true, ..Generic::new("3A", 15, 7) };
    Generic { random_keys: true, ..faults }
}

/// Messages are lost, and clerks send them again. The appends of each client must still be done exactly once
/// and in order.
fn unreliable_one_key_3a<S: KvService>() {
    const CLIENTS: usize = 5;
    const APPENDS: usize = 10;
    let cfg = make_config::<S>(Setup::of(3).unreliable());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test: concurrent append to same key, unreliable (3A)");
    ck.put("k", "");

    let clients = spawn_clients(&cfg, CLIENTS, |me, client| {
        (0..APPENDS).for_each(|j| client.append("k", &element(me, j)));
    });
    clients.into_iter().for_each(join);

    let value = ck.get("k");
    if let Err(error) = check_concurrent_appends(&value, &[APPENDS; CLIENTS]) {
        panic!("{error}");
    }
    cfg.end();
}

/// A Get waits in the minority. This type says what the test expects of the Get after the network is healed.
#[derive(Clone, Copy, Eq, PartialEq)]
enum DelayedGet {
    /// The Get may have finished, or it may still wait. The course accepts both.
    MayWait,
    /// The Get must finish within the same limit as the Put.
    Completes,
}

fn one_partition_3a<S: KvService>() {
    one_partition::<S>("3A", DelayedGet::MayWait);
}

fn one_partition_3a_strict<S: KvService>() {
    one_partition::<S>("3A, strict", DelayedGet::Completes);
}

/// The leader and one other server are cut off from the other three. The majority must do operations, and the
/// minority must not.
fn one_partition<S: KvService>(part: &str, delayed_get: DelayedGet) {
    const HEALED_LIMIT: Duration = Duration::from_secs(3);
    let cfg = make_config::<S>(Setup::of(5));
    let all = cfg.all();
    let mut ck = make_client(&cfg, &all);
    // When this Put has returned, there is a leader.
    ck.put("1", "13");

    cfg.begin(&format!("Test: progress in majority ({part})"));
    let (majority, minority) = cfg.make_partition();
    cfg.partition(&majority, &minority);
    let mut ckp1 = make_client(&cfg, &majority);
    let mut ckp2a = make_client(&cfg, &minority);
    let mut ckp2b = make_client(&cfg, &minority);
    let delayed = [ckp2a.id(), ckp2b.id()];
    ckp1.put("1", "14");
    ckp1.check("1", "14");
    cfg.part_passed();

    cfg.begin(&format!("Test: no progress in minority ({part})"));
    let (done, results) = chan::unbounded();
    let put_done = done.clone();
    thread::spawn_named("put-in-minority", move || {
        ckp2a.put("1", "15");
        // The send fails if the test is over. Then the error is ignored.
        let _ = put_done.send("Put");
    });
    thread::spawn_named("get-in-minority", move || {
        ckp2b.get("1");
        let _ = done.send("Get");
    });
    if let Ok(what) = results.recv_timeout(ELECTION_TIMEOUT) {
        panic!("{what} in minority completed");
    }
    ckp1.check("1", "14");
    ckp1.put("1", "16");
    ckp1.check("1", "16");
    cfg.part_passed();

    cfg.begin(&format!("Test: completion after heal ({part})"));
    cfg.connect_all();
    delayed.into_iter().for_each(|client| cfg.connect_client(client, &all));
    sleep(ELECTION_TIMEOUT);
    let mut completed = Vec::new();
    let is_done = |completed: &[&str]| match delayed_get {
        DelayedGet::MayWait => completed.contains(&"Put"),
        DelayedGet::Completes => completed.len() == 2,
    };
    let deadline = Instant::now() + HEALED_LIMIT;
    while !is_done(&completed) {
        match results.recv_deadline(deadline) {
            Ok(what) => completed.push(what),
            Err(_) => panic!("after the heal not all completed, only {completed:?}"),
        }
    }
    // The delayed Put was the last write.
    ck.check("1", "15");
    cfg.end();
}
