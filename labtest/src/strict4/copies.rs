//! Messages of an older move, and older requests of clients, arrive late.

use labapi::{NSHARDS, Sharded, key2shard};
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::handoffs::LIMIT;
use crate::kv::appends::{check_appends, element};
use crate::lives::join;
use crate::migration::{PATIENCE, Work, pause_up_to};
use crate::service::LATEST_COPY;
use crate::shards::{Client, Cluster, Setup, make_config, within};

/// Lab 4B: a message that moves a shard is valid only for its own configuration.
///
/// A copy of each message arrives up to three seconds later. A shard moves to another group, comes back, and
/// moves to that group again. This time the old owner is down, so the new owner waits for the data. Meanwhile
/// the message of the first move arrives again. This message has old data.
///
/// Finds: a group that waits for a shard takes the data of an older configuration.
pub(super) fn handoff_that_comes_late<S: Sharded>() {
    let title = "Test (strict4): an old handoff of a shard comes late ...";
    let cfg = make_config::<S>(title, Setup::new().late_copies().limit(LIMIT));
    let key = "0";
    let shard = key2shard(key);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut clerk = cfg.make_client();
    let mut count = 0;
    let (mut here, mut there) = (0, 1);
    for _ in 0..5 {
        // The reply to an append shows that the owner has the shard.
        clerk = append(clerk, key, &mut count);
        cfg.move_shard(shard, there);
        clerk = append(clerk, key, &mut count);
        cfg.move_shard(shard, here);
        clerk = append(clerk, key, &mut count);
        cfg.shutdown_group(here);
        cfg.move_shard(shard, there);
        sleep(LATEST_COPY);
        cfg.start_group(here);
        clerk = append(clerk, key, &mut count);
        let value;
        (clerk, value) = within(PATIENCE, "reading the key", move || {
            let value = clerk.get(key);
            (clerk, value)
        });
        if let Err(error) = check_appends(0, &value, count) {
            panic!("{error}");
        }
        (here, there) = (there, here);
    }
    cfg.end();
}

/// Appends the next element.
#[track_caller]
fn append<C: labapi::KvClerk>(mut clerk: Client<C>, key: &'static str, count: &mut usize) -> Client<C> {
    let j = *count;
    *count += 1;
    within(PATIENCE, "an append while the shard moves", move || {
        clerk.append(key, &element(0, j));
        clerk
    })
}

/// Lab 4B: the service is linearizable, even if old messages arrive while shards move.
///
/// A copy of each message arrives up to three seconds later. Meanwhile random shards move between two groups,
/// and one of the groups restarts.
///
/// Finds: a server treats an old message like a new one.
pub(super) fn moves_while_copies_come_late<S: Sharded>() {
    let title = "Test (strict4): shards move while copies of messages come late ...";
    let work = Work::<S>::begin(title, Setup::new().late_copies().maxraftstate(500));
    work.cfg.join(1);
    for round in 0..6 {
        for shard in 0..NSHARDS {
            if rng::below(2) == 0 {
                work.cfg.move_shard(shard, rng::below(2) as usize);
            }
        }
        pause_up_to(800);
        work.cfg.shutdown_group(round % 2);
        pause_up_to(400);
        work.cfg.start_group(round % 2);
    }
    work.end();
}

/// Lab 4B: a shard moves together with the memory of the clients' last writes.
///
/// The network loses replies and delays messages, so clerks send requests again. Meanwhile all shards move
/// between two groups again and again. So the second copy of a request often arrives at the new owner.
///
/// Finds: a shard moves without the memory of the writes that were done; a clerk gives a request a new number
/// when it asks another group.
pub(super) fn repeats_while_shards_move<S: Sharded>() {
    const CLIENTS: usize = 5;
    const APPENDS: usize = 25;
    let title = "Test (strict4): requests are repeated while shards move ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().near_clients().limit(LIMIT));
    cfg.joinm(&[0, 1]);
    let done = Arc::new(AtomicBool::new(false));
    let mover = {
        let (cluster, done) = (cfg.share(), Arc::clone(&done));
        thread::spawn_named("mover", move || swaps(&cluster, &done))
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|me| {
            let mut clerk = cfg.make_client();
            thread::spawn_named(format!("client-{me}"), move || {
                (0..APPENDS).for_each(|j| clerk.append(&me.to_string(), &element(me, j)));
                clerk.get(&me.to_string())
            })
        })
        .collect();
    let values: Vec<String> =
        within(6 * PATIENCE, "appending while shards move", || clients.into_iter().map(join).collect());
    done.store(true, Ordering::SeqCst);
    join(mover);
    for (client, value) in values.iter().enumerate() {
        if let Err(error) = check_appends(client, value, APPENDS) {
            panic!("{error}");
        }
    }
    cfg.end();
}

/// Moves all shards between two groups until the clients are done: in turn, each group leaves and joins
/// again.
fn swaps<S: Sharded>(cluster: &Cluster<S>, done: &AtomicBool) {
    let mut leaving = 0;
    while !done.load(Ordering::SeqCst) {
        cluster.leave(leaving);
        sleep(Duration::from_millis(200 + rng::below(200)));
        cluster.join(leaving);
        leaving = 1 - leaving;
    }
}
