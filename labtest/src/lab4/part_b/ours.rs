//! Tests of properties that the course's tests do not check.
//!
//! | case | the test of the course | what the case checks in addition |
//! |---|---|---|
//! | `rejection` | `static_shards` | that a group refuses keys of other groups' shards |
//! | `static_shards_all_answered` | `static_shards` | that the Gets for a dead group are answered later |
//! | `snapshot_is_taken` | `snapshot` | that there are snapshots, and that they contain the data |
//! | `concurrent_1_logs_stay_short` | `concurrent_1` | that the logs stay short while shards move |
//! | `unreliable_3_decided` | `unreliable_3` | that the checker comes to a verdict |
//! | `challenge_1_nothing_left` | `challenge_1_delete` | that no data is left in a group without shards |
//! | `challenge_2_unaffected_in_time` | `challenge_2_unaffected` | how long accesses take |
//! | `challenge_2_partial_in_time` | `challenge_2_partial` | how long accesses take |

use labapi::{CtrlerClerk, Sharded, key2shard};
use labrt::collections::{BTreeMap, BTreeSet};
use labrt::thread;
use labrt::time::{Duration, Instant};

use super::challenges::{check_put_check, owned_by, put_all, saved_by_group};
use super::concurrent::concurrent_1_with;
use super::moves::{count_until_idle, get_in_background};
use super::unreliable::unreliable_3_with;
use super::{Keys, key, pause};
use crate::harness::Case;
use crate::kv::IfUnknown;
use crate::lives::join;
use crate::output::note;
use crate::shards::{Config, Setup, gid, make_config, within};

pub(super) fn cases<S: Sharded>() -> Vec<Case> {
    vec![
        Case::ours("rejection", rejection::<S>),
        Case::ours("static_shards_all_answered", static_shards_all_answered::<S>),
        Case::ours("snapshot_is_taken", snapshot_is_taken::<S>),
        Case::ours("concurrent_1_logs_stay_short", concurrent_1_logs_stay_short::<S>),
        Case::ours("unreliable_3_decided", unreliable_3_decided::<S>),
        Case::ours("challenge_1_nothing_left", challenge_1_nothing_left::<S>),
        Case::ours("challenge_2_unaffected_in_time", challenge_2_unaffected_in_time::<S>),
        Case::ours("challenge_2_partial_in_time", challenge_2_partial_in_time::<S>),
    ]
}

/// If a group serves a shard, three accesses to this shard, one after the other, may take at most this time.
/// This is also the limit for a single access. The time is enough for an unreliable network and an election.
const IN_TIME: Duration = Duration::from_secs(5);

/// A group must refuse keys of shards that it does not serve, even if a clerk believes that the group serves
/// them. The clerks of this test ask a second controller. Only one group has joined there, so these clerks
/// send all requests to this group. The course has had such a test since 2024.
fn rejection<S: Sharded>() {
    let cfg = make_config::<S>("Test (ours): rejection ...", Setup::new());
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    cfg.join(1);
    keys.put(10, 20);
    keys.check();

    let mut second = cfg.start_second_ctrler();
    second.join(BTreeMap::from([(gid(0), cfg.server_names(0))]));
    let reports = get_in_background(&keys, || cfg.make_client_of_second());
    let completed = count_until_idle(&reports);
    assert!(
        completed == 5,
        "expected 5 completions from the group that has half of the shards; got {completed}"
    );
    cfg.end();
}

/// While a group is dead, some Gets wait. They must be answered soon after the group is started again.
fn static_shards_all_answered<S: Sharded>() {
    let cfg = make_config::<S>("Test (ours): static shards, all are answered in the end ...", Setup::new());
    let mut keys = Keys::new(&cfg);
    cfg.joinm(&[0, 1]);
    keys.put(10, 20);
    keys.check();
    let owned = owned_by(&cfg, 1);

    cfg.shutdown_group(1);
    let reports = get_in_background(&keys, || cfg.make_client());
    let completed = count_until_idle(&reports);
    assert!(completed == 5, "expected 5 completions with one shard dead; got {completed}");

    cfg.start_group(1);
    let late: BTreeSet<usize> =
        (0..5).map(|_| reports.recv_timeout(IN_TIME).map_or(99, |it| it.check())).collect();
    let expected: BTreeSet<usize> = (0..10).filter(|&i| owned[key2shard(&key(i))]).collect();
    assert!(late == expected, "keys read within {IN_TIME:?} of the restart: {late:?}; expected {expected:?}");
    cfg.end();
}

/// The servers must make snapshots, so that their logs stay short. The snapshots must contain the data.
fn snapshot_is_taken<S: Sharded>() {
    const MAXRAFTSTATE: usize = 1000;
    let cfg =
        make_config::<S>("Test (ours): snapshots are taken ...", Setup::new().maxraftstate(MAXRAFTSTATE));
    let mut keys = Keys::new(&cfg);
    cfg.joinm(&[0, 1, 2]);

    // The test writes a little more data than fits into the logs of all groups together.
    keys.put(10, 20);
    for _ in 0..(3 * 8 * MAXRAFTSTATE / (10 * 100)) {
        keys.check_and_append(100);
        cfg.checklogs();
    }
    let written: usize = keys.values.iter().map(String::len).sum();
    for gi in 0..3 {
        for i in 0..3 {
            let (raft, snapshot) = cfg.saved_bytes(gi, i);
            // A group has at least three of the ten shards, so at least three of the ten keys. The last
            // appends may not be in the snapshot yet. So the test only expects as much data as two keys have.
            let least = written / 10 * 2;
            assert!(
                snapshot > least,
                "server {i} of group {}: a snapshot of {snapshot} bytes beside a Raft state of {raft}, but its \
                 shards have more than {least}",
                gid(gi)
            );
        }
    }

    // After the restart, the data can only come from the snapshots.
    (0..3).for_each(|gi| cfg.shutdown_group(gi));
    (0..3).for_each(|gi| cfg.start_group(gi));
    keys.check();
    cfg.end();
}

/// The same test as `concurrent_1`, but this test checks the size of the logs while shards move and
/// afterwards.
fn concurrent_1_logs_stay_short<S: Sharded>() {
    concurrent_1_with::<S>("Test (ours): logs stay short while shards move ...", |cfg| cfg.checklogs());
}

/// The same test as `unreliable_3`, but the checker has enough time, and must come to a verdict.
fn unreliable_3_decided<S: Sharded>() {
    let title = "Test (ours): unreliable 3, with a verdict ...";
    unreliable_3_with::<S>(title, IfUnknown::Fails(Duration::from_secs(60)));
}

/// When a group has no shards any more, its servers must have no data any more, neither on disk nor in
/// memory.
fn challenge_1_nothing_left<S: Sharded>() {
    /// `KEYS` is the number of keys. `LEN` is the number of letters of a value.
    const KEYS: usize = 30;
    const LEN: usize = 1000;
    /// If a group has no shards, its three servers together must save fewer bytes than this. The limit allows
    /// each server the size of one value. A server needs this space for the configurations. It needs no space
    /// for the last replies to clients, because these move with the shards.
    const LEFT: usize = 3 * LEN;

    let title = "Test (ours): shard deletion, group by group (challenge 1) ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(1));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    keys.put(KEYS, LEN);
    keys.check();

    let mut most = 0;
    for (joins, leaves) in [(1, 0), (2, 1), (0, 2)] {
        cfg.join(joins);
        cfg.leave(leaves);
        pause(3000);
        keys.check();

        let left = saved_by_group(&cfg, leaves);
        most = most.max(left);
        assert!(
            left < LEFT,
            "group {} has no shard, and its three servers save {left} bytes; {LEFT} are too many",
            gid(leaves)
        );
        for i in 0..cfg.servers() {
            let held = cfg.bytes_held(leaves, i).unwrap_or(0);
            assert!(held == 0, "group {} has no shard, and server {i} holds {held} bytes", gid(leaves));
        }
        let stored = saved_by_group(&cfg, joins);
        assert!(stored >= 3 * KEYS * LEN, "group {} has all shards, but saves {stored} bytes", gid(joins));
    }
    note(&format!("a group without shards saves at most {most} of {LEFT} bytes"));
    cfg.end();
}

/// A change of the configuration cannot finish, because a group is dead. Meanwhile, another group must serve
/// the shards that the change does not move, and each access must be fast enough. No group may serve the
/// other shards until the group that has their data is started again.
fn challenge_2_unaffected_in_time<S: Sharded>() {
    let title = "Test (ours): unaffected shard access in time (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.join(0);
    put_all(&mut keys, "100");
    cfg.join(1);
    let owned = owned_by(&cfg, 1);
    pause(1000);

    cfg.shutdown_group(0);
    cfg.leave(0);
    pause(1000);
    served_in_time(&cfg, keys, &owned, &[0]);
    cfg.end();
}

/// A group must serve the shards that have arrived, even if other shards have not arrived, and each access
/// must be fast enough. No group may serve the other shards until the group that has their data is started
/// again.
fn challenge_2_partial_in_time<S: Sharded>() {
    let title = "Test (ours): partial migration shard access in time (challenge 2) ...";
    let cfg = make_config::<S>(title, Setup::new().unreliable().maxraftstate(100));
    let mut keys = Keys::new(&cfg);
    cfg.joinm(&[0, 1, 2]);
    pause(1000);
    put_all(&mut keys, "100");
    let dead = owned_by(&cfg, 0);
    let owned: Vec<bool> = dead.iter().map(|dead| !dead).collect();

    cfg.shutdown_group(0);
    cfg.leavem(&[0, 2]);
    pause(1000);
    served_in_time(&cfg, keys, &owned, &[0]);
    cfg.end();
}

/// Checks that accesses to the `owned` shards end in time, and that accesses to the other shards do not end
/// before the groups in `dead` are started again.
fn served_in_time<S: Sharded>(cfg: &Config<S>, mut keys: Keys<S::Clerk>, owned: &[bool], dead: &[usize]) {
    let is_owned = |&i: &usize| owned[key2shard(&key(i))];
    let rest: Vec<_> = (0..10)
        .filter(|i| !is_owned(i))
        .map(|i| {
            let (mut clerk, expected) = (cfg.make_client(), keys.values[i].clone());
            thread::spawn_named(format!("client-{i}"), move || {
                let value = clerk.get(&key(i));
                assert!(value == expected, "Get({i}): expected {expected:?}, received {value:?}");
            })
        })
        .collect();

    let mut longest = Duration::ZERO;
    for i in (0..10).filter(is_owned) {
        let began = Instant::now();
        keys = within(IN_TIME, &format!("get, put and get of key {i}, whose shard is served,"), move || {
            check_put_check(&mut keys, i, "-1");
            keys
        });
        longest = longest.max(began.elapsed());
    }
    note(&format!("three accesses took at most {:.1} of {} s", longest.as_secs_f64(), IN_TIME.as_secs()));

    let early = rest.iter().filter(|get| get.is_finished()).count();
    assert!(early == 0, "{early} Gets of shards whose data is with a dead group were answered");
    dead.iter().for_each(|&gi| cfg.start_group(gi));
    within(2 * IN_TIME, "the Gets of shards that had to wait for a dead group", || {
        rest.into_iter().for_each(join);
    });
    within(2 * IN_TIME, "a look at all keys", move || keys.check());
}
