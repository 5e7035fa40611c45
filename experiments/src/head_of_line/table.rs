//! The results of the trials under the same conditions, as rows of tables.

use labrt::Run;
use labrt::time::Duration;
use mit6824_experiments::command_line::each;
use mit6824_experiments::quantile::quantile;
use mit6824_experiments::wire::Conditions;

use crate::Args;
use crate::trial::{Latency, Load, System, trial};

/// The trials of one system under the same conditions.
pub struct Cell {
    /// The system.
    pub system: System,
    /// The latencies of all commands, in milliseconds, in ascending order.
    pub commit: Vec<f64>,
    /// The same, until the command was applied.
    pub apply: Vec<f64>,
    /// For each command that was committed before an earlier command: the time from the commit until it was
    /// applied, in milliseconds.
    waits: Vec<f64>,
    /// The number of requests for each command.
    requests: f64,
    /// The round trip, in milliseconds.
    round_trip: f64,
}

/// The header of a table of [`Cell::row`]s. The first column is for the condition.
pub const HEAD: &str = "\
| | | commit: p50 | p99 | p99.9 | apply: p50 | p99 | p99.9 | requests |
|---|---|---:|---:|---:|---:|---:|---:|---:|";

/// The header of a table of [`late_row`]s.
pub const LATE_HEAD: &str = "\
| loss | Raft, window: committed late | Multi-Paxos: committed late | Multi-Paxos: applied late | \
committed before an earlier command | they wait, mean | longest |
|---|---:|---:|---:|---:|---:|---:|";

/// A command is late if it takes more than this many round trips.
const LATE: f64 = 1.5;

impl Cell {
    /// Makes the trials, each with its own seed.
    ///
    /// # Errors
    /// If a trial fails. The error contains the message of the failure.
    pub fn measure(
        system: System,
        conditions: Conditions,
        servers: usize,
        args: &Args,
    ) -> Result<Cell, String> {
        let load = Load { servers, rate: args.rate, commands: args.commands };
        // Timers can be late by up to this time.
        let run = Run { jitter: Duration::from_micros(10), ..Run::default() };
        let found = each(&run, args.seed, args.runs, move || trial(system, conditions, load))
            .map_err(|error| format!("{}, {conditions:?}: {error}", system.name()))?;
        let requests = found.iter().map(|it| it.requests).sum::<f64>() / found.len() as f64;
        let all = found.into_iter().flat_map(|it| it.latencies).collect();
        Ok(Cell::of(system, all, requests, ms(conditions.one_way * 2)))
    }

    pub(crate) fn of(system: System, all: Vec<Latency>, requests: f64, round_trip: f64) -> Cell {
        let sorted = |time: fn(&Latency) -> Duration| {
            let mut times: Vec<f64> = all.iter().map(|it| ms(time(it))).collect();
            times.sort_by(f64::total_cmp);
            times
        };
        let waits = all.iter().filter(|it| it.apply > it.commit).map(|it| ms(it.apply - it.commit));
        Cell {
            system,
            commit: sorted(|it| it.commit),
            apply: sorted(|it| it.apply),
            waits: waits.collect(),
            requests,
            round_trip,
        }
    }

    /// One row of a table: the quantiles, in milliseconds.
    pub fn row(&self, condition: &str) -> String {
        let quantiles = |times: &[f64]| {
            [0.5, 0.99, 0.999].map(|share| format!("{:.1}", within(times, share))).join(" | ")
        };
        let (commit, apply) = (quantiles(&self.commit), quantiles(&self.apply));
        format!("| {condition} | {} | {commit} | {apply} | {:.2} |", self.system.name(), self.requests)
    }

    /// The share of commands that take more than [`LATE`] round trips, in percent.
    fn late(&self, times: &[f64]) -> String {
        let late = times.iter().filter(|time| **time > LATE * self.round_trip).count();
        percent(late, times.len())
    }
}

/// One row of the table that compares Raft's window with Multi-Paxos.
pub fn late_row(condition: &str, raft: &Cell, paxos: &Cell) -> String {
    let waits = &paxos.waits;
    let (mean, longest) = match waits.is_empty() {
        true => ("-".to_owned(), "-".to_owned()),
        false => (
            format!("{:.1} ms", waits.iter().sum::<f64>() / waits.len() as f64),
            format!("{:.1} ms", waits.iter().copied().fold(0.0, f64::max)),
        ),
    };
    format!(
        "| {condition} | {} | {} | {} | {} | {mean} | {longest} |",
        raft.late(&raft.commit),
        paxos.late(&paxos.commit),
        paxos.late(&paxos.apply),
        percent(waits.len(), paxos.commit.len())
    )
}

/// The time within which this share of the commands was done. `times` must be in ascending order.
pub fn within(times: &[f64], share: f64) -> f64 {
    quantile(times, share).unwrap_or(f64::NAN)
}

fn percent(part: usize, all: usize) -> String {
    format!("{:.2} %", 100.0 * part as f64 / all as f64)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(system: System, all: &[(u64, u64)]) -> Cell {
        let ms = Duration::from_millis;
        let all = all.iter().map(|(commit, apply)| Latency { commit: ms(*commit), apply: ms(*apply) });
        Cell::of(system, all.collect(), 2.0, 10.0)
    }

    #[test]
    fn a_row_has_quantiles() {
        let all: Vec<(u64, u64)> = (1..=1000).rev().map(|i| (i, 2 * i)).collect();
        let row = cell(System::MultiPaxos, &all).row("2 %");
        assert_eq!(row, "| 2 % | Multi-Paxos | 500.0 | 990.0 | 999.0 | 1000.0 | 1980.0 | 1998.0 | 2.00 |");
    }

    #[test]
    fn a_row_of_late_commands_counts_them() {
        let raft = cell(System::Window, &[(10, 10), (15, 15), (16, 16), (20, 20)]);
        let paxos = cell(System::MultiPaxos, &[(16, 16), (10, 15), (10, 14), (10, 10)]);
        let row = late_row("5 %", &raft, &paxos);
        assert_eq!(row, "| 5 % | 50.00 % | 25.00 % | 25.00 % | 50.00 % | 4.5 ms | 5.0 ms |");
        let row = late_row("0 %", &raft, &cell(System::MultiPaxos, &[(10, 10)]));
        assert_eq!(row, "| 0 % | 50.00 % | 0.00 % | 0.00 % | 0.00 % | - | - |");
    }
}
