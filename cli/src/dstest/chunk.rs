//! One chunk of seeds of one test: a child process that goes through them, and another one if it dies.
//!
//! The child reports the start and end of each seed. If it ends, or stays with one seed for longer than allowed, or
//! writes what cannot be read, the open seed is blamed and a new child resumes after it. Each failed seed of a sim
//! chunk is then replayed ([`super::replay`]). On the real clock a chunk is one run, whose output is kept as it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::process::{Plan, Process, describe};
use super::report::{End, Line, Tail};
use super::run::{Event, Evidence, How, Mode, Replayed, Run, Stop, Test};
use super::scratch::{Scratch, forget};
use super::{names, replay};

/// On the real clock a test has a time limit of its own and says where everybody waits: let it speak first.
const REAL_GRACE: Duration = Duration::from_secs(5);

/// What all chunks of a campaign share.
pub struct Context {
    /// The tests.
    pub tests: Vec<Test>,
    /// On which clock.
    pub mode: Mode,
    /// How long one seed may take, by the real clock.
    pub limit: Duration,
    /// How many failures of a test are replayed and kept.
    pub keep: u64,
    /// Whether the first failure ends it all.
    pub until_fail: bool,
    /// Whether it is to end.
    pub stop: Stop,
    /// Where the temporary files go.
    pub scratch: Scratch,
    /// Failures of each test so far.
    pub failures: Vec<AtomicU64>,
    /// Tests whose processes report nothing: there is no point in starting more of them.
    pub broken: Vec<AtomicBool>,
}

/// Seeds `first`, `first + 1`, ... of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Index of the test.
    pub test: usize,
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// Runs a chunk and tells what happens.
pub fn run(context: &Context, chunk: Chunk, tell: &dyn Fn(Event)) {
    if context.broken[chunk.test].load(Ordering::Relaxed) {
        return tell(Event::Abandoned { test: chunk.test, runs: chunk.count });
    }
    let mut job =
        Job { context, chunk, tell, next: chunk.first, left: chunk.count, silent: 0, kept: Vec::new() };
    while job.left > 0 && !context.stop.stopping() {
        job.child();
    }
    job.replay_kept();
}

/// How a child went.
enum Ending {
    Exited(ExitStatus),
    TimedOut,
    BadReport(String),
    Stopped,
}

/// A failure that is to be replayed.
struct Kept {
    run: Run,
    first: Option<PathBuf>,
}

struct Job<'a> {
    context: &'a Context,
    chunk: Chunk,
    tell: &'a dyn Fn(Event),
    /// The seed that has to come next.
    next: u64,
    /// How many seeds have no verdict yet.
    left: u64,
    /// Children in a row that reported nothing at all.
    silent: u32,
    kept: Vec<Kept>,
}

/// What one child has reported.
#[derive(Default)]
struct Seen {
    /// The seed it is at.
    open: Option<u64>,
    lines: u64,
    failed: bool,
}

impl Job<'_> {
    fn test(&self) -> &Test {
        &self.context.tests[self.chunk.test]
    }

    /// Runs one child over the seeds that are left.
    fn child(&mut self) {
        let output = self.context.scratch.path("output");
        let report = self.context.scratch.path("report");
        let mut seen = Seen::default();
        match self.start(&report, &output) {
            Ok((mut process, mut tail)) => {
                let ending = self.watch(&mut process, &mut tail, &mut seen);
                process.kill();
                // The last failure of a real run takes the output with it.
                self.conclude(ending, &seen, &output);
            }
            Err(error) => self.give_up(error),
        }
        forget(&report);
        forget(&output);
        forget(&page_of(&output));
    }

    fn start(&self, report: &Path, output: &Path) -> Result<(Process, Tail), String> {
        let tail = Tail::create(report).map_err(|e| format!("cannot make {}: {e}", report.display()))?;
        let mut plan = plan(self.test(), self.next, self.left, report);
        match self.context.mode {
            Mode::Sim => plan.unset.extend(["LAB_LOG", "RUST_LOG"]),
            Mode::Real => plan.set.push(("LAB_PAGE".to_owned(), page_of(output).into_os_string())),
        }
        let process = Process::spawn(&plan, output)
            .map_err(|e| format!("cannot start {}: {e}", self.test().binary.display()))?;
        Ok((process, tail))
    }

    /// Follows the report until the child has ended or must be ended.
    fn watch(&mut self, process: &mut Process, tail: &mut Tail, seen: &mut Seen) -> Ending {
        let limit = limit(self.context);
        let mut pause = Pause::default();
        let mut since = Instant::now();
        loop {
            // Asked before the report is read: what an ended child has written is then complete.
            let ended = process.poll();
            let before = seen.lines;
            if let Err(error) = tail.read(|line| self.take(line, seen)) {
                return Ending::BadReport(error);
            }
            if seen.lines > before {
                since = Instant::now();
                pause = Pause::default();
            }
            if self.must_stop(seen) {
                return Ending::Stopped;
            }
            match ended {
                Ok(Some(status)) => return Ending::Exited(status),
                Ok(None) => {}
                Err(e) => return Ending::BadReport(format!("cannot wait for the child: {e}")),
            }
            if since.elapsed() > limit {
                return Ending::TimedOut;
            }
            pause.sleep();
        }
    }

    /// Whether to drop the child. One whose only run has just failed may finish its sentence.
    fn must_stop(&self, seen: &Seen) -> bool {
        let speaking = self.context.mode == Mode::Real && seen.failed;
        self.context.stop.interrupted().is_some() || (self.context.stop.stopping() && !speaking)
    }

    /// Takes one line of the report.
    fn take(&mut self, line: Line, seen: &mut Seen) -> Result<(), String> {
        if self.context.stop.stopping() {
            return Ok(());
        }
        let (test, seed) = match &line {
            Line::Start { test, seed } => (test, *seed),
            Line::End(end) => (&end.test, end.seed),
        };
        let wanted = &self.test().name;
        if names::last_segment(test) != names::last_segment(wanted) {
            return Err(format!("the report speaks of test {test:?}, expected {wanted:?}"));
        }
        if self.left == 0 || seed != self.next {
            return Err(format!("the report speaks of seed {seed:#x}, expected {}", self.expected()));
        }
        seen.lines += 1;
        match (line, seen.open) {
            (Line::Start { .. }, None) => seen.open = Some(seed),
            (Line::Start { .. }, Some(_)) => return Err(format!("the report starts seed {seed:#x} twice")),
            (Line::End(_), None) => return Err(format!("the report ends seed {seed:#x} before it started")),
            (Line::End(end), Some(_)) => {
                seen.open = None;
                seen.failed |= !end.passed;
                self.ended(end);
            }
        }
        Ok(())
    }

    fn expected(&self) -> String {
        if self.left == 0 { "no more".to_owned() } else { format!("{:#x}", self.next) }
    }

    fn ended(&mut self, end: End) {
        let run = Run {
            test: self.chunk.test,
            seed: end.seed,
            passed: end.passed,
            kept: false,
            how: How::Reported,
            hash: end.hash,
            seconds: Some(end.seconds),
            cpu: Some(end.cpu),
            message: end.message,
            replay: end.replay,
        };
        self.verdict(run, None);
    }

    /// Draws the conclusions from a child's end.
    fn conclude(&mut self, ending: Ending, seen: &Seen, output: &Path) {
        let (how, what) = match ending {
            Ending::Stopped => return self.keep_output(output),
            Ending::Exited(status) if self.left == 0 => {
                if !status.success() && !seen.failed {
                    self.late_death(status, output);
                }
                return self.keep_output(output);
            }
            Ending::Exited(status) => (How::Died, format!("the process ended ({})", describe(status))),
            Ending::TimedOut if self.left == 0 => {
                (self.tell)(Event::Trouble(format!(
                    "{}: the process did not end after its last seed",
                    self.test().name
                )));
                return self.keep_output(output);
            }
            Ending::TimedOut => {
                (How::TimedOut, format!("timed out after {} s", self.context.limit.as_secs_f64()))
            }
            Ending::BadReport(error) => (How::BadReport, format!("bad report: {error}")),
        };
        if seen.lines > 0 {
            self.silent = 0;
            let place =
                if seen.open.is_some() { "in the middle of the seed" } else { "before the seed started" };
            return self.blame(how, format!("{what}, {place}"), output);
        }
        self.silent += 1;
        let message = format!("{what} without a report{}", last_words(output));
        if self.context.mode == Mode::Sim && self.silent < 2 && how != How::TimedOut {
            // A machine short of memory, say. The second time it is no accident.
            return;
        }
        self.blame(how, message, output);
        self.abandon();
    }

    /// The next seed has failed because of what its process did.
    fn blame(&mut self, how: How, message: String, output: &Path) {
        if self.left == 0 {
            return (self.tell)(Event::Trouble(format!("{}: {message}", self.test().name)));
        }
        self.verdict(self.failure(how, message), Some(output));
        self.keep_output(output);
    }

    fn give_up(&mut self, error: String) {
        self.verdict(self.failure(How::Died, error), None);
        self.abandon();
    }

    /// A failure of the next seed that the test binary did not report itself.
    fn failure(&self, how: How, message: String) -> Run {
        Run {
            test: self.chunk.test,
            seed: self.next,
            passed: false,
            kept: false,
            how,
            hash: None,
            seconds: None,
            cpu: None,
            message,
            replay: replay::line(self.test(), self.context.mode, self.next),
        }
    }

    /// The rest of the test would go the same way.
    fn abandon(&mut self) {
        self.context.broken[self.chunk.test].store(true, Ordering::Relaxed);
        (self.tell)(Event::Abandoned { test: self.chunk.test, runs: self.left });
        self.left = 0;
    }

    fn late_death(&self, status: ExitStatus, output: &Path) {
        let last = self.next.wrapping_sub(1);
        let (name, how, words) = (&self.test().name, describe(status), last_words(output));
        let text = format!(
            "{name}: seed {last:#x} and those before it passed, and then the process ended ({how}){words}"
        );
        (self.tell)(Event::Trouble(text));
    }

    /// A seed has its verdict.
    fn verdict(&mut self, mut run: Run, output: Option<&Path>) {
        self.next = self.next.wrapping_add(1);
        self.left -= 1;
        if run.passed {
            return (self.tell)(Event::Run(run));
        }
        if self.context.until_fail {
            if !self.context.stop.enough() {
                // Somebody else was first.
                return;
            }
            self.left = 0;
        }
        let before = self.context.failures[self.chunk.test].fetch_add(1, Ordering::Relaxed);
        run.kept = before < self.context.keep;
        (self.tell)(Event::Run(run.clone()));
        if run.kept {
            let first = output.filter(|_| self.context.mode == Mode::Sim).and_then(|o| self.set_aside(o));
            self.kept.push(Kept { run, first });
        }
    }

    fn set_aside(&self, output: &Path) -> Option<PathBuf> {
        let path = self.context.scratch.path("first");
        std::fs::copy(output, &path).ok().map(|_| path)
    }

    /// On the real clock the output of the failed run is the evidence.
    fn keep_output(&mut self, output: &Path) {
        if self.context.mode == Mode::Sim {
            return;
        }
        for Kept { run, first } in std::mem::take(&mut self.kept) {
            let (log, page) = (self.aside(output, "log"), self.aside(&page_of(output), "page.html"));
            let replayed = Replayed::No("on the real clock no run is like another".to_owned());
            (self.tell)(Event::Evidence(Evidence {
                test: run.test,
                seed: run.seed,
                replayed,
                log,
                first,
                trace: None,
                page,
            }));
        }
    }

    /// Puts a child's file where it is not forgotten with the child; `None` if there is none.
    fn aside(&self, file: &Path, what: &str) -> Option<PathBuf> {
        let path = self.context.scratch.path(what);
        std::fs::rename(file, &path).ok().map(|()| path)
    }

    fn replay_kept(&mut self) {
        for Kept { run, first } in self.kept.drain(..) {
            if self.context.mode == Mode::Sim && self.context.stop.interrupted().is_none() {
                (self.tell)(Event::Evidence(replay::replay(self.context, &run, first)));
            }
        }
    }
}

/// Where the page goes of a run on the real clock, whose output goes there.
fn page_of(output: &Path) -> PathBuf {
    output.with_extension("html")
}

/// The limit for one seed, with what is added on the real clock.
pub fn limit(context: &Context) -> Duration {
    match context.mode {
        Mode::Sim => context.limit,
        Mode::Real => context.limit + REAL_GRACE,
    }
}

/// The child that runs `count` seeds of a test.
pub fn plan(test: &Test, first: u64, count: u64, report: &Path) -> Plan {
    let mut command: Vec<OsString> = vec![test.binary.clone().into()];
    if test.ignored {
        command.push("--include-ignored".into());
    }
    command.extend(["--exact", &test.name].map(OsString::from));
    let set = vec![
        ("LAB_SEED".to_owned(), format!("{first:#x}").into()),
        ("LAB_RUNS".to_owned(), count.to_string().into()),
        ("LAB_REPORT".to_owned(), report.as_os_str().to_owned()),
        // Of thousands of runs in virtual time, only the failures that are kept get a page, from their replay.
        ("LAB_PAGE".to_owned(), "0".into()),
        ("CARGO_MANIFEST_DIR".to_owned(), test.dir.clone().into_os_string()),
        ("CARGO_PKG_NAME".to_owned(), test.package.clone().into()),
    ];
    let unset = vec!["LAB_TRACE", "LAB_EXPECT"];
    Plan { command, dir: test.dir.clone(), set, unset, death_signal: Signal::SIGKILL }
}

/// The end of an output, for a message.
pub fn last_words(output: &Path) -> String {
    let Ok(bytes) = std::fs::read(output) else { return String::new() };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    if lines.is_empty() {
        return "; it printed nothing".to_owned();
    }
    format!("; its last words: {}", lines[lines.len().saturating_sub(3)..].join(" / "))
}

/// Ever longer pauses between two looks: a short run is noticed at once, a long one costs nothing.
#[derive(Default)]
pub struct Pause {
    millis: u64,
}

impl Pause {
    /// Sleeps, longer each time, 20 ms at most.
    pub fn sleep(&mut self) {
        self.millis = (self.millis * 2).clamp(1, 20);
        std::thread::sleep(Duration::from_millis(self.millis));
    }
}
