//! Does it pay that a leader has several messages with entries on their way to one follower? This program
//! measures the entries in a second, and the time in which a follower catches up, in virtual time.
//!
//! ```text
//! cargo run -p mit6824-experiments --features sim --bin window
//! ```
//!
//! `trial` has the two trials. The network is in [`mit6824_experiments::wire`]. `docs/questions/window.md`
//! has the results.

#![forbid(unsafe_code)]

mod trial;

use std::process::ExitCode;

use clap::Parser;
use labrt::Run;
use labrt::time::Duration;
use mit6824_experiments::command_line::{self, each};
use mit6824_experiments::wire::Conditions;
use trial::{Sending, catch_up, entries_per_second};

/// Measures, in virtual time, what a leader gains if several messages to one follower are on their way
#[derive(Parser)]
#[command(name = "window", version)]
struct Args {
    /// Number of runs for each figure, which is their median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,
    /// The first seed; each run of a figure has its own seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How long a message takes.
const ONE_WAY: [Duration; 3] =
    [Duration::from_micros(100), Duration::from_millis(5), Duration::from_millis(50)];
/// How many of 1000 messages are lost.
const LOST: [u32; 2] = [0, 100];
/// How many commands are under way.
const UNDER_WAY: [usize; 3] = [1, 32, 1000];
/// How many entries of [`trial::LONG`] bytes a follower has missed.
const MISSED: [usize; 2] = [1_000, 20_000];

const HEAD: &str = "\
| delay, loss | the leader sends | entries/s, 1 under way | entries/s, 32 under way | entries/s, 1,000 under way | \
catch up 1,000 entries, ms | catch up 20,000 entries, ms |
|---|---|---:|---:|---:|---:|---:|";

fn main() -> ExitCode {
    let args = Args::parse();
    command_line::run(None, || measure(&args).map(|()| String::new()))
}

fn measure(args: &Args) -> Result<(), String> {
    println!("{HEAD}");
    for one_way in ONE_WAY {
        for lost in LOST {
            // A sender waits a little longer than a round trip for an answer.
            let timeout = one_way * 4 + Duration::from_millis(1);
            let conditions = Conditions { one_way, lost, timeout, stream: false };
            for sending in Sending::ALL {
                println!("{}", row(sending, conditions, args)?);
            }
        }
    }
    Ok(())
}

fn row(sending: Sending, conditions: Conditions, args: &Args) -> Result<String, String> {
    // Timers can be late by up to this time.
    let run = Run { jitter: Duration::from_micros(10), ..Run::default() };
    let mut figures = Vec::new();
    for under_way in UNDER_WAY {
        let rates =
            each(&run, args.seed, args.runs, move || entries_per_second(sending, conditions, under_way))?;
        figures.push(median(rates));
    }
    for missed in MISSED {
        let times = each(&run, args.seed, args.runs, move || catch_up(sending, conditions, missed))?;
        figures.push(median(times.iter().map(|time| time.as_secs_f64() * 1000.0).collect()));
    }
    let figures: Vec<String> = figures.iter().map(|figure| thousands(*figure)).collect();
    let condition = format!("{} ms, {} %", conditions.one_way.as_secs_f64() * 1000.0, conditions.lost / 10);
    Ok(format!("| {condition} | {} | {} |", sending.name(), figures.join(" | ")))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A number with commas, for people. Only small numbers have a decimal.
fn thousands(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["window", "--runs", "0"]).is_err());
    }

    #[test]
    fn figures_are_easy_to_read() {
        let shown = [0.25, 99.0, 100.4, 1234.0, 1_234_567.0].map(thousands);
        assert_eq!(shown, ["0.2", "99.0", "100", "1,234", "1,234,567"]);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
