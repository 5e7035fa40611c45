//! Measures this project's Raft and key/value service beside openraft and raft-rs. All run on the same cores,
//! with the same payload, in programs that were built with the same settings. The systems take turns, and
//! each measurement is a process of its own.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- kv --clients 1,32
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | `plan` | what can be measured, and which measurements belong to a piece |
//! | `campaign` | runs the measurements in rounds, and writes the results |
//! | `summary` | the results as a table of text |
//! | `ours` | the measurements of this project |
//! | `openraft_kv` | the key/value service on openraft |
//! | `raft_rs` | the log on raft-rs |
//!
//! `scripts/bench.sh` runs this program, and writes `docs/performance.md` from its results.

#![forbid(unsafe_code)]

mod campaign;
mod openraft_kv;
mod ours;
mod plan;
mod raft_rs;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mit6824_benches::{CpuTime, Samples};
use plan::{Cell, Outcome, Piece, System, Values, What};

/// Measures this project beside openraft and raft-rs
///
/// The systems take turns, and each measurement is a process of its own. At the end a table shows the median,
/// the least and the greatest result, and in each round the ratio of this project to the other systems.
#[derive(Parser)]
#[command(name = "peers", version)]
pub struct Args {
    /// What to measure [default: all pieces]
    #[arg(value_enum)]
    pieces: Vec<Piece>,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How long one measurement takes. Clients put and get for exactly this time. A log gets 700,000 entries
    /// for each second, after a warm-up. The clients of the sharded service work for this time before a group
    /// joins, and again for this time after it. All other measurements have a fixed number of steps
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Which systems to measure, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SYSTEMS", default_values = ["ours", "openraft", "openraft-1", "raft-rs", "raft-rs-broadcast"])]
    systems: Vec<System>,
    /// How many clients put at the same time, as numbers from 1 to 10000, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_values = ["1", "8", "32", "128", "1024"], value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: Vec<u32>,
    /// Another build of this program, with an older version of this project; it is measured as `before`
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// File for the results, one JSON object a line
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make only one measurement, in this process, and print its result as JSON. For example put/ours/3/32 is
    /// the put of the service of this project, with 3 servers and 32 clients
    #[arg(long, value_name = "WHAT/SYSTEM/SERVERS/CLIENTS")]
    measure: Option<Cell>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(cell) = args.measure {
        return match measure(cell, args.seconds)
            .and_then(|it| serde_json::to_string(&it).map_err(|e| e.to_string()))
        {
            Ok(line) => {
                println!("{line}");
                ExitCode::SUCCESS
            }
            Err(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
        };
    }
    match campaign::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(campaign::Error::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(campaign::Error::Failed(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Makes one measurement. Before and after it, measures a hand-over between two threads, because the results
/// of threads that wait for each other depend on its cost. For this, each of the two threads is fixed to a
/// core of its own. The threads of the measurement itself are not fixed.
fn measure(cell: Cell, seconds: u64) -> Result<Outcome, String> {
    let mut hand_overs = ours::hand_overs();
    let before = CpuTime::so_far();
    let mut values = match cell.system {
        System::Openraft | System::OpenraftOneWorker => openraft_kv::measure(cell, seconds)?,
        System::RaftRs | System::RaftRsBroadcast => raft_rs::measure(cell, seconds)?,
        System::Ours | System::Before => ours::measure(cell, seconds)?,
    };
    if cell.what == What::Put {
        add_cpu(&mut values, CpuTime::so_far().since(before), seconds);
    }
    hand_overs.extend(ours::hand_overs());
    Ok(Outcome { hand_over_ns: hand_overs.into_iter().collect::<Samples>().median(), values })
}

/// Adds the CPU time of one put, in nanoseconds: in the program, in the system, and the time of cores that
/// had nothing to do. The start of the servers counts, too, but it needs little time.
fn add_cpu(values: &mut Values, cpu: CpuTime, seconds: u64) {
    let Some(rate) = values.get("rate").copied().filter(|rate| *rate > 0.0) else { return };
    let of_one = |all: f64| all / (rate * seconds as f64);
    let (program, system) = (of_one(cpu.program.as_nanos() as f64), of_one(cpu.system.as_nanos() as f64));
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let idle = (cores * 1e9 / rate - program - system).max(0.0);
    values.extend(
        [("program_ns", program), ("system_ns", system), ("idle_ns", idle)]
            .map(|(name, ns)| (name.to_owned(), ns)),
    );
}

/// The error for a measurement that a system does not have.
fn not_measured_by(cell: Cell) -> String {
    format!("{} has no measurement `{}`", cell.system.name(), cell.what.name())
}

/// How many entries a measurement of the log has, after the warm-up. It takes about so many seconds, if the
/// machine is like the one in `docs/performance.md`.
fn entries(seconds: u64) -> u64 {
    700_000 * seconds
}

/// How many entries a log has when its measurement begins.
const WARM_UP: u64 = 50_000;
/// The same for the measurement of a log that has many entries.
const LONG_LOG: u64 = 1_000_000;

/// How many bytes a command of the log has.
const COMMAND_BYTES: usize = mit6824_benches::cluster::COMMAND_BYTES;
/// How many entries may be under way: proposed, but not yet applied by all servers.
const WINDOW: u64 = mit6824_benches::cluster::WINDOW;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let refused = |args: &[&str]| Args::try_parse_from([&["peers"], args].concat()).is_err();
        assert!(!refused(&["kv", "entries", "--clients", "1,32", "--systems", "ours,raft-rs"]));
        assert!(
            refused(&["--clients", "0"]) && refused(&["--clients", "1,x"]) && refused(&["--rounds", "0"])
        );
        assert!(refused(&["--systems", "etcd"]) && refused(&["disk"]) && refused(&["--seconds", "61"]));
        assert!(refused(&["--measure", "put/ours/3"]));
    }

    #[test]
    fn each_system_measures_something() {
        for (what, system) in [
            (What::Put, System::Ours),
            (What::Put, System::Openraft),
            (What::Put, System::OpenraftOneWorker),
            (What::PutSnapshots, System::Ours),
            (What::Entries, System::Ours),
            (What::Entries, System::RaftRs),
            (What::Entries, System::RaftRsBroadcast),
        ] {
            let outcome = measure(Cell { what, system, servers: 3, clients: 2 }, 1).expect("it works");
            let values = &outcome.values;
            assert!(values["rate"] > 100.0, "{what:?} {system:?}: {outcome:?}");
            if what == What::Put {
                let cpu_is_known = values["program_ns"] > 100.0 && values["idle_ns"] >= 0.0;
                assert!(cpu_is_known, "{what:?} {system:?}: {outcome:?}");
            }
        }
        let cell = Cell { what: What::Put, system: System::RaftRs, servers: 3, clients: 2 };
        assert!(measure(cell, 1).is_err(), "there is no service on raft-rs");
    }
}
