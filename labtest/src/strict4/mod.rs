//! Strict tests of a shard controller and of a sharded service: they find mistakes that the tests of lab 4
//! find rarely or not at all. The course has none of these tests. They test any [`CtrlerService`] and any
//! [`Sharded`], and see them only from outside, as the tests of the course do.
//!
//! | file | about |
//! |---|---|
//! | `controller.rs` | each change makes one configuration, and all servers have the same configurations |
//! | `handoffs.rs` | a shard moves while one of the two groups is down, has no majority or has left |
//! | `owners.rs` | a shard that moves is served by nobody, until its new owner has the newest data |
//! | `copies.rs` | messages of an older move arrive late |
//! | `again.rs` | groups that restart, leave and join again while shards move |
//! | `replays.rs` | groups that restart from a snapshot of an earlier step of a move |
//! | `crashes.rs` | servers crash at a moment of a handoff |
//! | `pauses.rs` | the leader of the old owner is paused while its shard moves |
//!
//! The suite `shards` ([`migration`](super::migration)) has random faults at random instants. Each test here
//! makes one situation on purpose.

mod again;
mod controller;
mod copies;
mod crashes;
mod handoffs;
mod owners;
mod pauses;
mod replays;

use labapi::{CtrlerService, Sharded};
use std::process::ExitCode;

use labrt::Identity;
use labrt::time::Duration;

use super::harness::{self, Case};
use crate::shards::Cluster;

const SECOND: Duration = Duration::from_secs(1);

/// All strict tests for the controller `C` and the sharded service `S`.
pub fn cases<C: CtrlerService, S: Sharded>() -> Vec<Case> {
    let mut cases = vec![
        Case::ours("every_change_once", controller::every_change_once::<C>),
        Case::ours("copies_of_changes_that_come_late", controller::copies_of_changes_that_come_late::<C>),
        Case::ours("query_in_the_minority", controller::query_in_the_minority::<C>),
        Case::ours("random_changes", controller::random_changes::<C>),
        Case::ours("taker_cannot_commit", handoffs::taker_cannot_commit::<S>),
        Case::ours("taker_has_left", handoffs::taker_has_left::<S>),
        Case::ours("dead_taker_stops_nobody", handoffs::dead_taker_stops_nobody::<S>),
        Case::ours("waits_for_one_shard_only", handoffs::waits_for_one_shard_only::<S>),
        Case::ours("old_owner_is_asked", handoffs::old_owner_is_asked::<S>),
        Case::ours("nobody_serves_a_moving_shard", owners::nobody_serves_a_moving_shard::<S>),
        Case::ours("shard_comes_back_with_new_data", owners::shard_comes_back_with_new_data::<S>),
        Case::ours("group_misses_configurations", owners::group_misses_configurations::<S>),
        Case::ours("handoff_that_comes_late", copies::handoff_that_comes_late::<S>),
        Case::ours("moves_while_copies_come_late", copies::moves_while_copies_come_late::<S>),
        Case::ours("repeats_while_shards_move", copies::repeats_while_shards_move::<S>),
        Case::ours("leaves_and_joins_again", again::leaves_and_joins_again::<S>),
        Case::ours("deleted_also_after_restarts", again::deleted_also_after_restarts::<S>),
        Case::ours("restart_without_a_request", replays::restart_without_a_request::<S>),
        Case::ours("arrival_of_an_older_move", replays::arrival_of_an_older_move::<S>),
        Case::ours("data_comes_again_after_a_restart", replays::data_comes_again_after_a_restart::<S>),
        Case::ours("crashes_in_a_handoff", crashes::crashes_in_a_handoff::<S>),
    ];
    cases.extend(pauses::cases::<S>());
    cases
}

/// Starts every server of a group that is down.
fn start_the_rest<S: Sharded>(cfg: &Cluster<S>, gi: usize) {
    cfg.group(gi).into_iter().filter(|&place| !cfg.is_up(place)).for_each(|place| cfg.start(place));
}

/// The `main` function of a test binary for the strict tests. The argument `here` is the value of
/// `labrt::here!()` in that binary.
pub fn main_strict4<C: CtrlerService, S: Sharded>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases::<C, S>())
}
