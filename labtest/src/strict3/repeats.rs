//! Requests that arrive twice, late, or again after a crash. Each operation is done exactly once.

use labapi::KvService;
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{check_key, element, make_client, restart_all, wait};
use crate::harness::Case;
use crate::kv::spawn_clients;
use crate::lives::join;
use crate::service::{LATEST_COPY, Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    vec![
        Case::ours("every_request_twice", every_request_twice::<S>),
        Case::ours("copies_that_come_late", copies_that_come_late::<S>),
        Case::ours("many_clerks", many_clerks::<S>),
        Case::ours("crash_before_the_reply", crash_before_the_reply::<S>),
    ]
}

/// Lab 3A: a server does each operation only once, even if its request arrives again.
///
/// Each request arrives twice, the second time up to 26 ms after the first. At that time the client has often
/// done its next operation. So the servers must also recognize a copy of an operation that is not the
/// client's last one. In the course's tests such a copy never arrives, because the network delivers no
/// request twice.
///
/// Finds: a server does an older operation again, because it compares only the number of the last operation.
fn every_request_twice<S: KvService>() {
    const CLIENTS: usize = 5;
    const APPENDS: usize = 40;
    let cfg = make_config::<S>(Setup::of(3).near_clients().every_request_twice());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): every request arrives twice");
    let clients = spawn_clients(&cfg, CLIENTS, |me, client| {
        (0..APPENDS).for_each(|j| client.append(&me.to_string(), &element(me, j)));
    });
    clients.into_iter().for_each(join);

    // After this pause, the last copies have arrived.
    sleep(Duration::from_millis(100));
    (0..CLIENTS).for_each(|client| check_key(&mut ck, &client.to_string(), client, APPENDS));
    cfg.end();
}

/// Lab 3: a server does each operation only once, even if a copy arrives much later, and even after a restart
/// from a snapshot.
///
/// A copy of each request arrives up to three seconds later. Meanwhile the client does other operations, and
/// all servers restart from their snapshots. There are eight clients. So a server that remembers only a few
/// clients forgets some of them.
///
/// Finds: a server forgets a client while its requests can still arrive; the snapshot does not say which
/// operations were done; an older operation is done again.
fn copies_that_come_late<S: KvService>() {
    const CLIENTS: usize = 8;
    const APPENDS: usize = 20;
    let cfg = make_config::<S>(Setup::of(3).near_clients().late_copies().maxraftstate(500));
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): copies of requests come late");
    let clients = spawn_clients(&cfg, CLIENTS, |me, client| {
        for j in 0..APPENDS {
            client.append(&me.to_string(), &element(me, j));
            sleep(Duration::from_millis(rng::below(100)));
        }
    });
    for _ in 0..2 {
        sleep(Duration::from_millis(500));
        restart_all(&cfg);
    }
    clients.into_iter().for_each(join);
    sleep(LATEST_COPY + Duration::from_millis(100));
    (0..CLIENTS).for_each(|client| check_key(&mut ck, &client.to_string(), client, APPENDS));
    cfg.end();
}

/// Lab 3A: two clients never have the same identity.
///
/// Many clerks do one append each. If two of them have the same identity, the servers think that the second
/// append is a copy of the first.
///
/// Finds: the identity of a client is random, but the range of the random number is small.
fn many_clerks<S: KvService>() {
    const CLERKS: usize = 150;
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    cfg.begin("Test (strict3): many clerks, one append each");
    let mut ck = make_client(&cfg, &cfg.all());
    for me in 0..CLERKS {
        let mut clerk = make_client(&cfg, &cfg.all());
        clerk.append("k", &element(0, me));
        clerk.delete();
    }
    check_key(&mut ck, "k", 0, CLERKS);
    cfg.end();
}

/// Lab 3B: an operation that was done before a crash is not done again after the crash.
///
/// All servers crash a few milliseconds after a request, and restart. In many rounds the operation was done
/// and its reply is lost, so the clerk sends the request again. The servers take a snapshot after each entry.
/// So after the restart, only the snapshot can tell them that the operation was done.
///
/// Finds: the snapshot does not say which operations were done.
fn crash_before_the_reply<S: KvService>() {
    const APPENDS: usize = 20;
    let cfg = make_config::<S>(Setup::of(3).near_clients().maxraftstate(1));
    cfg.begin("Test (strict3): all servers crash before the reply");
    let mut ck = make_client(&cfg, &cfg.all());
    ck.put("k", "");
    for j in 0..APPENDS {
        let append = thread::spawn_named("client", move || {
            ck.append("k", &element(0, j));
            ck
        });
        sleep(Duration::from_micros(rng::below(3000)));
        restart_all(&cfg);
        ck = wait("an append after a restart of all servers", append);
    }
    check_key(&mut ck, "k", 0, APPENDS);
    cfg.end();
}
