//! A controller is cut off while shards move.
//!
//! Two of three controllers are enough: the groups must hear of every change, and all shards must reach their new
//! group, so that the old one can go.

use labapi::Sharded;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{Work, pause_up_to, read_all};
use crate::lives::join;
use crate::shards::{Cluster, Place, Setup};

const ROUNDS: usize = 4;

/// The controller is cut off in this time from the beginning of a round, in milliseconds; the configuration
/// changes shortly after that beginning.
const WINDOW: u64 = 300;

/// After a change all shards must have moved in this time: elections of the controller, two configurations.
const MOVED: Duration = Duration::from_secs(5);

/// The controllers' leader is out of everybody's reach.
pub(super) fn controller_cut_off<S: Sharded>() {
    let title = "Test (ours): the controllers' leader is cut off while shards move ...";
    rounds::<S>(title, |cluster, place| cluster.isolate(place));
}

/// The controllers' leader is cut off from the other two only, so that groups and clerks still ask it. It goes on
/// believing that it leads, and must not hand out what it knows as the latest configuration.
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

        // Nobody may need the old group any more; the controller is still cut off.
        sleep(MOVED);
        work.cfg.shutdown_group(giver);
        read_all(&work.cfg, &work.history);
        work.cfg.heal();
        work.cfg.start_group(giver);
    }
    work.end();
}
