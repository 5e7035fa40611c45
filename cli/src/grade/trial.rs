//! One test of a submission: a process runs the seeds of the test, and this module decides whether the test
//! has passed.
//!
//! The verdict comes from the report that the judge writes ([`crate::dstest::report`]). The output of the
//! process and its exit code are not enough. A test has passed if all of the following is true:
//!
//! * the report says that each seed has started and has passed. The seeds are in the right order, and the
//!   report contains nothing else;
//! * at the end, the report on the disk is the same as the lines that were read during the run;
//! * the test binary has written its seal, a random text that was compiled into the binary
//!   ([`super::package`]). The `main` of the grader's own test writes the seal after the judge has ended;
//! * the process ended with exit status 0.
//!
//! Code of the submission runs in the judge's own process, and can do everything that the process can do. So
//! these checks make cheating harder, but not impossible. docs/teaching.md says what else helps.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::build::bare_command;
use super::package::SEAL_FILE;
use crate::dstest::child::{Pause, last_words, plan};
use crate::dstest::names::last_segment;
use crate::dstest::process::{Plan, Process, describe};
use crate::dstest::report::{End, Line, Tail, parse};
use crate::dstest::run::{Mode, Stop, Test};
use crate::dstest::scratch::{Scratch, forget};

/// How long a process may still run after it has reported a failure. The process needs this time, for
/// example, to write the page of the failure.
const AFTERWORDS: Duration = Duration::from_secs(20);

/// What all tests of a submission have in common.
pub struct Conditions<'a> {
    /// The clock on which the tests run.
    pub clock: Mode,
    /// The first seed.
    pub seed: u64,
    /// How many seeds each test runs.
    pub seeds: u64,
    /// Whether warnings of the judge are failures.
    pub strict: bool,
    /// How long one seed may take.
    pub run_limit: Duration,
    /// The time at which the submission must be finished.
    pub deadline: Instant,
    /// How much address space the process may have, in MB.
    pub memory_mb: u64,
    /// The text that the test binaries write at their end.
    pub seal: &'a str,
    /// Whether the grading must end.
    pub stop: &'a Stop,
    /// The folder for the files of the process.
    pub scratch: &'a Scratch,
}

/// The result of a test.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Why the test did not pass. `None` if it passed.
    pub failure: Option<Failure>,
    /// How many seeds passed.
    pub seeds_passed: u64,
    /// How many seconds all runs of the test took together, on their own clock.
    pub seconds: f64,
    /// How many CPU seconds all runs of the test took together.
    pub cpu: f64,
    /// The file with the output of the process.
    pub log: Option<PathBuf>,
    /// The HTML page of the failure.
    pub page: Option<PathBuf>,
}

/// Why a test did not pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: Kind,
    /// What was wrong, as a text.
    pub message: String,
    /// The seed that failed. `None` if the failure does not belong to one seed.
    pub seed: Option<u64>,
    /// The trace hash of the run.
    pub hash: Option<u64>,
    /// The command line that runs the seed again.
    pub replay: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The judge reported that a run failed.
    #[default]
    Failed,
    /// The process ended before the judge had ended.
    Died,
    /// A run took too long and was killed.
    TooLong,
    /// There is no report, or the report is wrong, or the run was not sealed.
    BadReport,
    /// The submission does not compile.
    DoesNotCompile,
    /// The test was not run.
    NotRun,
}

impl Kind {
    /// The word for this kind in the results.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Died => "died",
            Kind::TooLong => "too-long",
            Kind::BadReport => "bad-report",
            Kind::DoesNotCompile => "does-not-compile",
            Kind::NotRun => "not-run",
        }
    }
}

impl Failure {
    /// A failure that does not belong to a single seed.
    pub fn of(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), ..Failure::default() }
    }
}

/// Runs a test.
pub fn run(test: &Test, conditions: &Conditions<'_>) -> Outcome {
    let (report, output) = (conditions.scratch.path("report"), conditions.scratch.path("output"));
    let (page, seal) = (conditions.scratch.path("page.html"), conditions.scratch.path("seal"));
    let room = conditions.scratch.path("room");
    let mut trial =
        Trial { conditions, test, next: 0, open: false, lines: Vec::new(), outcome: Outcome::default() };
    let ending =
        trial.process(&Files { report: &report, output: &output, page: &page, seal: &seal, room: &room });
    trial.conclude(ending, &output);
    if trial.outcome.failure.is_none()
        && let Some(doubt) = trial.doubts(&report, &seal)
    {
        // If there is a reason not to trust the report, its numbers cannot be trusted either.
        trial.outcome = Outcome { failure: Some(doubt), ..Outcome::default() };
    }
    let mut outcome = trial.outcome;
    let exists = |path: PathBuf| path.exists().then_some(path);
    (outcome.log, outcome.page) = (exists(output), exists(page));
    forget(&report);
    forget(&seal);
    let _ = fs::remove_dir_all(&room);
    outcome
}

/// Paths of the files of a process.
struct Files<'a> {
    report: &'a Path,
    output: &'a Path,
    page: &'a Path,
    seal: &'a Path,
    /// The working folder of the process. It is empty at the start.
    room: &'a Path,
}

/// How a process ended.
enum Ending {
    /// The process ended by itself. The text says how. It is `None` for exit status 0.
    Exited(Option<String>),
    /// The process was killed after it had reported a failure.
    Failed,
    SeedTooLong,
    OutOfTime,
    BadReport(String),
    Interrupted,
    NotStarted(String),
}

struct Trial<'a> {
    conditions: &'a Conditions<'a>,
    test: &'a Test,
    /// How many seeds have passed.
    next: u64,
    /// Whether a seed has started and not ended yet.
    open: bool,
    /// All lines of the report.
    lines: Vec<Line>,
    outcome: Outcome,
}

impl Trial<'_> {
    fn process(&mut self, files: &Files<'_>) -> Ending {
        let started = fs::create_dir_all(files.room)
            .and_then(|()| Tail::create(files.report))
            .and_then(|tail| Ok((Process::spawn(&self.plan(files), files.output)?, tail)));
        match started {
            Ok((mut process, mut tail)) => self.watch(&mut process, &mut tail),
            Err(error) => Ending::NotStarted(format!("cannot start {}: {error}", self.test.binary.display())),
        }
    }

    /// The plan of the child. The child gets an empty working folder, a limit for its memory, and none of the
    /// grader's environment variables.
    fn plan(&self, files: &Files<'_>) -> Plan {
        let mut plan = plan(self.test, self.conditions.seed, self.conditions.seeds, files.report);
        let page = files.page.as_os_str().to_owned();
        plan.set.retain(|(name, _)| name != "LAB_PAGE");
        plan.set.push(("LAB_PAGE".to_owned(), page));
        plan.set.push((SEAL_FILE.to_owned(), files.seal.as_os_str().to_owned()));
        if self.conditions.strict {
            plan.set.push(("LAB_STRICT".to_owned(), "1".into()));
        }
        let set: Vec<(&str, OsString)> =
            plan.set.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let limits = format!("ulimit -c 0; ulimit -v {}; exec \"$@\"", self.conditions.memory_mb * 1024);
        let mut command: Vec<OsString> = ["sh", "-c", &limits, "lab-grade"].map(OsString::from).to_vec();
        command.extend(plan.command.iter().cloned());
        plan.command = bare_command(&set, &command);
        plan.set.clear();
        plan.dir = files.room.to_owned();
        plan
    }

    /// Reads the report until the process has ended or must be killed.
    fn watch(&mut self, process: &mut Process, tail: &mut Tail) -> Ending {
        let mut pause = Pause::default();
        let mut since = Instant::now();
        loop {
            // This check comes before the report is read. So the report is complete if the check says that
            // the process has ended.
            let ended = process.poll();
            let before = self.lines.len();
            if let Err(error) = tail.read(|line| self.take(line)) {
                return Ending::BadReport(error);
            }
            if self.lines.len() > before {
                since = Instant::now();
                pause = Pause::default();
            }
            let failed = self.outcome.failure.is_some();
            if self.conditions.stop.interrupted().is_some() {
                return Ending::Interrupted;
            }
            match ended {
                Ok(Some(status)) => return Ending::Exited((!status.success()).then(|| describe(status))),
                Ok(None) => {}
                Err(error) => return Ending::NotStarted(format!("cannot wait for the process: {error}")),
            }
            // If the next seed has started, everything about the failure has been written.
            if failed && (self.open || since.elapsed() > AFTERWORDS) {
                return Ending::Failed;
            }
            if !failed && Instant::now() >= self.conditions.deadline {
                return Ending::OutOfTime;
            }
            if !failed && since.elapsed() > self.conditions.run_limit {
                return Ending::SeedTooLong;
            }
            pause.sleep();
        }
    }

    fn seed(&self) -> u64 {
        self.conditions.seed.wrapping_add(self.next)
    }

    /// Takes one line of the report.
    fn take(&mut self, line: Line) -> Result<(), String> {
        self.lines.push(line.clone());
        if self.outcome.failure.is_some() {
            // The test has already failed. The only fact that is still needed is whether the next seed
            // starts.
            self.open = matches!(line, Line::Start { .. });
            return Ok(());
        }
        let (test, seed) = match &line {
            Line::Start { test, seed } => (test, *seed),
            Line::End(end) => (&end.test, end.seed),
        };
        if last_segment(test) != last_segment(&self.test.name) {
            return Err(format!("it names the test {test:?}, which is not running"));
        }
        if self.next >= self.conditions.seeds || seed != self.seed() {
            return Err(format!("it names seed {seed:#x}, but another seed was expected"));
        }
        match (line, self.open) {
            (Line::Start { .. }, false) => self.open = true,
            (Line::Start { .. }, true) => return Err(format!("it starts seed {seed:#x} twice")),
            (Line::End(_), false) => return Err(format!("it ends seed {seed:#x} before it started")),
            (Line::End(end), true) => {
                self.open = false;
                self.ended(end)?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, end: End) -> Result<(), String> {
        if self.conditions.clock == Mode::Sim && end.hash.is_none() {
            return Err(format!("seed {:#x} has no trace hash", end.seed));
        }
        self.outcome.seconds += end.seconds;
        self.outcome.cpu += end.cpu;
        if end.passed {
            self.next += 1;
            self.outcome.seeds_passed = self.next;
            return Ok(());
        }
        self.outcome.failure = Some(Failure {
            kind: Kind::Failed,
            message: end.message,
            seed: Some(end.seed),
            hash: end.hash,
            replay: end.replay,
        });
        Ok(())
    }

    /// Decides what the end of the process means. If the judge has already reported that the test failed,
    /// nothing is changed.
    fn conclude(&mut self, ending: Ending, output: &Path) {
        if self.outcome.failure.is_some() {
            return;
        }
        let all = self.next == self.conditions.seeds;
        let failure = match ending {
            Ending::Failed => return,
            Ending::Exited(None) if all => return,
            Ending::Exited(Some(how)) if all => Failure::of(
                Kind::Died,
                format!("all seeds passed, and then the process ended ({how}){}", last_words(output)),
            ),
            Ending::Exited(how) if self.lines.is_empty() => Failure::of(
                Kind::BadReport,
                format!(
                    "the process ended ({}) without a report of the judge{}",
                    well(how),
                    last_words(output)
                ),
            ),
            Ending::Exited(None) => Failure::of(
                Kind::BadReport,
                format!("the process ended before the judge had reported all seeds{}", last_words(output)),
            ),
            Ending::Exited(Some(how)) => {
                let message =
                    format!("the process ended ({how}) in the middle of a run{}", last_words(output));
                self.of_seed(Kind::Died, message)
            }
            Ending::SeedTooLong => {
                let seconds = self.conditions.run_limit.as_secs();
                self.of_seed(Kind::TooLong, format!("the run took longer than {seconds} s and was killed"))
            }
            Ending::OutOfTime => self
                .of_seed(Kind::TooLong, "the time of the submission was over; the run was killed".to_owned()),
            Ending::BadReport(error) => Failure::of(Kind::BadReport, format!("the report is wrong: {error}")),
            Ending::Interrupted => Failure::of(Kind::NotRun, "grading was stopped"),
            Ending::NotStarted(error) => Failure::of(Kind::NotRun, error),
        };
        self.outcome.failure = Some(failure);
    }

    fn of_seed(&self, kind: Kind, message: String) -> Failure {
        let replay = self.replay_line();
        Failure { kind, message, seed: Some(self.seed()), hash: None, replay }
    }

    /// Makes a command line that runs the seed again in the student's project. It is used if the run has
    /// ended without printing such a line.
    fn replay_line(&self) -> String {
        let strict = if self.conditions.strict { "LAB_STRICT=1 " } else { "" };
        let sim = if self.conditions.clock == Mode::Sim { " --features sim" } else { "" };
        let (seed, target, name) = (self.seed(), &self.test.target, &self.test.name);
        format!("{strict}LAB_SEED={seed:#x} cargo test{sim} --test {target} -- --exact {name}")
    }

    /// The reason not to trust a report in which all seeds passed. `None` if there is no such reason.
    fn doubts(&self, report: &Path, seal: &Path) -> Option<Failure> {
        let doubt = |what: &str| Some(Failure::of(Kind::BadReport, what));
        if fs::read_to_string(seal).ok().as_deref() != Some(self.conditions.seal) {
            return doubt(
                "the report says that all seeds passed, but the process ended before the judge had come to its end",
            );
        }
        let again = fs::read(report).unwrap_or_default();
        let lines = again
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| parse(line.strip_suffix(b"\n").unwrap_or(line)));
        let same = lines.eq(self.lines.iter().cloned().map(Ok));
        if same { None } else { doubt("the report was changed after it had been written") }
    }
}

fn well(how: Option<String>) -> String {
    how.unwrap_or_else(|| "exit status 0".to_owned())
}
