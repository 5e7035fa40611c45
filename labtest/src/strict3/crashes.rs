//! Crashes at the very moment at which a server saves a snapshot, or answers a client.

use labapi::KvService;
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{check_key, element, make_client, wait};
use crate::harness::Case;
use crate::service::{Cluster, Moment, Setup, Which, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::ours("crash_when_it_saves_a_snapshot", crash_when_it_saves_a_snapshot::<S>),
        Case::ours("crash_when_it_answers_a_client", crash_when_it_answers_a_client::<S>),
    ]
}

/// How long a test waits for a crash that it has ordered.
const SOON: Duration = Duration::from_secs(2);

/// Section 7 and lab 3B: an operation is done only once, even if the servers crash at the moment at which one
/// of them saves a snapshot.
///
/// The servers take a snapshot after each entry. All servers crash at the same moment, before or after one of
/// them has saved a snapshot. The client has no reply yet, so it sends its append again. Each server starts
/// with its old snapshot and the entries after it, or with the new snapshot.
///
/// Finds: the snapshot and the log are saved in two steps; the state in a snapshot is older or newer than the
/// snapshot's index; the snapshot does not say which writes were done.
fn crash_when_it_saves_a_snapshot<S: KvService>() {
    const APPENDS: usize = 12;
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (strict3): all servers crash when one of them saves a snapshot");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "");
    for j in 0..APPENDS {
        let server = rng::below(3) as usize;
        let moment = if rng::below(2) == 0 { Moment::BeforeSnapshot } else { Moment::AfterSnapshot };
        let crash = cfg.crash_these_at(&cfg.all(), server, moment, Which::Nth(1 + rng::below(2)));
        let append = thread::spawn_named("client", move || {
            ck.append("k", &element(0, j));
            ck
        });
        crash.wait(Duration::from_millis(300));
        crash.cancel();
        start_all(&cfg);
        ck = wait("an append after a crash of all servers", append);
        check_key(&mut ck, "k", 0, j + 1);
    }
    assert!(cfg.snapshot_size() > 0, "no server has taken a snapshot");
    cfg.end();
}

/// Section 8: when a server answers a client, the operation is committed, and stays done.
///
/// The leader crashes at the very moment at which it answers an append. In half of the rounds the answer
/// reaches the client. In the others the client is disconnected, so it sends the append again. The other two
/// servers must have the append exactly once. In some rounds all servers crash at this moment.
///
/// Finds: a server answers before the entry is committed; a repeated append is done twice.
fn crash_when_it_answers_a_client<S: KvService>() {
    const APPENDS: usize = 12;
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    cfg.begin("Test (strict3): servers crash when they answer a client");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "");
    for j in 0..APPENDS {
        let leader = cfg.leader().unwrap_or(0);
        let victims = if rng::below(3) == 0 { cfg.all() } else { vec![leader] };
        let crash = cfg.crash_these_at(&victims, leader, Moment::ReplyOutside, Which::Nth(1));
        let id = ck.id();
        let append = thread::spawn_named("client", move || {
            ck.append("k", &element(0, j));
            ck
        });
        crash.wait(SOON);
        if rng::below(2) == 0 {
            cfg.disconnect_client(id, &cfg.all());
        }
        crash.cancel();
        sleep(Duration::from_millis(rng::below(300)));
        cfg.connect_client(id, &cfg.all());
        let down: Vec<usize> = cfg.all().into_iter().filter(|&i| !cfg.is_up(i)).collect();
        // If only the leader is down, the others must have the append.
        if down.len() > 1 {
            start_all(&cfg);
        }
        ck = wait("an append whose leader has crashed", append);
        check_key(&mut ck, "k", 0, j + 1);
        start_all(&cfg);
    }
    cfg.end();
}

/// Starts the servers that are down, and connects all servers.
fn start_all<S: KvService>(cfg: &Cluster<S>) {
    cfg.all().into_iter().filter(|&i| !cfg.is_up(i)).for_each(|i| cfg.start_server(i));
    cfg.connect_all();
}
