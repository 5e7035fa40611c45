//! Strict tests of Raft: they find mistakes that the tests of lab 2 find rarely or not at all. The course has
//! none of these tests. They test any [`RaftPeer`], and see it only from outside, as the tests of the course
//! do.
//!
//! | file | about |
//! |---|---|
//! | `votes.rs` | who may become leader (5.2, 5.4.1) |
//! | `terms.rs` | terms, and who follows whom (5.1, 5.2) |
//! | `groups.rs` | groups with an even number of servers |
//! | `commits.rs` | what is committed, and what is not (5.3, 5.4) |
//! | `snapshots.rs` | snapshots, and late messages (section 7) |
//! | `crashes.rs` | crashes at the moment at which a server saves, sends or answers |
//! | `late.rs` | single messages that arrive late |
//! | `behind.rs` | a follower that needs a snapshot, or has a newer one than its leader |
//! | `pauses.rs` | servers that are paused; only in virtual time |
//!
//! Each test says which rule of the paper it checks, and which mistake it finds. All tests use a strict setup
//! ([`Setup::strict`](super::raft::Setup::strict)). So during each test a thread checks that no term has two
//! leaders, and that the term of a server never falls. Each server has a reader thread, which receives what
//! the server delivers. The reader checks that the server delivers each index exactly once between its start
//! and its crash.
//!
//! The tests expect the time intervals that the course asks for: a leader sends heartbeats several times per
//! second, and a group elects a leader within a few seconds.

mod behind;
mod commits;
mod crashes;
mod groups;
mod late;
mod pauses;
mod snapshots;
mod terms;
mod votes;

use labapi::RaftPeer;
use std::process::ExitCode;

use labrt::Identity;
use labrt::rng;
use labrt::time::{Duration, Instant, sleep};

use super::harness::{self, Case};
use super::raft::Cluster;

/// How long the tests wait for something that must happen soon, such as an election.
const SOON: Duration = Duration::from_secs(10);

/// All strict tests for the Raft `R`.
///
/// Two tests check that seven servers keep their leader and their term. On the real clock, a busy machine can
/// delay the heartbeats of a correct Raft. So these two tests are in the list only in virtual time, and so
/// are the tests with pauses.
pub fn cases<R: RaftPeer>() -> Vec<Case> {
    [
        votes::cases::<R>(),
        terms::cases::<R>(),
        groups::cases::<R>(),
        commits::cases::<R>(),
        snapshots::cases::<R>(),
        crashes::cases::<R>(),
        late::cases::<R>(),
        behind::cases::<R>(),
        pauses::cases::<R>(),
    ]
    .concat()
}

/// The `main` function of a test binary for the strict tests. The argument `here` is the value of
/// `labrt::here!()` in that binary.
pub fn main_strict2<R: RaftPeer>(here: Identity) -> ExitCode {
    harness::main(here, R::STRICTNESS, &cases::<R>())
}

/// The term of a server that runs, and whether the server believes that it leads.
#[track_caller]
fn state<R: RaftPeer>(cfg: &Cluster<R>, i: usize) -> (u64, bool) {
    cfg.get_state(i).unwrap_or_else(|| panic!("server {i} must be running at this point of the test"))
}

/// Waits until `ready` returns true. Raft reports no events to the test, so this function asks again and
/// again.
///
/// # Panics
/// If `ready` does not return true within `limit`. `what` says what the test has waited for.
#[track_caller]
fn until<R: RaftPeer>(cfg: &Cluster<R>, limit: Duration, what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > limit {
            panic!("after {limit:?} still not true: {what}; (term, leads) of the servers: {}", states(cfg));
        }
        sleep(Duration::from_millis(1));
    }
}

/// Calls `check` every few milliseconds, until this time has passed.
fn throughout(time: Duration, mut check: impl FnMut()) {
    let start = Instant::now();
    while start.elapsed() < time {
        check();
        sleep(Duration::from_millis(5));
    }
    check();
}

/// Waits until a connected server leads, and all connected servers are in its term. Returns the leader and
/// its term.
#[track_caller]
fn settled<R: RaftPeer>(cfg: &Cluster<R>) -> (usize, u64) {
    let mut found = None;
    until(cfg, SOON, "a server leads, and all connected servers are in its term", || {
        let states: Vec<(usize, (u64, bool))> = (0..cfg.servers())
            .filter(|&i| cfg.is_connected(i))
            .filter_map(|i| Some((i, cfg.get_state(i)?)))
            .collect();
        let leader = states.iter().find(|(_, (_, leads))| *leads).map(|&(i, (term, _))| (i, term));
        found = leader.filter(|(_, term)| states.iter().all(|(_, (other, _))| other == term));
        found.is_some()
    });
    found.unwrap_or_else(|| unreachable!("`until` returns only when there is a leader"))
}

/// All servers of the group except `but`, in a random order.
fn others<R: RaftPeer>(cfg: &Cluster<R>, but: &[usize]) -> Vec<usize> {
    let rest = (0..cfg.servers()).filter(|i| !but.contains(i)).collect();
    shuffled(rest)
}

/// The same items in a random order.
fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    for last in (1..items.len()).rev() {
        items.swap(last, rng::below(last as u64 + 1) as usize);
    }
    items
}

/// Crashes server `i`, starts it again with the state that it has saved, and connects it.
fn restart<R: RaftPeer>(cfg: &labrt::sync::Arc<Cluster<R>>, i: usize) {
    cfg.start1(i);
    cfg.connect(i);
}

fn states<R: RaftPeer>(cfg: &Cluster<R>) -> String {
    let one = |i| match cfg.get_state(i) {
        Some((term, leads)) => format!("S{i} ({term}, {leads})"),
        None => format!("S{i} crashed"),
    };
    (0..cfg.servers()).map(one).collect::<Vec<_>>().join(", ")
}
