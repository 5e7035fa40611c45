//! `lab dstest-worker`: runs one chunk of seeds on another machine and writes the results to stdout.
//!
//! The fields of a line are separated by tabs and escaped as in [`super::report`]:
//!
//! ```text
//! begin     <job>
//! run       <seed> ok|FAIL|more <how> <hash> <seconds> <cpu> <message> <replay line> <warnings>
//! log|first|trace <seed> <a line of that file>
//! evidence  <seed> <kind> <text>
//! warning   <text>
//! trouble   <text>
//! abandoned <runs>
//! cpu       <seconds>
//! done      <job>
//! ```
//!
//! `more` means a failure of which no files are kept. The results of a chunk count only after its line
//! `done`, because a machine may be lost in the middle of a chunk. [`Reader`] reads these lines.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::chunk::{self, Chunk};
use super::context::Context;
use super::first::First;
use super::process::cpu_of_children;
use super::report::{escape, excerpt, parse_count, parse_seed, unescape};
use super::run::{Build, Event, Evidence, How, Mode, Replayed, Run, Stop, Test};
use super::scratch::Scratch;
use super::shortlist::Shortlist;

/// How many bytes of one file are sent at most.
const FILE_LIMIT: u64 = 32 << 20;

/// Arguments of `lab dstest-worker`.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long)]
    job: usize,
    #[arg(long)]
    binary: PathBuf,
    #[arg(long)]
    package: String,
    #[arg(long)]
    target: String,
    #[arg(long)]
    test: String,
    #[arg(long, action = clap::ArgAction::Set)]
    ignored: bool,
    #[arg(long)]
    sim: bool,
    #[arg(long, value_parser = parse_seed)]
    seed: u64,
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    #[arg(long)]
    limit: u64,
    #[arg(long)]
    keep: usize,
    #[arg(long)]
    strict: bool,
    #[arg(long)]
    release: bool,
    #[arg(long, value_delimiter = ',')]
    features: Vec<String>,
    #[arg(long)]
    until_fail: bool,
}

/// Runs `lab dstest-worker`.
pub fn main(args: Args) -> ExitCode {
    match work(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab dstest-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(args: Args) -> Result<(), String> {
    let dir = std::env::current_dir().map_err(|e| format!("no working folder: {e}"))?;
    let stop = Stop::on_signals().map_err(|e| format!("cannot handle signals: {e}"))?;
    let scratch = Scratch::below(&dir.join("scratch")).map_err(|e| format!("no temporary folder: {e}"))?;
    let test = Test {
        package: args.package,
        target: args.target,
        name: args.test,
        ignored: args.ignored,
        build: Build { release: args.release, features: args.features },
        binary: dir.join(args.binary),
        dir,
    };
    let context = Context {
        tests: vec![test],
        mode: if args.sim { Mode::Sim } else { Mode::Real },
        limit: Duration::from_secs(args.limit),
        strict: args.strict,
        keep: args.keep,
        first: args.until_fail.then(First::new),
        stop: stop.clone(),
        scratch,
        shortlist: Mutex::new(Shortlist::new(1, args.keep)),
        broken: vec![AtomicBool::new(false)],
    };
    let writer = Writer { out: RefCell::new(io::stdout().lock()), stop: stop.clone() };
    writer.line(&["begin", &args.job.to_string()]);
    let chunk = Chunk { number: 0, test: 0, first: args.seed, count: args.runs };
    chunk::run(&context, chunk, &|event| writer.event(event));
    chunk::report_first(&context, &|event| writer.event(event));
    writer.event(Event::Cpu(cpu_of_children()));
    match stop.interrupted() {
        Some(signal) => Err(format!("interrupted by signal {signal}")),
        None => {
            writer.line(&["done", &args.job.to_string()]);
            Ok(())
        }
    }
}

struct Writer {
    out: RefCell<io::StdoutLock<'static>>,
    stop: Stop,
}

impl Writer {
    fn line(&self, fields: &[&str]) {
        let fields: Vec<String> = fields.iter().map(|f| escape(f)).collect();
        if writeln!(self.out.borrow_mut(), "{}", fields.join("\t")).is_err() {
            self.stop.interrupt(signal_hook::consts::SIGPIPE);
        }
    }

    fn event(&self, event: Event) {
        match event {
            Event::Run(run) => self.run(&run),
            Event::Evidence(evidence) => {
                let seed = format!("{:#x}", evidence.seed);
                self.file("log", &seed, evidence.log.as_deref());
                self.file("first", &seed, evidence.first.as_deref());
                self.file("trace", &seed, evidence.trace.as_deref());
                let (kind, text) = replayed_fields(&evidence.replayed);
                self.line(&["evidence", &seed, kind, text]);
            }
            Event::Warnings { texts, .. } => texts.iter().for_each(|text| self.line(&["warning", text])),
            Event::Trouble(text) => self.line(&["trouble", &text]),
            Event::Abandoned { runs, .. } => self.line(&["abandoned", &runs.to_string()]),
            Event::Cpu(seconds) => self.line(&["cpu", &seconds.to_string()]),
        }
    }

    fn run(&self, run: &Run) {
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| x.to_string());
        let hash = run.hash.map_or_else(|| "-".to_owned(), |h| format!("{h:016x}"));
        self.line(&[
            "run",
            &format!("{:#x}", run.seed),
            match (run.passed, run.kept) {
                (true, _) => "ok",
                (false, true) => "FAIL",
                (false, false) => "more",
            },
            &run.how.to_string(),
            &hash,
            &number(run.seconds),
            &number(run.cpu),
            &run.message,
            &run.replay,
            &run.warnings.to_string(),
        ]);
    }

    fn file(&self, kind: &str, seed: &str, path: Option<&Path>) {
        let Some(file) = path.and_then(|p| File::open(p).ok()) else { return };
        let mut reader = BufReader::new(file.take(FILE_LIMIT));
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            self.line(&[kind, seed, text.strip_suffix('\n').unwrap_or(&text)]);
            line.clear();
        }
    }
}

fn replayed_fields(replayed: &Replayed) -> (&'static str, &str) {
    match replayed {
        Replayed::No(text) => ("no", text),
        Replayed::Same(text) => ("same", text),
        Replayed::Other(text) => ("other", text),
        Replayed::Nondeterministic(text) => ("nondeterministic", text),
    }
}

/// Reads the lines that workers write. The results of a job count only if the job is complete.
pub struct Reader<'a> {
    chunks: &'a [Chunk],
    scratch: &'a Scratch,
    job: Option<usize>,
    pending: Vec<Event>,
    log: Option<(PathBuf, File)>,
    first: Option<(PathBuf, File)>,
    trace: Option<(PathBuf, File)>,
}

impl<'a> Reader<'a> {
    /// A reader for the jobs of these chunks. The job with the number i is the chunk with the index i.
    pub fn new(chunks: &'a [Chunk], scratch: &'a Scratch) -> Reader<'a> {
        Reader { chunks, scratch, job: None, pending: Vec::new(), log: None, first: None, trace: None }
    }

    /// Takes a line. If the line completes a job, returns the number of the job and all its events.
    ///
    /// # Errors
    /// When the line is wrong. The error says why. The job of that line will not be completed.
    pub fn line(&mut self, line: &str) -> Result<Option<(usize, Vec<Event>)>, String> {
        let fields: Vec<String> = line.split('\t').map(unescape).collect::<Result<_, _>>()?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        if let ["begin", job] = fields.as_slice() {
            self.begin(job)?;
            return Ok(None);
        }
        let Some(job) = self.job else {
            return Err(format!("expected the beginning of a job, found {}", excerpt(line)));
        };
        if let ["done", number] = fields.as_slice() {
            if number.parse() != Ok(job) {
                return Err(format!("job {job} was expected to end, found {}", excerpt(line)));
            }
            self.job = None;
            return Ok(Some((job, std::mem::take(&mut self.pending))));
        }
        let taken = self.inside(job, &fields).map_err(|e| format!("{e} in {}", excerpt(line)));
        if taken.is_err() {
            self.job = None;
        }
        taken.map(|()| None)
    }

    fn begin(&mut self, job: &str) -> Result<(), String> {
        self.pending.clear();
        (self.log, self.first, self.trace) = (None, None, None);
        self.job = job.parse().ok().filter(|job| *job < self.chunks.len());
        self.job.map(drop).ok_or_else(|| format!("{} is not the number of a job", excerpt(job)))
    }

    fn inside(&mut self, job: usize, fields: &[&str]) -> Result<(), String> {
        let chunk = self.chunks[job];
        let test = chunk.test;
        match *fields {
            ["run", seed, verdict, how, hash, seconds, cpu, message, replay, warnings] => {
                let run = Run {
                    test,
                    seed: seed_of(chunk, seed)?,
                    passed: verdict == "ok",
                    kept: verdict == "FAIL",
                    how: how_of(how)?,
                    hash: optional(hash, |h| u64::from_str_radix(h, 16).ok())?,
                    seconds: optional(seconds, seconds_of)?,
                    cpu: optional(cpu, seconds_of)?,
                    message: message.to_owned(),
                    replay: replay.to_owned(),
                    warnings: parse_count("warnings", warnings)?,
                };
                self.pending.push(Event::Run(run));
            }
            [kind @ ("log" | "first" | "trace"), seed, text] => {
                seed_of(chunk, seed)?;
                self.append(kind, text).map_err(|e| format!("cannot write: {e}"))?;
            }
            ["evidence", seed, kind, text] => {
                let (log, first, trace) = (self.log.take(), self.first.take(), self.trace.take());
                let path = |slot: Option<(PathBuf, File)>| slot.map(|(path, _)| path);
                self.pending.push(Event::Evidence(Evidence {
                    test,
                    seed: seed_of(chunk, seed)?,
                    replayed: replayed_of(kind, text)?,
                    log: path(log),
                    first: path(first),
                    trace: path(trace),
                    page: None,
                }));
            }
            ["warning", text] => {
                self.pending.push(Event::Warnings { test, texts: vec![text.to_owned()] });
            }
            ["trouble", text] => self.pending.push(Event::Trouble(text.to_owned())),
            ["abandoned", runs] => {
                let runs = runs.parse().map_err(|_| "expected a number of runs".to_owned())?;
                self.pending.push(Event::Abandoned { test, runs });
            }
            ["cpu", seconds] => {
                let seconds = seconds_of(seconds).ok_or("expected a number of seconds")?;
                self.pending.push(Event::Cpu(seconds));
            }
            _ => return Err("unknown line".to_owned()),
        }
        Ok(())
    }

    fn append(&mut self, kind: &str, text: &str) -> io::Result<()> {
        let slot = match kind {
            "log" => &mut self.log,
            "first" => &mut self.first,
            _ => &mut self.trace,
        };
        if slot.is_none() {
            let path = self.scratch.path(kind);
            let file = File::create(&path)?;
            *slot = Some((path, file));
        }
        match slot {
            Some((_, file)) => writeln!(file, "{text}"),
            None => Ok(()),
        }
    }
}

fn seed_of(chunk: Chunk, text: &str) -> Result<u64, String> {
    let seed = parse_seed(text)?;
    if seed.wrapping_sub(chunk.first) >= chunk.count {
        return Err(format!("seed {seed:#x} does not belong to this job"));
    }
    Ok(seed)
}

fn how_of(text: &str) -> Result<How, String> {
    let all = [How::Reported, How::Died, How::TimedOut, How::BadReport];
    all.into_iter().find(|how| how.to_string() == text).ok_or_else(|| "unknown end of a run".to_owned())
}

fn replayed_of(kind: &str, text: &str) -> Result<Replayed, String> {
    let text = text.to_owned();
    match kind {
        "no" => Ok(Replayed::No(text)),
        "same" => Ok(Replayed::Same(text)),
        "other" => Ok(Replayed::Other(text)),
        "nondeterministic" => Ok(Replayed::Nondeterministic(text)),
        _ => Err("unknown result of a replay".to_owned()),
    }
}

fn seconds_of(text: &str) -> Option<f64> {
    text.parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0)
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    if text == "-" {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| format!("{} is not a number", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (PathBuf, Scratch) {
        let base = std::env::temp_dir().join(format!("lab-worker-{:x}", crate::dstest::scratch::random()));
        let scratch = Scratch::below(&base).expect("the temporary folder can be made");
        (base, scratch)
    }

    #[test]
    fn a_job_counts_when_it_is_done() {
        let (base, scratch) = scratch();
        let chunks = [Chunk { number: 0, test: 3, first: 10, count: 2 }];
        let mut reader = Reader::new(&chunks, &scratch);
        let lines = [
            "begin\t0",
            "run\t0xa\tFAIL\treported\t00000000000000ff\t1.5\t0.1\ttwo\\nlines\tLAB_SEED=0xa\t2",
            "begin\t0",
            "run\t0xa\tFAIL\treported\t00000000000000ff\t1.5\t0.1\ttwo\\nlines\tLAB_SEED=0xa\t2",
            "log\t0xa\ta\\tline",
            "evidence\t0xa\tsame\tagain",
            "warning\ta thread was left",
            "cpu\t0.5",
        ];
        for line in lines {
            assert_eq!(reader.line(line).map(|done| done.is_some()), Ok(false), "{line}");
        }
        let (job, events) = reader.line("done\t0").expect("the line is good").expect("the job is complete");
        assert_eq!((job, events.len()), (0, 4), "the events before the second line `begin` are forgotten");
        assert!(
            matches!(&events[0], Event::Run(run) if run.test == 3 && run.message == "two\nlines" && run.warnings == 2)
        );
        assert!(matches!(&events[2], Event::Warnings { test: 3, texts } if texts == &["a thread was left"]));
        let Event::Evidence(evidence) = &events[1] else { panic!("evidence") };
        let log = std::fs::read_to_string(evidence.log.as_ref().expect("the failure has a log"))
            .expect("the log can be read");
        assert_eq!(log, "a\tline\n");
        drop(scratch);
        std::fs::remove_dir_all(base).expect("the test has made this folder");
    }

    #[test]
    fn nonsense_is_refused() {
        let (base, scratch) = scratch();
        let chunks = [Chunk { number: 0, test: 0, first: 10, count: 2 }];
        for bad in [
            "run\t0x1\tok\treported\t-\t-\t-\t\t\t0",
            "run\t0xa\tok\treported\t-\t-\t-\t\t",
            "run\t0xa\tok\tsomehow\t-\t-\t-\t\t\t0",
            "run\t0xa\tok\treported\t-\tNaN\t-\t\t\t0",
            "run\t0xa\tok\treported\t-\t-\t-\t\t\tfew",
            "cpu\t-1",
            "abandoned\tmany",
            "evidence\t0xa\tperhaps\t",
            "done\t1",
            "\\x",
            "hello",
        ] {
            let mut reader = Reader::new(&chunks, &scratch);
            assert!(reader.line(bad).is_err(), "a line outside of a job must be refused: {bad}");
            reader.line("begin\t0").expect("the line is good");
            assert!(reader.line(bad).is_err(), "{bad}");
        }
        assert!(Reader::new(&chunks, &scratch).line("begin\t1").is_err());
        drop(scratch);
        std::fs::remove_dir_all(base).expect("the test has made this folder");
    }
}
