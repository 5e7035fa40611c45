//! A controller is cut off while shards move.
//!
//! Two of three controllers are enough: the groups must learn of each change, and all shards must reach their
//! new group, so that the old group can be shut down.

use labapi::Sharded;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{Work, pause_up_to, read_all};
use crate::lives::join;
use crate::shards::{Cluster, Place, Setup};

const ROUNDS: usize = 4;

/// The controller is cut off at most so many milliseconds after the beginning of a round. The configuration
/// changes shortly after that beginning.
const WINDOW: u64 = 300;

/// After a change all shards must have moved in this time. It is enough for elections of the controller and
/// two configurations.
const MOVED: Duration = Duration::from_secs(5);

/// No server and no clerk reaches the leader of the controllers.
pub(super) fn controller_cut_off<S: Sharded>() {
    let title = "Test (ours): the controllers' leader is cut off while shards move ...";
    rounds::<S>(title, |cluster, place| cluster.isolate(place));
}

/// The leader of the controllers is cut off only from the other two, so groups and clerks still ask it. It
/// still believes that it leads, but it must not answer with the configuration that it knows, because there
/// may be a later one.
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

        // From now on the test does not need the old group. The controller is still cut off.
        sleep(MOVED);
        work.cfg.shutdown_group(giver);
        read_all(&work.cfg, &work.history);
        work.cfg.heal();
        work.cfg.start_group(giver);
    }
    work.end();
}
