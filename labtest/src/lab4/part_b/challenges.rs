//! The tests of the two challenges. In challenge 1, a group must delete the shards that it has given away. In
//! challenge 2, a group must serve the shards that a change of the configuration does not move, even while
//! other shards move.

use super::{Keys, key, pause};
use crate::output::note;
use crate::shards::{Config, Setup, gid, make_config};
use labapi::{KvClerk, Sharded, key2shard};

/// Shards that were given away must not use disk space. Each replica of the current owner may have one copy
/// of the data, and a little more.
pub(super) fn challenge_1_delete<S: Sharded>() {
    /// `KEYS` is the number of keys. `CHECKED` of these keys are read between the steps.
    const KEYS: usize = 30;
    const CHECKED: usize = 3;
    /// How many letters a value has.
    const LEN: usize = 1000;
    /// Each of three replicas may store one copy of the keys that are not checked between the steps. A
    /// replica may store two copies of the checked keys, because their values are also in the table of the
    /// last replies. A replica may also store a little more.
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

/// How many bytes the Raft states and snapshots of all groups have together.
pub(super) fn saved_in_all<S: Sharded>(cfg: &Config<S>) -> usize {
    (0..cfg.groups()).map(|gi| saved_by_group(cfg, gi)).sum()
}

/// How many bytes the Raft states and snapshots of a group have together.
pub(super) fn saved_by_group<S: Sharded>(cfg: &Config<S>, gi: usize) -> usize {
    let saved = |i| {
        let (raft, snapshot) = cfg.saved_bytes(gi, i);
        raft + snapshot
    };
    (0..cfg.servers()).map(saved).sum()
}

/// A change of the configuration cannot finish, because a group is dead. Meanwhile, another group must serve
/// the shards that the change does not move.
pub(super) fn challenge_2_unaffected<S: Sharded>() {
    let title = "Test: unaffected shard access (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    put_all(&mut keys, "100");

    cfg.join(1);
    let owned = owned_by(&cfg, 1);
    pause(1000);
    // As in the course, the number of a key is used here as the number of its shard. This is wrong, but it
    // only affects which keys are written once more.
    for i in (0..10).filter(|&i| owned[i]) {
        keys.put_one(i, "101".to_owned());
    }

    // The first group is dead when it leaves. So the second group cannot get the shards that the first group
    // still had.
    cfg.shutdown_group(0);
    cfg.leave(0);
    pause(1000);
    for i in (0..10).filter(|&i| owned[key2shard(&key(i))]) {
        check_put_check(&mut keys, i, "-1");
    }
    cfg.end();
}

/// A group must serve a shard that has arrived, even if other shards have not arrived yet.
pub(super) fn challenge_2_partial<S: Sharded>() {
    let title = "Test: partial migration shard access (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.joinm(&[0, 1, 2]);
    pause(1000);
    put_all(&mut keys, "100");
    let owned = owned_by(&cfg, 2);

    // The second group gets all shards. The shards of the third group arrive. The shards of the first group
    // cannot arrive, because that group is dead.
    cfg.shutdown_group(0);
    cfg.leavem(&[0, 2]);
    pause(1000);
    for i in (0..10).filter(|&i| owned[key2shard(&key(i))]) {
        check_put_check(&mut keys, i, "-2");
    }
    cfg.end();
}

/// Puts the same value under ten keys.
pub(super) fn put_all<C: KvClerk>(keys: &mut Keys<C>, value: &str) {
    keys.values = vec![String::new(); 10];
    (0..10).for_each(|i| keys.put_one(i, value.to_owned()));
}

/// Returns, for each shard, whether group `gi` owns the shard in the latest configuration.
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
