//! How long is a cluster without a leader after a crash? The experiment of section 9.3 of the Raft paper
//! (Figure 16) answers this question. This program repeats the experiment with this project's Raft, in
//! virtual time.
//!
//! ```text
//! cargo run --release -p mit6824-experiments --features sim -- --svg target/elections.svg
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `trial` | one trial: a cluster, the crash of its leader, and the time until there is another leader |
//! | `figure` | the ranges of timeouts, and the results of many trials with one range |
//! | `chart` | the curves, as SVG |
//!
//! `docs/elections.md` has the results and compares them with the paper.

#![forbid(unsafe_code)]

mod chart;
mod figure;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use figure::{PANELS, Panel, Series};
use labrt::time::Duration;
use mit6824_experiments::command_line;

/// Measures, in virtual time, how long five servers are without a leader after a crash of the leader
#[derive(Parser)]
#[command(name = "elections", version)]
struct Args {
    /// Number of trials for each range of election timeouts
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    trials: u64,
    /// The first seed; each trial has its own seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The mean travel time of a request, in microseconds; an answer has the same mean travel time. The two
    /// travel times and the receiver's write to its disk are 15 ms together, so the write takes the rest
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=7500))]
    one_way: u64,
    /// File for the curves, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    command_line::run(args.svg.as_deref(), || measure(&args))
}

fn measure(args: &Args) -> Result<String, String> {
    let mut measured: Vec<(&Panel, Vec<Series>)> = Vec::new();
    for panel in &PANELS {
        println!("{}\n\n{}", panel.title, figure::HEAD);
        let mut all = Vec::new();
        for &timeouts in panel.timeouts {
            let series =
                Series::measure(timeouts, Duration::from_micros(args.one_way), args.seed, args.trials)?;
            println!("{}", series.row());
            all.push(series);
        }
        println!();
        measured.push((panel, all));
    }
    Ok(chart::svg(&measured))
}
