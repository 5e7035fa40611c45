//! Strict tests of a key/value service: they find mistakes that the tests of lab 3 find rarely or not at all.
//! The course has none of these tests. They test any [`KvService`], and see it only through its clerks, as
//! the tests of the course do.
//!
//! | file | about |
//! |---|---|
//! | `repeats.rs` | requests that arrive twice, late or again after a crash are done once |
//! | `replies.rs` | a reply says what was committed, and belongs to the operation of the client |
//! | `snapshots.rs` | a snapshot has the state after its last entry, and says which writes were done |
//! | `crashes.rs` | servers crash when they save a snapshot or answer a client |
//! | `pauses.rs` | a leader is paused, and goes on with what it believed before |
//!
//! Three more tests need a service that is only a counter on a replicated state machine
//! ([`CounterService`]). Their code is in `rsm.rs`, beside the course's tests of a replicated state machine.

mod crashes;
mod pauses;
mod repeats;
mod replies;
mod snapshots;

use labapi::KvService;
use std::process::ExitCode;

use labrt::Identity;
use labrt::thread::JoinHandle;
use labrt::time::Duration;

use super::harness::{self, Case};
use super::kv::appends::{check_appends, element};
use super::kv::{Client, make_client};
use super::lives::join;
use super::rsm::{self, CounterService};
use super::service::Cluster;
use super::shards::within;

/// When all servers are up and connected again, all operations that were waiting must end within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// All strict tests for the key/value service `S`.
pub fn cases<S: KvService>() -> Vec<Case> {
    [
        repeats::cases::<S>(),
        replies::cases::<S>(),
        snapshots::cases::<S>(),
        crashes::cases::<S>(),
        pauses::cases::<S>(),
    ]
    .concat()
}

/// The `main` function of a test binary for the strict tests. The argument `here` is the value of
/// `labrt::here!()` in that binary.
pub fn main_strict3<S: KvService>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &cases::<S>())
}

/// Like [`main_strict3`], but the suite also has the three tests of the counter `C`.
pub fn main_strict3_and_counter<S: KvService, C: CounterService>(here: Identity) -> ExitCode {
    harness::main(here, S::STRICTNESS, &[cases::<S>(), rsm::strict_cases::<C>()].concat())
}

/// Stops all servers and starts them again with the state that they have saved.
fn restart_all<S: KvService>(cfg: &Cluster<S>) {
    cfg.all().into_iter().for_each(|i| cfg.shutdown_server(i));
    cfg.all().into_iter().for_each(|i| cfg.start_server(i));
    cfg.connect_all();
}

/// Waits for an operation that a thread makes. Fails the test if the operation does not end in time.
#[track_caller]
fn wait<T: Send + 'static>(what: &str, operation: JoinHandle<T>) -> T {
    within(PATIENCE, what, || join(operation))
}

/// Checks that the value of the key has the elements 0 to `count` - 1 of the client, each once and in order.
/// If it does not, the test fails.
#[track_caller]
fn check_key<S: KvService>(ck: &mut Client<S>, key: &str, client: usize, count: usize) {
    if let Err(error) = check_appends(client, &ck.get(key), count) {
        panic!("key {key:?}: {error}");
    }
}
