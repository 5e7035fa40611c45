//! Compares `rebalance` with oracles: slow and simple functions that try all possibilities.

use super::groups;
use crate::shardctrler::rebalance;
use crate::shardctrler::{join, leave, move_shard};
use labapi::{Config, Gid, NO_GROUP, NSHARDS};
use labrt::collections::BTreeMap;
use labrt::rng::{RngExt, rng};

/// Do these groups have all shards, and do the numbers of shards of any two groups differ by at most one?
fn is_even(shards: &[Gid], gids: &[Gid]) -> bool {
    let owned = |gid| shards.iter().filter(|owner| **owner == gid).count();
    let counts: Vec<usize> = gids.iter().map(|gid| owned(*gid)).collect();
    let (most, least) = (counts.iter().max(), counts.iter().min());
    counts.iter().sum::<usize>() == shards.len()
        && most.zip(least).is_some_and(|(most, least)| most - least <= 1)
}

fn moves(before: &[Gid], after: &[Gid]) -> usize {
    before.iter().zip(after).filter(|(before, after)| before != after).count()
}

/// The smallest number of moves after which the shards are distributed evenly. This oracle tries all
/// distributions of `N` shards to the groups.
fn fewest_moves<const N: usize>(before: &[Gid; N], gids: &[Gid]) -> usize {
    let ways = gids.len().pow(N as u32);
    let way = |mut number: usize| {
        let mut shards = [NO_GROUP; N];
        for shard in &mut shards {
            *shard = gids[number % gids.len()];
            number /= gids.len();
        }
        shards
    };
    let even = (0..ways).map(way).filter(|shards| is_even(shards, gids));
    even.map(|after| moves(before, &after)).min().expect("an even spread always exists")
}

/// Returns the same number as [`fewest_moves`]. It is faster, so it can be used with more shards. This oracle
/// does not try all distributions. It only tries all ways to choose the groups that get one shard more than
/// the others.
fn fewest_moves_by_quotas(before: &[Gid], gids: &[Gid]) -> usize {
    let (quota, larger) = (before.len() / gids.len(), before.len() % gids.len());
    let kept = |chosen: u32| -> usize {
        let keeps = |(i, gid): (usize, &Gid)| {
            let owned = before.iter().filter(|owner| *owner == gid).count();
            owned.min(quota + (chosen >> i & 1) as usize)
        };
        gids.iter().enumerate().map(keeps).sum()
    };
    let choices = (0..1u32 << gids.len()).filter(|chosen| chosen.count_ones() as usize == larger);
    before.len() - choices.map(kept).max().expect("a choice of groups always exists")
}

/// Checks `rebalance` for every possible first distribution of the shards. Each of `N` shards can belong to
/// one of `n` groups, to a group that has left, or to no group.
fn check_all<const N: usize>(n: u64) {
    const LEFT: Gid = 99;
    let gids: Vec<Gid> = (1..=n).map(|gid| gid * 7).collect();
    let groups: BTreeMap<Gid, ()> = gids.iter().map(|gid| (*gid, ())).collect();
    let owners = [&gids[..], &[LEFT, NO_GROUP]].concat();
    for mut number in 0..owners.len().pow(N as u32) {
        let before = [(); N].map(|()| {
            let owner = owners[number % owners.len()];
            number /= owners.len();
            owner
        });
        let after = rebalance(&before, &groups);
        assert!(is_even(&after, &gids), "{before:?} -> {after:?}");
        let fewest = fewest_moves(&before, &gids);
        assert_eq!(moves(&before, &after), fewest, "{before:?} -> {after:?}");
        assert_eq!(fewest_moves_by_quotas(&before, &gids), fewest, "the oracles differ: {before:?}");
    }
}

#[test]
fn even_with_the_fewest_moves_in_all_small_cases() {
    (1..=3).for_each(check_all::<1>);
    (1..=5).for_each(check_all::<3>);
    (1..=5).for_each(check_all::<4>);
    (1..=3).for_each(check_all::<5>);
}

#[test]
fn without_groups_all_shards_are_on_no_group() {
    let none: BTreeMap<Gid, ()> = BTreeMap::new();
    assert_eq!(rebalance(&[3, 3, 0, 5], &none), [NO_GROUP; 4]);
}

/// If several results are equally good, `rebalance` returns the result that its documentation describes.
#[test]
fn ties_are_broken_by_gid_and_by_shard() {
    let spread = |shards: [Gid; NSHARDS], gids: &[Gid]| rebalance(&shards, &groups(gids));
    // No shard has an owner. The groups with the smaller gids get the larger quotas.
    assert_eq!(spread([0; NSHARDS], &[1, 2, 3]), [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
    // Group 9 had all shards. It gets a larger quota and keeps its first shards.
    assert_eq!(spread([9; NSHARDS], &[1, 9, 12]), [9, 9, 9, 9, 1, 1, 1, 12, 12, 12]);
    // There are more groups than shards. The groups that have a shard keep it.
    let full = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29];
    let more: Vec<Gid> = (10..30).collect();
    assert_eq!(spread(full, &more), full);
    // Two of these groups leave. Among the groups without shards, the two with the smallest gids get their
    // shards.
    assert_eq!(spread(full, &more[..18]), [20, 21, 22, 23, 24, 25, 26, 27, 10, 11]);
}

#[test]
fn an_even_spread_does_not_change() {
    labrt::run(|| {
        for _ in 0..200 {
            let gids: Vec<Gid> = (1..=rng().random_range(1..=14)).collect();
            let even = rebalance(&random_owners(), &groups(&gids));
            assert_eq!(rebalance(&even, &groups(&gids)), even);
        }
    });
}

fn random_owners() -> [Gid; NSHARDS] {
    [(); NSHARDS].map(|()| rng().random_range(0..=14))
}

/// Makes random joins and leaves of several groups at a time, and random moves.
#[test]
fn even_with_the_fewest_moves_after_any_history() {
    labrt::run(|| {
        for _ in 0..20 {
            let mut config = Config::default();
            for _ in 0..100 {
                config = random_step(&config);
            }
        }
    });
}

fn random_step(config: &Config) -> Config {
    let (inside, outside): (Vec<Gid>, Vec<Gid>) = (1..=13).partition(|gid| config.groups.contains_key(gid));
    let some = |gids: &[Gid]| -> Vec<Gid> {
        let share = rng().random_range(0.0..1.0);
        gids.iter().copied().filter(|_| rng().random_bool(share)).collect()
    };
    let next = match rng().random_range(0..3) {
        0 => join(config, &groups(&some(&outside))),
        1 => leave(config, &some(&inside)),
        _ if inside.is_empty() => return config.clone(),
        _ => {
            let gid = inside[rng().random_range(0..inside.len())];
            return move_shard(config, rng().random_range(0..NSHARDS), gid)
                .expect("the shard and the group exist");
        }
    };
    let next = next.unwrap_or_else(|error| panic!("{config:?}: {error}"));
    let gids: Vec<Gid> = next.groups.keys().copied().collect();
    if gids.is_empty() {
        assert_eq!(next.shards, [NO_GROUP; NSHARDS]);
        return next;
    }
    assert!(is_even(&next.shards, &gids), "{config:?} -> {next:?}");
    let fewest = fewest_moves_by_quotas(&config.shards, &gids);
    assert_eq!(moves(&config.shards, &next.shards), fewest, "{config:?} -> {next:?}");
    next
}
