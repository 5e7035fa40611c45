//! Tests in which shards move while servers crash and are cut off. These tests are not in the course. They
//! are harder than the tests of lab 4B.
//!
//! | file | tests |
//! |---|---|
//! | `crashes.rs` | the leaders, or all servers, of the groups that give or get shards crash |
//! | `controller.rs` | a controller is cut off during a migration |
//! | `alone.rs` | all servers restart, and no client is there; all groups leave; two groups swap shards |
//! | `room.rs` | servers that have given shards away must have no data of these shards any more |
//! | `chaos.rs` | many random changes of the configuration, with all kinds of faults |
//!
//! The instants of the faults are random, and depend on the run's seed. If the tests run with many seeds in
//! virtual time, there are faults at every step of a migration. The history of all clients must be
//! linearizable, and the checker must come to a verdict.

mod alone;
mod chaos;
mod controller;
mod crashes;
pub(crate) mod room;

use labapi::Sharded;
use std::process::ExitCode;

use labrt::Identity;
use labrt::rng;
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};

use super::harness::{self, Case};
use super::kv::{History, IfUnknown};
use super::output::note;
use super::shards::{Client, Cluster, Config, Mixed, Place, Setup, make_config, within};

/// The tests for the service `S`.
pub fn cases<S: Sharded>() -> Vec<Case> {
    vec![
        Case::ours("giver_crashes", crashes::giver_crashes::<S>),
        Case::ours("taker_crashes", crashes::taker_crashes::<S>),
        Case::ours("both_crash", crashes::both_crash::<S>),
        Case::ours("whole_groups_crash", crashes::whole_groups_crash::<S>),
        Case::ours("controller_cut_off", controller::controller_cut_off::<S>),
        Case::ours("controller_leads_a_minority", controller::controller_leads_a_minority::<S>),
        Case::ours("all_restart_in_an_empty_term", alone::all_restart_in_an_empty_term::<S>),
        Case::ours("all_leave_and_another_comes", alone::all_leave_and_another_comes::<S>),
        Case::ours("shards_are_swapped", alone::shards_are_swapped::<S>),
        Case::ours("nothing_is_left_behind", room::nothing_is_left_behind::<S>),
        Case::ours("fifty_changes", chaos::fifty_changes::<S>),
    ]
}

/// The `main` function of a test binary with these tests. The argument `here` is the value of
/// `labrt::here!()` in that binary.
pub fn main<S: Sharded>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases::<S>())
}

/// How many keys the clients use. Each key is in a shard of its own.
pub(crate) const KEYS: usize = 10;

/// How many clients work while shards move.
const CLIENTS: u32 = 5;

/// When all servers are up and connected again, all operations that were waiting must end within this time.
/// The time is enough for elections, restarts and several configurations.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The checker must come to a verdict within a minute. Otherwise the test fails.
const DECIDED: IfUnknown = IfUnknown::Fails(Duration::from_secs(60));

/// A test with clients in the background.
pub(crate) struct Work<S: Sharded> {
    pub cfg: Config<S>,
    history: Arc<History>,
    clients: Mixed,
}

impl<S: Sharded> Work<S> {
    /// Starts all servers, lets group 0 join, writes all keys and starts the clients.
    pub fn begin(title: &str, setup: Setup) -> Work<S> {
        let cfg = make_config::<S>(title, setup);
        let history = Arc::new(History::new());
        cfg.join(0);
        let mut writer = main_client(&cfg, &history);
        (0..KEYS).for_each(|i| writer.put(&i.to_string(), "."));
        let clients = Mixed::start(&cfg, &history, CLIENTS, KEYS as u64);
        Work { cfg, history, clients }
    }

    /// Ends the test. All faults must have ended before this call. This method waits for the clients, reads
    /// all keys once more, and checks that the history is linearizable.
    #[track_caller]
    pub fn end(self) {
        let Work { cfg, history, clients } = self;
        clients.set_done();
        let operations = within(PATIENCE, "the last operation of each client", || clients.wait());
        read_all(&cfg, &history);
        cfg.checklogs();
        cfg.check_linearizable(&history, DECIDED);
        note(&format!("{operations} operations of {CLIENTS} clients"));
        cfg.end();
    }
}

/// Reads all keys with a new clerk, which does not have a configuration yet. Fails the test if the reads take
/// longer than [`PATIENCE`].
#[track_caller]
fn read_all<S: Sharded>(cfg: &Config<S>, history: &Arc<History>) {
    let mut reader = main_client(cfg, history);
    within(PATIENCE, "reading all keys", move || {
        for i in 0..KEYS {
            reader.get(&i.to_string());
        }
    });
}

/// Makes a clerk for the test itself. In the history, its number is different from the numbers of the
/// clients.
fn main_client<S: Sharded>(cfg: &Config<S>, history: &Arc<History>) -> Client<S::Clerk> {
    cfg.make_client().recorded(history, CLIENTS)
}

/// Sleeps for a random time of up to `ms` milliseconds.
pub(crate) fn pause_up_to(ms: u64) {
    sleep(Duration::from_micros(rng::below(ms * 1000)));
}

/// The leader of a group, or a random server of the group if no server believes that it leads.
pub(crate) fn leader_or_any<S: Sharded>(cfg: &Cluster<S>, gi: usize) -> Place {
    let any = usize::try_from(rng::below(cfg.servers() as u64)).expect("a number below a usize is a usize");
    Place::Server(gi, cfg.leader(gi).unwrap_or(any))
}
