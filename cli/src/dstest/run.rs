//! The types that the modules of dstest exchange: tests, runs, and what is known about failures.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// On which clock the tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real threads and the real clock.
    Real,
    /// Virtual time. The seed determines the run.
    Sim,
}

/// A test that the user has asked for.
#[derive(Clone, Debug)]
pub struct Test {
    /// The cargo package.
    pub package: String,
    /// The test target, which is a binary.
    pub target: String,
    /// The name of the test in that binary.
    pub name: String,
    /// Whether the test is ignored by default. Then it runs only if its name is given.
    pub ignored: bool,
    /// How the binary was built.
    pub build: Build,
    /// The compiled binary.
    pub binary: PathBuf,
    /// The package's folder. The binary runs in this folder, as with cargo.
    pub dir: PathBuf,
}

/// How a test binary is built, apart from the choice of the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Whether the release profile is used, instead of the profile of `cargo test`.
    pub release: bool,
    /// Cargo features, without `sim`.
    pub features: Vec<String>,
}

impl Build {
    /// The arguments of `cargo test` for such a build.
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

/// A run that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Index of the test in the campaign's list.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether the run passed.
    pub passed: bool,
    /// Whether the run is a failure, and its log, trace and page are kept ([`super::shortlist`]).
    pub kept: bool,
    /// How dstest has learned that the run has ended.
    pub how: How,
    /// Hash of the trace.
    pub hash: Option<u64>,
    /// How long the run took in seconds: virtual seconds with `--sim`, otherwise real seconds.
    pub seconds: Option<f64>,
    /// CPU seconds of the run.
    pub cpu: Option<f64>,
    /// Why the run failed.
    pub message: String,
    /// The command line that repeats the run.
    pub replay: String,
    /// How many warnings the run printed.
    pub warnings: u64,
}

/// How dstest has learned that a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The test binary reported the end.
    Reported,
    /// The process ended during the run of the seed.
    Died,
    /// The run of the seed took longer than the limit.
    TimedOut,
    /// The report had a line that was wrong.
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

/// What is known about a failure, apart from the run itself. The files are in the scratch folder. The keeper
/// moves them from there.
#[derive(Debug)]
pub struct Evidence {
    /// Index of the test.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether the replay failed in the same way.
    pub replayed: Replayed,
    /// The output of the replay. If there was no replay, this is the output of the run itself.
    pub log: Option<PathBuf>,
    /// The output of the process in which the seed failed first, if that process died or hung. The replay is
    /// another process.
    pub first: Option<PathBuf>,
    /// The replay's trace.
    pub trace: Option<PathBuf>,
    /// The HTML page of the replay. If there was no replay, this is the page of the run itself. Other
    /// machines send no pages.
    pub page: Option<PathBuf>,
}

/// The result of a replay: the seed of the failure runs again, alone and in a new process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// There was no replay, for this reason.
    No(String),
    /// The replay failed in the same way. The text says how.
    Same(String),
    /// The replay ended in another way. The cause may be the real clock, for example a limit of real time.
    Other(String),
    /// The replay ended in another way. This is an error, because a seed determines its run.
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

/// What a worker reports to the main thread.
#[derive(Debug)]
pub enum Event {
    /// A run has ended.
    Run(Run),
    /// What is known about a failure. Its `Run` event was reported before.
    Evidence(Evidence),
    /// Warnings of the runs of a test.
    Warnings {
        /// Index of the test.
        test: usize,
        /// The texts of some of these warnings. No text is there twice.
        texts: Vec<String>,
    },
    /// A problem that does not belong to a single run.
    Trouble(String),
    /// Some runs of a test will not be made.
    Abandoned {
        /// Index of the test.
        test: usize,
        /// How many runs will not be made.
        runs: u64,
    },
    /// CPU seconds used on another machine.
    Cpu(f64),
}

/// Whether the program has received a signal, so that everything must end. All clones share one state.
#[derive(Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Installs handlers for SIGINT, SIGTERM and SIGHUP. From now on these signals do not end this program.
    /// The `Stop` notes them.
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

    /// Has the same effect as the arrival of this signal.
    pub fn interrupt(&self, signal: i32) {
        self.signal.store(usize::try_from(signal).unwrap_or(2), Ordering::SeqCst);
    }

    /// The number of the signal, if the program has received a signal. Then everything must end at once.
    pub fn interrupted(&self) -> Option<u8> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            n => Some(u8::try_from(n).unwrap_or(u8::MAX)),
        }
    }
}
