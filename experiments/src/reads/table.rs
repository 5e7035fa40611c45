//! The measurements, and the tables that show them.

use labrpc::Capacity;
use labrt::time::Duration;

use crate::measure::{Found, Plan, measure};
use crate::run_once;
use crate::store::Way;

/// The sizes of the groups.
pub const SIZES: [usize; 4] = [3, 5, 7, 9];
/// How many of 100 operations are writes, in the two tables.
pub const MIXES: [u64; 2] = [0, 10];
/// The load is light if so many clients wait for this time between two operations.
const LIGHT: (usize, Duration) = (8, Duration::from_millis(10));
/// How long a measurement with a light load takes.
const LIGHT_SPAN: Duration = Duration::from_secs(2);
/// How long the clients work before a measurement.
const WARM_UP: Duration = Duration::from_millis(50);

/// What is the same for all measurements.
pub struct Setup {
    pub capacity: Capacity,
    /// How many clients there are at saturation.
    pub clients: usize,
    /// How long a measurement at saturation takes.
    pub span: Duration,
    /// Does the leader answer its share of the reads, if the followers answer reads?
    pub leader_reads: bool,
    pub seed: u64,
}

/// The measurements of one size, one way to read and one mix.
pub struct Row {
    pub servers: usize,
    pub way: Way,
    /// How many of 100 operations are writes.
    pub writes: u64,
    pub saturated: Found,
    pub light: Found,
}

/// Makes the measurements and prints the tables.
///
/// # Errors
/// If a run fails.
pub fn print(setup: &Setup) -> Result<Vec<Row>, String> {
    let (mut rows, count) = (Vec::new(), MIXES.len() * SIZES.len() * Way::ALL.len());
    for writes in MIXES {
        println!("{}", if writes == 0 { READS_HEAD } else { MIX_HEAD });
        for servers in SIZES {
            for way in Way::ALL {
                let row = row(setup, servers, way, writes)?;
                println!("{}", if writes == 0 { row.reads() } else { row.mix() });
                rows.push(row);
                eprintln!("{} of {count}: {writes} % writes, {servers} servers, {way}", rows.len());
            }
        }
        println!();
    }
    Ok(rows)
}

fn row(setup: &Setup, servers: usize, way: Way, writes: u64) -> Result<Row, String> {
    let saturated = setup.plan(servers, way, writes);
    let (clients, think) = LIGHT;
    let light = Plan { clients, think, span: LIGHT_SPAN, ..saturated.clone() };
    let (saturated, light) = (setup.found(saturated)?, setup.found(light)?);
    Ok(Row { servers, way, writes, saturated, light })
}

impl Setup {
    /// The measurement at saturation.
    fn plan(&self, servers: usize, way: Way, writes: u64) -> Plan {
        Plan {
            way,
            servers,
            clients: self.clients,
            think: Duration::ZERO,
            writes,
            leader_reads: self.leader_reads,
            capacity: Some(self.capacity),
            warm_up: WARM_UP,
            span: self.span,
        }
    }

    fn found(&self, plan: Plan) -> Result<Found, String> {
        let what = format!("{} servers, {} clients, reads by {}", plan.servers, plan.clients, plan.way);
        run_once(self.seed, move || measure(&plan)).map_err(|error| format!("{what}: {error}"))
    }
}

/// The number of servers of the measurements with more and more clients.
pub const SWEEP_SERVERS: usize = 5;
/// The numbers of clients.
const SWEEP: [usize; 8] = [8, 16, 32, 64, 128, 256, 512, 1024];

/// The measurements with one number of clients, in the order of [`Way::ALL`].
pub type Step = Vec<Found>;

/// Measures reads with more and more clients, and prints a table.
///
/// # Errors
/// If a run fails.
pub fn sweep(setup: &Setup) -> Result<Vec<Step>, String> {
    let names = Way::ALL.map(|way| format!(" {way} |")).concat();
    println!("| clients |{names}\n|---:|{}", "---|".repeat(Way::ALL.len()));
    let mut steps = Vec::new();
    for clients in SWEEP {
        let plan = |way| Plan { clients, ..setup.plan(SWEEP_SERVERS, way, 0) };
        let found = Way::ALL.into_iter().map(|way| setup.found(plan(way))).collect::<Result<Vec<_>, _>>()?;
        let cells = found.iter().map(|it| format!(" {}, {} |", thousands(it.rate), ms(it.read_within(0.99))));
        println!("| {clients} |{}", cells.collect::<String>());
        steps.push(found);
        eprintln!("{} of {}: {clients} clients", steps.len(), SWEEP.len());
    }
    Ok(steps)
}

const READS_HEAD: &str = "\
| servers | reads by | reads/s | p50 | p99 | leader busy | a follower busy | messages | bytes | light load: p50 | p99 | messages | bytes |
|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

const MIX_HEAD: &str = "\
| servers | reads by | operations/s | reads: p50 | p99 | writes: p50 | p99 | leader busy | a follower busy | light load: reads p50 | p99 | writes p50 | p99 |
|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

impl Row {
    fn reads(&self) -> String {
        let Row { servers, way, saturated: full, light, .. } = self;
        format!(
            "| {servers} | {way} | {} | {} | {} | {} | {} | {:.2} | {:.0} | {} | {} | {:.2} | {:.0} |",
            thousands(full.rate),
            ms(full.read_within(0.5)),
            ms(full.read_within(0.99)),
            percent(full.leader_busy),
            percent(full.follower_busy),
            full.messages,
            full.bytes,
            ms(light.read_within(0.5)),
            ms(light.read_within(0.99)),
            light.messages,
            light.bytes
        )
    }

    fn mix(&self) -> String {
        let Row { servers, way, saturated: full, light, .. } = self;
        format!(
            "| {servers} | {way} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            thousands(full.rate),
            ms(full.read_within(0.5)),
            ms(full.read_within(0.99)),
            ms(full.write_within(0.5)),
            ms(full.write_within(0.99)),
            percent(full.leader_busy),
            percent(full.follower_busy),
            ms(light.read_within(0.5)),
            ms(light.read_within(0.99)),
            ms(light.write_within(0.5)),
            ms(light.write_within(0.99))
        )
    }
}

/// A rate with three significant digits: `83,400`.
fn thousands(rate: f64) -> String {
    let digits = rate.abs().max(1.0).log10().floor() as i32 - 2;
    let unit = 10_f64.powi(digits.max(0));
    let rounded = ((rate / unit).round() * unit) as u64;
    match rounded {
        1000.. => format!("{},{:03}", rounded / 1000, rounded % 1000),
        _ => rounded.to_string(),
    }
}

fn ms(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |time| format!("{:.2} ms", time.as_secs_f64() * 1000.0))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Measures reads on real threads, and prints a table.
///
/// # Errors
/// If a run fails.
pub fn real(seed: u64) -> Result<(), String> {
    let names = Way::ALL.map(|way| format!(" {way} |")).concat();
    println!("| servers | clients |{names}\n|---:|---:|{}", "---|".repeat(Way::ALL.len()));
    for (servers, clients) in [(3, 1), (3, 32), (9, 1), (9, 32)] {
        let mut cells = String::new();
        for way in Way::ALL {
            let plan = Plan {
                way,
                servers,
                clients,
                think: Duration::ZERO,
                writes: 0,
                leader_reads: false,
                capacity: None,
                warm_up: Duration::from_millis(200),
                span: Duration::from_secs(1),
            };
            let found = run_once(seed, move || measure(&plan))
                .map_err(|error| format!("{servers} servers, {clients} clients, reads by {way}: {error}"))?;
            let us = found.read_within(0.5).map_or(0, |time| time.as_micros());
            cells += &format!(" {}, {us} us |", thousands(found.rate));
            eprintln!("{servers} servers, {clients} clients, {way}");
        }
        println!("| {servers} | {clients} |{cells}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([7.4, 999.6, 1234.0, 83_456.0].map(thousands), ["7", "1,000", "1,230", "83,500"]);
        assert_eq!(ms(Some(Duration::from_micros(1234))), "1.23 ms");
        assert_eq!((ms(None), percent(0.504)), ("-".to_owned(), "50 %".to_owned()));
    }

    #[test]
    fn a_row_has_the_columns_of_its_head() {
        let found = Found {
            rate: 81_234.0,
            reads: vec![Duration::from_micros(120)],
            writes: Vec::new(),
            messages: 2.0,
            bytes: 112.0,
            leader_busy: 1.0,
            follower_busy: 0.004,
        };
        let row = Row { servers: 3, way: Way::Session, writes: 0, saturated: found.clone(), light: found };
        let columns = |text: &str| text.lines().map(|line| line.matches('|').count()).collect::<Vec<_>>();
        assert_eq!(columns(&format!("{READS_HEAD}\n{}", row.reads())), [14; 3]);
        assert_eq!(columns(&format!("{MIX_HEAD}\n{}", row.mix())), [14; 3]);
        let start = "| 3 | session | 81,200 | 0.12 ms | 0.12 ms | 100 % | 0 % | 2.00 | 112 |";
        assert!(row.reads().starts_with(start), "{}", row.reads());
    }
}
