//! Measures the sharded service: the operations per second for different numbers of groups, and how long a
//! client waits when shards move.
//!
//! All groups run on this machine, so several groups divide its cores. On two cores the rate still rises with
//! the number of groups. Each group has a log and locks of its own, so fewer clerks wait for the same lock.
//! The results do not show the speed of a service in which each server has a machine of its own.

use labrt::time::Duration;
use mit6824_benches::shards::{Gap, Shards};
use mit6824_benches::{Effort, Floor, Watched, bench_main, in_run};
use std::process::ExitCode;

const CLERKS: usize = 32;
/// How many bytes each shard has.
const BYTES: usize = 100_000;

fn main() -> ExitCode {
    bench_main(|effort| {
        in_run(Watched::NOTHING, || Floor.print());
        rates(effort);
        gaps(effort);
    })
}

fn rates(effort: Effort) {
    let seconds = effort.pick(5, 1);
    println!(
        "puts by {CLERKS} clerks on all shards, groups of 3 servers, reliable network, {seconds} s each"
    );
    for groups in effort.pick(1..=3, 1..=1) {
        let rate = in_run(Watched::NOTHING, move || Shards::start(groups).rate(CLERKS, seconds));
        println!("  {groups} groups  {rate:>7.0} a second");
    }
}

fn gaps(effort: Effort) {
    let half = effort.pick(Duration::from_secs(3), Duration::from_millis(200));
    let gaps = in_run(Watched::NOTHING, move || Shards::start(2).gaps(BYTES, half));
    println!("a third group joins, {BYTES} bytes a shard, a clerk on each: the longest wait for an answer");
    println!("  shard               in {half:?} before   in {half:?} with the move");
    for Gap { shard, moved, before, during } in &gaps {
        let moved = if *moved { "moves" } else { "stays" };
        println!("  {shard:>5}  {moved}  {before:>18.1?}  {during:>18.1?}");
    }
    for (what, wanted) in [("stay", false), ("move", true)] {
        let longest = |of: fn(&Gap) -> Duration| gaps.iter().filter(|gap| gap.moved == wanted).map(of).max();
        let (before, during) = (longest(|gap| gap.before), longest(|gap| gap.during));
        println!(
            "  of those that {what}: {:.1?} before, {:.1?} with the move",
            before.unwrap_or_default(),
            during.unwrap_or_default()
        );
    }
}
