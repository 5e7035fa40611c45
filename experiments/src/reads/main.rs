//! Is the leader a bottleneck for reads? This program measures, in virtual time, how many operations a
//! service on this project's Raft does, and how long they take. The servers have a capacity: they handle one
//! message at a time.
//!
//! ```text
//! cargo run -p mit6824-experiments --features sim --bin reads -- --svg target/bottleneck.svg
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `store` | the service: its ways to read |
//! | `cluster` | the servers and their clients |
//! | `measure` | one measurement |
//! | `table` | the measurements of the page `docs/questions/bottleneck.md`, and their tables |
//! | `history` | histories that show what reads with a session give up |
//! | `chart` | the picture |
//!
//! With `--real` and without the feature `sim`, the same service runs on real threads.

#![forbid(unsafe_code)]

mod chart;
mod cluster;
mod history;
mod measure;
mod store;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use labrpc::Capacity;
use labrt::Run;
use labrt::time::Duration;
use mit6824_experiments::command_line;

use store::Way;

/// Shows, in virtual time, where the load of reads goes
#[derive(Parser)]
#[command(name = "reads", version)]
struct Args {
    /// How long a message keeps a server busy, in nanoseconds. The default is near the time of a message
    /// through a rendezvous channel between two threads (docs/performance.md)
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    message_ns: u64,
    /// The additional time for 1000 bytes, in nanoseconds. The default is what the bench labgob shows:
    /// encoding 1000 bytes of AppendEntries takes 0.7 us, and decoding 2.2 us; the model uses the mean for
    /// both sides
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    kilobyte_ns: u64,
    /// Number of clients at saturation; each of them does one operation at a time
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=4096))]
    clients: u32,
    /// Length of a measurement at saturation, in milliseconds
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    span_ms: u64,
    /// If the followers answer reads, the leader answers its share of the reads, too
    #[arg(long)]
    leader_reads: bool,
    /// Number of histories for each way to read
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    histories: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the picture, as SVG
    #[arg(long)]
    svg: Option<PathBuf>,
    /// File for the checker's page about a history that is not linearizable, as HTML
    #[arg(long)]
    page: Option<PathBuf>,
    /// Measure on real threads, without a capacity; this needs a build without the feature sim
    #[arg(long)]
    real: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let fails = |code: u8, message: &str| {
        eprintln!("error: {message}");
        ExitCode::from(code)
    };
    match (args.real, labrt::is_sim()) {
        (false, false) => fails(2, "this experiment runs in virtual time: add --features sim, or use --real"),
        (true, true) => fails(2, "--real needs real threads: build without --features sim"),
        (true, false) => {
            table::real(args.seed).map_or_else(|message| fails(1, &message), |()| ExitCode::SUCCESS)
        }
        // If a file cannot be written, the user sees the error now, and not after the runs.
        (false, true) => match command_line::write("--page", args.page.as_deref(), "") {
            Err(message) => fails(2, &message),
            Ok(()) => command_line::run(args.svg.as_deref(), || run(&args)),
        },
    }
}

/// Prints the tables, writes the page, and returns the picture.
fn run(args: &Args) -> Result<String, String> {
    let capacity = Capacity {
        per_message: Duration::from_nanos(args.message_ns),
        per_kilobyte: Duration::from_nanos(args.kilobyte_ns),
    };
    let (message, kilobyte) = (args.message_ns as f64 / 1000.0, args.kilobyte_ns as f64 / 1000.0);
    println!(
        "A message keeps its sender busy for {message} us, and its receiver, too; 1000 bytes add {kilobyte} us.\n"
    );
    let setup = table::Setup {
        capacity,
        clients: args.clients as usize,
        span: Duration::from_millis(args.span_ms),
        leader_reads: args.leader_reads,
        seed: args.seed,
    };
    let rows = table::print(&setup)?;
    let steps = table::sweep(&setup)?;
    let illegal = print_histories(args)?;
    if let (Some(path), Some(history)) = (&args.page, &illegal) {
        history::write_page(history, path).map_err(|error| format!("--page {}: {error}", path.display()))?;
    }
    Ok(chart::svg(&rows, &steps, illegal.as_deref().unwrap_or_default()))
}

/// Prints how many histories of each way are linearizable, and one history that is not. Returns it.
fn print_histories(args: &Args) -> Result<Option<history::History>, String> {
    println!(
        "\n| reads by | histories | not linearizable | not sequentially consistent |\n|---|---:|---:|---:|"
    );
    let mut example = None;
    for way in Way::ALL {
        let found = history::histories(way, args.seed, args.histories)?;
        println!("| {way} | {} | {} | {} |", found.count, found.illegal.len(), found.disordered.len());
        found.disordered.iter().for_each(|what| eprintln!("{what}"));
        example = example.or_else(|| found.simplest().cloned());
    }
    if let Some(history) = &example {
        println!("\n{}", history::table(history));
        history::contradiction(history).into_iter().for_each(|pair| println!("{}", history::in_words(pair)));
    }
    Ok(example)
}

/// Runs `body` once, with timers that are never late in virtual time. Returns its result.
///
/// # Errors
/// If the run fails. The error has the seed, and the message of the failure.
fn run_once<T: Send + 'static>(seed: u64, body: impl Fn() -> T + Send + Sync + 'static) -> Result<T, String> {
    let run = Run { jitter: Duration::ZERO, events: false, ..Run::default() };
    command_line::once(&run, seed, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_checked() {
        let parse =
            |args: &[&str]| Args::try_parse_from(std::iter::once("reads").chain(args.iter().copied()));
        let args = parse(&["--message-ns", "3000", "--svg", "a.svg"]).expect("these arguments are good");
        assert_eq!((args.message_ns, args.kilobyte_ns, args.real), (3000, 1500, false));
        for bad in [["--message-ns", "0"], ["--clients", "none"], ["--span-ms", "0"]] {
            let error = parse(&bad).err().expect("these arguments are bad");
            assert_eq!(error.exit_code(), 2, "{bad:?}");
            assert!(error.to_string().contains(bad[0]), "{error}");
        }
    }
}
