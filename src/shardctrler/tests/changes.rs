//! Tests the configuration after each change, and the changes that are refused.

use super::groups;
use crate::shardctrler::ConfigError;
use crate::shardctrler::{join, leave, move_shard};
use labapi::{Config, Gid, NSHARDS};

/// Configuration 1 with these groups.
fn with(gids: &[Gid]) -> Config {
    join(&Config::default(), &groups(gids)).expect("new groups with servers can join")
}

#[test]
fn configuration_0_has_no_groups() {
    let Config { num, shards, groups } = Config::default();
    assert_eq!((num, shards, groups.len()), (0, [0; NSHARDS], 0));
}

#[test]
fn join_adds_groups_and_spreads_the_shards() {
    let one = with(&[4]);
    assert_eq!((one.num, one.shards), (1, [4; NSHARDS]));
    assert_eq!(one.groups, groups(&[4]));
    let three = join(&one, &groups(&[8, 2])).expect("new groups with servers can join");
    assert_eq!((three.num, three.shards), (2, [4, 4, 4, 4, 2, 2, 2, 8, 8, 8]));
    assert_eq!(three.groups, groups(&[2, 4, 8]));
}

/// The names of the servers stay in the order that the caller chose. A name may be in the list twice.
#[test]
fn the_servers_of_a_group_are_kept_as_they_were_given() {
    let names = ["z", "a", "z"].map(String::from).to_vec();
    let config =
        join(&Config::default(), &[(1, names.clone())].into()).expect("a new group with servers can join");
    assert_eq!(config.groups[&1], names);
}

#[test]
fn leave_removes_groups_and_spreads_their_shards() {
    let three = with(&[1, 2, 3]);
    let two = leave(&three, &[1, 1]).expect("the group exists");
    assert_eq!((two.num, two.groups), (2, groups(&[2, 3])));
    assert_eq!(two.shards, [2, 2, 3, 3, 2, 2, 2, 3, 3, 3]);
    let none = leave(&three, &[3, 1, 2]).expect("the groups exist");
    assert_eq!(none, Config { num: 2, ..Config::default() });
}

#[test]
fn a_group_that_left_may_join_again() {
    let back = leave(&with(&[1, 2]), &[1]).and_then(|config| join(&config, &groups(&[1])));
    assert_eq!(back.expect("gid 1 is not in use").groups, groups(&[1, 2]));
}

/// A shard may move to the group that already has it. No other shard moves.
#[test]
fn move_moves_one_shard() {
    let two = with(&[1, 2]);
    let moved = move_shard(&two, 0, 2).expect("the shard and the group exist");
    assert_eq!((moved.num, moved.shards), (2, [2, 1, 1, 1, 1, 2, 2, 2, 2, 2]));
    let same = move_shard(&moved, 0, 2).expect("the shard and the group exist");
    assert_eq!(same, Config { num: 3, ..moved });
}

/// A `Join` or `Leave` with no groups distributes the shards again.
#[test]
fn an_empty_change_undoes_moves() {
    let moved = move_shard(&with(&[1, 2]), 9, 1).expect("the shard and the group exist");
    assert_eq!(moved.shards, [1, 1, 1, 1, 1, 2, 2, 2, 2, 1]);
    let expected = Config { num: 3, shards: [1, 1, 1, 1, 1, 2, 2, 2, 2, 2], groups: groups(&[1, 2]) };
    assert_eq!(join(&moved, &groups(&[])), Ok(expected.clone()));
    assert_eq!(leave(&moved, &[]), Ok(expected));
}

/// The error message says what is wrong and what was expected. The change is refused as a whole.
#[test]
fn a_change_that_makes_no_sense_is_refused() {
    let two = with(&[1, 2]);
    let no_servers = [(5, vec!["5a".to_owned()]), (6, Vec::new())].into();
    let cases = [
        (
            join(&two, &groups(&[0, 5])),
            ConfigError::InvalidGid,
            "a group cannot have the gid 0, which stands for no group: expected 1 or more",
        ),
        (
            join(&two, &groups(&[5, 2])),
            ConfigError::AlreadyJoined { gid: 2 },
            "group 2 has joined already: expected a gid that is not in use",
        ),
        (
            join(&two, &no_servers),
            ConfigError::NoServers { gid: 6 },
            "group 6 has no servers: expected the name of at least one",
        ),
        (
            leave(&two, &[2, 7]),
            ConfigError::UnknownGroup { gid: 7, known: vec![1, 2] },
            "there is no group 7: expected one of [1, 2]",
        ),
        (
            leave(&Config::default(), &[7]),
            ConfigError::UnknownGroup { gid: 7, known: vec![] },
            "there is no group 7: no group has joined",
        ),
        (
            move_shard(&two, 3, 0),
            ConfigError::UnknownGroup { gid: 0, known: vec![1, 2] },
            "there is no group 0: expected one of [1, 2]",
        ),
        (
            move_shard(&two, 10, 1),
            ConfigError::UnknownShard { shard: 10 },
            "there is no shard 10: expected 0 to 9",
        ),
    ];
    for (outcome, error, message) in cases {
        assert_eq!(error.to_string(), message);
        assert_eq!(outcome, Err(error));
    }
}
