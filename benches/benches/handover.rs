//! Measures the cost of one hand-over between two threads on this machine. The other benches use this cost as
//! a unit.

use mit6824_benches::{Floor, Watched, bench_main, in_run};
use std::process::ExitCode;

fn main() -> ExitCode {
    bench_main(|_| {
        in_run(Watched::NOTHING, || Floor.print());
    })
}
