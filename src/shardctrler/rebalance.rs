//! Distributes shards over groups: evenly, and with the fewest possible moves.
//!
//! *Evenly* means: the numbers of shards of two groups differ by at most one. Let N be the number of shards,
//! and G the number of groups. Then N mod G of the groups have a quota of N div G + 1 shards, and the other
//! groups have a quota of N div G. The only choice is which groups get the larger quota.
//!
//! *Fewest moves* means: as many shards as possible stay in their groups. A group that owns `o` shards and
//! has the quota `q` can keep min(o, q) shards, but not more. This does not depend on the other groups. So if
//! the quotas are given, the number of shards that can stay is the sum of min(o, q) over all groups. All
//! other shards have to move. What changes if a group gets the larger quota? If the group owns more than N
//! div G shards, the sum becomes greater by one. Otherwise the sum does not change. So it is best to give the
//! larger quotas to the groups that own the most shards.

use labapi::{Gid, NO_GROUP};
use labrt::collections::BTreeMap;
use std::cmp::Reverse;

/// Distributes the shards evenly over the groups, with the fewest moves. `shards` has the present owner of
/// each shard. The keys of `groups` are the gids; the values are not used. If there are no groups, all shards
/// belong to [`NO_GROUP`].
///
/// An owner that is not in `groups` loses all its shards.
///
/// The result depends only on the arguments. If several results are equally good, there are three rules. The
/// group with the smaller gid gets the larger quota. The shards with the smaller numbers stay. The shards
/// that move go first to the groups with the smaller gids.
pub fn rebalance<G, const N: usize>(shards: &[Gid; N], groups: &BTreeMap<Gid, G>) -> [Gid; N] {
    let mut room = quotas(shards, groups);
    let mut spread = [NO_GROUP; N];
    let mut moving = Vec::new();
    for (shard, gid) in shards.iter().enumerate() {
        match room.get_mut(gid) {
            Some(left) if *left > 0 => {
                *left -= 1;
                spread[shard] = *gid;
            }
            _ => moving.push(shard),
        }
    }
    let places = room.into_iter().flat_map(|(gid, left)| std::iter::repeat_n(gid, left));
    for (shard, gid) in moving.into_iter().zip(places) {
        spread[shard] = gid;
    }
    spread
}

/// The number of shards that each group will have.
fn quotas<G, const N: usize>(shards: &[Gid; N], groups: &BTreeMap<Gid, G>) -> BTreeMap<Gid, usize> {
    let mut owned: BTreeMap<Gid, usize> = groups.keys().map(|&gid| (gid, 0)).collect();
    for gid in shards {
        owned.entry(*gid).and_modify(|count| *count += 1);
    }
    let mut ranked: Vec<(Gid, usize)> = owned.into_iter().collect();
    // The sort is stable: if two groups own the same number of shards, the smaller gid stays first.
    ranked.sort_by_key(|&(_, owned)| Reverse(owned));
    let quota = |rank| N / groups.len() + usize::from(rank < N % groups.len());
    ranked.into_iter().enumerate().map(|(rank, (gid, _))| (gid, quota(rank))).collect()
}
