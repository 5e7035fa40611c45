//! What do PreVote and CheckQuorum change? This program runs this project's Raft, in virtual time, in
//! networks in which some links do not work, and with a follower that is cut off and comes back.
//!
//! ```text
//! cargo run -p mit6824-experiments --features sim --bin networks -- --svg docs/questions/term-inflation.svg
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

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use labrt::Run;
use labrt::sync::{Arc, Mutex};

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
    if !labrt::is_sim() {
        eprintln!("error: this experiment runs in virtual time only: add --features sim");
        return ExitCode::from(2);
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let write = |text: &str| match &args.svg {
        None => Ok(()),
        Some(path) => fs::write(path, text).map_err(|error| format!("--svg {}: {error}", path.display())),
    };
    // If the file cannot be written, the user sees the error now, and not after the runs.
    write("")?;
    table::print(args.seed, args.runs)?;
    println!();
    write(&inflation::print(args.seed, args.runs)?)
}

/// Runs `experiment` once for each seed, and returns the results in the order of the seeds.
///
/// # Errors
/// If a run fails. The error has the seed, and the message of the failure.
fn each<T: Send + 'static>(
    seed: u64,
    runs: u64,
    experiment: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> Result<Vec<T>, String> {
    let once = |seed: u64| {
        let found = Arc::new(Mutex::new(None));
        let (kept, experiment) = (found.clone(), experiment.clone());
        let outcome = Run::default().once(seed, move || {
            let result = experiment();
            *kept.lock() = Some(result);
        });
        if let Some(failure) = outcome.failure {
            return Err(format!("seed {seed}: {}: {}", failure.thread, failure.message));
        }
        let found = found.lock().take();
        found.ok_or_else(|| format!("seed {seed}: the run found nothing"))
    };
    (0..runs).map(|i| once(seed.wrapping_add(i))).collect()
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

    #[cfg(feature = "sim")]
    #[test]
    fn a_run_is_a_function_of_its_seed_and_a_failure_names_its_seed() {
        let draws = || each(7, 3, || labrt::rng::below(1_000_000)).expect("no run fails");
        assert_eq!(draws(), draws());
        let error = each(7, 1, || assert!(labrt::rng::below(10) > 10, "too small")).expect_err("it fails");
        assert!(error.starts_with("seed 7: ") && error.contains("too small"), "{error}");
    }
}
