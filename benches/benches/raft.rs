//! Measures a cluster of three servers: the entries per second, and the latency of one entry.
//!
//! For a rate, an entry counts when the consumers of all three servers have it. A latency ends when the
//! leader's consumer or all consumers have taken the entry out of their apply channels: the name of the row
//! says which. To save messages, a leader sends a new commit index together with the next entries. If no
//! entries follow, the leader waits for the commit interval (10 ms). While [`WINDOW`] commands are submitted
//! but not yet applied, the bench cannot submit more. Then it also has to wait for the end of this interval.
//! In the rows with commit interval 0 there is no such wait, but there are more messages, and followers apply
//! at once.

use labrt::time::Duration;
use mit6824_benches::cluster::{COMMAND_BYTES, Cluster, SERVERS, Setup, WINDOW};
use mit6824_benches::{Effort, Floor, Samples, Table, Watched, bench_main, in_run};
use std::process::ExitCode;

/// A leader that waits so long for the answer to its entries sends one message at a time.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

fn main() -> ExitCode {
    bench_main(|effort| {
        in_run(Watched::NOTHING, || Floor.print());
        println!(
            "{SERVERS} servers, reliable network, commands of {COMMAND_BYTES} bytes, at most {WINDOW} under way"
        );
        throughput(effort);
        latency(effort);
    })
}

fn throughput(effort: Effort) {
    let (count, length) = (effort.pick(100_000, 2_000), effort.pick(200_000, 5_000));
    let (mut short, mut long, mut ratios) = (Samples::new(), Samples::new(), Samples::new());
    for _ in 0..effort.pick(7, 1) {
        let (at_start, far_in) = in_run(Watched::NOTHING, move || {
            let mut cluster = Cluster::start(&Setup::default());
            let at_start = cluster.pipeline(count);
            cluster.pipeline(length - cluster.log_length());
            (at_start, cluster.pipeline(count))
        });
        short.push(at_start);
        long.push(far_in);
        ratios.push(at_start / far_in);
    }
    // The two are measured alternately, because the machine may be faster at one time than at another.
    let one = Setup { entries_interval: FOR_EVER, ..Setup::default() };
    let (mut one_rates, mut gains) = (Samples::new(), Samples::new());
    for _ in 0..effort.pick(7, 1) {
        let [several, one] = [&Setup::default(), &one].map(|setup| rate(setup.clone(), count));
        one_rates.push(one);
        gains.push(several / one);
    }
    let eager = Setup { commit_interval: Duration::ZERO, ..Setup::default() };
    let eager: Samples = (0..effort.pick(5, 1)).map(|_| rate(eager.clone(), count)).collect();
    let channels: Samples = (0..effort.pick(5, 1)).map(|_| rate(Setup::with_channels(), count)).collect();
    let (rendezvous, few) = (Setup { channel: Some(0), ..Setup::default() }, effort.pick(5_000, 200));
    let rendezvous: Samples = (0..effort.pick(3, 1)).map(|_| rate(rendezvous.clone(), few)).collect();

    let mut table = Table::of_rates("start to applied on all servers, pipelined", "entries/s");
    table.rate("at log length 0", &short, "800000");
    table.rate(&format!("at log length {length}"), &long, "800000");
    table.ratio("the first over the second", &ratios, "x 1.20 at most");
    table.rate("at log length 0, one message at a time to each follower", &one_rates, "");
    table.ratio("several messages at a time over one", &gains, "");
    table.rate("at log length 0, commit interval 0", &eager, "");
    table.rate(&format!("apply channels with room for {WINDOW}"), &channels, "");
    table.rate("apply by rendezvous (capacity 0)", &rendezvous, "(as in the course's harness)");
    print!("{table}");
}

/// How many entries per second a new cluster applies.
fn rate(setup: Setup, count: u64) -> f64 {
    in_run(Watched::NOTHING, move || Cluster::start(&setup).pipeline(count))
}

fn latency(effort: Effort) {
    let mut table = Table::of_times("one command at a time, start to applied");
    let samples = effort.pick(20, 2);
    let repeats = effort.pick(50, 3);
    let leader = in_run(Watched::NOTHING, move || {
        let (floor, mut cluster) = (Floor, Cluster::start(&Setup::with_channels()));
        floor.beside(samples, || mean(repeats, || cluster.one_on_leader()))
    });
    let eager = in_run(Watched::NOTHING, move || {
        let setup = Setup { commit_interval: Duration::ZERO, ..Setup::with_channels() };
        let (floor, mut cluster) = (Floor, Cluster::start(&setup));
        floor.beside(samples, || mean(repeats, || cluster.one()))
    });
    let patient = in_run(Watched::NOTHING, move || {
        let (floor, mut cluster) = (Floor, Cluster::start(&Setup::with_channels()));
        floor.beside(samples, || mean(repeats / 10 + 1, || cluster.one()))
    });
    table.time("on the leader", &leader.times, Some(leader.hand_overs()), "");
    table.time("on all, commit interval 0", &eager.times, Some(eager.hand_overs()), "");
    table.time("on all, as it is by default", &patient.times, None, "(the commit interval: 10 ms)");
    print!("{table}");
}

/// The mean of `count` repetitions, in nanoseconds.
fn mean(count: u32, mut f: impl FnMut() -> Duration) -> f64 {
    (0..count).map(|_| f().as_nanos() as f64).sum::<f64>() / f64::from(count)
}
