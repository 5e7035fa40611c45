//! Measures how long the checker takes. The bench checks histories that another project has recorded. It also
//! checks generated histories that are long or have many concurrent operations.
//!
//! `PORCUPINE_DATA` names a folder with the recorded histories, `c50-ok.txt` and `c50-bad.txt`. Without this
//! variable these two histories are skipped.

use labrt::offload;
use labrt::time::Duration;
use mit6824_benches::register::{HISTORIES, Histories, Random, Way, illegal};
use mit6824_benches::{Effort, Samples, Table, bench_main};
use porcupine::models::kv::{Event, KvInput, KvModel, KvOutput, Operation, Text};
use porcupine::models::kv_log;
use porcupine::{Limit, Options, Report, Verdict, check, check_events};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    bench_main(|effort| {
        let mut table = Table::of_times("checking a history for linearizability, until the verdict");
        recorded(effort, &mut table);
        made(effort, &mut table);
        registers(effort, &mut table);
        texts(effort, &mut table);
        print!("{table}");
    })
}

/// Takes samples of one check. In each sample, the check must have the verdict `expected`.
fn sample(effort: Effort, expected: Verdict, check: impl Fn() -> Report) -> Samples {
    let times = (0..effort.pick(9, 1)).map(|_| {
        let report = check();
        assert_eq!(report.verdict, expected, "{:?}", report.why_unknown);
        report.took.as_nanos() as f64
    });
    times.collect()
}

fn recorded(effort: Effort, table: &mut Table) {
    let Some(folder) = std::env::var_os("PORCUPINE_DATA").map(PathBuf::from) else {
        println!("PORCUPINE_DATA is not set: the recorded histories c50-ok and c50-bad are skipped");
        return;
    };
    let files = [("c50-ok", Verdict::Ok, "300 ms"), ("c50-bad", Verdict::Illegal, "100 ms")];
    for (name, expected, aim) in files {
        let events = read(&folder.join(name).with_extension("txt"));
        let times = sample(effort, expected, || {
            check_events(&KvModel, &events, &Options::default())
                .expect("the parser returns only valid histories")
        });
        table.time(&format!("{name}, {} events on 10 keys", events.len()), &times, None, aim);
    }
}

fn read(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    kv_log::parse(&text).unwrap_or_else(|error| panic!("{}, {error}", path.display()))
}

fn made(effort: Effort, table: &mut Table) {
    let count = effort.pick(100_000, 1_000);
    for (clients, aim) in [(1, "1 s"), (5, ""), (15, "")] {
        let history = appends_and_gets(count, clients);
        let times = sample(effort, Verdict::Ok, || check(&KvModel, &history, &Options::default()));
        table.time(&format!("{count} operations on one key by {clients} clients"), &times, None, aim);
    }

    // This history cannot be decided in a reasonable time.
    let limit = effort.pick(Duration::from_secs(1), Duration::from_millis(10));
    let history = hopeless();
    let times = sample(effort, Verdict::Unknown, || {
        let report = check(&KvModel, &history, &Options { limit: Some(limit), ..Options::default() });
        assert_eq!(report.why_unknown, Some(Limit::Time));
        report
    });
    table.time(&format!("a hopeless history, limit {limit:?}"), &times, None, "1.1 s");
}

/// Appends and gets on one key by clients that work all the time. Each operation takes effect at a random
/// time between its call and its return.
fn appends_and_gets(count: u64, clients: u32) -> Vec<Operation> {
    let mut random = Random(1);
    let mut moments = Vec::new();
    for client in 0..clients {
        let mut call = random.below(1_000);
        for _ in 0..count / u64::from(clients) {
            let ret = call + 200 + random.below(800);
            moments.push((call + random.below(ret - call), client, call, ret));
            call = ret + 1 + random.below(50);
        }
    }
    moments.sort_unstable();
    let mut value = Text::EMPTY;
    let operation = |(at, (_, client, call, ret))| {
        let (input, output) = if random.below(2) == 0 {
            let input = KvInput::append("k", format!("x {client} {at} y").as_str());
            value = value.followed_by(&input.value);
            (input, KvOutput::none())
        } else {
            (KvInput::get("k"), KvOutput::value(value.clone()))
        };
        Operation { client, input, call, output, ret }
    };
    moments.into_iter().enumerate().map(operation).collect()
}

/// A history of sixty concurrent appends and a get. No order of the appends can produce the value that the
/// get returns.
fn hopeless() -> Vec<Operation> {
    let operation = |input, output, call, ret| Operation { client: 0, input, call, output, ret };
    let append = |_| operation(KvInput::append("k", "a"), KvOutput::none(), 0, 10);
    let found = KvOutput::value("a".repeat(1_000).as_str());
    (0..60).map(append).chain([operation(KvInput::get("k"), found, 20, 30)]).collect()
}

/// Adds the rows of the histories with unknown results. All ways must give the same verdicts.
fn registers(effort: Effort, table: &mut Table) {
    let histories = Histories::make(effort.pick(HISTORIES, 5));
    let results = histories.unknown_results();
    let expected = histories.check(Way::NoReturn);
    let (all, illegal) = (expected.len(), illegal(&expected));
    for way in Way::ALL {
        let times: Samples = (0..effort.pick(9, 1))
            .map(|_| {
                let start = offload::real_time();
                let verdicts = histories.check(way);
                let took = offload::real_time() - start;
                assert_eq!(verdicts, expected, "{}", way.name());
                took.as_nanos() as f64
            })
            .collect();
        let what = format!("{all} registers, {illegal} illegal, {results} unknown results: {}", way.name());
        table.time(&what, &times, None, "");
    }
}

/// Measures how long it takes to record one long answer as a [`Text`].
fn texts(effort: Effort, table: &mut Table) {
    let long = "x 3 1234 y".repeat(20_000);
    let times = (0..effort.pick(50, 1)).map(|_| {
        let start = offload::real_time();
        std::hint::black_box(Text::new(std::hint::black_box(&long)));
        (offload::real_time() - start).as_nanos() as f64
    });
    table.time("the Text of a string of 200 kB", &times.collect(), None, "");
}
