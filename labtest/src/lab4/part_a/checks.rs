//! Checks of configurations.

use labapi::{Config, CtrlerClerk, Gid, NSHARDS};
use labrt::collections::BTreeMap;

use super::Moves;

/// The latest configuration must have exactly these groups. Each shard must be on one of these groups, and
/// the shards must be spread evenly. If there are no groups, the shards are not checked.
#[track_caller]
pub(crate) fn check(ck: &mut impl CtrlerClerk, gids: &[Gid]) {
    let config = ck.query(None);
    if let Err(error) = is_even(&config, gids) {
        panic!("{error}; {}", describe(&config));
    }
}

fn is_even(config: &Config, gids: &[Gid]) -> Result<(), String> {
    let there: Vec<Gid> = config.groups.keys().copied().collect();
    if there.len() != gids.len() {
        return Err(format!("wanted {} groups, got {}", gids.len(), there.len()));
    }
    if let Some(missing) = gids.iter().find(|gid| !there.contains(gid)) {
        return Err(format!("missing group {missing}"));
    }
    if gids.is_empty() {
        return Ok(());
    }
    let strayed = config.shards.iter().enumerate().find(|(_, gid)| !there.contains(gid));
    if let Some((shard, gid)) = strayed {
        return Err(format!("shard {shard} is on group {gid}, which is not there"));
    }
    let sizes = shards_of_groups(config);
    let (least, most) = (sizes.values().min(), sizes.values().max());
    if let (Some(least), Some(most)) = (least, most)
        && *most > least + 1
    {
        return Err(format!("one group has {most} shards, another one {least}"));
    }
    Ok(())
}

/// How many shards each group has.
fn shards_of_groups(config: &Config) -> BTreeMap<Gid, usize> {
    let count = |gid: &Gid| config.shards.iter().filter(|owner| *owner == gid).count();
    config.groups.keys().map(|gid| (*gid, count(gid))).collect()
}

/// Fails the test if the servers of a group are not these servers in this order.
#[track_caller]
pub(super) fn check_servers(config: &Config, gid: Gid, names: &[&str]) {
    let got = config.groups.get(&gid);
    let wanted: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    assert!(got == Some(&wanted), "wrong servers for group {gid}: wanted {wanted:?}, got {got:?}");
}

/// Fails the test if the two configurations are different. The configurations come from two servers, or from
/// one server at two different times.
#[track_caller]
pub(crate) fn check_same_config(one: &Config, other: &Config) {
    let what = match () {
        () if one.num != other.num => "number",
        () if one.shards != other.shards => "shards",
        () if one.groups != other.groups => "groups",
        () => return,
    };
    panic!(
        "the {what} of two configurations that must be the same differ: {} and {}",
        describe(one),
        describe(other)
    );
}

/// `before` and `after` are the configurations before and after groups have joined. Fails the test if a group
/// that was there before has got shards.
#[track_caller]
pub(super) fn check_joins(before: &Config, after: &Config, moves: Moves) {
    match moves {
        // This is the condition of the course. If a shard is now on one of the groups 1 to 10, it must have
        // been on the same group before.
        Moves::OfGroupsThatAreNotThere => check_course_range(after, before, after),
        Moves::AsFewAsPossible => check_fewest_moves(before, after),
    }
}

/// `before` and `after` are the configurations before and after groups have left. Fails the test if a group
/// that is still there has lost shards.
#[track_caller]
pub(super) fn check_leaves(before: &Config, after: &Config, moves: Moves) {
    match moves {
        // If a shard was on one of the groups 1 to 10 before, it must still be on the same group.
        Moves::OfGroupsThatAreNotThere => check_course_range(before, before, after),
        Moves::AsFewAsPossible => check_fewest_moves(before, after),
    }
}

/// Checks each shard that is on one of the groups 1 to 10 in the configuration `of`. Such a shard must be on
/// the same group in `before` and in `after`.
///
/// When the course's tests call this function, no group has such a gid. So the function checks no shard.
#[track_caller]
fn check_course_range(of: &Config, before: &Config, after: &Config) {
    const GIDS: std::ops::RangeInclusive<Gid> = 1..=10;
    for (shard, gid) in of.shards.iter().enumerate().filter(|(_, gid)| GIDS.contains(gid)) {
        assert!(
            before.shards[shard] == *gid && after.shards[shard] == *gid,
            "non-minimal transfer of shard {shard}: {} and {}",
            describe(before),
            describe(after)
        );
    }
}

/// Fails the test if more shards have moved than are needed to spread the shards evenly over the groups of
/// `after`.
#[track_caller]
pub(crate) fn check_fewest_moves(before: &Config, after: &Config) {
    let moved = before.shards.iter().zip(&after.shards).filter(|(from, to)| from != to).count();
    let fewest = fewest_moves(before, after);
    assert!(
        moved == fewest,
        "{moved} shards have moved, but {fewest} moves are enough: before {}, after {}",
        describe(before),
        describe(after)
    );
}

/// Returns how many shards have to move from `before`, so that the shards are spread evenly over the groups
/// of `after`. A group keeps as many of its shards as it may have afterwards. All other shards have to move.
/// If some groups must have one shard more than the others, these are the groups that have the most shards in
/// `before`.
fn fewest_moves(before: &Config, after: &Config) -> usize {
    let Some(each) = NSHARDS.checked_div(after.groups.len()) else {
        return before.shards.iter().filter(|owner| **owner != 0).count();
    };
    let one_more = NSHARDS % after.groups.len();
    let mut had: Vec<usize> =
        after.groups.keys().map(|gid| before.shards.iter().filter(|owner| *owner == gid).count()).collect();
    had.sort_unstable_by(|a, b| b.cmp(a));
    let share = |place: usize| each + usize::from(place < one_more);
    let kept: usize = had.iter().enumerate().map(|(place, had)| share(place).min(*had)).sum();
    NSHARDS - kept
}

/// A text that shows a configuration in failure messages.
fn describe(config: &Config) -> String {
    format!("configuration {}, shards on {:?}, groups {:?}", config.num, config.shards, config.groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(shards: [Gid; NSHARDS], gids: &[Gid]) -> Config {
        let names = |gid: &Gid| vec![format!("{gid}a")];
        Config { num: 1, shards, groups: gids.iter().map(|gid| (*gid, names(gid))).collect() }
    }

    #[test]
    fn evenness_is_within_one_shard() {
        let error = |shards, gids: &[Gid], wanted: &[Gid]| is_even(&config(shards, gids), wanted).err();
        assert_eq!(error([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], &[1, 2], &[1, 2]), None);
        assert_eq!(error([1, 1, 1, 1, 2, 2, 2, 3, 3, 3], &[1, 2, 3], &[3, 1, 2]), None);
        assert_eq!(error([0; NSHARDS], &[], &[]), None);
        let uneven = error([1, 1, 1, 1, 1, 1, 2, 2, 2, 2], &[1, 2], &[1, 2]);
        assert_eq!(uneven.as_deref(), Some("one group has 6 shards, another one 4"));
        let idle = error([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], &[1, 2, 3], &[1, 2, 3]);
        assert_eq!(idle.as_deref(), Some("one group has 5 shards, another one 0"));
        let gone = error([1, 1, 1, 1, 1, 2, 2, 2, 2, 3], &[1, 2], &[1, 2]);
        assert_eq!(gone.as_deref(), Some("shard 9 is on group 3, which is not there"));
        assert_eq!(error([1; NSHARDS], &[1], &[1, 2]).as_deref(), Some("wanted 2 groups, got 1"));
        assert_eq!(error([1; NSHARDS], &[1], &[2]).as_deref(), Some("missing group 2"));
    }

    #[test]
    fn the_fewest_moves_are_counted() {
        let fewest = |shards, gids: &[Gid]| fewest_moves(&config(shards, &[]), &config([0; NSHARDS], gids));
        // The first group gets all shards. Before this, no group had a shard.
        assert_eq!(fewest([0; NSHARDS], &[7]), 10);
        // Half of the shards go to a second group. A third of the shards, rounded down, go to a third group.
        assert_eq!(fewest([1; NSHARDS], &[1, 2]), 5);
        assert_eq!(fewest([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], &[1, 2, 3]), 3);
        // The group that has the most shards may keep the most shards. Its gid does not matter.
        assert_eq!(fewest([1, 1, 1, 2, 2, 2, 3, 3, 3, 3], &[1, 2, 3]), 0);
        // If there are more groups than shards, and each shard is on a group of its own, no shard has to
        // move.
        assert_eq!(fewest([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), 0);
        // Only two kinds of shards have to move: the shards of a group that has left, and shards of a group
        // that has too many shards.
        assert_eq!(fewest([1, 1, 1, 1, 2, 2, 2, 3, 3, 3], &[1, 2]), 3);
        assert_eq!(fewest([1, 1, 1, 1, 1, 1, 1, 2, 2, 3], &[1, 2]), 3);
        assert_eq!(fewest([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], &[]), 10);
    }

    #[test]
    fn the_courses_check_sees_only_small_gids() {
        let (before, after) = (config([100; NSHARDS], &[100]), config([110; NSHARDS], &[110]));
        check_joins(&before, &after, Moves::OfGroupsThatAreNotThere);
        check_leaves(&before, &after, Moves::OfGroupsThatAreNotThere);
    }

    #[test]
    #[should_panic(expected = "non-minimal transfer of shard 0")]
    fn a_needless_move_to_a_small_gid_is_seen() {
        check_joins(&config([1; NSHARDS], &[1]), &config([2; NSHARDS], &[2]), Moves::OfGroupsThatAreNotThere);
    }

    /// The shards are spread evenly before and after the change, but all shards have moved.
    #[test]
    #[should_panic(expected = "10 shards have moved, but 0 moves are enough")]
    fn needless_moves_are_seen() {
        let before = config([100, 100, 100, 100, 100, 110, 110, 110, 110, 110], &[100, 110]);
        let after = config([110, 110, 110, 110, 110, 100, 100, 100, 100, 100], &[100, 110]);
        check_joins(&before, &before, Moves::AsFewAsPossible);
        check_leaves(&before, &before, Moves::AsFewAsPossible);
        check_joins(&before, &after, Moves::AsFewAsPossible);
    }

    #[test]
    #[should_panic(expected = "the shards of two configurations that must be the same differ")]
    fn different_configurations_are_seen() {
        let one = config([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], &[1, 2]);
        check_same_config(&one, &one);
        check_same_config(&one, &config([2, 2, 2, 2, 2, 1, 1, 1, 1, 1], &[1, 2]));
    }
}
