//! Tests of the state machine without a server: the numbers of configurations, exactly-once semantics, and
//! snapshots.

use super::groups;
use crate::rsm::{Stamp, StateMachine};
use crate::shardctrler::machine::Controller;
use crate::shardctrler::messages::Op;
use crate::shardctrler::{ConfigError, JoinArgs, LeaveArgs, MoveArgs, QueryArgs};
use labapi::{Config, Gid, NSHARDS};
use labrt::collections::BTreeMap;

fn stamp(client: u64, seq: u64) -> Stamp {
    Stamp { client, seq }
}

fn join(stamp: Stamp, gids: &[Gid]) -> Op {
    Op::Join(JoinArgs { servers: groups(gids), stamp })
}

fn leave(stamp: Stamp, gids: &[Gid]) -> Op {
    Op::Leave(LeaveArgs { gids: gids.to_vec(), stamp })
}

fn move_shard(stamp: Stamp, shard: usize, gid: Gid) -> Op {
    Op::Move(MoveArgs { shard, gid, stamp })
}

/// Applies an operation and returns the reply.
fn apply(controller: &mut Controller, op: Op) -> Result<Config, ConfigError> {
    controller.apply(op).map(|config| Config::clone(&config))
}

/// A controller with configurations 0 to 3.
fn controller() -> Controller {
    let mut controller = Controller::new();
    for op in [join(stamp(1, 1), &[1, 2]), move_shard(stamp(2, 1), 0, 2), leave(stamp(1, 2), &[1])] {
        apply(&mut controller, op).expect("the change is possible");
    }
    controller
}

#[test]
fn each_change_makes_one_configuration() {
    let mut controller = Controller::new();
    let changes = [
        join(stamp(1, 1), &[1]),
        join(stamp(1, 2), &[]),
        move_shard(stamp(1, 3), 0, 1),
        leave(stamp(1, 4), &[]),
        leave(stamp(1, 5), &[1]),
    ];
    for (num, change) in (1..).zip(changes) {
        let made = apply(&mut controller, change).expect("the change is possible");
        assert_eq!(made.num, num);
        assert_eq!(*controller.query(None), made);
    }
}

#[test]
fn a_refused_change_makes_no_configuration() {
    let mut controller = controller();
    let refused = apply(&mut controller, join(stamp(1, 3), &[3, 2]));
    assert_eq!(refused, Err(ConfigError::AlreadyJoined { gid: 2 }));
    assert_eq!(controller.query(None).num, 3);
    assert_eq!(apply(&mut controller, join(stamp(1, 4), &[3])).map(|made| made.num), Ok(4));
}

#[test]
fn every_configuration_can_be_asked_for() {
    let mut controller = controller();
    let mut query =
        |num| apply(&mut controller, Op::Query(QueryArgs { num })).expect("a query is never refused");
    assert_eq!(query(Some(0)), Config::default());
    assert_eq!(query(Some(1)).shards, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    assert_eq!(query(Some(2)).shards, [2, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    assert_eq!(query(Some(3)), Config { num: 3, shards: [2; NSHARDS], groups: groups(&[2]) });
    for latest in [None, Some(4), Some(u64::MAX)] {
        assert_eq!(query(latest).num, 3);
    }
}

/// If a client sends its last change again, the client gets the same reply as before, even after changes of
/// other clients.
#[test]
fn copies_change_nothing() {
    let mut controller = controller();
    let gone = apply(&mut controller, leave(stamp(2, 2), &[2])).expect("the group exists");
    apply(&mut controller, join(stamp(3, 1), &[2])).expect("a new group can join");
    assert_eq!(apply(&mut controller, leave(stamp(2, 2), &[2])), Ok(gone));
    assert_eq!(controller.query(None).num, 5);
    assert_eq!(controller.query(None).groups, groups(&[2]));
}

#[test]
fn a_refusal_is_final() {
    let mut controller = controller();
    let refused = apply(&mut controller, join(stamp(2, 2), &[2]));
    assert_eq!(refused, Err(ConfigError::AlreadyJoined { gid: 2 }));
    apply(&mut controller, leave(stamp(1, 3), &[2])).expect("the group exists");
    assert_eq!(apply(&mut controller, join(stamp(2, 2), &[2])), refused, "the client already has this reply");
    assert_eq!(controller.query(None).num, 4);
}

/// The client has already sent a later change, so it does not wait for this reply.
#[test]
fn a_copy_that_comes_after_a_later_change_changes_nothing() {
    let mut controller = controller();
    let before = controller.snapshot();
    let _ = apply(&mut controller, join(stamp(1, 1), &[1, 2]));
    assert_eq!(controller.snapshot(), before);
}

/// A snapshot contains the history and the last change of each client.
#[test]
fn a_snapshot_holds_everything() {
    let original = controller();
    let mut restored = Controller::new();
    apply(&mut restored, join(stamp(9, 1), &[77])).expect("a new group can join");
    restored.restore(&original.snapshot()).expect("a snapshot of a controller");
    assert_eq!(restored, original);
    assert_eq!(apply(&mut restored, leave(stamp(1, 2), &[1])).map(|made| made.num), Ok(3), "a copy");
    assert_eq!(restored, original);
}

/// A snapshot with these configurations and without sessions.
fn snapshot_of(configs: &[Config]) -> Vec<u8> {
    let mut encoder = labgob::Encoder::new();
    encoder.encode(&configs.len());
    configs.iter().for_each(|config| encoder.encode(config));
    encoder.encode(&BTreeMap::<u64, u64>::new());
    encoder.into_bytes()
}

#[test]
fn bytes_that_are_no_snapshot_are_refused() {
    let whole = controller().snapshot();
    let orphan = Config { shards: [7; NSHARDS], ..Config::default() };
    let mut cases: Vec<(Vec<u8>, &str)> =
        (0..whole.len()).map(|end| (whole[..end].to_vec(), "the bytes end here")).collect();
    cases.extend([
        ([&whole[..], &[0]].concat(), "the value is complete, but 1 bytes follow"),
        (snapshot_of(&[]), "found no configuration, expected at least configuration 0"),
        (snapshot_of(&[Config { num: 1, ..Config::default() }]), "found configuration 1, expected 0"),
        (snapshot_of(&[orphan]), "configuration 0 has shards on groups that are not in it"),
    ]);
    for (bytes, expected) in cases {
        let mut restored = controller();
        let error = restored.restore(&bytes).expect_err("not a snapshot").to_string();
        assert!(error.contains(expected), "{bytes:?}: {error}");
        assert_eq!(restored, controller(), "after an error the state is unchanged");
    }
    assert!(
        Controller::new().restore(&snapshot_of(&[Config::default()])).is_ok(),
        "a snapshot that is made in the same way, but without a mistake, is accepted"
    );
}
