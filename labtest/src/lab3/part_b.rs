//! Part 3B: the service takes snapshots, so the log stays short.

use labapi::KvService;
use labrt::time::{Duration, sleep};

use crate::harness::Case;
use crate::kv::{Generic, check_log_size, make_client, note_log_size, speed};
use crate::output::note;
use crate::service::{Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::of_course("snapshot_rpc_3b", "TestSnapshotRPC3B", snapshot_rpc_3b::<S>),
        Case::of_course("snapshot_size_3b", "TestSnapshotSize3B", snapshot_size_3b::<S>),
        Case::of_course("speed_3b", "TestSpeed3B", speed_3b::<S>),
        Case::of_course("snapshot_recover_3b", "TestSnapshotRecover3B", snapshot_recover_3b::<S>),
        Case::of_course(
            "snapshot_recover_many_clients_3b",
            "TestSnapshotRecoverManyClients3B",
            snapshot_recover_many_clients_3b::<S>,
        ),
        Case::of_course("snapshot_unreliable_3b", "TestSnapshotUnreliable3B", snapshot_unreliable_3b::<S>),
        Case::of_course(
            "snapshot_unreliable_recover_3b",
            "TestSnapshotUnreliableRecover3B",
            snapshot_unreliable_recover_3b::<S>,
        ),
        Case::of_course(
            "snapshot_unreliable_recover_concurrent_partition_3b",
            "TestSnapshotUnreliableRecoverConcurrentPartition3B",
            snapshot_unreliable_recover_concurrent_partition_3b::<S>,
        ),
        Case::of_course(
            "snapshot_unreliable_recover_concurrent_partition_linearizable_3b",
            "TestSnapshotUnreliableRecoverConcurrentPartitionLinearizable3B",
            snapshot_unreliable_recover_concurrent_partition_linearizable_3b::<S>,
        ),
    ]
}

/// A server takes a snapshot when its Raft state has more than this number of bytes.
const MAXRAFTSTATE: usize = 1000;

/// The options for these numbers of clients and servers, with snapshots and without faults.
fn calm(clients: usize, servers: usize) -> Generic {
    Generic { maxraftstate: Some(MAXRAFTSTATE), ..Generic::new("3B", clients, servers) }
}

/// While a server is cut off, the other servers take snapshots and shorten their logs. So this server needs a
/// snapshot when it is connected again.
fn snapshot_rpc_3b<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).maxraftstate(MAXRAFTSTATE));
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test: InstallSnapshot RPC (3B)");
    ck.put("a", "A");
    ck.check("a", "A");

    // Servers 0 and 1 do many operations without server 2.
    cfg.partition(&[0, 1], &[2]);
    let mut majority = make_client(&cfg, &[0, 1]);
    for i in 0..50 {
        majority.put(&i.to_string(), &i.to_string());
    }
    sleep(Duration::from_secs(1));
    majority.put("b", "B");
    // The majority must have deleted most of its log.
    let log_size = check_log_size(&cfg, MAXRAFTSTATE);
    note_log_size(log_size, MAXRAFTSTATE);

    // Server 1 is cut off. Now there is no majority without server 2, which has missed the operations.
    cfg.partition(&[0, 2], &[1]);
    let mut majority = make_client(&cfg, &[0, 2]);
    majority.put("c", "C");
    majority.put("d", "D");
    for (key, value) in [("a", "A"), ("b", "B"), ("1", "1"), ("49", "49")] {
        majority.check(key, value);
    }

    // All servers are connected again.
    cfg.partition(&[0, 1, 2], &[]);
    ck.put("e", "E");
    for (key, value) in [("c", "C"), ("e", "E"), ("1", "1")] {
        ck.check(key, value);
    }
    cfg.end();
}

/// A snapshot may contain the data and a little information for each client. It must not contain anything
/// that grows with the number of operations.
fn snapshot_size_3b<S: KvService>() {
    const MAX_SNAPSHOT: usize = 500;
    let cfg = make_config::<S>(Setup::of(3).maxraftstate(MAXRAFTSTATE));
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test: snapshot size is reasonable (3B)");
    for _ in 0..200 {
        for value in ["0", "1"] {
            ck.put("x", value);
            ck.check("x", value);
        }
    }

    let log_size = check_log_size(&cfg, MAXRAFTSTATE);
    note_log_size(log_size, MAXRAFTSTATE);
    let size = cfg.snapshot_size();
    assert!(size <= MAX_SNAPSHOT, "snapshot too large: {size} bytes > {MAX_SNAPSHOT}");
    note(&format!("the largest snapshot has {size} bytes, {MAX_SNAPSHOT} are allowed"));
    cfg.end();
}

fn speed_3b<S: KvService>() {
    speed::<S>("3B", Some(MAXRAFTSTATE));
}

fn snapshot_recover_3b<S: KvService>() {
    Generic { crash: true, ..calm(1, 5) }.run::<S>();
}

fn snapshot_recover_many_clients_3b<S: KvService>() {
    Generic { crash: true, ..calm(20, 5) }.run::<S>();
}

fn snapshot_unreliable_3b<S: KvService>() {
    Generic { unreliable: true, ..calm(5, 5) }.run::<S>();
}

fn snapshot_unreliable_recover_3b<S: KvService>() {
    Generic { unreliable: true, crash: true, ..calm(5, 5) }.run::<S>();
}

fn snapshot_unreliable_recover_concurrent_partition_3b<S: KvService>() {
    Generic { unreliable: true, crash: true, partitions: true, ..calm(5, 5) }.run::<S>();
}

fn snapshot_unreliable_recover_concurrent_partition_linearizable_3b<S: KvService>() {
    let faults = Generic { unreliable: true, crash: true, partitions: true, ..calm(15, 7) };
    Generic { random_keys: true, ..faults }.run::<S>();
}
