//! `lab dstest`: runs tests many times, and keeps the files that help to understand each failure.
//!
//! The test binaries are built once (`cargo test --no-run`, [`project`]). Then child processes run them,
//! without cargo.
//!
//! In virtual time (`--sim`), a child runs a chunk of seeds, and reports the result of each seed
//! ([`report`]). If the child dies or hangs, the seed that it was running has failed, and another child goes
//! on with the next seed ([`chunk`]). Each failure that is kept ([`shortlist`]) is replayed alone, and must
//! repeat exactly ([`replay`]). On the real clock, a child makes one run.
//!
//! In both cases all results go to a [`campaign::Board`]. It counts the runs ([`tally`]), keeps the failures
//! ([`keep`]) and shows the progress ([`progress`]). With `--hosts`, other machines get the chunks
//! ([`hosts`]), and a [`worker`] runs them there.
//!
//! Exit codes: 0 if all runs passed, 1 if there was a failure, 2 if the arguments are bad, 128 + n after
//! signal n.

mod campaign;
pub(crate) mod cargo;
pub(crate) mod child;
mod chunk;
mod context;
mod first;
mod hosts;
mod keep;
pub(crate) mod names;
pub mod process;
mod progress;
pub(crate) mod project;
mod replay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod scratch;
mod shortlist;
mod sources;
mod tally;
pub mod worker;
mod write;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::problem::Problem;
use campaign::Board;
use context::Context;
use first::First;
use keep::Keeper;
use project::{Builder, Project};
use run::{Build, Mode, Stop, Test};
use scratch::{Scratch, random};
use shortlist::Shortlist;

/// Shown at the end of `lab dstest --help`.
const EXAMPLES: &str = "\
Examples:
  lab dstest --sim -n 1000 lab2a                      1000 seeds of each test, on all cores
  lab dstest --sim -n 1000 TestFigure8Unreliable2C    one test, by its name in Go
  lab dstest -n 20 -p 6 lab2a lab2b                   real threads, six runs at once
  lab dstest --sim --until-fail -n 100000 lab2c       until the first failure
  lab dstest --sim --strict -n 100 lab2a              warnings are failures, too
  lab dstest --sim --features solved-raft lab3a       built with a cargo feature";

/// Arguments of `lab dstest`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many runs each test gets [default: 10, with --sim 100]
    #[arg(short = 'n', long, value_name = "RUNS", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    runs: Option<u64>,
    /// How many child processes run at once; with --hosts, on each host [default: 1, with --sim the number of
    /// cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallel: Option<u16>,
    /// Run in virtual time instead of on real threads
    #[arg(long)]
    sim: bool,
    /// Random seed of the first run, decimal or 0x hex; the next runs have the next seeds [default: a new
    /// one, which is printed]
    #[arg(long, value_name = "SEED", value_parser = report::parse_seed)]
    seed: Option<u64>,
    /// How many real seconds one run may take [default: 180, with --sim 60]
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: Option<u64>,
    /// The folder for the files of failures; it is made at the first failure [default: out/dstest-TIME in the
    /// project's folder]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many failures are kept with log, trace and page, for each cause in each test. The failures with
    /// the shortest runs are kept. Messages that differ only in numbers have the same cause
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=1000))]
    keep: u16,
    /// Write a line for each run into this file: target, test, seed, verdict, CPU seconds, message and
    /// replay line, with a tab between them
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Write all results into this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write all results into this file as JUnit XML: each test has one result for all its seeds
    #[cfg(feature = "junit")]
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print a line for each run
    #[arg(short, long)]
    verbose: bool,
    /// Let a run fail if it has warnings: a lock is held during a call or a send, a thread still runs after
    /// kill, ... (sets LAB_STRICT=1)
    #[arg(long)]
    strict: bool,
    /// Stop at the first failure
    #[arg(long)]
    until_fail: bool,
    /// Do not run a seed in a test if another test has already failed with this seed. The order of the tests
    /// is the order of the arguments
    #[arg(long, conflicts_with_all = ["until_fail", "hosts"])]
    skip_failed_seeds: bool,
    /// Run on these machines, with GNU parallel over ssh; `:` is this machine
    #[arg(long, value_name = "HOST,...", value_delimiter = ',')]
    hosts: Vec<String>,
    /// The package that has the tests, such as `starter` [default: the root package, and then the other
    /// packages]
    #[arg(long, value_name = "PACKAGE")]
    package: Option<String>,
    /// Cargo features of that package, such as `solved-raft`
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Vec<String>,
    /// Build with the release profile. Cargo then cannot use what `cargo test` has built
    #[arg(long)]
    release: bool,
    /// The project's folder [default: the project of the working folder; with scripts/dstest.sh, the
    /// repository]
    #[arg(long, value_name = "DIR", overrides_with = "root")]
    root: Option<PathBuf>,
    /// Tests (initial_election_2a, TestInitialElection2A, lab2a::initial_election_2a) and test targets
    /// (lab2a, 2A)
    #[arg(required = true, value_name = "TEST")]
    tests: Vec<String>,
}

/// The options. An option that the user has not given has its default value.
struct Settings {
    mode: Mode,
    runs: u64,
    parallel: usize,
    seed: u64,
    limit: Duration,
    keep: usize,
    build: Build,
}

impl Settings {
    fn of(args: &Args) -> Result<Settings, Problem> {
        let (mode, runs, parallel, limit) =
            if args.sim { (Mode::Sim, 100, cores(), 60) } else { (Mode::Real, 10, 1, 180) };
        let runs = args.runs.unwrap_or(runs);
        // The shift makes the number short, and keeps it far from the largest seed.
        let seed = args.seed.unwrap_or_else(|| random() >> 24);
        if seed.checked_add(runs - 1).is_none() {
            return Err(Problem::Usage(format!(
                "--seed {seed:#x} with {runs} runs goes beyond the last seed, 2^64-1"
            )));
        }
        let parallel = args.parallel.map_or(parallel, usize::from);
        let limit = Duration::from_secs(args.timeout.unwrap_or(limit));
        let build = Build { release: args.release, features: args.features.clone() };
        Ok(Settings { mode, runs, parallel, seed, limit, keep: usize::from(args.keep), build })
    }
}

/// Runs `lab dstest`.
pub fn main(args: Args) -> ExitCode {
    campaign(&args).map_or_else(
        |problem| {
            let usage = format!("{} [OPTIONS] <TEST>...", crate::called("dstest"));
            problem.report(&usage, |signal| {
                format!("dstest: interrupted by signal {signal} before the first run")
            })
        },
        ExitCode::from,
    )
}

fn campaign(args: &Args) -> Result<u8, Problem> {
    let settings = Settings::of(args)?;
    if !args.hosts.is_empty() {
        hosts::check(&args.hosts)?;
    }
    if let Some(out) = &args.out {
        check_out("--out", out)?;
    }
    let results = args.results.as_deref().map(|path| file_of("--results", path)).transpose()?;
    for (option, path) in files(args) {
        file_of(option, path)?;
    }
    let stop = Stop::on_signals().map_err(|e| Problem::Failure(format!("cannot handle signals: {e}")))?;
    let project = Project::load(args.root.as_deref())?;
    let project = match &args.package {
        Some(package) => project.only(package)?,
        None => project,
    };
    let base = project.target_dir.join("dstest");
    let scratch = Scratch::below(&base).map_err(|e| {
        Problem::Failure(format!("cannot make a temporary folder below {}: {e}", base.display()))
    })?;
    let dir =
        args.out.clone().unwrap_or_else(|| project.root.join("out").join(format!("dstest-{}", timestamp())));
    if args.out.is_none() {
        check_out("the folder for failures", &dir)?;
    }
    let tests =
        Builder::new(&project, settings.mode, &settings.build, &scratch, &stop).resolve(&args.tests)?;
    let context = context(args, &settings, tests, stop, scratch);
    announce(&settings, &context);
    let total = settings.runs.saturating_mul(context.tests.len() as u64);
    let mut board = Board::new(
        &context,
        total,
        args.verbose,
        Keeper::new(dir, settings.keep, context.tests.len()).of_project(&project.root),
    )
    .with_results(results)
    .keeping_runs(!files(args).is_empty());
    let chunks = campaign::chunks(
        context.tests.len(),
        settings.runs,
        settings.seed,
        settings.parallel,
        settings.mode,
        args.until_fail,
    );
    if args.hosts.is_empty() {
        campaign::run(&context, &chunks, settings.parallel, args.skip_failed_seeds, &mut board);
    } else {
        hosts::run(&context, &chunks, &args.hosts, args.parallel, &mut board)?;
    }
    let code = board.finish();
    for (option, path) in files(args) {
        let written = match option {
            "--json" => board.all().write_json(path, code),
            _ => write_junit(&board, path),
        };
        written.map_err(|error| Problem::Failure(format!("{option} {}: {error}", path.display())))?;
    }
    Ok(code)
}

/// The options `--json` and `--junit`, if the user has given them, each with its file.
fn files(args: &Args) -> Vec<(&'static str, &Path)> {
    let mut files: Vec<(&'static str, &Path)> = Vec::new();
    files.extend(args.json.as_deref().map(|path| ("--json", path)));
    #[cfg(feature = "junit")]
    files.extend(args.junit.as_deref().map(|path| ("--junit", path)));
    files
}

#[cfg(feature = "junit")]
fn write_junit(board: &Board<'_>, path: &Path) -> std::io::Result<()> {
    board.all().write_junit(path)
}

#[cfg(not(feature = "junit"))]
fn write_junit(_: &Board<'_>, _: &Path) -> std::io::Result<()> {
    unreachable!("without the feature, there is no option --junit")
}

fn context(args: &Args, settings: &Settings, tests: Vec<Test>, stop: Stop, scratch: Scratch) -> Context {
    Context {
        mode: settings.mode,
        limit: settings.limit,
        strict: args.strict,
        keep: settings.keep,
        first: args.until_fail.then(First::new),
        stop,
        scratch,
        shortlist: Mutex::new(Shortlist::new(tests.len(), settings.keep)),
        broken: tests.iter().map(|_| AtomicBool::new(false)).collect(),
        tests,
    }
}

/// Checks that files can be written into a folder. The folder need not exist yet. The check is made before
/// anything is built. Without it, the user would see the error only at the first failure. To be sure, the
/// check makes the folder and a file in it, and removes them again. `what` names the folder in the error.
pub(crate) fn check_out(what: &str, dir: &Path) -> Result<(), Problem> {
    let fail = |why: &str| Err(Problem::Usage(format!("{what} {}: {why}", dir.display())));
    if dir.exists() && !dir.is_dir() {
        return fail("expected a folder, this is a file");
    }
    let new: Vec<&Path> =
        dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    let probe = dir.join(format!(".dstest-{:x}", random()));
    let written = fs::create_dir_all(dir).and_then(|()| File::create(&probe).map(drop));
    let _ = fs::remove_file(&probe);
    // Another process may have put files there meanwhile. Then the folder stays.
    new.into_iter().for_each(|dir| drop(fs::remove_dir(dir)));
    written.or_else(|error| fail(&format!("no files can be written there: {error}")))
}

fn file_of(option: &str, path: &Path) -> Result<File, Problem> {
    File::create(path).map_err(|error| Problem::Usage(format!("{option} {}: {error}", path.display())))
}

fn announce(settings: &Settings, context: &Context) {
    let clock = if settings.mode == Mode::Sim { "in virtual time" } else { "on the real clock" };
    let (runs, tests, seed) = (settings.runs, context.tests.len(), settings.seed);
    let tests = if tests == 1 { "1 test".to_owned() } else { format!("{tests} tests") };
    eprintln!("dstest: {runs} runs of {tests} {clock}, seeds from {seed:#x} (--seed {seed:#x} repeats them)");
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The date and time of day, UTC, as `20250131-235959`.
pub(crate) fn timestamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}-{h:02}{m:02}{s:02}")
}

/// Year, month and day of the date that is `days` days after 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        let cases =
            [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_453, (2025, 12, 31))];
        for (days, date) in cases {
            assert_eq!(civil(days), date);
        }
    }
}
