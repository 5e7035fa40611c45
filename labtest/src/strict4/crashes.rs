//! Crashes in the middle of a handoff, at the moment at which a server saves, sends a request or answers.

use labapi::{KvClerk, Sharded, key2shard};
use labrt::rng;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::handoffs::LIMIT;
use crate::kv::appends::{check_appends, element};
use crate::lives::join;
use crate::migration::{PATIENCE, leader_or_any};
use crate::shards::{Client, Cluster, Moment, Place, Setup, Which, make_config, within};

/// The key whose shard moves.
const KEY: &str = "0";

/// Lab 4B: each operation is done once, also if servers crash at any moment of a handoff.
///
/// In each round a shard moves, and a client appends to a key of this shard. The leader of the old owner or of
/// the new owner crashes at one of its next saves or messages. In some rounds all servers of its group crash at
/// the same moment. After each restart, every group has only what its servers have saved.
///
/// Finds: the old owner deletes the data when it sends it, or before the new owner has saved it; the new owner
/// says that it has the data before it has saved it; a shard moves without the memory of its clients.
pub(super) fn crashes_in_a_handoff<S: Sharded>() {
    const ROUNDS: usize = 12;
    let title = "Test (strict4): crashes at a moment of a handoff ...";
    let cfg = make_config::<S>(title, Setup::new().near_clients().maxraftstate(500).limit(LIMIT));
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut clerk = cfg.make_client();
    clerk.put(KEY, "");
    for round in 0..ROUNDS {
        let (giver, taker) = (round % 2, (round + 1) % 2);
        let group = if rng::below(2) == 0 { giver } else { taker };
        let leader = leader_or_any(&cfg, group);
        let whole_group: Vec<Place> = (0..cfg.servers()).map(|i| Place::Server(group, i)).collect();
        let victims = if rng::below(3) == 0 { whole_group } else { vec![leader] };
        let moments = [Moment::BeforeSave, Moment::AfterSave, Moment::Request, Moment::Reply];
        let moment = moments[rng::below(4) as usize];
        let count = if moment == Moment::Request { 8 } else { 4 };
        let append = thread::spawn_named("client", move || {
            clerk.append(KEY, &element(0, round));
            clerk
        });
        sleep(Duration::from_micros(rng::below(2000)));
        cfg.move_shard(shard, taker);
        let crash = cfg.crash_these_at(&victims, leader, moment, Which::Nth(1 + rng::below(count)));
        crash.wait(Duration::from_millis(500));
        crash.cancel();
        sleep(Duration::from_millis(rng::below(400)));
        start_all(&cfg);
        clerk = within(PATIENCE, "an append while the shard moves", || join(append));
        clerk = check(clerk, round + 1);
    }
    cfg.end();
}

/// Starts the servers of groups that are down.
fn start_all<S: Sharded>(cfg: &Cluster<S>) {
    let places = (0..cfg.groups()).flat_map(|gi| (0..cfg.servers()).map(move |i| Place::Server(gi, i)));
    places.filter(|&place| !cfg.is_up(place)).for_each(|place| cfg.start(place));
}

/// Fails the test if the value of the key does not have the first `count` elements, each once and in order.
#[track_caller]
fn check<C: KvClerk>(mut clerk: Client<C>, count: usize) -> Client<C> {
    let value;
    (clerk, value) = within(PATIENCE, "reading the key", move || {
        let value = clerk.get(KEY);
        (clerk, value)
    });
    if let Err(error) = check_appends(0, &value, count) {
        panic!("{error}");
    }
    clerk
}
