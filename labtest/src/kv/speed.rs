//! The test of how long an operation takes. A leader must replicate an entry as soon as the entry arrives,
//! and must not wait for the next heartbeat.

use labapi::{KvClerk, KvService};
use labrt::time::{Duration, Instant};

use super::appends::{check_appends, element};
use super::make_client;
use crate::output::note;
use crate::service::{Setup, make_config};

/// The interval of heartbeats that the course assumes.
const HEARTBEAT: Duration = Duration::from_millis(100);
/// How many operations must finish in one such interval.
const PER_HEARTBEAT: u32 = 3;
const OPERATIONS: u32 = 1000;

/// Runs the test. There are three servers and one client. The client makes a thousand appends, one after the
/// other. In virtual time the client is near ([`Setup::near_clients`]): its messages take little time. So the
/// test measures mostly the time that the service needs.
pub fn speed<S: KvService>(part: &str, maxraftstate: Option<usize>) {
    let cfg = make_config::<S>(Setup { maxraftstate, ..Setup::of(3).near_clients() });
    let mut client = make_client(&cfg, &cfg.all());
    cfg.begin(&format!("Test: ops complete fast enough ({part})"));
    let ck = client.clerk();

    // This Get returns only when there is a leader.
    ck.get("x");

    let start = Instant::now();
    for i in 0..OPERATIONS as usize {
        ck.append("x", &element(0, i));
    }
    let taken = start.elapsed();

    let value = ck.get("x");
    if let Err(error) = check_appends(0, &value, OPERATIONS as usize) {
        panic!("{error}");
    }

    let limit = HEARTBEAT / PER_HEARTBEAT;
    let each = taken / OPERATIONS;
    assert!(
        taken <= limit * OPERATIONS,
        "operations completed too slowly: {each:?} each, {limit:?} are allowed"
    );
    note(&format!("{:.2} ms an operation, {:.2} ms are allowed", millis(each), millis(limit)));
    cfg.end();
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
