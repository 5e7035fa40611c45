//! What the parts of dstest tell each other: tests, runs, and what is known of failures.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// On which clock the tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real threads and the real clock.
    Real,
    /// Virtual time, from a seed.
    Sim,
}

/// A test that is to be run.
#[derive(Clone, Debug)]
pub struct Test {
    /// The cargo package.
    pub package: String,
    /// The test target, which is a binary.
    pub target: String,
    /// Its name in that binary.
    pub name: String,
    /// Whether it only runs when its name is given.
    pub ignored: bool,
    /// How it was built.
    pub build: Build,
    /// The compiled binary.
    pub binary: PathBuf,
    /// The package's folder, in which cargo would run it.
    pub dir: PathBuf,
}

/// How a test binary is built, beside the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// With the release profile, instead of the one that `cargo test` uses.
    pub release: bool,
    /// Cargo features, without `sim`.
    pub features: Vec<String>,
}

impl Build {
    /// The arguments of `cargo test` that ask for this.
    pub fn arguments(&self, mode: Mode) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.release {
            arguments.push("--release".to_owned());
        }
        let sim = (mode == Mode::Sim).then_some("sim");
        let features: Vec<&str> = sim.into_iter().chain(self.features.iter().map(String::as_str)).collect();
        if !features.is_empty() {
            arguments.extend(["--features".to_owned(), features.join(",")]);
        }
        arguments
    }
}

/// One run that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Index of the test in the campaign's list.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether it passed.
    pub passed: bool,
    /// Whether it is a failure of which log, trace and page are kept ([`super::shortlist`]).
    pub kept: bool,
    /// How its end is known.
    pub how: How,
    /// Hash of the trace.
    pub hash: Option<u64>,
    /// Seconds of the run, virtual in sim.
    pub seconds: Option<f64>,
    /// CPU seconds of the run.
    pub cpu: Option<f64>,
    /// Why it failed.
    pub message: String,
    /// The command line that repeats it.
    pub replay: String,
    /// How many warnings it printed.
    pub warnings: u64,
}

/// How the end of a run is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The test binary reported it.
    Reported,
    /// The process ended while the seed was open.
    Died,
    /// The seed was open for longer than allowed.
    TimedOut,
    /// The report made no sense.
    BadReport,
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            How::Reported => "reported",
            How::Died => "died",
            How::TimedOut => "timeout",
            How::BadReport => "bad report",
        })
    }
}

/// What is known of a failure beside the run itself. The files lie in the scratch folder until they are kept.
#[derive(Debug)]
pub struct Evidence {
    /// Index of the test.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether it failed again.
    pub replayed: Replayed,
    /// Output of the replay. Without a replay: of the run itself.
    pub log: Option<PathBuf>,
    /// Output of the process in which it failed first, if that process died or hung.
    pub first: Option<PathBuf>,
    /// The replay's trace.
    pub trace: Option<PathBuf>,
    /// The page of the replay. Without a replay: of the run itself. Other machines send no pages.
    pub page: Option<PathBuf>,
}

/// The result of running a failure again, alone and in a fresh process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It was not run again, for this reason.
    No(String),
    /// The same thing happened, as described.
    Same(String),
    /// Something else happened. The real clock may explain it.
    Other(String),
    /// Something else happened, although a seed determines its run.
    Nondeterministic(String),
}

impl std::fmt::Display for Replayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Replayed::No(why) => write!(f, "not replayed: {why}"),
            Replayed::Same(what) => write!(f, "yes: {what}"),
            Replayed::Other(what) => write!(f, "differently: {what}"),
            Replayed::Nondeterministic(what) => write!(f, "NOT DETERMINISTIC: {what}"),
        }
    }
}

/// What a worker tells the main thread.
#[derive(Debug)]
pub enum Event {
    /// A run ended.
    Run(Run),
    /// What is known of a failure whose run was told before.
    Evidence(Evidence),
    /// What runs of a test warned of.
    Warnings {
        /// Index of the test.
        test: usize,
        /// Different texts, not all.
        texts: Vec<String>,
    },
    /// Something is wrong that belongs to no single run.
    Trouble(String),
    /// So many runs of a test will not be made.
    Abandoned {
        /// Index of the test.
        test: usize,
        /// How many.
        runs: u64,
    },
    /// CPU seconds used on another machine.
    Cpu(f64),
}

/// Why a campaign ends before all its runs are made. Clones share it.
#[derive(Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Stop {
    /// From now on SIGINT, SIGTERM and SIGHUP are noted and do not end this program.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn on_signals() -> std::io::Result<Stop> {
        let stop = Stop::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
        {
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            signal_hook::flag::register_usize(signal, Arc::clone(&stop.signal), number)?;
        }
        Ok(stop)
    }

    /// Does what this signal would do.
    pub fn interrupt(&self, signal: i32) {
        self.signal.store(usize::try_from(signal).unwrap_or(2), Ordering::SeqCst);
    }

    /// The number of the signal that came. Then everything ends at once.
    pub fn interrupted(&self) -> Option<u8> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            n => Some(u8::try_from(n).unwrap_or(u8::MAX)),
        }
    }

    /// Asks for no further runs. Returns true for the first call.
    pub fn enough(&self) -> bool {
        !self.enough.swap(true, Ordering::SeqCst)
    }

    /// Whether no further runs are to be made.
    pub fn stopping(&self) -> bool {
        self.interrupted().is_some() || self.enough.load(Ordering::SeqCst)
    }
}
