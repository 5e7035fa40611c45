//! A snapshot up to an index has exactly the state after the entry at this index.

use labapi::KvService;
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{check_key, element, make_client, restart_all, wait};
use crate::harness::Case;
use crate::kv::check_log_size;
use crate::service::{Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::ours("all_crash_after_each_append", all_crash_after_each_append::<S>),
        Case::ours("repeat_after_an_installed_snapshot", repeat_after_an_installed_snapshot::<S>),
        Case::ours("all_servers_take_snapshots", all_servers_take_snapshots::<S>),
    ]
}

/// Section 7: a snapshot up to an index has exactly the state after the entry at this index.
///
/// Each append makes a snapshot, and all servers crash between the snapshot and the next entry. Some keys are
/// only in the snapshots, because they were written once at the beginning.
///
/// Finds: the state in a snapshot is older than the snapshot's index; a restarted server does not restore the
/// snapshot.
fn all_crash_after_each_append<S: KvService>() {
    const APPENDS: usize = 12;
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (strict3): all servers crash after each append");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("constant", "here");
    for j in 0..APPENDS {
        ck.append("k", &element(0, j));
        restart_all(&cfg);
        check_key(&mut ck, "k", 0, j + 1);
        ck.check("constant", "here");
    }
    assert!(cfg.snapshot_size() > 0, "no server has taken a snapshot");
    cfg.end();
}

/// Section 7 and lab 3B: a server that installs a snapshot takes over all that is in it: the values, and
/// which writes were done.
///
/// One server is cut off. Meanwhile the others do an append whose reply is lost, and take snapshots. Then the
/// server is connected again and gets a snapshot, and one of the others is shut down. Now the clerk sends its
/// append again.
///
/// Finds: a server that gets a snapshot keeps its old state; the snapshot does not say which writes were
/// done.
fn repeat_after_an_installed_snapshot<S: KvService>() {
    const ROUNDS: usize = 10;
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (strict3): a repeated append after an installed snapshot");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "");
    for j in 0..ROUNDS {
        let absent = rng::below(3) as usize;
        let others: Vec<usize> = cfg.all().into_iter().filter(|&i| i != absent).collect();
        cfg.partition(&others, &[absent]);
        let mut other = make_client(&cfg, &others);
        other.append("other", &element(1, 2 * j));

        let id = ck.id();
        let append = thread::spawn_named("client", move || {
            ck.append("k", &element(0, j));
            ck
        });
        // Now the request is on its way to the server, or the append was done and the reply is on its way. In
        // both cases, the client gets no reply.
        sleep(Duration::from_micros(500 + rng::below(1500)));
        cfg.disconnect_client(id, &cfg.all());
        other.append("other", &element(1, 2 * j + 1));
        cfg.connect_all();
        sleep(Duration::from_millis(300));

        let down = others[rng::below(2) as usize];
        cfg.shutdown_server(down);
        cfg.connect_client(id, &cfg.all());
        ck = wait("an append that was sent again", append);
        check_key(&mut ck, "k", 0, j + 1);
        check_key(&mut ck, "other", 1, 2 * j + 2);
        cfg.start_server(down);
        cfg.connect_all();
        other.delete();
    }
    cfg.end();
}

/// Section 7 and lab 3B: each server takes its snapshots by itself, so each log stays short.
///
/// The leader does not change. All entries together are much longer than `maxraftstate`. If a follower keeps
/// all entries, its log is too long.
///
/// Finds: only the leader takes snapshots.
fn all_servers_take_snapshots<S: KvService>() {
    const MAXRAFTSTATE: usize = 1000;
    const PUTS: usize = 200;
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(MAXRAFTSTATE));
    cfg.begin("Test (strict3): all servers take snapshots");
    let mut ck = make_client(&cfg, &cfg.all());
    let value = "x".repeat(MAXRAFTSTATE / 10);
    for _ in 0..PUTS {
        ck.put("k", &value);
        check_log_size(&cfg, MAXRAFTSTATE);
    }
    cfg.end();
}
