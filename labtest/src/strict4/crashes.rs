//! Crashes in the middle of a handoff, at the moment at which a server saves, sends a request or answers.

use labapi::{KvClerk, Sharded, key2shard};
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::handoffs::LIMIT;
use super::start_the_rest;
use crate::kv::appends::{check_appends, element};
use crate::lives::join;
use crate::migration::{PATIENCE, leader_or_any};
use crate::shards::{Client, Moment, Place, Setup, Which, make_config, within};

/// The key whose shard moves.
const KEY: &str = "0";

/// Lab 4B: each operation is done only once, even if servers crash at any moment of a handoff.
///
/// In each round a shard moves, and a client appends to a key of this shard. The leader of the old owner
/// crashes when it saves or sends something, or the leader of the new owner crashes when it saves something
/// or answers. In some rounds all servers of the group crash at the same moment. If only the leader has
/// crashed, it often stays down until the shard has moved. So the other servers must have all that the leader
/// has promised.
///
/// Finds: the old owner deletes the data when it sends the data, or before the new owner has saved the data;
/// the new owner confirms the data before a majority of its servers has saved it.
pub(super) fn crashes_in_a_handoff<S: Sharded>() {
    const ROUNDS: usize = 16;
    let title = "Test (strict4): crashes at a moment of a handoff ...";
    let cfg = make_config::<S>(title, Setup::new().near_clients().maxraftstate(500).limit(LIMIT));
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut clerk = cfg.make_client();
    clerk.put(KEY, "");
    for round in 0..ROUNDS {
        let (giver, taker) = (round % 2, (round + 1) % 2);
        let (group, moment, which) = match rng::below(4) {
            0 => (giver, Moment::BeforeSave, Which::Nth(1 + rng::below(4))),
            1 => (giver, Moment::Request, Which::Of1000(200)),
            2 => (taker, Moment::AfterSave, Which::Nth(1 + rng::below(4))),
            _ => (taker, Moment::ReplyOutside, Which::Nth(1 + rng::below(3))),
        };
        let leader = leader_or_any(&cfg, group);
        let victims: Vec<Place> = if rng::below(3) == 0 { cfg.group(group) } else { vec![leader] };
        let append = thread::spawn_named("client", move || {
            clerk.append(KEY, &element(0, round));
            clerk
        });
        sleep(Duration::from_micros(rng::below(2000)));
        cfg.move_shard(shard, taker);
        let crash = cfg.crash_these_at(&victims, leader, moment, which);
        crash.wait(Duration::from_millis(500));
        crash.cancel();
        sleep(Duration::from_millis(rng::below(400)));
        if victims.len() > 1 || rng::below(3) == 0 {
            (0..cfg.groups()).for_each(|gi| start_the_rest(&cfg, gi));
        }
        clerk = within(PATIENCE, "an append while the shard moves", || join(append));
        // A new clerk asks only the new owner.
        check(cfg.make_client(), round + 1);
        (0..cfg.groups()).for_each(|gi| start_the_rest(&cfg, gi));
    }
    cfg.end();
}

/// Checks that the value of the key has the first `count` elements, each once and in order. If it does not,
/// the test fails.
#[track_caller]
fn check<C: KvClerk>(mut clerk: Client<C>, count: usize) {
    let value = within(PATIENCE, "reading the key", move || clerk.get(KEY));
    if let Err(error) = check_appends(0, &value, count) {
        panic!("{error}");
    }
}
