//! Runs the measurements in rounds, each in a process of its own, and writes the results.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::ValueEnum as _;
use serde_json::json;

use crate::Args;
use crate::plan::{Cell, Outcome, Piece, System, cells};
use crate::summary::{self, Row};

/// How often a measurement is tried. On a busy machine, a server may lose its leadership. Then the
/// measurement has no result, and is repeated. The results say how often this has happened.
const ATTEMPTS: u32 = 3;

/// Why there are no results.
pub enum Error {
    /// The command line asks for something impossible.
    Usage(String),
    /// A measurement has failed.
    Failed(String),
}

/// Runs all pieces that `args` ask for.
pub fn run(args: &Args) -> Result<(), Error> {
    let programs = Programs::of(args)?;
    let mut json = Json::create(args.json.as_deref())?;
    let pieces = if args.pieces.is_empty() { Piece::value_variants() } else { &args.pieces };
    let mut systems = args.systems.clone();
    if args.before.is_some() {
        systems.insert(systems.len().min(1), System::Before);
    }
    let plan: Vec<(Piece, Vec<Cell>)> =
        pieces.iter().map(|&piece| (piece, cells(piece, &systems, &args.clients))).collect();
    if let Some((piece, _)) = plan.iter().find(|(_, cells)| cells.is_empty()) {
        let piece = name(*piece);
        return Err(Error::Usage(format!("none of the --systems has measurements for `{piece}`")));
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        eprintln!("warning: this process has one core only; the results say nothing about two cores");
    }
    let all: usize = plan.iter().map(|(_, cells)| cells.len() * args.rounds as usize).sum();
    let (mut done, start) = (0, Instant::now());
    for (piece, cells) in plan {
        let mut rows = Vec::new();
        for round in 0..args.rounds {
            // In every second round the systems have the opposite order, so that none is always the first.
            let mut order = cells.clone();
            if round % 2 == 1 {
                order.reverse();
            }
            for cell in order {
                let (outcome, repeats) = programs.measure(cell, args.seconds)?;
                done += 1;
                let value = outcome.values.get(cell.what.value()).copied().unwrap_or(f64::NAN);
                let left = start.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
                eprintln!(
                    "[{done} of {all}, {left:.0} s left] {}, round {} of {}: {cell} {}",
                    name(piece),
                    round + 1,
                    args.rounds,
                    summary::shown(cell, value)
                );
                let row = Row { round, cell, outcome, repeats };
                json.write(piece, &row)?;
                rows.push(row);
            }
        }
        println!("{}\n{}", name(piece), summary::table(&rows));
    }
    Ok(())
}

fn name(piece: Piece) -> String {
    piece.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The programs that make the measurements.
struct Programs {
    this: PathBuf,
    before: Option<PathBuf>,
}

impl Programs {
    fn of(args: &Args) -> Result<Programs, Error> {
        let this =
            std::env::current_exe().map_err(|error| Error::Failed(format!("this program: {error}")))?;
        if let Some(path) = &args.before
            && !path.is_file()
        {
            return Err(Error::Usage(format!("--before {}: expected a program", path.display())));
        }
        Ok(Programs { this, before: args.before.clone() })
    }

    /// Makes one measurement in a new process. Also returns how often it was repeated, because it had failed.
    fn measure(&self, cell: Cell, seconds: u64) -> Result<(Outcome, u32), Error> {
        let (program, asked) = match (cell.system, &self.before) {
            (System::Before, Some(before)) => (before, Cell { system: System::Ours, ..cell }),
            _ => (&self.this, cell),
        };
        let mut last = String::new();
        for attempt in 1..=ATTEMPTS {
            let output = Command::new(program)
                .args(["--measure", &asked.to_string(), "--seconds", &seconds.to_string()])
                .output()
                .map_err(|error| Error::Failed(format!("{}: {error}", program.display())))?;
            if output.status.success() {
                let text = String::from_utf8_lossy(&output.stdout);
                let outcome = serde_json::from_str(text.trim())
                    .map_err(|error| Error::Failed(format!("{cell}: `{}`: {error}", text.trim())))?;
                return Ok((outcome, attempt - 1));
            }
            last = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            eprintln!("{cell}: attempt {attempt} of {ATTEMPTS} has failed: {last}");
        }
        Err(Error::Failed(format!("{cell}: {last}")))
    }
}

/// The file with the results.
struct Json(Option<(PathBuf, File)>);

impl Json {
    fn create(path: Option<&Path>) -> Result<Json, Error> {
        let Some(path) = path else { return Ok(Json(None)) };
        let file = File::create(path)
            .map_err(|error| Error::Usage(format!("--json {}: {error}", path.display())))?;
        Ok(Json(Some((path.to_owned(), file))))
    }

    fn write(&mut self, piece: Piece, row: &Row) -> Result<(), Error> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        let Row { round, cell, outcome, repeats } = row;
        let line = json!({
            "piece": name(piece),
            "what": cell.what.name(),
            "system": cell.system.name(),
            "servers": cell.servers,
            "clients": cell.clients,
            "round": round,
            "repeats": repeats,
            "hand_over_ns": outcome.hand_over_ns,
            "values": outcome.values,
        });
        let written: io::Result<()> = writeln!(file, "{line}");
        written.map_err(|error| Error::Failed(format!("--json {}: {error}", path.display())))
    }
}
