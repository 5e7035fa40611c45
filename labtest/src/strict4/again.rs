//! Groups that restart, leave and join again while shards move.

use labapi::Sharded;
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;

use super::handoffs::{LIMIT, check_all, put_all};
use crate::kv::appends::{check_appends, element};
use crate::lives::join;
use crate::migration::room::wait_until_empty;
use crate::migration::{KEYS, PATIENCE, pause_up_to};
use crate::shards::{Setup, make_config, random_text, within};

/// Lab 4B: a group that leaves and joins again gets its shards with the newest data.
///
/// Again and again, one of two groups leaves and soon joins again. In between, one of the two groups restarts
/// at a random instant. The servers take a snapshot after nearly every entry. A client appends to all keys
/// during this time.
///
/// Finds: a group that gets a shard back serves the old data; a group deletes the new data, because it has
/// given the shard away before.
pub(super) fn leaves_and_joins_again<S: Sharded>() {
    let title = "Test (strict4): a group leaves and joins again ...";
    let setup = Setup::new().late_copies().maxraftstate(1).limit(LIMIT);
    let cfg = make_config::<S>(title, setup);
    cfg.joinm(&[0, 1]);
    let done = Arc::new(AtomicBool::new(false));
    let client = {
        let (mut clerk, done) = (cfg.make_client(), Arc::clone(&done));
        thread::spawn_named("client", move || {
            let mut count = 0;
            while !done.load(Ordering::SeqCst) {
                (0..KEYS).for_each(|i| clerk.append(&i.to_string(), &element(i, count)));
                count += 1;
            }
            (clerk, count)
        })
    };
    for round in 0..6 {
        let group = round % 2;
        cfg.leave(group);
        pause_up_to(400);
        let restarts = rng::below(2) as usize;
        cfg.shutdown_group(restarts);
        pause_up_to(200);
        cfg.start_group(restarts);
        pause_up_to(400);
        cfg.join(group);
        pause_up_to(300);
    }
    done.store(true, Ordering::SeqCst);
    let (mut clerk, count) = within(PATIENCE, "the last appends", || join(client));
    within(PATIENCE, "reading all keys", move || {
        for i in 0..KEYS {
            if let Err(error) = check_appends(i, &clerk.get(&i.to_string()), count) {
                panic!("key {i}: {error}");
            }
        }
    });
    cfg.end();
}

/// Lab 4B, challenge 1: a group deletes the shards that it has given away. It does this even if all servers
/// of both groups restart before the shards are deleted.
///
/// Finds: the data is deleted only by the leader that has sent it, or only by the servers that were up at
/// that time.
pub(super) fn deleted_also_after_restarts<S: Sharded>() {
    const LEN: usize = 1000;
    let title = "Test (strict4): shards are deleted also after restarts ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(1).limit(LIMIT));
    cfg.join(0);
    let mut clerk = cfg.make_client();
    for round in 0..6 {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        let value = random_text(LEN);
        clerk = put_all(clerk, &value);
        cfg.join(taker);
        cfg.leave(giver);
        for group in [giver, taker] {
            pause_up_to(250);
            cfg.shutdown_group(group);
            cfg.start_group(group);
        }
        wait_until_empty(&cfg, giver);
        clerk = check_all(clerk, &value);
    }
    cfg.end();
}
