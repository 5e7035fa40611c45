//! Migrations that nobody helps along.

use labapi::{NSHARDS, Sharded};
use labrt::rng;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{KEYS, PATIENCE, Work, main_client, pause_up_to, read_all};
use crate::kv::History;
use crate::lives::join;
use crate::shards::{Config, Setup, make_config, within};

/// Also after a restart of everybody all shards must have moved in this time: elections, and a few configurations.
const MOVED: Duration = Duration::from_secs(5);

/// Everybody restarts in the middle of a migration, and no client says anything afterwards. The logs then have
/// entries of older terms only, which Raft does not commit by themselves: a server that waits for what they say,
/// without an entry of its own term, waits for ever. The shards move on to a third group, so that those that got
/// stuck on the way are missed.
///
/// How often there are snapshots is drawn, too: a group has less to go by when its snapshot is from the middle of a
/// migration and all that came later is in such entries.
pub(super) fn all_restart_in_an_empty_term<S: Sharded>() {
    let title = "Test (ours): shards move after everybody has restarted, without a client ...";
    let bytes = usize::try_from(200 + rng::below(1800)).expect("below 2000");
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

/// All groups leave, and later another one comes. In between the shards are nobody's and are served by nobody; the
/// group that had them last keeps the data, whatever happens to it, and hands it over.
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
        assert!(!hanging.is_finished(), "a Get was answered whose shard is nobody's");

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

/// Two groups give each other all their shards, in ten configurations that come faster than shards can move: each
/// group has to give in one configuration and to take in the next.
pub(super) fn shards_are_swapped<S: Sharded>() {
    let title = "Test (ours): two groups swap all their shards ...";
    let work = Work::<S>::begin(title, Setup::new().maxraftstate(100));
    work.cfg.join(1);
    for _ in 0..4 {
        pause_up_to(300);
        swap(&work.cfg);
        pause_up_to(300);
        // Again, from two sides at once: who goes first is drawn.
        let helpers: Vec<_> = (0..2)
            .map(|half| {
                let cluster = work.cfg.share();
                thread::spawn(move || {
                    for shard in (half..NSHARDS).step_by(2) {
                        let to = usize::try_from(rng::below(2)).expect("0 or 1");
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

/// Every shard goes to the other one of groups 0 and 1.
fn swap<S: Sharded>(cfg: &Config<S>) {
    let config = cfg.query();
    for (shard, &owner) in config.shards.iter().enumerate() {
        let to = if owner == crate::shards::gid(0) { 1 } else { 0 };
        cfg.move_shard(shard, to);
    }
}
