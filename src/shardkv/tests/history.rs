//! Tests one group without servers: which operations it accepts and refuses, and which state it saves.

use crate::kvraft::{GetArgs, Kv, PutAppendArgs, PutOrAppend};
use crate::rsm::Stamp;
use crate::shardkv::group::Group;
use crate::shardkv::messages::{Applied, DeliverArgs, DeliverReply, Op, ShardKvError};
use crate::shardkv::migration::{Shard, Verdict};
use labapi::{Config, Gid, NSHARDS, key2shard};
use labrt::collections::BTreeMap;
use labrt::sync::Arc;

const US: Gid = 1;
const THEM: Gid = 2;
/// The greatest number of bytes in a delivery.
const LIMIT: usize = 1 << 20;

fn append(key: &str, value: &str, seq: u64) -> Op {
    let stamp = Stamp { client: 1, seq };
    Op::PutAppend(PutAppendArgs { op: PutOrAppend::Append, key: key.into(), value: value.into(), stamp })
}

fn get(key: &str) -> Op {
    Op::Get(GetArgs { key: key.into() })
}

/// Configuration `num`, with these groups and with all shards on `owner`.
fn config(num: u64, owner: Gid, gids: &[Gid]) -> Config {
    let groups: BTreeMap<Gid, Vec<String>> = gids.iter().map(|gid| (*gid, vec![format!("s{gid}")])).collect();
    Config { num, shards: [owner; NSHARDS], groups }
}

fn group(configs: &[Config]) -> Group {
    let mut group = Group::new(US);
    configs.iter().for_each(|config| drop(group.apply(Op::Reconfigure(config.clone()))));
    group
}

fn wrong_group(num: u64) -> Applied {
    Applied::Client(Err(ShardKvError::ErrWrongGroup { num }))
}

#[test]
fn the_shard_of_a_key() {
    let shards = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(key2shard);
    assert_eq!(shards, [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(key2shard(""), 0);
    assert_eq!(key2shard("0 and more"), 8, "only the first byte counts");
}

#[test]
fn configurations_are_taken_one_by_one() {
    let mut group = group(&[config(1, US, &[US])]);
    for num in [0, 1, 3] {
        let before = group.clone();
        group.apply(Op::Reconfigure(config(num, THEM, &[THEM])));
        assert_eq!(group, before, "configuration {num} is not the next one");
    }
    group.apply(Op::Reconfigure(config(2, THEM, &[THEM])));
    assert_eq!((group.config().num, group.wants()), (2, Some(3)), "handoffs do not delay the group");
}

#[test]
fn nothing_is_taken_while_shards_are_awaited() {
    let mut group = group(&[config(1, THEM, &[THEM]), config(2, US, &[US])]);
    assert_eq!(group.wants(), None);
    let before = group.clone();
    group.apply(Op::Reconfigure(config(3, THEM, &[THEM])));
    assert_eq!(group, before);
}

#[test]
fn a_group_serves_what_it_has_and_nothing_else() {
    let mut group = group(&[]);
    assert_eq!(group.apply(append("k", "a", 1)), wrong_group(0));
    group.apply(Op::Reconfigure(config(1, US, &[US, THEM])));
    assert_eq!(group.apply(get("k")), Applied::Client(Err(ShardKvError::ErrNoKey)));
    group.apply(append("k", "a", 1));
    group.apply(append("k", "a", 1));
    assert_eq!(group.apply(get("k")), Applied::Client(Ok("a".to_owned().into())), "a copy does nothing");
    group.apply(Op::Reconfigure(config(2, THEM, &[US, THEM])));
    assert_eq!(group.apply(append("k", "b", 2)), wrong_group(2));
    assert_eq!(group.apply(get("k")), wrong_group(2));
}

#[test]
fn a_shard_goes_and_comes_back_with_its_memory() {
    let mut group = group(&[config(1, US, &[US, THEM])]);
    group.apply(append("k", "a", 1));
    group.apply(Op::Reconfigure(config(2, THEM, &[US, THEM])));
    let delivery = group.deliveries(LIMIT).remove(&THEM).expect("the other group gets all shards");
    assert_eq!(delivery.servers, ["s2"]);
    assert_eq!((delivery.args.from, delivery.args.num, delivery.args.shards.len()), (US, 2, NSHARDS));
    group.apply(Op::Acknowledge { num: 2, shards: (0..NSHARDS).collect() });
    assert_eq!((group.deliveries(LIMIT).len(), group.bytes()), (0, 0), "all data was deleted");

    group.apply(Op::Reconfigure(config(3, US, &[US, THEM])));
    assert_eq!(group.apply(get("k")), wrong_group(3), "the shard has not arrived yet");
    let args = DeliverArgs { from: THEM, num: 3, ..delivery.args };
    assert_eq!(group.judge(&args), Verdict::Wanted);
    assert_eq!(group.apply(Op::Deliver(args.clone())), Applied::Deliver(DeliverReply::Taken));
    group.apply(append("k", "a", 1));
    assert_eq!(group.apply(get("k")), Applied::Client(Ok("a".to_owned().into())));

    // A late copy of the delivery must not replace the latest writes with older data.
    group.apply(append("k", "b", 2));
    assert_eq!(group.judge(&args), Verdict::Known);
    assert_eq!(group.apply(Op::Deliver(args)), Applied::Deliver(DeliverReply::Taken));
    assert_eq!(group.apply(get("k")), Applied::Client(Ok("ab".to_owned().into())));
}

#[test]
fn deliveries_that_do_not_fit_change_nothing() {
    let mut group = group(&[config(1, THEM, &[US, THEM]), config(2, US, &[US, THEM])]);
    let before = group.clone();
    let deliver =
        |num, shard| Op::Deliver(DeliverArgs { from: THEM, num, shards: vec![(shard, Arc::new(Kv::new()))] });
    assert_eq!(group.apply(deliver(3, 0)), Applied::Deliver(DeliverReply::Early));
    assert_eq!(group.apply(deliver(1, 0)), Applied::Deliver(DeliverReply::Taken));
    assert_eq!(group.apply(deliver(2, NSHARDS)), Applied::Deliver(DeliverReply::Refused), "no such shard");
    group.apply(Op::Acknowledge { num: 2, shards: vec![0, NSHARDS] });
    assert_eq!(group, before);
    // The configuration does not give the shard to this group. If this group replied "taken", the old owner
    // would delete the only copy of the data.
    let mut stranger = self::group(&[config(1, THEM, &[US, THEM])]);
    assert_eq!(stranger.apply(deliver(1, 0)), Applied::Deliver(DeliverReply::Refused));
}

#[test]
fn part_of_a_delivery_may_be_known() {
    let mut group = group(&[config(1, THEM, &[US, THEM]), config(2, US, &[US, THEM])]);
    let mut other = Kv::new();
    let stamp = Stamp { client: 1, seq: 1 };
    let put = PutAppendArgs { op: PutOrAppend::Put, key: "k".into(), value: "v".into(), stamp };
    assert!(other.put_append(put).is_ok());
    let deliver = |shards: &[usize], data: &Kv| {
        let shards = shards.iter().map(|shard| (*shard, Arc::new(data.clone()))).collect();
        Op::Deliver(DeliverArgs { from: THEM, num: 2, shards })
    };
    group.apply(deliver(&[0, 1], &Kv::new()));
    group.apply(deliver(&[1, 2], &other));
    assert_eq!(group.shards()[1], Shard::Serving(Kv::new()), "the group already had the shard");
    assert_eq!(group.shards()[2], Shard::Serving(other));
    assert!(group.shards()[3].is_awaiting());
}

/// If all groups have left, the data stays in the last owner. The next owner gets the data from the last
/// owner.
#[test]
fn nothing_is_lost_when_all_groups_leave() {
    let mut group = group(&[config(1, US, &[US])]);
    group.apply(append("k", "a", 1));
    group.apply(Op::Reconfigure(config(2, 0, &[])));
    assert_eq!(group.apply(get("k")), wrong_group(2));
    let mut back = group.clone();
    back.apply(Op::Reconfigure(config(3, US, &[US])));
    assert_eq!(back.apply(get("k")), Applied::Client(Ok("a".to_owned().into())));

    group.apply(Op::Reconfigure(config(3, THEM, &[THEM])));
    let delivery = group.deliveries(LIMIT).remove(&THEM).expect("the other group gets all shards");
    let mut them = Group::new(THEM);
    for config in [config(1, US, &[US]), config(2, 0, &[]), config(3, THEM, &[THEM])] {
        them.apply(Op::Reconfigure(config));
    }
    assert_eq!(them.apply(Op::Deliver(delivery.args)), Applied::Deliver(DeliverReply::Taken));
    assert_eq!(them.apply(get("k")), Applied::Client(Ok("a".to_owned().into())));
}

/// The new owner leaves before it has the data. The old owner must still know the servers of the new owner.
#[test]
fn groups_that_have_left_are_remembered_as_long_as_needed() {
    let mut group = group(&[config(1, US, &[US]), config(2, THEM, &[US, THEM]), config(3, 3, &[US, 3])]);
    assert_eq!(group.deliveries(LIMIT)[&THEM].servers, ["s2"]);
    let saved = Group::decode(US, &group.encode()).expect("the group has encoded this state");
    assert_eq!(saved, group);
    group.apply(Op::Acknowledge { num: 2, shards: (0..NSHARDS).collect() });
    assert!(group.deliveries(LIMIT).is_empty());
    assert_eq!(
        group,
        self::group(&[config(1, THEM, &[THEM]), config(2, THEM, &[THEM]), config(3, 3, &[US, 3])])
    );
}

#[test]
fn large_shards_are_delivered_one_by_one() {
    let mut group = group(&[config(1, US, &[US, THEM])]);
    for (seq, key) in (1..).zip(["0", "1", "2"]) {
        group.apply(append(key, &"x".repeat(700_000), seq));
    }
    group.apply(Op::Reconfigure(config(2, THEM, &[US, THEM])));
    let mut delivered = Vec::new();
    while let Some(delivery) = group.deliveries(LIMIT).remove(&THEM) {
        let shards: Vec<usize> = delivery.args.shards.iter().map(|(shard, _)| *shard).collect();
        let bytes: usize = delivery.args.shards.iter().map(|(_, data)| data.bytes()).sum();
        assert!(bytes <= LIMIT, "shards {shards:?} have {bytes} bytes");
        group.apply(Op::Acknowledge { num: 2, shards: shards.clone() });
        delivered.extend(shards);
    }
    delivered.sort_unstable();
    assert_eq!(delivered, (0..NSHARDS).collect::<Vec<_>>());
}

#[test]
fn bytes_that_are_not_a_snapshot_are_refused() {
    let mut group = group(&[config(1, US, &[US])]);
    group.apply(append("k", "a", 1));
    let bytes = group.encode();
    assert_eq!(Group::decode(US, &bytes).as_ref(), Ok(&group));
    let refused = |gid, bytes: &[u8]| {
        Group::decode(gid, bytes).expect_err("this is not a snapshot of the group").to_string()
    };
    let message = refused(THEM, &bytes);
    assert!(message.contains("group 1") && message.contains("group 2"), "{message}");
    for length in 0..bytes.len() {
        refused(US, &bytes[..length]);
    }
    refused(US, &[&bytes[..], &[0]].concat());
    // This state is impossible: the group serves all shards in a configuration that gives them to another
    // group.
    let served = labgob::encode(&(
        US,
        config(1, THEM, &[US, THEM]),
        [true; NSHARDS],
        BTreeMap::<Gid, Vec<String>>::new(),
    ));
    let shards = (0..NSHARDS).flat_map(|_| labgob::encode(&Shard::Serving(Kv::new())));
    let message = refused(US, &served.into_iter().chain(shards).collect::<Vec<_>>());
    assert!(message.contains("shard 0"), "{message}");
}
