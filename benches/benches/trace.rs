//! What it costs to be watched: the throughput of Raft with events and lock discipline, as tests have both, beside
//! the throughput without.

use mit6824_benches::cluster::{Cluster, Setup};
use mit6824_benches::{Effort, Floor, Samples, Table, Watched, bench_main, in_run};
use std::process::ExitCode;

const SETTINGS: [(&str, Watched); 4] = [
    ("nothing (as in benches)", Watched::NOTHING),
    ("events", Watched { events: true, locks: false }),
    ("locks", Watched { events: false, locks: true }),
    ("events and locks (as in tests)", Watched::ALL),
];

fn main() -> ExitCode {
    bench_main(|effort| {
        in_run(Watched::NOTHING, || Floor.print());
        measure(effort);
    })
}

fn measure(effort: Effort) {
    let mut rates = [(); SETTINGS.len()].map(|()| Samples::new());
    let mut ratios = rates.clone();
    // In turns, so that a busy moment of the machine hits all settings alike.
    for _ in 0..effort.pick(7, 1) {
        let round = SETTINGS.map(|(_, watched)| throughput(effort, watched));
        for (setting, rate) in round.into_iter().enumerate() {
            rates[setting].push(rate);
            ratios[setting].push(rate / round[0]);
        }
    }
    let mut table = Table::of_rates("start to applied on all of 3 servers, pipelined", "entries/s, watched:");
    for (setting, (name, _)) in SETTINGS.iter().enumerate() {
        table.rate(name, &rates[setting], "");
        if setting > 0 {
            table.ratio("  over nothing", &ratios[setting], "");
        }
    }
    print!("{table}");
}

fn throughput(effort: Effort, watched: Watched) -> f64 {
    let count = effort.pick(50_000, 1_000);
    in_run(watched, move || Cluster::start(&Setup::default()).pipeline(count))
}
