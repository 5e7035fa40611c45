//! Measures the cost of one hand-over between two threads on this machine. The other benches use this cost as
//! a unit. It also measures the cost of what one thread does alone.

use mit6824_benches::{Effort, Floor, Samples, Table, Watched, alone, bench_main, in_run};
use std::process::ExitCode;

/// Takes a sample, in nanoseconds.
type Sample = fn() -> f64;

/// What one thread does alone.
const ALONE: [(&str, Sample); 4] = [
    ("take a free lock, give it back", alone::lock),
    ("encode a message without entries", alone::encode),
    ("decode it", alone::decode),
    ("copy 64 KiB", alone::copy),
];

fn main() -> ExitCode {
    bench_main(|effort| in_run(Watched::NOTHING, move || measure(effort)))
}

fn measure(effort: Effort) {
    Floor.print();
    let mut table = Table::of_times("what one thread does alone");
    for (name, sample) in ALONE {
        let times: Samples = (0..effort.pick(30, 1)).map(|_| sample()).collect();
        table.time(name, &times, None, "");
    }
    print!("{table}");
}
