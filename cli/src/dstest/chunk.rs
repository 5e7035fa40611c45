//! One chunk of seeds of one test. A child process runs the seeds one after the other. If the child dies,
//! another child runs the rest of the seeds.
//!
//! The child reports the start and the end of each seed. A child may end early, may take too long for one
//! seed, or may write a report that cannot be read. Then the seed that it was running has failed, and a new
//! child goes on with the next seed.
//!
//! In virtual time, each failure that is kept is replayed afterwards ([`super::replay`]). On the real clock a
//! chunk is a single run. If the run fails, its output is kept.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::child::{Pause, last_words, warnings};
use super::context::Context;
use super::first::{First, Found};
use super::process::{Process, describe};
use super::report::{End, Line, Tail};
use super::run::{Event, Evidence, How, Mode, Replayed, Run, Test};
use super::scratch::{forget, history_beside};
use super::shortlist::Place;
use super::{names, replay};

/// On the real clock, this time is added to the limit of a seed. A test on the real clock also has a time
/// limit of its own. When the test reaches that limit, it prints where its threads wait, and this takes some
/// time.
const REAL_GRACE: Duration = Duration::from_secs(5);

/// How many different warnings are read from the output of one child.
const WARNINGS: usize = 3;

/// A chunk: the seeds `first`, `first + 1`, ... of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The place of the chunk in the order of all chunks.
    pub number: usize,
    /// Index of the test.
    pub test: usize,
    /// The first seed.
    pub first: u64,
    /// How many seeds the chunk has.
    pub count: u64,
}

/// Runs a chunk, and reports through the function `tell` what happens.
pub fn run(context: &Context, chunk: Chunk, tell: &dyn Fn(Event)) {
    if context.broken[chunk.test].load(Ordering::Relaxed) {
        return tell(Event::Abandoned { test: chunk.test, runs: chunk.count });
    }
    let mut job = Job {
        context,
        chunk,
        tell,
        next: chunk.first,
        left: chunk.count,
        silent: 0,
        kept: Vec::new(),
        page_is_kept: false,
        is_done: false,
    };
    while job.left > 0 && !job.is_over() {
        job.child();
    }
    job.replay_kept();
}

/// With `--until-fail`, reports the first failure. This function is called when all chunks have ended,
/// because until then a failure in an earlier chunk can be found.
pub fn report_first(context: &Context, tell: &dyn Fn(Event)) {
    let Some(Found { mut run, output, evidence, .. }) = context.first.as_ref().and_then(First::take) else {
        return;
    };
    run.kept = context.shortlist().offer(&run) != Place::Counted;
    tell(Event::Run(run.clone()));
    let evidence = match evidence {
        _ if !run.kept => None,
        None if context.mode == Mode::Sim && context.stop.interrupted().is_none() => {
            Some(replay::replay(context, &run, output))
        }
        evidence => evidence,
    };
    if let Some(evidence) = evidence {
        tell(Event::Evidence(evidence));
    }
}

/// How a child ended.
enum Ending {
    Exited(ExitStatus),
    TimedOut,
    BadReport(String),
    Stopped,
}

/// A failure that must be replayed.
struct Kept {
    run: Run,
    first: Option<PathBuf>,
}

struct Job<'a> {
    context: &'a Context,
    chunk: Chunk,
    tell: &'a dyn Fn(Event),
    /// The first seed that has no result yet.
    next: u64,
    /// How many seeds have no result yet.
    left: u64,
    /// How many children in a row have reported nothing. A child that reports something sets this number to
    /// 0.
    silent: u32,
    kept: Vec<Kept>,
    /// Whether the page of the current child is kept. Such a page must not be deleted.
    page_is_kept: bool,
    /// Whether the chunk has ended early: a seed has failed, and the campaign ends at the first failure.
    is_done: bool,
}

/// What one child has reported.
#[derive(Default)]
struct Seen {
    /// The seed that the child runs now.
    open: Option<u64>,
    lines: u64,
    failed: bool,
    warned: bool,
}

impl Job<'_> {
    fn test(&self) -> &Test {
        &self.context.tests[self.chunk.test]
    }

    /// Whether this chunk must not run any more seeds.
    fn is_over(&self) -> bool {
        self.is_done || self.context.is_over(self.chunk.number)
    }

    /// Starts one child for the seeds that are left, and waits for its end.
    fn child(&mut self) {
        let output = self.context.scratch.path("output");
        let report = self.context.scratch.path("report");
        let mut seen = Seen::default();
        match self.start(&report, &output) {
            Ok((mut process, mut tail)) => {
                let ending = self.watch(&mut process, &mut tail, &mut seen);
                process.kill();
                if seen.warned {
                    let (test, texts) = (self.chunk.test, warnings(&output, WARNINGS));
                    (self.tell)(Event::Warnings { test, texts });
                }
                // If the output must be kept, this call renames it (only on the real clock).
                self.conclude(ending, &seen, &output);
            }
            Err(error) => self.give_up(error),
        }
        forget(&report);
        forget(&output);
        if !std::mem::take(&mut self.page_is_kept) {
            forget(&page_of(&output));
            forget(&history_beside(&page_of(&output)));
        }
    }

    fn start(&self, report: &Path, output: &Path) -> Result<(Process, Tail), String> {
        let tail = Tail::create(report).map_err(|e| format!("cannot make {}: {e}", report.display()))?;
        let mut plan = self.context.plan(self.chunk.test, self.next, self.left, report);
        match self.context.mode {
            Mode::Sim => plan.unset.extend(["LAB_LOG", "RUST_LOG"]),
            Mode::Real => plan.set.push(("LAB_PAGE".to_owned(), page_of(output).into_os_string())),
        }
        let process = Process::spawn(&plan, output)
            .map_err(|e| format!("cannot start {}: {e}", self.test().binary.display()))?;
        Ok((process, tail))
    }

    /// Reads the report until the child has ended or must be killed.
    fn watch(&mut self, process: &mut Process, tail: &mut Tail, seen: &mut Seen) -> Ending {
        let limit = limit(self.context);
        let mut pause = Pause::default();
        let mut since = Instant::now();
        loop {
            // The report is read after this check. So the report is complete if the check says that the child
            // has ended.
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

    /// Whether to stop the child. On the real clock, a child whose test has just failed is not stopped,
    /// because it still prints why the test failed.
    fn must_stop(&self, seen: &Seen) -> bool {
        let printing = self.context.mode == Mode::Real && seen.failed;
        self.context.stop.interrupted().is_some() || (self.is_over() && !printing)
    }

    /// Takes one line of the report.
    fn take(&mut self, line: Line, seen: &mut Seen) -> Result<(), String> {
        if self.is_over() {
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
                seen.warned |= end.warnings > 0;
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
            warnings: end.warnings,
        };
        self.verdict(run, None);
    }

    /// Decides what the end of a child means for its seeds.
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
            // The machine may be short of memory for a moment. So this does not count as a failure yet, and a
            // second child tries the same seeds.
            return;
        }
        self.blame(how, message, output);
        self.abandon();
    }

    /// Records that the seed `next` has failed, because its process has failed.
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

    /// Makes a result for the seed `next`, which has failed without a report of the test binary.
    fn failure(&self, how: How, message: String) -> Run {
        let strict = if self.context.strict { "LAB_STRICT=1 " } else { "" };
        let replay = format!("{strict}{}", replay::line(self.test(), self.context.mode, self.next));
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
            replay,
            warnings: 0,
        }
    }

    /// Gives up the rest of the test, because the other seeds would fail in the same way.
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

    /// Records the result of the seed `next`.
    fn verdict(&mut self, mut run: Run, output: Option<&Path>) {
        self.next = self.next.wrapping_add(1);
        self.left -= 1;
        if run.passed {
            return (self.tell)(Event::Run(run));
        }
        if let Some(first) = &self.context.first {
            // The failure is reported later, when all chunks have ended ([`report_first`]).
            let output = output.filter(|_| self.context.mode == Mode::Sim).and_then(|o| self.set_aside(o));
            first.offer(Found { chunk: self.chunk.number, run: run.clone(), output, evidence: None });
            if self.context.mode == Mode::Real {
                self.kept.push(Kept { run, first: None });
            }
            (self.left, self.is_done) = (0, true);
            return;
        }
        run.kept = self.context.shortlist().offer(&run) != Place::Counted;
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

    /// Keeps the output of a failed run on the real clock. Such a run cannot be replayed, so nothing else
    /// shows what happened.
    fn keep_output(&mut self, output: &Path) {
        if self.context.mode == Mode::Sim {
            return;
        }
        for Kept { run, first } in std::mem::take(&mut self.kept) {
            let (log, page) = (self.aside(output, "log"), page_of(output));
            // The page is not renamed, because the log contains its path.
            self.page_is_kept = page.exists();
            let page = self.page_is_kept.then_some(page);
            let replayed = Replayed::No("a run on the real clock cannot be repeated".to_owned());
            let (test, seed) = (run.test, run.seed);
            let evidence = Evidence { test, seed, replayed, log, first, trace: None, page };
            match &self.context.first {
                Some(first) => first.add(self.chunk.number, evidence),
                None => (self.tell)(Event::Evidence(evidence)),
            }
        }
    }

    /// Renames a file of a child, so that it is not deleted with the child's other files. Returns `None` if
    /// there is no such file.
    fn aside(&self, file: &Path, what: &str) -> Option<PathBuf> {
        let path = self.context.scratch.path(what);
        std::fs::rename(file, &path).ok().map(|()| path)
    }

    fn replay_kept(&mut self) {
        for Kept { run, first } in self.kept.drain(..) {
            // A shorter run with the same cause may have replaced this failure.
            let wanted = self.context.shortlist().holds(run.test, run.seed);
            if wanted && self.context.mode == Mode::Sim && self.context.stop.interrupted().is_none() {
                (self.tell)(Event::Evidence(replay::replay(self.context, &run, first)));
            }
        }
    }
}

/// The path of the page of a run on the real clock. `output` is the path of the run's output.
fn page_of(output: &Path) -> PathBuf {
    output.with_extension("html")
}

/// How long one seed may take.
fn limit(context: &Context) -> Duration {
    match context.mode {
        Mode::Sim => context.limit,
        Mode::Real => context.limit + REAL_GRACE,
    }
}
