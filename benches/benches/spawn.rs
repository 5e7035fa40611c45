//! Measures the cost of starting a thread: labrt's pooled thread, labrt's named thread, and a thread of the
//! system.
//!
//! To start and join an empty job takes at least two hand-overs: one to the worker, and one back.

use labrt::thread;
use mit6824_benches::samples::time_each;
use mit6824_benches::{Effort, Floor, Table, Watched, bench_main, in_run};
use std::process::ExitCode;

const JOINED: &str = "an empty job does not panic";

fn main() -> ExitCode {
    bench_main(|effort| in_run(Watched::NOTHING, move || measure(effort)))
}

fn measure(effort: Effort) {
    let (samples, repeats) = (effort.pick(40, 3), effort.pick(50, 5));
    let floor = Floor;
    floor.print();
    let pooled = floor.beside(samples, || time_each(repeats, || thread::spawn(|| ()).join().expect(JOINED)));
    let named = floor
        .beside(samples, || time_each(repeats, || thread::spawn_named("empty", || ()).join().expect(JOINED)));
    let system = floor.beside(samples, || time_each(repeats, system_thread));
    let mut table = Table::of_times("spawn and join of an empty job");
    table.time("labrt::thread::spawn (pooled)", &pooled.times, Some(pooled.hand_overs()), "2.3 hand-overs");
    table.time("labrt::thread::spawn_named", &named.times, Some(named.hand_overs()), "");
    table.time("std::thread::spawn", &system.times, Some(system.hand_overs()), "(60 to 240 us)");
    print!("{table}");
}

#[expect(clippy::disallowed_methods, reason = "the bench compares labrt's threads with the system's threads")]
fn system_thread() {
    std::thread::spawn(|| ()).join().expect(JOINED);
}
