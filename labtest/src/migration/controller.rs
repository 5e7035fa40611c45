//! A controller is cut off while shards move.
//!
//! Two of three controllers are a majority. While only two controllers can be used, the groups must learn of
//! each change, and all shards must reach their new group. The test checks this: it shuts the old group down,
//! and then reads all keys.

use labapi::Sharded;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{Work, pause_up_to, read_all};
use crate::lives::join;
use crate::shards::{Cluster, Place, Setup};

const ROUNDS: usize = 4;

/// The controller is cut off at most this number of milliseconds after the beginning of a round. The
/// configuration changes in the first half of this time.
const WINDOW: u64 = 300;

/// All shards must have moved within this time after a change. The time is enough for elections of the
/// controller and for two configurations.
const MOVED: Duration = Duration::from_secs(5);

/// The leader of the controllers is cut off from all servers and all clerks.
pub(super) fn controller_cut_off<S: Sharded>() {
    let title = "Test (ours): the controllers' leader is cut off while shards move ...";
    rounds::<S>(title, |cluster, place| cluster.isolate(place));
}

/// The leader of the controllers is cut off only from the other two controllers. So groups and clerks can
/// still send requests to this leader. The leader still believes that it leads. But it must not answer with
/// its latest configuration, because the other two controllers may have a later one.
pub(super) fn controller_leads_a_minority<S: Sharded>() {
    let title = "Test (ours): a controller without majority is asked while shards move ...";
    rounds::<S>(title, |cluster, place| cluster.isolate_from_group(place));
}

fn rounds<S: Sharded>(title: &str, cut: fn(&Cluster<S>, Place)) {
    let work = Work::<S>::begin(title, Setup::new().maxraftstate(1000));
    for round in 0..ROUNDS {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        let cluster = work.cfg.share();
        let cutting = thread::spawn_named("cut", move || {
            pause_up_to(WINDOW);
            let leader = (0..30).find_map(|_| {
                let leader = cluster.ctrler_leader();
                leader.or_else(|| {
                    sleep(Duration::from_millis(100));
                    None
                })
            });
            cut(
                &cluster,
                Place::Ctrler(leader.expect("the controllers elect a leader within three seconds")),
            );
        });
        pause_up_to(WINDOW / 2);
        work.cfg.join(taker);
        work.cfg.leave(giver);
        join(cutting);

        // All shards must have moved by now, so the old group is not needed. The controller is still cut off.
        sleep(MOVED);
        work.cfg.shutdown_group(giver);
        read_all(&work.cfg, &work.history);
        work.cfg.heal();
        work.cfg.start_group(giver);
    }
    work.end();
}
