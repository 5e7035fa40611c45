//! A test which checks that joins and leaves move few shards. The course has had this test since 2024.

use super::{CtrlerService, SERVERS, groups};
use crate::service::{Setup, make_config};
use labapi::{Config as ShardConfig, CtrlerClerk, NSHARDS};

/// How many shards may move when two groups become three, or three groups become two.
const MAX_MOVED: usize = NSHARDS / 3 + 1;

pub(super) fn minimal_again<S: CtrlerService>() {
    let cfg = make_config::<S>(Setup::of(SERVERS).without_columns());
    let mut ck = cfg.make_client(&cfg.all());
    cfg.begin("Test: minimal movement again");

    ck.join(groups(&[(1, &["x", "y", "z"])]));
    ck.join(groups(&[(2, &["a", "b", "c"])]));
    let two = ck.query(None);

    // Only the group that joins may get shards.
    ck.join(groups(&[(3, &["d", "e", "f"])]));
    let three = ck.query(None);
    check_moves(&two, &three, |_, to| to == 3);

    // Only the group that leaves may lose shards.
    ck.leave(vec![1]);
    let left = ck.query(None);
    check_moves(&three, &left, |from, _| from == 1);
    cfg.end();
}

/// Fails the test if too many shards have moved, or if a shard has moved that must not move. `may_move`
/// returns whether a shard may move from one group (the first argument) to another group (the second
/// argument).
#[track_caller]
fn check_moves(before: &ShardConfig, after: &ShardConfig, may_move: fn(u64, u64) -> bool) {
    let pairs = before.shards.iter().zip(&after.shards).enumerate();
    let moved: Vec<(usize, u64, u64)> =
        pairs.filter(|(_, (from, to))| from != to).map(|(shard, (from, to))| (shard, *from, *to)).collect();
    if let Some((shard, from, to)) = moved.iter().find(|(_, from, to)| !may_move(*from, *to)) {
        panic!("shard {shard} has moved from group {from} to group {to} for no reason");
    }
    assert!(
        moved.len() <= MAX_MOVED,
        "{} shards have moved, {MAX_MOVED} may: {:?}, then {:?}",
        moved.len(),
        before.shards,
        after.shards
    );
}
