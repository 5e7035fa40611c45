//! Crashes of servers that give or take shards.
//!
//! In each round, all shards move from one group to the next. In each round the victims crash once, at a
//! random instant. The earliest instant is shortly before the change of the configuration. The latest instant
//! is so late that the groups should have learned of the change, moved the shards and deleted the old copies.
//! So if the tests run with many seeds, there are crashes at every step of a migration. The limit for the
//! Raft state is so small that nearly every step makes a snapshot.

use labapi::Sharded;
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{Work, leader_or_any, pause_up_to};
use crate::lives::join;
use crate::shards::{Place, Setup};

/// How many rounds a test has.
const ROUNDS: usize = 8;

/// The time from the beginning of a round to the change of the configuration. Crashes may happen before the
/// change or after it.
const BEFORE: Duration = Duration::from_millis(50);

/// The victims crash at most this number of milliseconds after the beginning of a round.
const WINDOW: u64 = 500;

/// The longest time for which a victim is down, in milliseconds.
const DOWN: u64 = 400;

/// Which servers crash in a round.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Victims {
    /// The leader of the group that gives shards away.
    Giver,
    /// The leader of the group that gets the shards.
    Taker,
    /// The leaders of both groups. They crash at different instants.
    Both,
    /// All servers of both groups. The two groups crash at different instants.
    Groups,
}

pub(super) fn giver_crashes<S: Sharded>() {
    rounds::<S>("Test (ours): the leader of the group that gives shards crashes ...", Victims::Giver);
}

pub(super) fn taker_crashes<S: Sharded>() {
    rounds::<S>("Test (ours): the leader of the group that takes shards crashes ...", Victims::Taker);
}

pub(super) fn both_crash<S: Sharded>() {
    rounds::<S>("Test (ours): both leaders crash while shards move ...", Victims::Both);
}

pub(super) fn whole_groups_crash<S: Sharded>() {
    rounds::<S>("Test (ours): whole groups crash while shards move ...", Victims::Groups);
}

fn rounds<S: Sharded>(title: &str, victims: Victims) {
    let work = Work::<S>::begin(title, Setup::new().maxraftstate(100));
    for round in 0..ROUNDS {
        let (giver, taker) = (round % 3, (round + 1) % 3);
        let groups = match victims {
            Victims::Giver => vec![giver],
            Victims::Taker => vec![taker],
            Victims::Both | Victims::Groups => vec![giver, taker],
        };
        let crashes: Vec<_> = groups
            .into_iter()
            .map(|gi| {
                let cluster = work.cfg.share();
                thread::spawn_named(format!("crash-{gi}"), move || {
                    pause_up_to(WINDOW);
                    let down: Vec<Place> = match victims {
                        Victims::Groups => cluster.group(gi),
                        _ => vec![leader_or_any(&cluster, gi)],
                    };
                    down.iter().for_each(|&place| cluster.shutdown(place));
                    pause_up_to(DOWN);
                    down.iter().for_each(|&place| cluster.start(place));
                })
            })
            .collect();

        sleep(BEFORE);
        work.cfg.join(taker);
        work.cfg.leave(giver);
        crashes.into_iter().for_each(join);
        // The next round may begin before the groups have finished this change.
        pause_up_to(WINDOW);
    }
    work.end();
}
