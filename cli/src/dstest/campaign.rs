//! A campaign: all runs of one call of `lab dstest`. They are divided into chunks of seeds. Threads take the
//! chunks one by one, and all results go to one [`Board`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::chunk::{self, Chunk};
use super::context::Context;
use super::keep::Keeper;
use super::process::cpu_of_children;
use super::progress::Progress;
use super::report::escape;
use super::run::{Event, How, Mode, Replayed, Run, Stop, Test};
use super::shortlist::cause;
use super::tally::Tally;
use super::write::Everything;
use crate::style::Style;

/// How many seeds one child process runs at most.
const LARGEST_CHUNK: u64 = 64;

/// How many different warnings of a test are shown.
const WARNINGS_SHOWN: usize = 3;

/// The chunks of a campaign. The order alternates between the tests: the first chunk of each test comes
/// before the second chunk of any test. So a failure of any test is found early.
///
/// If the first failure ends the campaign, the first chunks are small and the later ones grow. Then the
/// chunks do not depend on `parallel`, and neither does the failure that is found first.
pub fn chunks(
    tests: usize,
    runs: u64,
    seed: u64,
    parallel: usize,
    mode: Mode,
    until_fail: bool,
) -> Vec<Chunk> {
    let even = (runs / (parallel as u64 * 4)).clamp(1, LARGEST_CHUNK);
    let mut chunks = Vec::new();
    let mut done = 0;
    while done < runs {
        let size = match mode {
            Mode::Real => 1,
            Mode::Sim if until_fail => (done / 2).clamp(1, LARGEST_CHUNK),
            Mode::Sim => even,
        };
        let count = size.min(runs - done);
        for test in 0..tests {
            chunks.push(Chunk { number: chunks.len(), test, first: seed.wrapping_add(done), count });
        }
        done += count;
    }
    chunks
}

/// Runs the chunks in child processes, and gives the results to `board`. At most `parallel` of the processes
/// run at the same time. If `skip_failed` is true, a seed that has failed in one test is not run in later
/// chunks.
pub fn run(context: &Context, chunks: &[Chunk], parallel: usize, skip_failed: bool, board: &mut Board<'_>) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(BTreeSet::new());
    let (events, received) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..parallel.min(chunks.len()) {
            let events = events.clone();
            let (next, failed) = (&next, &failed);
            scope.spawn(move || {
                while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if context.is_over(chunk.number) {
                        return;
                    }
                    let parts = without(*chunk, &failed.lock().expect("no thread panics here"));
                    for part in parts {
                        chunk::run(context, part, &|event| {
                            if let Event::Run(run) = &event
                                && skip_failed
                                && !run.passed
                            {
                                failed.lock().expect("no thread panics here").insert(run.seed);
                            }
                            // The receiver lives longer than the workers, so `send` does not fail.
                            drop(events.send(event));
                        });
                    }
                }
            });
        }
        drop(events);
        loop {
            match received.recv_timeout(Duration::from_millis(100)) {
                Ok(event) => board.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            board.show();
        }
    });
    let last = RefCell::new(Vec::new());
    chunk::report_first(context, &|event| last.borrow_mut().push(event));
    last.into_inner().into_iter().for_each(|event| board.take(event));
}

/// The parts of a chunk that are left when these seeds are taken out.
fn without(chunk: Chunk, seeds: &BTreeSet<u64>) -> Vec<Chunk> {
    let end = chunk.first.saturating_add(chunk.count);
    let mut parts = Vec::new();
    let mut first = chunk.first;
    for seed in seeds.range(chunk.first..end).copied().chain([end]) {
        if seed > first {
            parts.push(Chunk { first, count: seed - first, ..chunk });
        }
        first = seed.saturating_add(1);
    }
    parts
}

/// Collects all results of a campaign.
pub struct Board<'a> {
    tests: &'a [Test],
    mode: Mode,
    verbose: bool,
    until_fail: bool,
    stop: Stop,
    tally: Tally,
    keeper: Keeper,
    progress: Progress,
    style: Style,
    /// All runs, if they are wanted.
    runs: Vec<Run>,
    keeps_runs: bool,
    /// For each test, the texts of some of its warnings, which are shown at the end. No text is there
    /// twice.
    warned: BTreeMap<usize, Vec<String>>,
    strict: bool,
    troubles: Vec<String>,
    /// The file that gets a line for each run.
    results: Option<File>,
    nondeterministic: u64,
    cpu: f64,
    cpu_before: f64,
}

impl<'a> Board<'a> {
    /// An empty board for `total` runs of the context's tests.
    pub fn new(context: &'a Context, total: u64, verbose: bool, keeper: Keeper) -> Board<'a> {
        Board {
            tests: &context.tests,
            mode: context.mode,
            verbose,
            until_fail: context.first.is_some(),
            stop: context.stop.clone(),
            tally: Tally::new(context.tests.iter().map(|t| t.name.clone())),
            keeper,
            progress: Progress::new(total, context.stop.clone()),
            style: Style::of_stdout(),
            runs: Vec::new(),
            keeps_runs: false,
            warned: BTreeMap::new(),
            strict: context.strict,
            troubles: Vec::new(),
            results: None,
            nondeterministic: 0,
            cpu: 0.0,
            cpu_before: cpu_of_children(),
        }
    }

    /// Writes a line for each run into this file from now on.
    #[must_use]
    pub fn with_results(mut self, file: Option<File>) -> Board<'a> {
        self.results = file;
        self
    }

    /// Keeps all runs from now on, for [`Board::all`].
    #[must_use]
    pub fn keeping_runs(mut self, keeps_runs: bool) -> Board<'a> {
        self.keeps_runs = keeps_runs;
        self
    }

    /// Everything that is known when the campaign has ended.
    pub fn all(&self) -> Everything<'_> {
        Everything {
            tests: self.tests,
            mode: self.mode,
            runs: &self.runs,
            tally: &self.tally,
            keeper: &self.keeper,
        }
    }

    /// Takes an event that a worker reports.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Run(run) => self.run(&run),
            Event::Evidence(evidence) => {
                if let Replayed::Nondeterministic(what) = &evidence.replayed {
                    self.nondeterministic += 1;
                    let name = &self.tests[evidence.test].name;
                    self.progress
                        .line(&format!("NOT DETERMINISTIC: {name} seed {:#x}: {what}", evidence.seed));
                }
                self.keeper.evidence(self.tests, evidence);
            }
            Event::Warnings { test, texts } => self.warnings(test, texts),
            Event::Trouble(text) => {
                self.progress.line(&format!("TROUBLE: {text}"));
                self.troubles.push(text);
            }
            Event::Abandoned { test, runs } => self.tally.abandon(test, runs),
            Event::Cpu(seconds) => self.cpu += seconds,
        }
    }

    fn run(&mut self, run: &Run) {
        self.tally.add(run);
        if let Some(file) = &mut self.results
            && let Err(error) = file.write_all(result_line(&self.tests[run.test], run).as_bytes())
        {
            self.results = None;
            self.troubles.push(format!("--results: {error}"));
        }
        // While the campaign runs, one line for each cause in each test is enough. The results at the end
        // tell the rest.
        let is_new = !run.passed && self.keeper.failure(self.tests, run);
        if self.verbose || is_new {
            self.progress.line(&self.sentence(run));
        }
        if self.keeps_runs {
            self.runs.push(run.clone());
        }
    }

    fn warnings(&mut self, test: usize, texts: Vec<String>) {
        let known = self.warned.entry(test).or_default();
        for text in texts {
            if known.len() < WARNINGS_SHOWN && !known.iter().any(|other| cause(other) == cause(&text)) {
                known.push(text);
            }
        }
    }

    /// Describes the warnings of the runs, and says which option turns warnings into failures. The text is
    /// empty if there was no warning.
    fn warnings_told(&self) -> String {
        let count = self.tally.warnings();
        if count == 0 {
            return String::new();
        }
        let hint = if self.strict { "" } else { " (--strict turns them into failures)" };
        let mut out = format!("{count} warnings{hint}, such as:\n");
        for (test, texts) in &self.warned {
            for text in texts {
                out += &format!("     {}: {text}\n", self.tests[*test].name);
            }
        }
        out
    }

    fn sentence(&self, run: &Run) -> String {
        let verdict = if run.passed { "ok  ".to_owned() } else { self.style.bad("FAIL") };
        let mut text = format!("{verdict} {} {:#x}", self.tests[run.test].name, run.seed);
        if let Some(seconds) = run.seconds {
            text += &format!(" {seconds:.3} s");
        }
        if let (true, Some(hash)) = (self.mode == Mode::Sim, run.hash) {
            text += &format!(" {hash:016x}");
        }
        if !run.passed {
            text += &format!(": {}", run.message.lines().next().unwrap_or("no message"));
        }
        if run.how != How::Reported && !run.passed {
            text += &format!(" [{}]", run.how);
        }
        text
    }

    /// Shows the progress.
    pub fn show(&mut self) {
        self.progress.show(self.tally.total(), self.tally.failed());
    }

    /// Prints the results, and returns the exit code.
    pub fn finish(&mut self) -> u8 {
        self.progress.finish();
        let wall = self.progress.elapsed().as_secs_f64();
        let cpu = self.cpu + cpu_of_children() - self.cpu_before;
        let mut out = String::new();
        self.keeper.complete(self.tests);
        let failures = self.keeper.report(self.tests, self.style);
        if !failures.is_empty() {
            out += &format!("\n{failures}");
        }
        let clock = if self.mode == Mode::Sim { "virtual" } else { "real" };
        out += &format!("\n{}\n", self.tally.table(clock));
        out += &format!("{cpu:.2} CPU seconds, {wall:.2} s wall\n{}\n", self.tally.statement());
        out += &self.warnings_told();
        if self.until_fail && self.tally.failed() > 0 {
            out += "(stopped at the first failure: the observed rate is a rough guess)\n";
        }
        if self.tally.abandoned() > 0 {
            out += &format!(
                "{} runs were not made, because the test binary does not report\n",
                self.tally.abandoned()
            );
        }
        if self.nondeterministic > 0 {
            out += &format!(
                "NOT DETERMINISTIC: {} failures did not repeat from their seed\n",
                self.nondeterministic
            );
        }
        for text in &self.troubles {
            out += &format!("TROUBLE: {text}\n");
        }
        if let Some(signal) = self.stop.interrupted() {
            out += &format!("interrupted by signal {signal}\n");
        }
        self.progress.line(out.trim_end());
        self.exit_code()
    }

    fn exit_code(&self) -> u8 {
        if let Some(signal) = self.stop.interrupted() {
            return 128u8.saturating_add(signal);
        }
        let clean = self.tally.failed() == 0 && self.tally.abandoned() == 0 && self.troubles.is_empty();
        u8::from(!clean)
    }
}

/// The line of a run in the file of `--results`.
fn result_line(test: &Test, run: &Run) -> String {
    let verdict = if run.passed { "ok" } else { "FAIL" };
    let (target, name, seed, cpu) = (&test.target, &test.name, run.seed, run.cpu.unwrap_or(0.0));
    let (message, replay) = (escape(&run.message), escape(&run.replay));
    format!("{target}\t{name}\t{seed:#x}\t{verdict}\t{cpu:.6}\t{message}\t{replay}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_seed_once_and_take_turns() {
        for (runs, parallel) in [(1, 1), (10, 4), (1000, 2), (999, 7)] {
            let chunks = chunks(2, runs, 40, parallel, Mode::Sim, false);
            for test in 0..2 {
                let seeds: Vec<u64> = chunks
                    .iter()
                    .filter(|c| c.test == test)
                    .flat_map(|c| c.first..c.first + c.count)
                    .collect();
                assert_eq!(seeds, (40..40 + runs).collect::<Vec<u64>>());
            }
            assert_eq!(chunks[0].test, 0);
            assert_eq!(chunks[1].test, 1);
            assert!(chunks.iter().all(|c| c.count <= LARGEST_CHUNK));
        }
    }

    #[test]
    fn a_chunk_without_failed_seeds_falls_into_parts() {
        let chunk = Chunk { number: 3, test: 1, first: 10, count: 5 };
        let parts = |seeds: &[u64]| -> Vec<(u64, u64)> {
            let parts = without(chunk, &seeds.iter().copied().collect());
            assert!(parts.iter().all(|part| (part.number, part.test) == (3, 1)));
            parts.iter().map(|part| (part.first, part.count)).collect()
        };
        assert_eq!(parts(&[]), [(10, 5)]);
        assert_eq!(parts(&[9, 15]), [(10, 5)]);
        assert_eq!(parts(&[10, 12]), [(11, 1), (13, 2)]);
        assert_eq!(parts(&[14]), [(10, 4)]);
        assert_eq!(parts(&[10, 11, 12, 13, 14]), []);
    }

    #[test]
    fn on_the_real_clock_a_chunk_is_a_run() {
        assert_eq!(chunks(3, 5, 0, 1, Mode::Real, false).len(), 15);
    }

    #[test]
    fn until_a_failure_the_chunks_grow_and_do_not_depend_on_the_threads() {
        let one = chunks(2, 1000, 7, 1, Mode::Sim, true);
        assert_eq!(one, chunks(2, 1000, 7, 8, Mode::Sim, true));
        let sizes: Vec<u64> = one.iter().filter(|c| c.test == 0).map(|c| c.count).collect();
        assert_eq!(sizes[..6], [1, 1, 1, 1, 2, 3]);
        assert_eq!((sizes.iter().sum::<u64>(), sizes.iter().max()), (1000, Some(&LARGEST_CHUNK)));
        assert!(one.iter().enumerate().all(|(place, chunk)| chunk.number == place));
    }
}
