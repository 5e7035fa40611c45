//! A leader is paused, like a process that the operating system stops. Later the leader does not know that it
//! was paused. So it goes on with what it believed before.
//!
//! A pause exists only in virtual time.

use labapi::KvService;
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{check_key, element, make_client, wait};
use crate::harness::Case;
use crate::service::{Setup, make_config};

pub(super) fn cases<S: KvService>() -> Vec<Case> {
    if !labrt::is_sim() {
        return Vec::new();
    }
    vec![
        Case::ours("read_at_a_leader_that_was_paused", read_at_a_leader_that_was_paused::<S>),
        Case::ours("leader_is_paused_during_appends", leader_is_paused_during_appends::<S>),
    ]
}

/// Section 8: a leader must know that it still leads before it replies to a read. This is also true after a
/// pause.
///
/// The leader is paused, the other two servers elect a leader, and a client changes a value. Then another
/// client, which can reach only the old leader, reads. The request waits until the old leader goes on. The
/// client must not get the old value.
///
/// Finds: a leader answers a read from its memory; a leader believes that it leads until it hears of a later
/// term.
fn read_at_a_leader_that_was_paused<S: KvService>() {
    let cfg = make_config::<S>(Setup::of(3).near_clients());
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): a read at a leader that was paused");
    for round in 0..6 {
        ck.put("k", &format!("old {round}"));
        let leader = cfg.leader().unwrap_or(0);
        cfg.pause(leader);
        let new = format!("new {round}");
        ck.put("k", &new);

        let mut reader = make_client(&cfg, &[leader]);
        let id = reader.id();
        let read = thread::spawn_named("reader", move || reader.get("k"));
        sleep(Duration::from_millis(rng::below(50)));
        assert!(!read.is_finished(), "server {leader} is paused, but it has answered a Get");
        cfg.resume(leader);
        sleep(Duration::from_millis(rng::below(300)));
        cfg.connect_client(id, &cfg.all());
        let value = wait("a Get at a leader that was paused", read);
        assert_eq!(value, new, "the Get began after the Put of {new:?} was complete");
    }
    cfg.end();
}

/// Section 8: an append is done only once, even if the leader that has got it is paused.
///
/// Several clients append. The leader is paused at random moments. A pause may be shorter or longer than an
/// election. The clients send their appends to other servers. When the old leader goes on, it has these
/// appends in its log, in its memory and in its queues. It also gets the replies that have waited.
///
/// Finds: a repeated append is done twice; a client gets the reply of another operation; a client of the old
/// leader waits for ever.
fn leader_is_paused_during_appends<S: KvService>() {
    const CLERKS: usize = 4;
    const APPENDS: usize = 40;
    let cfg = make_config::<S>(Setup::of(3));
    let mut ck = make_client(&cfg, &cfg.all());
    cfg.begin("Test (strict3): the leader is paused while clients append");
    let key = |client: usize| format!("k{client}");
    let mut clients = Vec::new();
    for client in 0..CLERKS {
        ck.put(&key(client), "");
        let mut clerk = make_client(&cfg, &cfg.all());
        clients.push(thread::spawn_named(format!("client-{client}"), move || {
            for j in 0..APPENDS {
                clerk.append(&key(client), &element(client, j));
                sleep(Duration::from_millis(rng::below(60)));
            }
        }));
    }
    for _ in 0..6 {
        sleep(Duration::from_millis(rng::below(200)));
        let leader = cfg.leader().unwrap_or(0);
        cfg.pause(leader);
        sleep(Duration::from_millis(rng::below(1500)));
        cfg.resume(leader);
    }
    for client in clients {
        wait("the appends of a client", client);
    }
    (0..CLERKS).for_each(|client| check_key(&mut ck, &key(client), client, APPENDS));
    cfg.end();
}
