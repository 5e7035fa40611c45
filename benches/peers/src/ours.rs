//! The measurements of this project. Most of the code is in the package of the benches, so that a measurement
//! here is the same as with `cargo bench`.

use labrpc::{End, Network, Server, Service};
use labrt::node::NodeId;
use labrt::offload;
use labrt::time::{Duration, Instant};
use mit6824_benches::kv::{KvGroup, Load};
use mit6824_benches::register::{self, HISTORIES, Histories, Way};
use mit6824_benches::samples::time_each;
use mit6824_benches::shards::Shards;
use mit6824_benches::{Cluster, Floor, Samples, Setup, Watched, alone, in_run};

use crate::plan::{Cell, Values, What};
use crate::{LONG_LOG, WARM_UP};

/// How many samples a cost of the machine has in one measurement.
const SAMPLES: usize = 15;
/// How often one measurement checks all histories. The shortest time counts.
const CHECKS: usize = 9;

/// Some samples of the cost of a hand-over between two threads on two cores, in nanoseconds. If this process
/// has one core only, both threads run there.
pub fn hand_overs() -> Vec<f64> {
    let sample = || Floor.across_cores().unwrap_or_else(|_| Floor.hand_over());
    in_run(Watched::NOTHING, move || (0..5).map(|_| sample()).collect())
}

/// Makes one measurement.
pub fn measure(cell: Cell, seconds: u64) -> Result<Values, String> {
    let (name, value) = (cell.what.value(), cell.what);
    let one = |number: f64| Ok(Values::from([(name.to_owned(), number)]));
    match value {
        What::Across => one(median(|| Floor.across_cores())?),
        What::Within => one(median(|| Floor.within_a_core())?),
        What::Rendezvous => one(median(|| Ok(Floor.rendezvous()))?),
        What::Answer => one(in_run(Watched::NOTHING, move || Floor.answer(cell.clients))),
        What::Lock => one(median(|| Ok(alone::lock()))?),
        What::Encode => one(median(|| Ok(alone::encode()))?),
        What::Decode => one(median(|| Ok(alone::decode()))?),
        What::Copy => one(median(|| Ok(alone::copy()))?),
        What::Put | What::PutSnapshots => Ok(rates(cell, Load::Put, seconds)),
        What::Get => Ok(rates(cell, Load::Get, seconds)),
        What::Entries => Ok(entries(Setup::default(), WARM_UP, seconds)),
        What::LongLog => Ok(entries(Setup::default(), LONG_LOG, seconds)),
        What::Channels => Ok(entries(Setup::with_channels(), WARM_UP, seconds)),
        What::Command => one(in_run(Watched::NOTHING, || {
            let mut cluster = Cluster::start(&Setup::with_channels());
            let times: Samples = (0..1000).map(|_| cluster.one_on_leader().as_nanos() as f64).collect();
            times.median()
        })),
        What::Call => one(in_run(Watched::NOTHING, || call("Test.Inline", 200_000))),
        What::PooledCall => one(in_run(Watched::NOTHING, || call("Test.Pooled", 20_000))),
        What::Appends => one(in_run(Watched::NOTHING, appends)),
        What::Shards => {
            one(in_run(Watched::NOTHING, move || Shards::start(cell.servers).rate(cell.clients, seconds)))
        }
        What::Join => Ok(join(seconds)),
        What::NoReturn => Ok(check(Way::NoReturn)),
        What::Literal => Ok(check(Way::Literal)),
        What::Ignored => Ok(check(Way::Ignored)),
    }
}

/// The median of some samples. They are taken inside a run.
fn median(sample: impl Fn() -> Result<f64, String> + Send + Sync + 'static) -> Result<f64, String> {
    let samples =
        in_run(Watched::NOTHING, move || (0..SAMPLES).map(|_| sample()).collect::<Result<Samples, _>>());
    Ok(samples?.median())
}

/// The operations a second, and the rate of the last second as a share of the first one.
fn rates(cell: Cell, load: Load, seconds: u64) -> Values {
    let rates = in_run(Watched::NOTHING, move || {
        let group = match cell.what {
            What::PutSnapshots => KvGroup::start_with_snapshots(cell.servers),
            _ => KvGroup::start(cell.servers),
        };
        group.rates(cell.clients, load, seconds as usize)
    });
    crate::summary::of_seconds(&rates)
}

/// The entries a second, if the log has `before` entries when the measurement begins.
fn entries(setup: Setup, before: u64, seconds: u64) -> Values {
    let rate = in_run(Watched::NOTHING, move || {
        let mut cluster = Cluster::start(&setup);
        cluster.pipeline(before - cluster.log_length());
        cluster.pipeline(crate::entries(seconds))
    });
    Values::from([("rate".to_owned(), rate), ("entries_before".to_owned(), before as f64)])
}

/// The time of one call over a reliable network. `calls` is the number of calls that are measured.
fn call(method: &str, calls: u32) -> f64 {
    let net = Network::new();
    let service = Service::new("Test").inline("Inline", |n: u64| n + 1).handler("Pooled", |n: u64| n + 1);
    net.add_server("server", Server::new().service(service));
    let end: End = net.make_end(NodeId::NONE, "server");
    net.enable(&end, true);
    let once = || {
        let reply: Option<u64> = end.call(method, &7_u64);
        assert_eq!(reply, Some(8), "nothing is lost on a reliable network");
    };
    time_each(calls / 20, once);
    let each = time_each(calls, once);
    net.cleanup();
    each
}

/// The shortest time of a check of all histories of a register, on one thread.
fn check(way: Way) -> Values {
    let histories = Histories::make(HISTORIES);
    let (mut least, mut verdicts) = (f64::INFINITY, Vec::new());
    for _ in 0..CHECKS {
        let start = offload::real_time();
        verdicts = histories.check(way);
        least = least.min((offload::real_time() - start).as_nanos() as f64);
    }
    Values::from([
        ("ns".to_owned(), least),
        ("histories".to_owned(), verdicts.len() as f64),
        ("illegal".to_owned(), register::illegal(&verdicts) as f64),
        ("unknown_results".to_owned(), histories.unknown_results() as f64),
    ])
}

/// The time of 1,000 appends of one client to one key, as in the course's test of speed.
fn appends() -> f64 {
    let group = KvGroup::start(3);
    let mut clerk = group.clerk();
    clerk.get("x");
    let start = Instant::now();
    (0..1000).for_each(|i| clerk.append("x", &format!("x 0 {i} y")));
    start.elapsed().as_nanos() as f64
}

/// The longest waits of the clients of all shards while a third group joins. Each shard has 100 kB.
fn join(seconds: u64) -> Values {
    let half = Duration::from_secs(seconds);
    let gaps = in_run(Watched::NOTHING, move || Shards::start(2).gaps(100_000, half));
    let longest =
        |times: &mut dyn Iterator<Item = Duration>| times.max().unwrap_or_default().as_nanos() as f64;
    let during =
        |moved: bool| longest(&mut gaps.iter().filter(|gap| gap.moved == moved).map(|gap| gap.during));
    Values::from([
        ("before_ns".to_owned(), longest(&mut gaps.iter().map(|gap| gap.before))),
        ("stays_ns".to_owned(), during(false)),
        ("ns".to_owned(), during(true)),
    ])
}
