//! Measures the key/value service: the operations per second, for different numbers of clerks that work at
//! the same time.
//!
//! Each clerk does one operation after the other. If there is only one clerk, 1 / the rate is the mean
//! latency. A lone clerk waits for no other thread: its own thread does the whole operation. So the result is
//! less than one hand-over. The log grows all the time, so the service could become slower. The columns at
//! the right show this: they have the rate of each second of the measurement. *last/first* is empty if the
//! measurement takes less than two seconds.
//!
//! With `KV_SECONDS=1` each measurement takes one second. With `KV_ONLY=put/3/32,get/3/1` there are only
//! these two measurements. The three values of a measurement are the kind of operation, the number of servers
//! and the number of clerks.

use labrt::time::Instant;
use mit6824_benches::kv::{KvGroup, Load};
use mit6824_benches::{Effort, Floor, Watched, bench_main, in_run};
use std::process::ExitCode;

/// A measurement: the kind of operation, the number of servers, the number of clerks, and the aim.
type Row = (Load, usize, usize, &'static str);

const ROWS: [Row; 17] = [
    (Load::Put, 3, 1, "< 1 hand-over"),
    (Load::Put, 3, 8, ""),
    (Load::Put, 3, 32, "60000"),
    (Load::Put, 3, 128, "100000"),
    (Load::Put, 3, 1024, ""),
    (Load::Get, 3, 1, "< 1 hand-over"),
    (Load::Get, 3, 8, ""),
    (Load::Get, 3, 32, "60000"),
    (Load::Get, 3, 128, "100000"),
    (Load::Put, 5, 1, ""),
    (Load::Put, 5, 8, ""),
    (Load::Put, 5, 32, ""),
    (Load::Put, 5, 128, ""),
    (Load::Get, 5, 1, ""),
    (Load::Get, 5, 8, ""),
    (Load::Get, 5, 32, ""),
    (Load::Get, 5, 128, ""),
];

fn main() -> ExitCode {
    bench_main(|effort| match seconds(effort) {
        Ok(seconds) => measure(effort, seconds),
        Err(value) => eprintln!("KV_SECONDS={value}: expected a number of seconds above 0"),
    })
}

fn seconds(effort: Effort) -> Result<usize, String> {
    match std::env::var("KV_SECONDS") {
        Ok(value) => value.parse().ok().filter(|&seconds| seconds > 0).ok_or(value),
        Err(_) => Ok(effort.pick(5, 1)),
    }
}

fn measure(effort: Effort, seconds: usize) {
    let floor = in_run(Watched::NOTHING, || Floor.print());
    println!("key/value service, reliable network, no snapshots, {seconds} s each");
    println!("    op  servers  clerks    ops/s   us/op  hand-overs  aim           last/first  each second");
    let only = std::env::var("KV_ONLY").ok();
    for (load, servers, clerks, aim) in ROWS {
        let name = format!("{}/{servers}/{clerks}", name(load));
        let chosen = match &only {
            Some(only) => only.split(',').any(|it| it == name),
            None => effort == Effort::Full || (servers, clerks) == (3, 1),
        };
        if chosen {
            row((load, servers, clerks, aim), seconds, floor);
        }
    }
    let appends = effort.pick(1000, 10);
    let took = in_run(Watched::NOTHING, move || {
        let group = KvGroup::start(3);
        let mut clerk = group.clerk();
        clerk.get("x");
        let start = Instant::now();
        (0..appends).for_each(|i| clerk.append("x", &format!("x 0 {i} y")));
        start.elapsed()
    });
    println!("{appends} appends by one clerk to one key: {took:.1?} (aim for 1000: 100 ms)");
}

fn name(load: Load) -> &'static str {
    match load {
        Load::Put => "put",
        Load::Get => "get",
    }
}

fn row((load, servers, clerks, aim): Row, seconds: usize, floor: f64) {
    let rates = in_run(Watched::NOTHING, move || KvGroup::start(servers).rates(clerks, load, seconds));
    let rate = rates.iter().sum::<u64>() as f64 / seconds as f64;
    // This is how long one clerk waits for one operation.
    let ns = 1e9 * clerks as f64 / rate;
    let decay = match rates[..] {
        [first, .., last] => format!("{:.2}", last as f64 / first as f64),
        _ => String::new(),
    };
    let each: Vec<String> = rates.iter().map(u64::to_string).collect();
    let hand_overs = ns / floor;
    println!(
        "  {:>4}  {servers:>7}  {clerks:>6}  {rate:>7.0}  {:>6.1}  {hand_overs:>10.2}  {aim:<13} {decay:>10}  {}",
        name(load),
        ns / 1e3,
        each.join(" ")
    );
}
