//! When a group has given its shards away, its servers must delete the data of these shards, even if servers
//! crash or are down at that time.

use labapi::Sharded;
use labrt::rng;
use labrt::time::{Duration, Instant, sleep};

use super::{PATIENCE, leader_or_any, pause_up_to};
use crate::output::note;
use crate::shards::{Config, Setup, gid, make_config, random_text};

/// `KEYS` is the number of keys. `LEN` is the number of letters of a value.
const KEYS: usize = 30;
const LEN: usize = 1000;

/// If a group has no shards, each of its servers must have fewer bytes on its disk than one value has. So not
/// even one value can be left on the disk.
const LEFT: usize = LEN;

/// In each round, all shards move to another group. Afterwards the servers of the old group must not have the
/// data any more, neither on disk nor in memory. This must also be true for a server that was down while the
/// shards moved. And it must be true if the leader crashes after the shards have moved but before they are
/// deleted.
pub(super) fn nothing_is_left_behind<S: Sharded>() {
    let title = "Test (ours): shards that have moved leave nothing behind ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(1));
    let mut clerk = cfg.make_client();
    cfg.join(0);
    let values: Vec<String> = (0..KEYS).map(|_| random_text(LEN)).collect();
    (0..KEYS).for_each(|i| clerk.put(&i.to_string(), &values[i]));

    let mut most = 0;
    for round in 0..6 {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        // One server is down while the shards move.
        let sleeper = usize::try_from(rng::below(3)).expect("0, 1 and 2 are usizes");
        cfg.shutdown_server(giver, sleeper);
        cfg.join(taker);
        cfg.leave(giver);

        // In most rounds, some shards are not deleted yet when the following steps happen.
        pause_up_to(500);
        cfg.start_server(giver, sleeper);
        let victim = leader_or_any(&cfg, giver);
        cfg.shutdown(victim);
        pause_up_to(300);
        cfg.start(victim);

        most = most.max(wait_until_empty(&cfg, giver));
        (0..KEYS).for_each(|i| clerk.check(&i.to_string(), &values[i]));
    }
    note(&format!("a server of a group without shards has saved at most {most} of {LEFT} bytes"));
    cfg.end();
}

/// Waits until the servers of group `gi` have no data of their former shards any more. Returns how many bytes
/// are on the disk of the server that has saved the most.
#[track_caller]
pub(crate) fn wait_until_empty<S: Sharded>(cfg: &Config<S>, gi: usize) -> usize {
    let began = Instant::now();
    loop {
        let saved: Vec<usize> = (0..cfg.servers())
            .map(|i| {
                let (raft, snapshot) = cfg.saved_bytes(gi, i);
                raft + snapshot
            })
            .collect();
        let held: Vec<usize> = (0..cfg.servers()).map(|i| cfg.bytes_held(gi, i).unwrap_or(0)).collect();
        if saved.iter().all(|&bytes| bytes < LEFT) && held.iter().all(|&bytes| bytes == 0) {
            return saved.into_iter().max().unwrap_or(0);
        }
        assert!(
            began.elapsed() < PATIENCE,
            "group {} has no shard any more, and {} s later its servers have saved {saved:?} bytes and hold {held:?}; \
             less than {LEFT}, and none, was expected",
            gid(gi),
            PATIENCE.as_secs()
        );
        sleep(Duration::from_millis(50));
    }
}
