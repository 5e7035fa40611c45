//! Measures the cost of recording events and watching locks, as in tests. The bench measures the throughput
//! of Raft four times: without both, only with recorded events, only with watched locks, and with both.
//!
//! The cost of events that are *not* recorded is too small to be visible in a throughput. So this cost is
//! computed: the time of one such event is multiplied by the number of events per entry, and divided by the
//! time per entry.

use labrt::Run;
use labrt::trace::{self, Kind, Links};
use mit6824_benches::cluster::{Cluster, Setup};
use mit6824_benches::samples::{format_ns, time_each};
use mit6824_benches::{Effort, Floor, Samples, Table, Watched, bench_main, in_run};
use std::hint::black_box;
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
    // The settings are measured in turn. So if the machine is busy for some time, all settings are affected
    // in the same way.
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
    unwatched(effort, rates[0].median());
}

/// Prints the cost of the events of an entry if they are not recorded, as a share of the time per entry.
fn unwatched(effort: Effort, entries_a_second: f64) {
    const IDLE: Kind = Kind::new("bench.idle");
    let count = effort.pick(10_000_000, 10_000);
    let event = in_run(Watched::NOTHING, move || {
        time_each(count, || {
            let (index, term) = (black_box(7u64), black_box(3u64));
            trace::emit(IDLE, Links::NONE, &[("index", index.into()), ("term", term.into())]);
        })
    });
    let events = events_of_an_entry(effort);
    let entry = 1e9 / entries_a_second;
    println!(
        "an event that is not recorded: {event:.1} ns, {events:.1} of them an entry of {}",
        format_ns(entry)
    );
    println!("  share of the time of an entry: {:.2} %  (aim: under 1 %)", 100.0 * event * events / entry);
}

/// How many events a run has per entry. The events are counted in the run's trace file.
fn events_of_an_entry(effort: Effort) -> f64 {
    let entries = effort.pick(50_000, 1_000);
    let path = std::env::temp_dir().join(format!("events-of-an-entry-{}.txt", std::process::id()));
    let run = Run { trace_file: Some(path.clone()), ..Run::default() };
    let outcome = run.once(0, move || {
        Cluster::start(&Setup::default()).pipeline(entries);
    });
    assert!(outcome.failure.is_none(), "the run failed: {:?}", outcome.failure);
    let text = std::fs::read_to_string(&path).expect("the run has written its events");
    // If the file cannot be removed, it does no harm.
    let _ = std::fs::remove_file(&path);
    let lost = text.split_whitespace().find_map(|word| word.strip_prefix("lost=")).unwrap_or_default();
    let lost: usize = lost.parse().expect("the first line says how many events were not kept");
    (lost + text.lines().count() - 1) as f64 / entries as f64
}

fn throughput(effort: Effort, watched: Watched) -> f64 {
    let count = effort.pick(50_000, 1_000);
    in_run(watched, move || Cluster::start(&Setup::default()).pipeline(count))
}
