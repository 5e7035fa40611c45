//! What do PreVote and CheckQuorum change? This program runs this project's Raft, in virtual time, in
//! networks in which some links do not work, and with a follower that is cut off and comes back.
//!
//! ```text
//! cargo run -p mit6824-experiments --features sim --bin networks -- --svg target/term-inflation.svg
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `table` | the table of the networks, for `docs/elections.md` |
//! | `inflation` | the follower that comes back, for `docs/questions/term-inflation.md` |
//!
//! The networks are those of [`labtest::partial`]. `tests/partial.rs` asserts what the tables claim.

#![forbid(unsafe_code)]

mod inflation;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use labrt::Run;
use mit6824_experiments::command_line;

/// Shows, in virtual time, what PreVote and CheckQuorum change
#[derive(Parser)]
#[command(name = "networks", version)]
struct Args {
    /// Number of runs for each cell of the tables
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    runs: u64,
    /// The first seed; each run of a cell has its own seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the picture of the follower that comes back, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    command_line::run(args.svg.as_deref(), || {
        table::print(args.seed, args.runs)?;
        println!();
        inflation::print(args.seed, args.runs)
    })
}

/// Runs `experiment` once for each seed, see [`command_line::each`].
fn each<T: Send + 'static>(
    seed: u64,
    runs: u64,
    experiment: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> Result<Vec<T>, String> {
    command_line::each(&Run::default(), seed, runs, experiment)
}

/// The least and the greatest number, as text: `3` or `3 to 5`.
fn range<T: Ord + Copy + std::fmt::Display>(numbers: impl IntoIterator<Item = T>) -> String {
    let mut numbers: Vec<T> = numbers.into_iter().collect();
    numbers.sort_unstable();
    match (numbers.first(), numbers.last()) {
        (Some(least), Some(greatest)) if least == greatest => least.to_string(),
        (Some(least), Some(greatest)) => format!("{least} to {greatest}"),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_one_number_or_two() {
        assert_eq!(range([4, 4]), "4");
        assert_eq!(range([5, 3, 4]), "3 to 5");
        assert_eq!(range(Vec::<u64>::new()), "-");
    }
}
