//! Does one lost message hold up everything behind it? Raft commits commands in order, and Multi-Paxos does
//! not. This program gives both the same commands on the same network, in virtual time.
//!
//! ```text
//! cargo run -p mit6824-experiments --features sim --bin head-of-line -- --svg target/head-of-line.svg
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `trial` | one trial: a leader, commands at a fixed rate, and the latency of each command |
//! | `table` | quantiles, as rows of tables |
//! | `units` | losses and delays on the command line |
//! | `picture` | latency against loss, as SVG |
//!
//! The network is in [`mit6824_experiments::wire`]. `docs/questions/head-of-line.md` has the results.

#![forbid(unsafe_code)]

mod picture;
mod table;
mod trial;
mod units;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mit6824_experiments::command_line;
use mit6824_experiments::wire::Conditions;
use table::{Cell, HEAD, LATE_HEAD, late_row};
use trial::System;
use units::{Delay, Loss};

/// Compares, in virtual time, the latency of commands in Raft and in Multi-Paxos if messages are lost
#[derive(Parser)]
#[command(name = "head-of-line", version)]
struct Args {
    /// Number of runs for each row of the tables
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,
    /// Number of commands in each run
    #[arg(long, default_value_t = 10_000, value_parser = commands)]
    commands: usize,
    /// Number of commands in a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// After how many round trips a message without an answer counts as lost
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100))]
    timeout: u32,
    /// The loss of all tables but the first, in percent. If the first table does not have this loss, it gets
    /// rows for it
    #[arg(long, value_name = "PERCENT", default_value = "2")]
    loss: Loss,
    /// The time that a message takes one way, in milliseconds, for all tables but the second. If the second
    /// table does not have this delay, it gets rows for it
    #[arg(long, value_name = "MS", default_value = "5")]
    delay: Delay,
    /// The first seed; each run of a row has its own seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the picture, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
}

fn commands(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (100..=1_000_000).contains(number));
    number.ok_or_else(|| "expected a number from 100 to 1000000".to_owned())
}

/// The losses that the first table always has, in percent.
const LOSSES: [u32; 6] = [0, 1, 2, 5, 10, 20];
/// The delays that the second table always has, in milliseconds.
const DELAYS: [u32; 3] = [1, 5, 20];
const SERVERS: usize = 3;
/// The timeout of the last rows, in round trips.
const LONG_TIMEOUT: u32 = 10;

fn main() -> ExitCode {
    let args = Args::parse();
    command_line::run(args.svg.as_deref(), || measure(&args))
}

fn measure(args: &Args) -> Result<String, String> {
    let conditions = |loss: Loss, delay: Delay| {
        let one_way = delay.time();
        let timeout = one_way * 2 * args.timeout;
        Conditions { one_way, lost: loss.per_thousand(), timeout, stream: false }
    };
    let Args { loss, delay, .. } = *args;
    let usual = conditions(loss, delay);

    println!("Loss, {delay} one way:\n\n{HEAD}");
    let mut columns = Vec::new();
    for loss in with(loss, LOSSES.map(Loss::percent)) {
        let cells = rows(&loss.to_string(), conditions(loss, delay), SERVERS, args)?;
        columns.push((loss, cells));
    }

    println!("\nLate commands, {delay} one way:\n\n{LATE_HEAD}");
    for (loss, cells) in &columns {
        let cell = |system| cells.iter().find(|cell| cell.system == system);
        if let (Some(raft), Some(paxos)) = (cell(System::Window), cell(System::MultiPaxos)) {
            println!("{}", late_row(&loss.to_string(), raft, paxos));
        }
    }

    println!("\nDelay, {loss} loss:\n\n{HEAD}");
    for delay in with(delay, DELAYS.map(Delay::ms)) {
        rows(&delay.to_string(), conditions(loss, delay), SERVERS, args)?;
    }

    println!("\nOther conditions, {loss} loss, {delay} one way:\n\n{HEAD}");
    rows("five servers", usual, 5, args)?;
    let timeout = usual.one_way * 2 * LONG_TIMEOUT;
    let text = format!("timeout of {LONG_TIMEOUT} round trips");
    rows(&text, Conditions { timeout, ..usual }, SERVERS, args)?;
    rows("on a stream", Conditions { stream: true, ..usual }, SERVERS, args)?;
    Ok(picture::svg(&columns, delay))
}

/// These values and one more, in ascending order, each of them once.
fn with<T: Ord>(value: T, values: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    values.into_iter().chain([value]).collect()
}

/// Measures all systems, prints a row for each, and returns the results.
fn rows(text: &str, conditions: Conditions, servers: usize, args: &Args) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    for system in System::ALL {
        eprintln!("{text}: {}", system.name());
        let cell = Cell::measure(system, conditions, servers, args)?;
        // Only the first row of a condition has its name.
        println!("{}", cell.row(if cells.is_empty() { text } else { "" }));
        cells.push(cell);
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let refused = |args: &[&str]| Args::try_parse_from([&["head-of-line"], args].concat()).is_err();
        assert!(!refused(&["--commands", "100", "--timeout", "2"]));
        assert!(refused(&["--commands", "99"]) && refused(&["--rate", "0"]) && refused(&["--timeout", "1"]));
        assert!(refused(&["--loss", "51"]) && refused(&["--delay", "0"]));
    }

    #[test]
    fn a_value_of_the_command_line_has_its_place_in_the_table() {
        assert!(with(3, [1, 5]).into_iter().eq([1, 3, 5]));
        assert!(with(5, [1, 5]).into_iter().eq([1, 5]));
    }
}
