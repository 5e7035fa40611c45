//! A shard that moves is served by nobody, until its new owner has the newest data.

use labapi::{CtrlerClerk, KvClerk, Sharded, key2shard};
use labrt::collections::BTreeMap;
use labrt::thread::{self, JoinHandle};
use labrt::time::sleep;

use super::SECOND;
use super::handoffs::{LIMIT, another, check_all, put_all};
use crate::lives::join;
use crate::migration::{PATIENCE, leader_or_any};
use crate::shards::{Client, Setup, gid, make_config, within};

/// The key whose shard moves.
const KEY: &str = "0";

/// Lab 4B: after a configuration has taken a shard from a group, this group does not serve the shard any
/// more. The new owner does not serve the shard before it has the data.
///
/// First the new owner is down, and clerks ask the old owner for the shard. These clerks use a second
/// controller, which knows only the old owner. Then the old owner is down, and other clerks ask the new
/// owner. None of these clerks may get a reply before both groups are up.
///
/// Finds: the old owner serves the shard until it has deleted the data; the new owner begins with an empty
/// shard, or says that there is no such key; the old owner deletes the data before the new owner has it.
pub(super) fn nobody_serves_a_moving_shard<S: Sharded>() {
    let title = "Test (strict4): nobody serves a shard that moves ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let shard = key2shard(KEY);
    let mut second = cfg.start_second_ctrler();
    second.join(BTreeMap::from([(gid(0), cfg.server_names(0))]));
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut clerk = cfg.make_client();
    let mut value = "begin".to_owned();
    clerk.put(KEY, &value);

    for _ in 0..3 {
        cfg.shutdown_group(1);
        cfg.move_shard(shard, 1);
        sleep(SECOND);
        let old_get = get(cfg.make_client_of_second());
        let old_append = append(cfg.make_client_of_second(), "x");
        sleep(SECOND);
        assert!(!old_get.is_finished(), "the old owner has answered a Get of a shard that it gave away");
        assert!(!old_append.is_finished(), "the old owner has done an Append to a shard that it gave away");

        cfg.shutdown_group(0);
        cfg.start_group(1);
        sleep(SECOND);
        let (new_get, new_append) = (get(cfg.make_client()), append(cfg.make_client(), "y"));
        sleep(2 * SECOND);
        assert!(!new_get.is_finished(), "the new owner has answered a Get before it had the data");
        assert!(!new_append.is_finished(), "the new owner has done an Append before it had the data");

        cfg.start_group(0);
        let read = ended("a Get at the new owner", new_get);
        ended("an Append at the new owner", new_append);
        let after = format!("{value}y");
        assert!(read == value || read == after, "a Get has read {read:?}; expected {value:?} or {after:?}");
        clerk = check(clerk, &after);

        // Now the clerks of the second controller can get their replies, too.
        cfg.move_shard(shard, 0);
        let read = ended("a Get after the shard is back", old_get);
        ended("an Append after the shard is back", old_append);
        value = format!("{after}x");
        assert!(read == after || read == value, "a Get has read {read:?}; expected {after:?} or {value:?}");
        clerk = check(clerk, &value);
    }
    cfg.end();
}

/// Lab 4B: if a shard comes back to a group that still has its old data, the group must not serve the old
/// data.
///
/// The leader of the old owner has delivered the shard. But it is cut off from its group, so it cannot tell
/// the group that the shard was delivered. The new owner does a write and goes down. Then the shard comes
/// back to the old owner, which has a new leader. The old owner must wait for the new data.
///
/// Finds: a group serves the old data that it has not deleted yet.
pub(super) fn shard_comes_back_with_new_data<S: Sharded>() {
    let title = "Test (strict4): a shard comes back with new data ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let shard = key2shard(KEY);
    cfg.joinm(&[0, 1]);
    cfg.move_shard(shard, 0);
    let mut writer = cfg.make_client();
    writer.put(KEY, "before");
    for round in 0..4 {
        cfg.shutdown_group(1);
        cfg.move_shard(shard, 1);
        sleep(SECOND);
        let leader = leader_or_any(&cfg, 0);
        let follower = another(&cfg, leader);
        cfg.isolate_from_group(leader);
        cfg.shutdown(follower);
        cfg.start_group(1);
        let value = format!("round {round}");
        let write = {
            let value = value.clone();
            thread::spawn_named("writer", move || {
                writer.put(KEY, &value);
                writer
            })
        };
        sleep(3 * SECOND);
        // If the old leader has not sent the data, the old owner still has the newest data. Then this round
        // tests nothing.
        let delivered = write.is_finished();
        if delivered {
            cfg.shutdown_group(1);
        }
        cfg.move_shard(shard, 0);
        cfg.shutdown(leader);
        cfg.start(follower);
        sleep(SECOND);
        let read = get(cfg.make_client());
        sleep(2 * SECOND);
        let early = read.is_finished();

        cfg.start(leader);
        cfg.heal();
        if delivered {
            cfg.start_group(1);
        }
        writer = ended("the write at the new owner", write);
        let read = ended("a Get after the shard is back", read);
        assert!(
            !delivered || read == value,
            "a Get has read {read:?}{} after the Put of {value:?} was complete",
            if early { ", without the group that has the newest data," } else { "" }
        );
        writer = check(writer, &value);
    }
    cfg.end();
}

/// Lab 4B: a group takes the configurations one at a time and in order.
///
/// A group is down while a shard is given to it, and then to a third group. When the group is up, it must
/// take both configurations, so that the data can move through it.
///
/// Finds: a group takes the latest configuration and skips the configurations before it.
pub(super) fn group_misses_configurations<S: Sharded>() {
    let title = "Test (strict4): a group misses configurations ...";
    let cfg = make_config::<S>(title, Setup::new().limit(LIMIT));
    let mut clerk = cfg.make_client();
    cfg.joinm(&[0, 1, 2]);
    let mut owner = 0;
    cfg.move_shard(key2shard(KEY), owner);
    for round in 0..6 {
        let value = format!("round {round}");
        clerk = put_all(clerk, &value);
        let (through, last) = ((owner + 1) % 3, (owner + 2) % 3);
        cfg.shutdown_group(through);
        cfg.move_shard(key2shard(KEY), through);
        cfg.move_shard(key2shard(KEY), last);
        sleep(SECOND);
        cfg.start_group(through);
        // A new clerk knows only the latest configuration, so it asks the last owner.
        check(cfg.make_client(), &value);
        clerk = check_all(clerk, &value);
        owner = last;
    }
    cfg.end();
}

fn get<C: KvClerk>(mut clerk: Client<C>) -> JoinHandle<String> {
    thread::spawn_named("reader", move || clerk.get(KEY))
}

fn append<C: KvClerk>(mut clerk: Client<C>, text: &'static str) -> JoinHandle<()> {
    thread::spawn_named("writer", move || clerk.append(KEY, text))
}

#[track_caller]
fn ended<T: Send + 'static>(what: &str, operation: JoinHandle<T>) -> T {
    within(PATIENCE, what, || join(operation))
}

/// Fails the test if the key does not have this value.
#[track_caller]
fn check<C: KvClerk>(mut clerk: Client<C>, expected: &str) -> Client<C> {
    let expected = expected.to_owned();
    within(PATIENCE, "reading the key", move || {
        clerk.check(KEY, &expected);
        clerk
    })
}
