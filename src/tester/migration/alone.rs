//! Migrations that nobody helps along.

use labrt::rng;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{KEYS, Work, main_client, pause_up_to, read_all};
use crate::shardctrler::NSHARDS;
use crate::tester::kv::History;
use crate::tester::lives::join;
use crate::tester::shards::{Config, Setup, Sharded, make_config};

/// After a restart of everybody all shards must have moved in this time: elections, and a few configurations.
const MOVED: Duration = Duration::from_secs(5);

/// Everybody restarts in the middle of a migration, and no client says anything afterwards. The logs then have
/// entries of older terms only, which Raft does not commit by themselves: a server that waits for them without an
/// entry of its own term waits for ever.
pub(super) fn all_restart_in_an_empty_term<S: Sharded>() {
    let title = "Test (ours): shards move after everybody has restarted, without a client ...";
    let cfg = make_config::<S>(title, Setup::new());
    let history = Arc::new(History::new());
    cfg.join(0);
    let mut writer = main_client(&cfg, &history);
    for round in 0..5 {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        (0..KEYS).for_each(|i| writer.append(&i.to_string(), &format!("{round}.")));

        cfg.join(taker);
        cfg.leave(giver);
        pause_up_to(400);
        (0..3).for_each(|gi| cfg.shutdown_group(gi));
        (0..3).for_each(|gi| cfg.start_group(gi));

        // The group that has left goes, as soon as it must have given everything away.
        sleep(MOVED);
        cfg.shutdown_group(giver);
        read_all(&cfg, &history);
        cfg.start_group(giver);
    }
    cfg.check_linearizable(&history, super::DECIDED);
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
        let to = if owner == crate::tester::shards::gid(0) { 1 } else { 0 };
        cfg.move_shard(shard, to);
    }
}
