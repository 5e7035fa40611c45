//! What one hand-over between two threads costs here: the floor that all other benches stand on.

use mit6824_benches::{Floor, Watched, bench_main, in_run};
use std::process::ExitCode;

fn main() -> ExitCode {
    bench_main(|_| {
        in_run(Watched::NOTHING, || Floor.print());
    })
}
