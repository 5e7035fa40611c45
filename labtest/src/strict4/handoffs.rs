//! Single handoffs of a shard, in situations that random faults hardly ever make. Each test makes one of
//! these situations, step by step.

use labapi::{CtrlerClerk, Sharded, key2shard};
use labrt::collections::BTreeMap;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::SECOND;
use crate::lives::join;
use crate::migration::{KEYS, PATIENCE, leader_or_any};
use crate::shards::{Client, Cluster, Place, Setup, gid, make_config, within};

/// The time limit of a whole test.
pub(super) const LIMIT: Duration = Duration::from_secs(300);

/// The new owner's leader is cut off from its group when the data arrives. So it cannot commit the data. It
/// must not say that it has the data, because the old owner would then delete the only copy.
pub(super) fn taker_cannot_commit<S: Sharded>() {
    let title = "Test (strict4): the new owner's leader cannot commit the data ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let mut clerk = cfg.make_client();
    cfg.join(0);
    for round in 0..6 {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        let value = format!("round {round}");
        clerk = put_all(clerk, &value);
        // The new owner takes the configuration, but the old owner is down and cannot send the data yet.
        cfg.shutdown_group(giver);
        cfg.join(taker);
        sleep(SECOND);
        let leader = leader_or_any(&cfg, taker);
        cfg.isolate_from_group(leader);
        cfg.start_group(giver);
        sleep(3 * SECOND);
        cfg.heal();
        clerk = check_all(clerk, &value);
        cfg.leave(giver);
    }
    check_all(clerk, "round 5");
    cfg.end();
}

/// A group is down while it joins and leaves again. So the old owner of its shards has not delivered them
/// yet. The old owner restarts from a snapshot. It must still know the servers of the group that has left. It
/// must deliver the shards to that group, because only that group can give the shards back.
pub(super) fn taker_has_left<S: Sharded>() {
    let title = "Test (strict4): the new owner leaves before it has the data, and the old owner restarts ...";
    let cfg = make_config::<S>(title, Setup::new().maxraftstate(1).limit(LIMIT));
    let mut clerk = cfg.make_client();
    cfg.join(0);
    for round in 0..4 {
        let value = format!("round {round}");
        clerk = put_all(clerk, &value);
        cfg.shutdown_group(1);
        cfg.join(1);
        sleep(SECOND);
        cfg.leave(1);
        sleep(SECOND);
        cfg.shutdown_group(0);
        cfg.start_group(0);
        cfg.start_group(1);
        clerk = check_all(clerk, &value);
    }
    cfg.end();
}

/// A new owner is down, so its shards stay with the old owners. The old owners must still take the next
/// configuration, and give another shard to a group that is up.
pub(super) fn dead_taker_stops_nobody<S: Sharded>() {
    let title = "Test (strict4): a dead new owner does not stop the other groups ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let mut clerk = cfg.make_client();
    cfg.joinm(&[0, 2]);
    for round in 0..3 {
        let value = format!("round {round}");
        clerk = put_all(clerk, &value);
        cfg.shutdown_group(1);
        cfg.join(1);
        sleep(SECOND);
        let owners = cfg.query().shards;
        let of_group_0 = |i: &usize| owners[key2shard(&i.to_string())] == gid(0);
        let i = (0..KEYS).find(of_group_0).expect("each of three groups has at least three shards");
        cfg.move_shard(key2shard(&i.to_string()), 2);
        // A new clerk asks the new owner, because it begins with the latest configuration.
        let (mut reader, expected) = (cfg.make_client(), value.clone());
        within(PATIENCE, "reading a key that moves between two groups that are up", move || {
            reader.check(&i.to_string(), &expected);
        });
        cfg.start_group(1);
        check_all(clerk, &value);
        cfg.leave(1);
        // Group 1 must give its shards back before it goes down again. A new clerk asks the new owners, so it
        // gets the values only after the shards have moved.
        clerk = check_all(cfg.make_client(), &value);
    }
    cfg.end();
}

/// A group gets all shards of two groups that leave. One of these groups is down, so its shards do not
/// arrive. The group must still serve its own shards, and the shards that have arrived (challenge 2 of the
/// course).
pub(super) fn waits_for_one_shard_only<S: Sharded>() {
    let title = "Test (strict4): a group that waits for some shards serves the others ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let mut clerk = cfg.make_client();
    cfg.joinm(&[0, 1, 2]);
    for round in 0..3 {
        let value = format!("round {round}");
        clerk = put_all(clerk, &value);
        let (stays, leaves, dead) = (round % 3, (round + 1) % 3, (round + 2) % 3);
        let owners = cfg.query().shards;
        let is_served = |i: &usize| owners[key2shard(&i.to_string())] != gid(dead);
        let served: Vec<usize> = (0..KEYS).filter(is_served).collect();
        cfg.shutdown_group(dead);
        cfg.leavem(&[leaves, dead]);
        sleep(SECOND);
        let (mut reader, expected) = (cfg.make_client(), value.clone());
        let what = format!("reading keys {served:?}, which group {} has", gid(stays));
        within(PATIENCE, &what, move || {
            served.into_iter().for_each(|i| reader.check(&i.to_string(), &expected));
        });
        cfg.start_group(dead);
        check_all(clerk, &value);
        cfg.joinm(&[leaves, dead]);
        // A new clerk asks the new owners, so it gets the values only after the shards have moved.
        clerk = check_all(cfg.make_client(), &value);
    }
    cfg.end();
}

/// A group that has given a shard away must not reply to reads of this shard, even if it does not know yet
/// that the data has arrived at the new owner. While the data moves, the leader of the old owner has no
/// majority, so it cannot delete the data. Then the group gets a new leader, which has the old data for a
/// moment. At this time, readers ask the old owner for the key. They began to read after a write at the new
/// owner was complete. They ask only the old owner, because they use a second controller, which knows no
/// other group.
pub(super) fn old_owner_is_asked<S: Sharded>() {
    const ROUNDS: usize = 5;
    const READERS: usize = 10;
    let key = "0";
    let shard = key2shard(key);
    let title = "Test (strict4): reads at the old owner of a shard ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let mut second = cfg.start_second_ctrler();
    second.join(BTreeMap::from([(gid(0), cfg.server_names(0))]));
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut writer = cfg.make_client();
    writer.put(key, "before");

    for round in 1..=ROUNDS {
        cfg.shutdown_group(1);
        cfg.move_shard(shard, 1);
        sleep(SECOND);
        let leader = leader_or_any(&cfg, 0);
        let follower = another(&cfg, leader);
        cfg.isolate_from_group(leader);
        cfg.shutdown(follower);
        cfg.start_group(1);
        let value = round.to_string();
        let write = {
            let value = value.clone();
            thread::spawn_named("writer", move || {
                writer.put(key, &value);
                writer
            })
        };
        sleep(4 * SECOND);
        // If the old leader has sent the data, the write is complete. If not, the old owner still has the
        // newest data. Then this round has no readers.
        let count = if write.is_finished() { READERS } else { 0 };
        let readers: Vec<_> = (0..count)
            .map(|_| {
                let mut reader = cfg.make_client_of_second();
                thread::spawn_named("reader", move || reader.get(key))
            })
            .collect();
        cfg.shutdown(leader);
        cfg.start(follower);
        sleep(2 * SECOND);
        cfg.start(leader);
        cfg.heal();
        writer = within(PATIENCE, "the write at the new owner", || join(write));

        // The readers that the old owner has refused get their value when the shard is back.
        cfg.move_shard(shard, 0);
        for reader in readers {
            let read = within(PATIENCE, "a read after the shard is back", || join(reader));
            assert!(read == value, "a Get has read {read:?} after the Put of {value:?} was complete");
        }
    }
    cfg.end();
}

/// Another server of the same group.
pub(super) fn another<S: Sharded>(cfg: &Cluster<S>, place: Place) -> Place {
    match place {
        Place::Server(gi, i) => Place::Server(gi, (i + 1) % cfg.servers()),
        other => other,
    }
}

/// Writes the same value to all keys.
#[track_caller]
pub(super) fn put_all<C: labapi::KvClerk>(mut clerk: Client<C>, value: &str) -> Client<C> {
    let value = value.to_owned();
    within(PATIENCE, "writing all keys", move || {
        (0..KEYS).for_each(|i| clerk.put(&i.to_string(), &value));
        clerk
    })
}

/// Reads all keys, and fails the test if one has another value than `expected`.
#[track_caller]
pub(super) fn check_all<C: labapi::KvClerk>(mut clerk: Client<C>, expected: &str) -> Client<C> {
    let expected = expected.to_owned();
    within(PATIENCE, "reading all keys", move || {
        (0..KEYS).for_each(|i| clerk.check(&i.to_string(), &expected));
        clerk
    })
}
