//! The test with all kinds of faults together.

use labapi::{NSHARDS, Sharded};
use labrt::dlog;
use labrt::rng;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::thread;
use labrt::time::Duration;

use super::{Work, pause_up_to};
use crate::lives::join;
use crate::shards::{Cluster, Config, Place, Setup, gid};

const CHANGES: usize = 50;

/// The longest pause between two changes, in milliseconds.
const PAUSE: u64 = 600;

/// The longest time that a crash lasts, and the longest time without a fault, in milliseconds. A server is
/// cut off for at most twice this time.
const FAULT: u64 = 700;

/// Makes fifty random changes of the configuration on an unreliable network. Meanwhile the test causes
/// faults, one after the other. A fault is a crash or a cut. In a crash, one of these stops: a server, a
/// controller, both a server and a controller, or a whole group. In a cut, a server or a controller is cut
/// off.
pub(super) fn fifty_changes<S: Sharded>() {
    let title = "Test (ours): fifty changes of the configuration under all faults ...";
    let setup = Setup::new().unreliable().maxraftstate(100).limit(Duration::from_secs(300));
    let work = Work::<S>::begin(title, setup);
    let done = Arc::new(AtomicBool::new(false));
    let faults = {
        let (cluster, done) = (work.cfg.share(), Arc::clone(&done));
        thread::spawn_named("faults", move || {
            while !done.load(Ordering::SeqCst) {
                pause_up_to(FAULT);
                one_fault(&cluster);
            }
        })
    };
    for _ in 0..CHANGES {
        one_change(&work.cfg);
        pause_up_to(PAUSE);
    }
    done.store(true, Ordering::SeqCst);
    join(faults);
    work.cfg.set_unreliable(false);
    work.end();
}

/// Causes one random fault, and ends it after a while.
fn one_fault<S: Sharded>(cluster: &Arc<Cluster<S>>) {
    let server = Place::Server(below(cluster.groups()), below(cluster.servers()));
    let ctrler = Place::Ctrler(below(cluster.ctrlers()));
    let crash = |places: &[Place]| {
        places.iter().for_each(|&place| cluster.shutdown(place));
        pause_up_to(FAULT);
        places.iter().for_each(|&place| cluster.start(place));
    };
    match rng::below(6) {
        0 => crash(&[server]),
        1 => {
            let gi = below(cluster.groups());
            crash(&cluster.group(gi));
        }
        2 => crash(&[ctrler]),
        3 => crash(&[ctrler, server]),
        kind => {
            match kind {
                4 => cluster.isolate(if rng::below(2) == 0 { server } else { ctrler }),
                _ => cluster.isolate_from_group(if rng::below(2) == 0 { server } else { ctrler }),
            }
            pause_up_to(2 * FAULT);
            cluster.heal();
        }
    }
}

/// Makes one random change: groups join, groups leave, or a shard moves. At least one group stays, because
/// otherwise no group would serve the data.
fn one_change<S: Sharded>(cfg: &Config<S>) {
    let config = cfg.query();
    let (present, absent): (Vec<usize>, Vec<usize>) =
        (0..cfg.groups()).partition(|&gi| config.groups.contains_key(&gid(gi)));
    let some = |gis: &[usize], at_most: usize| {
        let mut left = gis.to_vec();
        let count = (1 + below(gis.len())).min(at_most);
        (0..count).map(|_| left.swap_remove(below(left.len()))).collect::<Vec<_>>()
    };
    match rng::below(3) {
        0 if !absent.is_empty() => cfg.joinm(&some(&absent, absent.len())),
        1 if present.len() > 1 => cfg.leavem(&some(&present, present.len() - 1)),
        _ => {
            let (shard, to) = (below(NSHARDS), present[below(present.len())]);
            cfg.move_shard(shard, to);
        }
    }
    dlog!(TEST, "has changed configuration {}", config.num);
}

fn below(n: usize) -> usize {
    usize::try_from(rng::below(n as u64)).expect("a number below a usize is a usize")
}
