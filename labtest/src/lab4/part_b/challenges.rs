//! The two challenges: shards that were given away are deleted, and shards that a change does not move are
//! served all the time.

use super::{Keys, key, pause};
use crate::output::note;
use crate::shards::{Config, Setup, gid, make_config};
use labapi::{KvClerk, Sharded, key2shard};

/// Shards that were given away take no room: the disks have one copy of the data and little more.
pub(super) fn challenge_1_delete<S: Sharded>() {
    /// How many keys there are, and how many of them are read between the steps.
    const KEYS: usize = 30;
    const CHECKED: usize = 3;
    /// How many letters a value has.
    const LEN: usize = 1000;
    /// Each of three replicas may have the keys that were not read once. It may have the keys that were read
    /// twice, because they are also in the table of the last answers. And it may have a little more.
    const LIMIT: usize = 3 * ((KEYS - CHECKED) * LEN + 2 * CHECKED * LEN + 6000);

    // The servers make a snapshot after each entry.
    let title = "Test: shard deletion (challenge 1) ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(1));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(KEYS, LEN);
    keys.check_first(CHECKED);

    for _ in 0..2 {
        cfg.join(1);
        cfg.leave(0);
        cfg.join(2);
        pause(3000);
        keys.check_first(CHECKED);
        cfg.leave(1);
        cfg.join(0);
        cfg.leave(2);
        pause(3000);
        keys.check_first(CHECKED);
    }

    cfg.join(1);
    cfg.join(2);
    for _ in 0..3 {
        pause(1000);
        keys.check_first(CHECKED);
    }

    let total = saved_in_all(&cfg);
    note(&format!("{total} of {LIMIT} bytes saved by all servers"));
    assert!(
        total <= LIMIT,
        "the servers save {total} bytes in all, the limit is {LIMIT}: shards that were given away are still there"
    );
    keys.check();
    cfg.end();
}

/// How many bytes all Raft states and snapshots have.
pub(super) fn saved_in_all<S: Sharded>(cfg: &Config<S>) -> usize {
    (0..cfg.groups()).map(|gi| saved_by_group(cfg, gi)).sum()
}

/// How many bytes the Raft states and snapshots of a group have.
pub(super) fn saved_by_group<S: Sharded>(cfg: &Config<S>, gi: usize) -> usize {
    let saved = |i| {
        let (raft, snapshot) = cfg.saved_bytes(gi, i);
        raft + snapshot
    };
    (0..cfg.servers()).map(saved).sum()
}

/// Shards that a change does not move are served while the change hangs.
pub(super) fn challenge_2_unaffected<S: Sharded>() {
    let title = "Test: unaffected shard access (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    put_all(&mut keys, "100");

    cfg.join(1);
    let owned = owned_by(&cfg, 1);
    pause(1000);
    // As in the course, the index of a key is used as its shard here, which is wrong. It only decides which
    // keys are written once more.
    for i in (0..10).filter(|&i| owned[i]) {
        keys.put_one(i, "101".to_owned());
    }

    // The first group is dead when it leaves, so the other group cannot get the rest of its shards.
    cfg.shutdown_group(0);
    cfg.leave(0);
    pause(1000);
    for i in (0..10).filter(|&i| owned[key2shard(&key(i))]) {
        check_put_check(&mut keys, i, "-1");
    }
    cfg.end();
}

/// Shards that have arrived are served while others have not.
pub(super) fn challenge_2_partial<S: Sharded>() {
    let title = "Test: partial migration shard access (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.joinm(&[0, 1, 2]);
    pause(1000);
    put_all(&mut keys, "100");
    let owned = owned_by(&cfg, 2);

    // The second group gets all shards. Those of the third group arrive, but those of the dead group cannot.
    cfg.shutdown_group(0);
    cfg.leavem(&[0, 2]);
    pause(1000);
    for i in (0..10).filter(|&i| owned[key2shard(&key(i))]) {
        check_put_check(&mut keys, i, "-2");
    }
    cfg.end();
}

/// Puts ten keys, all with the same value.
pub(super) fn put_all<C: KvClerk>(keys: &mut Keys<C>, value: &str) {
    keys.values = vec![String::new(); 10];
    (0..10).for_each(|i| keys.put_one(i, value.to_owned()));
}

/// Which shards group `gi` owns by the latest configuration.
pub(super) fn owned_by<S: Sharded>(cfg: &Config<S>, gi: usize) -> Vec<bool> {
    cfg.query().shards.iter().map(|&owner| owner == gid(gi)).collect()
}

#[track_caller]
pub(super) fn check_put_check<C: KvClerk>(keys: &mut Keys<C>, i: usize, more: &str) {
    keys.check_one(i);
    let value = format!("{}{more}", keys.values[i]);
    keys.put_one(i, value);
    keys.check_one(i);
}
