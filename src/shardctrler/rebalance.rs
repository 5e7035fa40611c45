//! Spreading shards over groups: evenly, and with the fewest possible moves.
//!
//! *Evenly*: the number of shards of two groups differs by at most one. So with N shards and G groups, N mod
//! G groups have a quota of N div G + 1 shards and the other groups have a quota of N div G. The only choice
//! is which groups get the larger quota.
//!
//! *Fewest moves*: a group that owns `o` shards and has the quota `q` keeps at most min(o, q) of them. It can
//! keep that many, independent of the other groups. So for given quotas the number of shards that can stay is
//! the sum of min(o, q), and all other shards have to move. A larger quota adds one to this sum if the group
//! owns more than N div G shards, and nothing otherwise. So it is best to give the larger quotas to the
//! groups that own most shards.

use labapi::{Gid, NO_GROUP};
use labrt::collections::BTreeMap;
use std::cmp::Reverse;

/// Spreads the shards evenly over the groups with the fewest moves. `shards` has the present owner of each
/// shard. The keys of `groups` are the gids; its values are not used. Without groups, all shards are on
/// [`NO_GROUP`].
///
/// An owner that is not in `groups` loses its shards. Each of them has to move.
///
/// The result depends only on the arguments. Where there is a choice, the smaller gid gets the larger quota,
/// the shards with the smaller numbers stay, and the shards that move go to the smaller gids first.
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

/// How many shards each group will have.
fn quotas<G, const N: usize>(shards: &[Gid; N], groups: &BTreeMap<Gid, G>) -> BTreeMap<Gid, usize> {
    let mut owned: BTreeMap<Gid, usize> = groups.keys().map(|&gid| (gid, 0)).collect();
    for gid in shards {
        owned.entry(*gid).and_modify(|count| *count += 1);
    }
    let mut ranked: Vec<(Gid, usize)> = owned.into_iter().collect();
    // The sort is stable: among equal groups the smaller gid stays first.
    ranked.sort_by_key(|&(_, owned)| Reverse(owned));
    let quota = |rank| N / groups.len() + usize::from(rank < N % groups.len());
    ranked.into_iter().enumerate().map(|(rank, (gid, _))| (gid, quota(rank))).collect()
}
