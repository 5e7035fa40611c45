//! `lab grade`: judges many submissions and gives points.
//!
//! Each submission is a folder made from the starter. [`submission`] decides which files are taken from the
//! folder. These files are copied into the grader's own package ([`package`]), which contains the judge's
//! tests. Cargo builds the package ([`build`]). Each test that is worth points in `grade.toml` ([`config`])
//! runs in a process of its own ([`trial`]). The results are a table, JSON, JUnit XML and a page for each
//! student ([`results`]). [`remarks`] finds places in the code that the teacher may want to read.
//!
//! Submissions are graded one after the other. `-p` says how many tests of a submission run at the same time.
//! Cargo never uses the network.
//!
//! Exit codes:
//!
//! * 0: all submissions are graded, with good or bad grades;
//! * 1: the grader itself failed;
//! * 2: the arguments or grade.toml are bad, and nothing was built or run;
//! * 128 + n: signal n ended the grader. The results so far are written.

mod build;
mod config;
mod package;
mod remarks;
mod results;
mod submission;
mod suites;
mod trial;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::dstest::report::parse_seed;
use crate::dstest::run::{Build, Mode, Stop, Test};
use crate::dstest::scratch::{Scratch, history_beside, move_file, random};
use crate::dstest::{check_out, cores, timestamp};
use crate::problem::Problem;
use build::{Built, CompileError, Order};
use config::{Config, Graded, Seed};
use package::Package;
use results::{Grade, Marked, Results, points};
use submission::{Refusal, Submission, Taken};
use trial::{Conditions, Failure, Kind, Outcome};

/// How long the first build of the judge may take.
const JUDGE_LIMIT: Duration = Duration::from_secs(3600);

/// Shown at the end of `lab grade --help`.
const EXAMPLES: &str = "\
Examples:
  lab grade submissions/*                          with the points of grade.toml
  lab grade -c lab2.toml --json all.json alice     one submission, and the results as JSON
  lab grade --seed 0x10 -o out/again submissions/* the same seeds as another time";

/// Arguments of `lab grade`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Folders of submissions
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// The file that says what each test is worth, and how submissions are run
    #[arg(short, long, value_name = "FILE", default_value = "grade.toml")]
    config: PathBuf,
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// The folder for the students' pages and for the logs of failures [default: out/grade-TIME]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The first seed, decimal or 0x hex; replaces the seed of grade.toml
    #[arg(long, value_name = "SEED", value_parser = parse_seed)]
    seed: Option<u64>,
    /// How many tests of a submission run at once [default: the number of cores, on the real clock 1]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallel: Option<u16>,
    /// The folder in which submissions are built; it keeps the compiled judge for the next time [default:
    /// grade in cargo's target folder of the labs]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// The checkout of the labs with the judge [default: the checkout from which this program was built]
    #[arg(long, value_name = "DIR")]
    labs: Option<PathBuf>,
}

/// Runs `lab grade`.
pub fn main(args: &Args) -> ExitCode {
    let interrupted = |signal| format!("lab grade: interrupted by signal {signal}");
    let usage = format!("{} [OPTIONS] <DIR>...", crate::called("grade"));
    grade(args).map_or_else(|problem| problem.report(&usage, interrupted), ExitCode::from)
}

fn grade(args: &Args) -> Result<u8, Problem> {
    let config = Config::load(&args.config, &suites::all()).map_err(Problem::Usage)?;
    let submissions = submission::all(&args.dirs).map_err(Problem::Usage)?;
    let seed = first_seed(args, &config)?;
    check_outputs(args)?;
    let stop =
        Stop::on_signals().map_err(|error| Problem::Failure(format!("cannot handle signals: {error}")))?;
    let labs = labs(args)?;
    let work = absolute(&args.work.clone().unwrap_or_else(|| default_work(&labs)))?;
    let scratch = Scratch::below(&work.join("scratch")).map_err(|error| {
        Problem::Failure(format!("cannot make a folder below {}: {error}", work.display()))
    })?;
    let package = Package::prepare(&labs, &work, &config).map_err(Problem::Failure)?;
    remarks::prepare(&package).map_err(Problem::Failure)?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("out").join(format!("grade-{}", timestamp())));
    let parallel = args.parallel.map_or(if config.clock == Mode::Sim { cores() } else { 1 }, usize::from);
    let mut grader = Grader { config: &config, package, scratch: &scratch, stop: &stop, seed, parallel, out };
    grader.announce(submissions.len());
    grader.build_judge()?;
    let results = Results {
        config: &config,
        config_path: &args.config,
        seed,
        expected: submissions.len(),
        grades: Vec::new(),
    };
    let outcome = grader.all(&submissions, results, args)?;
    Ok(outcome)
}

fn first_seed(args: &Args, config: &Config) -> Result<u64, Problem> {
    let seed = args.seed.unwrap_or_else(|| match config.seed {
        Seed::Given(seed) => seed,
        // The shift makes the seed shorter, so that people can type it.
        Seed::Random => random() >> 24,
    });
    match seed.checked_add(config.seeds - 1) {
        Some(_) => Ok(seed),
        None => Err(Problem::Usage(format!(
            "seed {seed:#x} with {} seeds goes beyond the last seed, 2^64-1",
            config.seeds
        ))),
    }
}

/// Checks that the output files can be written. An error now is better than an error after an hour.
fn check_outputs(args: &Args) -> Result<(), Problem> {
    if let Some(out) = &args.out {
        check_out("--out", out)?;
    }
    for (option, file) in [("--json", &args.json), ("--junit", &args.junit)] {
        let Some(file) = file else { continue };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Problem::Usage(format!("{option} {}: there is no folder {folder}", file.display())));
        }
        if file.is_dir() {
            return Err(Problem::Usage(format!(
                "{option} {}: expected a file, this is a folder",
                file.display()
            )));
        }
    }
    Ok(())
}

/// The folder of the checkout with the judge.
fn labs(args: &Args) -> Result<PathBuf, Problem> {
    let labs = match &args.labs {
        Some(labs) => labs.clone(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_owned(),
    };
    if !labs.join("labtest/Cargo.toml").is_file() {
        let text = format!("{}: expected a checkout of the labs, with the judge in labtest", labs.display());
        return Err(Problem::Usage(format!("{text}; --labs DIR names one")));
    }
    absolute(&labs)
}

fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path).map_err(|error| Problem::Failure(format!("{}: {error}", path.display())))
}

fn default_work(labs: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    target.map_or_else(|| labs.join("target"), PathBuf::from).join("grade")
}

struct Grader<'a> {
    config: &'a Config,
    package: Package,
    scratch: &'a Scratch,
    stop: &'a Stop,
    seed: u64,
    parallel: usize,
    out: PathBuf,
}

impl Grader<'_> {
    fn announce(&self, submissions: usize) {
        let (tests, seeds, seed) = (self.config.tests.len(), self.config.seeds, self.seed);
        let clock = results::clock(self.config.clock);
        let strict = if self.config.strict { ", strict" } else { "" };
        eprintln!(
            "grade: {submissions} submissions, {tests} tests, {seeds} seeds from {seed:#x}, {clock} clock{strict} (--seed {seed:#x} repeats them)"
        );
    }

    /// Builds the judge together with the starter, before the grader builds any submission. If this build
    /// fails, the reason is not in a submission.
    fn build_judge(&mut self) -> Result<(), Problem> {
        let since = Instant::now();
        eprintln!(
            "grade: building the judge in {} (minutes the first time, then seconds)",
            self.package.target.display()
        );
        let (starter, src) = (self.package.starter(), self.package.src());
        let fail = |why: String| {
            let hint = "nothing is fetched while grading: after a change of [dependencies] or of the labs, run once, with a network:";
            let manifest = src.parent().unwrap_or(&src).join("Cargo.toml");
            Problem::Failure(format!(
                "the judge does not build: {why}\n{hint} cargo fetch --manifest-path {}",
                manifest.display()
            ))
        };
        let taken = submission::take(&starter, &src, self.config).map_err(|refusal| match refusal {
            Refusal::Submission(why) | Refusal::Grader(why) => fail(why),
        })?;
        self.package.adapt(&taken).map_err(Problem::Failure)?;
        let log = self.scratch.path("judge.log");
        let built = self.build(&log, JUDGE_LIMIT, false).map_err(|failure| match failure {
            build::Failure::TooLong => fail(format!("it took longer than {} s", JUDGE_LIMIT.as_secs())),
            build::Failure::Cargo(why) => fail(why),
            build::Failure::Interrupted => Problem::Interrupted(self.stop.interrupted().unwrap_or(2)),
        })?;
        if let Some(error) = built.errors.first().or(built.misfits.values().flatten().next()) {
            return Err(Problem::Failure(format!(
                "the starter of this checkout does not compile:\n{}",
                error.rendered
            )));
        }
        self.check_names(&built)?;
        if self.config.remarks {
            // The first time, clippy compiles the crates of the labs. This is done here, so that it does not
            // use up the time limit of a submission.
            for remark in remarks::of(&self.package, self.scratch, self.stop) {
                eprintln!("grade: a remark on the starter: {remark}");
            }
        }
        eprintln!("grade: the judge is built ({:.1} s)", since.elapsed().as_secs_f64());
        Ok(())
    }

    fn build(&self, log: &Path, limit: Duration, locked: bool) -> Result<Built, build::Failure> {
        let order = Order { package: &self.package, limit, log };
        build::build(&order, locked, self.stop)
    }

    /// Checks that the test binaries have the tests of grade.toml. The names were already compared with the
    /// judge in this program, but the judge in the checkout may have another version.
    fn check_names(&self, built: &Built) -> Result<(), Problem> {
        for suite in &self.package.suites {
            let binary = built.binaries.get(*suite);
            let binary =
                binary.ok_or_else(|| Problem::Failure(format!("cargo built no binary for {suite}")))?;
            let output = std::process::Command::new(binary).arg("--list").output();
            let output =
                output.map_err(|error| Problem::Failure(format!("{}: {error}", binary.display())))?;
            let list = String::from_utf8_lossy(&output.stdout);
            let known = |name: &str| list.lines().any(|line| line.strip_suffix(": test") == Some(name));
            let of_suite = self.config.tests.iter().filter(|test| test.suite == *suite);
            if let Some(test) = of_suite.into_iter().find(|test| !known(test.name)) {
                let text = format!(
                    "the judge in {} has no test {} in {suite}",
                    self.package.dir.display(),
                    test.name
                );
                return Err(Problem::Failure(format!(
                    "{text}: it is not of the same version as this program"
                )));
            }
        }
        Ok(())
    }

    fn all(
        &mut self,
        submissions: &[Submission],
        mut results: Results<'_>,
        args: &Args,
    ) -> Result<u8, Problem> {
        fs::create_dir_all(&self.out)
            .map_err(|error| Problem::Failure(format!("--out {}: {error}", self.out.display())))?;
        let progress = Progress::new(submissions.len());
        let mut troubles = 0;
        for submission in submissions {
            progress.begin(&submission.name);
            match self.one(submission) {
                Ok(grade) => {
                    let dir = self.out.join(&grade.submission.name);
                    results.write_feedback(&grade, &dir).map_err(|error| cannot_write(&dir, &error))?;
                    progress.done(&grade, results.most());
                    results.grades.push(grade);
                }
                Err(Problem::Interrupted(_)) => break,
                Err(Problem::Failure(why) | Problem::Usage(why)) => {
                    troubles += 1;
                    progress.say(&format!("error: {} is not graded: {why}", submission.name));
                }
            }
            // The files are written after each submission. So nothing is lost if this program is killed.
            write_files(&results, args)?;
        }
        progress.finish();
        write_files(&results, args)?;
        // If the program that reads stdout has ended, nobody needs the table. So an error is ignored.
        let _ = write!(io::stdout(), "{}", results.table());
        eprintln!("grade: pages for students and logs are in {}", self.out.display());
        let graded = results.grades.len();
        if graded < submissions.len() {
            eprintln!("grade: {graded} of {} submissions are graded", submissions.len());
        }
        match self.stop.interrupted() {
            Some(signal) => Err(Problem::Interrupted(signal)),
            None => Ok(u8::from(troubles > 0)),
        }
    }

    /// Grades a submission.
    fn one(&mut self, submission: &Submission) -> Result<Grade, Problem> {
        let since = Instant::now();
        let deadline = since + self.config.time_limit;
        let dir = self.out.join(&submission.name);
        fs::create_dir_all(&dir).map_err(|error| cannot_write(&dir, &error))?;
        let mut grade = Grade {
            submission: submission.clone(),
            package: None,
            refused: None,
            errors: Vec::new(),
            dropped: Vec::new(),
            remarks: Vec::new(),
            build_seconds: 0.0,
            seconds: 0.0,
            tests: Vec::new(),
        };
        let taken = match submission::take(&submission.dir, &self.package.src(), self.config) {
            Ok(taken) => taken,
            Err(Refusal::Grader(why)) => return Err(Problem::Failure(why)),
            Err(Refusal::Submission(why)) => {
                self.refuse(&mut grade, why, Kind::DoesNotCompile);
                return Ok(grade);
            }
        };
        self.package.adapt(&taken).map_err(Problem::Failure)?;
        (grade.package, grade.dropped) = (taken.package.clone(), taken.dropped.clone());
        let built = self.build(&self.scratch.path("build.log"), self.config.time_limit, true);
        match built {
            Ok(built) => {
                grade.build_seconds = built.seconds;
                self.judge(&mut grade, &taken, built, deadline, &dir)?;
            }
            Err(build::Failure::Interrupted) => return Err(self.interrupted()),
            Err(build::Failure::Cargo(why)) => return Err(Problem::Failure(why)),
            Err(build::Failure::TooLong) => {
                let seconds = self.config.time_limit.as_secs();
                self.refuse(&mut grade, format!("It did not compile within {seconds} s."), Kind::TooLong);
            }
        }
        grade.seconds = since.elapsed().as_secs_f64();
        Ok(grade)
    }

    fn interrupted(&self) -> Problem {
        Problem::Interrupted(self.stop.interrupted().unwrap_or(2))
    }

    /// Runs no tests. Marks all tests as failed, for the reason `why`.
    fn refuse(&self, grade: &mut Grade, why: String, kind: Kind) {
        let failed = |test: &Graded| Marked {
            test: test.clone(),
            outcome: Outcome { failure: Some(Failure::of(kind, why.clone())), ..Outcome::default() },
        };
        grade.tests = self.config.tests.iter().map(failed).collect();
        grade.refused = Some(why);
    }

    /// Runs the tests of the submission that was built, and enters the results in `grade`.
    fn judge(
        &self,
        grade: &mut Grade,
        taken: &Taken,
        built: Built,
        deadline: Instant,
        dir: &Path,
    ) -> Result<(), Problem> {
        if !built.errors.is_empty() {
            let why = explain(&built.errors, taken);
            grade.errors = built.errors;
            self.refuse(grade, why, Kind::DoesNotCompile);
            return Ok(());
        }
        if !built.foreign.is_empty() {
            let files = built.foreign.join(", ");
            self.refuse(
                grade,
                format!("It includes files from outside of its src: {files}"),
                Kind::DoesNotCompile,
            );
            return Ok(());
        }
        let conditions = Conditions {
            clock: self.config.clock,
            seed: self.seed,
            seeds: self.config.seeds,
            strict: self.config.strict,
            run_limit: self.config.run_limit,
            deadline,
            memory_mb: self.config.memory_mb,
            seal: self.package.seal(),
            stop: self.stop,
            scratch: self.scratch,
        };
        let outcomes = self.run_all(&built, taken, &conditions);
        if self.stop.interrupted().is_some() {
            return Err(self.interrupted());
        }
        if let Some(errors) = built.misfits.values().next() {
            grade.errors = errors.clone();
        }
        for (test, outcome) in self.config.tests.iter().zip(outcomes) {
            let outcome = self.keep(test, outcome, dir).map_err(|error| cannot_write(dir, &error))?;
            grade.tests.push(Marked { test: test.clone(), outcome });
        }
        if self.config.remarks {
            grade.remarks = remarks::of(&self.package, self.scratch, self.stop);
        }
        Ok(())
    }

    /// Runs all tests, at most `parallel` of them at the same time. The outcomes are in the order of the
    /// tests.
    fn run_all(&self, built: &Built, taken: &Taken, conditions: &Conditions<'_>) -> Vec<Outcome> {
        let tests = &self.config.tests;
        let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for _ in 0..self.parallel.min(tests.len()) {
                scope.spawn(|| {
                    while let Some((at, test)) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, tests.get(at)?)))
                    {
                        let outcome = self.run(test, built, taken, conditions);
                        done.lock().expect("no thread panics while it holds this lock").insert(at, outcome);
                    }
                });
            }
        });
        done.into_inner().expect("no thread panics while it holds this lock").into_values().collect()
    }

    fn run(&self, test: &Graded, built: &Built, taken: &Taken, conditions: &Conditions<'_>) -> Outcome {
        let failed = |failure| Outcome { failure: Some(failure), ..Outcome::default() };
        if let Some(errors) = built.misfits.get(test.suite) {
            let why =
                format!("The tests of {} do not compile with it: {}", test.suite, explain(errors, taken));
            return failed(Failure::of(Kind::DoesNotCompile, why));
        }
        let Some(binary) = built.binaries.get(test.suite) else {
            return failed(Failure::of(Kind::NotRun, format!("cargo built no binary for {}", test.suite)));
        };
        if Instant::now() >= conditions.deadline {
            let seconds = self.config.time_limit.as_secs();
            return failed(Failure::of(
                Kind::TooLong,
                format!("not run: the submission has used up its {seconds} s"),
            ));
        }
        let test = Test {
            package: package::NAME.to_owned(),
            target: test.suite.to_owned(),
            name: test.name.to_owned(),
            ignored: true,
            build: Build::default(),
            binary: binary.clone(),
            dir: self.package.dir.clone(),
        };
        trial::run(&test, conditions)
    }

    /// Moves the files of a failure to the place where they are kept.
    fn keep(&self, test: &Graded, mut outcome: Outcome, dir: &Path) -> io::Result<Outcome> {
        let (log, page) = (outcome.log.take(), outcome.page.take());
        if outcome.failure.is_none() {
            log.iter().chain(&page).for_each(|path| crate::dstest::scratch::forget(path));
            return Ok(outcome);
        }
        // Logs and pages contain the seed. If students must not see it, the files go into the teacher's
        // folder.
        let dir = if self.config.show_seed { dir.to_owned() } else { dir.join("teacher") };
        fs::create_dir_all(&dir)?;
        let keep = |from: Option<PathBuf>, ending: &str| -> io::Result<Option<PathBuf>> {
            let Some(from) = from else { return Ok(None) };
            let to = dir.join(format!("{}-{}.{ending}", test.suite, test.name));
            if history_beside(&from).exists() {
                move_file(&history_beside(&from), &history_beside(&to))?;
            }
            move_file(&from, &to).map(|()| Some(to))
        };
        (outcome.log, outcome.page) = (keep(log, "log")?, keep(page, "html")?);
        Ok(outcome)
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Problem {
    Problem::Failure(format!("cannot write below {}: {error}", path.display()))
}

fn write_files(results: &Results<'_>, args: &Args) -> Result<(), Problem> {
    let fail =
        |path: &Path, error: io::Error| Problem::Failure(format!("cannot write {}: {error}", path.display()));
    if let Some(path) = &args.json {
        results.write_json(path).map_err(|error| fail(path, error))?;
    }
    if let Some(path) = &args.junit {
        results.write_junit(path).map_err(|error| fail(path, error))?;
    }
    Ok(())
}

/// Says in one sentence why a submission does not compile.
fn explain(errors: &[CompileError], taken: &Taken) -> String {
    let names = |error: &CompileError, name: &str| {
        ["E0432", "E0433", "E0463"].contains(&error.code.as_str())
            && error.message.contains(&format!("`{name}`"))
    };
    if errors.iter().any(|error| names(error, "mit6824")) {
        return "It uses the crate mit6824, which is this project's solution: a submission does not get it."
            .to_owned();
    }
    let refused = taken.refused_crates.iter().find(|name| errors.iter().any(|error| names(error, name)));
    if let Some(name) = refused {
        return format!("It uses the crate {name}, which grade.toml does not allow.");
    }
    if errors.iter().any(|error| error.message.contains("unsafe")) {
        return "It contains unsafe code, which is not allowed in a submission.".to_owned();
    }
    let first = errors.first().expect("there is at least one error");
    let place = if first.place.is_empty() { String::new() } else { format!(" ({})", first.place) };
    let code = if first.code.is_empty() { String::new() } else { format!("[{}]", first.code) };
    format!("It does not compile: error{code}: {}{place}", first.message.lines().next().unwrap_or_default())
}

/// Shows on stderr how many submissions are graded.
struct Progress {
    bar: Option<ProgressBar>,
    done: AtomicUsize,
    total: usize,
}

impl Progress {
    fn new(total: usize) -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {elapsed} gone, {eta} left");
            bar.with_style(style.expect("the template is valid").progress_chars("=> "))
        });
        Progress { bar, done: AtomicUsize::new(0), total }
    }

    fn begin(&self, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name.to_owned());
        }
    }

    fn done(&self, grade: &Grade, most: f64) {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        let (name, total) = (&grade.submission.name, self.total);
        let earned = format!("{} of {}", points(grade.points()), points(most));
        let seconds = format!("{:.1} s, of which the build took {:.1} s", grade.seconds, grade.build_seconds);
        self.say(&format!("[{number}/{total}] {name}: {earned} ({seconds})"));
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str) -> CompileError {
        CompileError {
            code: code.into(),
            message: message.into(),
            place: "src/raft.rs:3".into(),
            rendered: String::new(),
        }
    }

    #[test]
    fn errors_become_a_sentence() {
        let taken = Taken { refused_crates: vec!["tokio".into()], ..Taken::default() };
        let cases = [
            (
                error("E0432", "unresolved import `mit6824`"),
                "It uses the crate mit6824, which is this project's solution",
            ),
            (
                error("E0433", "failed to resolve: use of unresolved module or unlinked crate `tokio`"),
                "It uses the crate tokio, which grade.toml does not allow",
            ),
            (error("", "usage of an `unsafe` block"), "It contains unsafe code"),
            (
                error("E0425", "cannot find value `x` in this scope"),
                "It does not compile: error[E0425]: cannot find value `x` in this scope (src/raft.rs:3)",
            ),
        ];
        for (error, sentence) in cases {
            let found = explain(&[error], &taken);
            assert!(found.starts_with(sentence), "{found}");
        }
    }
}
