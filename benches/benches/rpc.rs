//! Measures a call with a small argument over a reliable network, for each kind of handler.
//!
//! The library criterion runs the repetitions and compares their times with the times of the last
//! measurement. The table uses the same samples.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use labrpc::{End, Network, Responder, Server, Service};
use labrt::chan;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::thread;
use labrt::time::{Duration, Instant};
use mit6824_benches::floor::Measured;
use mit6824_benches::{Floor, Table, Watched, bench_main, in_run};
use std::process::ExitCode;

/// How many samples of a hand-over are taken before each row of the table, and how many after it.
const HAND_OVERS: usize = 15;
/// The reason why a call cannot fail in this bench.
const ANSWERED: &str = "nothing is lost on a reliable network";

fn main() -> ExitCode {
    bench_main(|_| in_run(Watched::NOTHING, measure))
}

fn measure() {
    let floor = Floor;
    floor.print();
    let (_net, end) = network();
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    let mut group = criterion.benchmark_group("rpc");
    let mut table = Table::of_times("one call, u64 to u64, reliable network");
    let mut row = |name: &str, aim: &str, call: &dyn Fn(u64)| {
        let measured = bench(&mut group, floor, name, call);
        table.time(name, &measured.times, Some(measured.hand_overs()), aim);
    };
    row("call, inline handler", "1.5 us (the course's Go: 35-53 us)", &|n| call(&end, "Test.Inline", n));
    row("call, deferred, answered at once", "", &|n| call(&end, "Test.AtOnce", n));
    row("call, deferred, answered by a thread", "2 hand-overs and a bit", &|n| {
        call(&end, "Test.Deferred", n);
    });
    row("call, pooled handler", "2 hand-overs and a bit", &|n| call(&end, "Test.Pooled", n));
    let replies = Arc::new(AtomicU64::new(0));
    row("send, inline handler", "1.5 us", &|n| {
        let replies = replies.clone();
        end.send("Test.Inline", &n, move |reply: Option<u64>| {
            replies.fetch_add(reply.expect(ANSWERED), Ordering::Relaxed);
        });
    });
    group.finish();
    println!();
    print!("{table}");
    criterion.final_summary();
}

/// Measures one row of the table. The library criterion gets the same samples.
fn bench(group: &mut BenchmarkGroup<'_, WallTime>, floor: Floor, name: &str, call: &dyn Fn(u64)) -> Measured {
    let mut measured = Measured::default();
    // The hand-overs are measured before and after the row. If a hand-over was measured between two samples
    // of the row, criterion would count its time, too.
    (0..HAND_OVERS).for_each(|_| measured.floor.push(floor.hand_over()));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|repeats| {
            let start = Instant::now();
            (0..repeats).for_each(call);
            let all = start.elapsed();
            measured.times.push(all.as_nanos() as f64 / repeats as f64);
            all
        });
    });
    (0..HAND_OVERS).for_each(|_| measured.floor.push(floor.hand_over()));
    measured
}

fn call(end: &End, method: &str, n: u64) {
    let reply: Option<u64> = end.call(method, &n);
    assert_eq!(reply, Some(n + 1), "{ANSWERED}");
}

/// Makes a network with one server, and an end that is connected to this server.
fn network() -> (Network, End) {
    let net = Network::new();
    let (waiting, requests) = chan::unbounded::<(u64, Responder<u64>)>();
    thread::spawn_named("answers", move || {
        for (n, responder) in requests.iter() {
            responder.reply(n + 1);
        }
    });
    let service = Service::new("Test")
        .inline("Inline", |n: u64| n + 1)
        .handler("Pooled", |n: u64| n + 1)
        .deferred("AtOnce", |n: u64, responder: Responder<u64>| responder.reply(n + 1))
        .deferred("Deferred", move |n: u64, responder: Responder<u64>| {
            waiting.send((n, responder)).expect("the answering thread lives as long as this service");
        });
    net.add_server("server", Server::new().service(service));
    let end = net.make_end(NodeId::NONE, "server");
    net.enable(&end, true);
    (net, end)
}
