//! Migrations in three situations: all servers restart and no client sends requests; all groups leave; two
//! groups swap their shards.

use labapi::{NSHARDS, Sharded};
use labrt::rng;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{KEYS, PATIENCE, Work, main_client, pause_up_to, read_all};
use crate::kv::History;
use crate::lives::join;
use crate::shards::{Config, Setup, make_config, within};

/// All shards must have moved within this time, even after a restart of all servers. The time is enough for
/// elections and a few configurations.
const MOVED: Duration = Duration::from_secs(5);

/// All servers of the groups restart in the middle of a migration, and no client sends a request afterwards.
/// Then the logs have only entries of older terms. Raft does not commit such entries by counting replicas. So
/// a leader must add an entry of its own term. If a leader adds no such entry, and only waits until an old
/// entry is committed, it waits forever.
///
/// Afterwards the shards must move again, to a third group. So the test notices shards that did not move in
/// the first migration.
///
/// `maxraftstate` is random, and the moments of the snapshots depend on it. So a group sometimes has a
/// snapshot from the middle of a migration. The later changes of this migration are then only in log entries.
/// After a restart, the group does not know that these entries are committed. So it must continue the
/// migration from the older state of the snapshot.
pub(super) fn all_restart_in_an_empty_term<S: Sharded>() {
    let title = "Test (ours): shards move after everybody has restarted, without a client ...";
    let bytes = usize::try_from(200 + rng::below(1800)).expect("a number below 2000 is a usize");
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(bytes).limit(Duration::from_secs(240)));
    let history = Arc::new(History::new());
    cfg.join(0);
    let mut writer = main_client(&cfg, &history);
    let mut giver = 0;
    for round in 0..8 {
        let (taker, last) = ((giver + 1) % 3, (giver + 2) % 3);
        (0..KEYS).for_each(|i| writer.append(&i.to_string(), &format!("{round}.")));

        cfg.join(taker);
        cfg.leave(giver);
        pause_up_to(600);
        (0..3).for_each(|gi| cfg.shutdown_group(gi));
        (0..3).for_each(|gi| cfg.start_group(gi));
        sleep(MOVED);

        cfg.join(last);
        cfg.leave(taker);
        sleep(MOVED);
        [giver, taker].into_iter().for_each(|gi| cfg.shutdown_group(gi));
        read_all(&cfg, &history);
        [giver, taker].into_iter().for_each(|gi| cfg.start_group(gi));
        giver = last;
    }
    cfg.check_linearizable(&history, super::DECIDED);
    cfg.end();
}

/// All groups leave, and later another group joins. Between these two steps, no group owns the shards and no
/// group may serve them. The last owner of the shards must keep the data, even if its servers crash. It must
/// give the data to the new group.
pub(super) fn all_leave_and_another_comes<S: Sharded>() {
    let title = "Test (ours): all groups leave, and another one comes ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(500));
    let mut clerk = cfg.make_client();
    let mut last = 0;
    cfg.join(last);
    (0..KEYS).for_each(|i| clerk.put(&i.to_string(), "first"));
    for round in 1..=3 {
        cfg.leave(last);
        pause_up_to(300);
        let mut early = cfg.make_client();
        let hanging = thread::spawn(move || early.get("0"));
        cfg.shutdown_group(last);
        pause_up_to(300);
        cfg.start_group(last);
        sleep(Duration::from_secs(2));
        assert!(!hanging.is_finished(), "a Get was answered although no group owns its shard");

        let next = (last + round) % 3;
        cfg.join(next);
        clerk = within(PATIENCE, "reading and writing all keys", move || {
            for i in 0..KEYS {
                let expected = if round == 1 { "first".to_owned() } else { format!("first{}", round - 1) };
                clerk.check(&i.to_string(), &expected);
                clerk.put(&i.to_string(), &format!("first{round}"));
            }
            clerk
        });
        let value = within(PATIENCE, "the Get that had to wait", || join(hanging));
        assert!(value.starts_with("first"), "a Get that had to wait has read {value:?}");
        last = next;
    }
    cfg.end();
}

/// Four times, two groups give each other all their shards. Each of the ten shards moves in a configuration
/// of its own. The configuration changes faster than shards can move. A group may have to give a shard away
/// in one configuration and to take the shard back in the next one.
pub(super) fn shards_are_swapped<S: Sharded>() {
    let title = "Test (ours): two groups swap all their shards ...";
    let work = Work::<S>::begin(title, Setup::new().maxraftstate(100));
    work.cfg.join(1);
    for _ in 0..4 {
        pause_up_to(300);
        swap(&work.cfg);
        pause_up_to(300);
        // Two threads then move shards at the same time. One thread moves the shards with even numbers, the
        // other thread those with odd numbers. The new group of each shard is random.
        let helpers: Vec<_> = (0..2)
            .map(|half| {
                let cluster = work.cfg.share();
                thread::spawn(move || {
                    for shard in (half..NSHARDS).step_by(2) {
                        let to = usize::try_from(rng::below(2)).expect("0 and 1 are usizes");
                        cluster.move_shard(shard, to);
                    }
                })
            })
            .collect();
        helpers.into_iter().for_each(join);
        read_all(&work.cfg, &work.history);
    }
    work.end();
}

/// Moves each shard of group 0 to group 1, and each shard of group 1 to group 0.
fn swap<S: Sharded>(cfg: &Config<S>) {
    let config = cfg.query();
    for (shard, &owner) in config.shards.iter().enumerate() {
        let to = if owner == crate::shards::gid(0) { 1 } else { 0 };
        cfg.move_shard(shard, to);
    }
}
