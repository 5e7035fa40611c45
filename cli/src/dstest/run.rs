//! What the parts of dstest tell each other: tests, runs, evidence.

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
    /// Whether it only runs when asked for.
    pub ignored: bool,
    /// The compiled binary.
    pub binary: PathBuf,
    /// Folder of the package, in which cargo would run it.
    pub dir: PathBuf,
}

/// One run that ended, well or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Which test: an index into the campaign's list.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether it passed.
    pub passed: bool,
    /// Whether it is a failure of which more is to be known, not one of too many.
    pub kept: bool,
    /// How we know.
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

/// What is known of a failure beyond the run itself. The files lie in the scratch folder until they are kept.
#[derive(Debug)]
pub struct Evidence {
    /// Index of the test.
    pub test: usize,
    /// The seed.
    pub seed: u64,
    /// Whether it failed again.
    pub replayed: Replayed,
    /// Output of the replay, or of the run itself where there is no replay.
    pub log: Option<PathBuf>,
    /// Output of the process in which it failed first, if that died or hung.
    pub first: Option<PathBuf>,
    /// The replay's trace.
    pub trace: Option<PathBuf>,
    /// The page of the replay, or of the run itself where there is no replay. None comes from other machines.
    pub page: Option<PathBuf>,
}

/// The result of running a failure again, alone and in a fresh process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It was not, for this reason.
    No(String),
    /// The same thing happened, as described.
    Same(String),
    /// Something else happened, which real time may explain.
    Other(String),
    /// Something else happened, and a seed cannot explain that.
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
    /// What is known of a failure told before.
    Evidence(Evidence),
    /// Something is wrong that belongs to no single run.
    Trouble(String),
    /// These many runs of a test will not be made.
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
    /// Notes SIGINT, SIGTERM and SIGHUP from now on, instead of dying of them.
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

    /// As if this signal had come.
    pub fn interrupt(&self, signal: i32) {
        self.signal.store(usize::try_from(signal).unwrap_or(2), Ordering::SeqCst);
    }

    /// Everything is to be dropped at once: the number of the signal.
    pub fn interrupted(&self) -> Option<u8> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            n => Some(u8::try_from(n).unwrap_or(u8::MAX)),
        }
    }

    /// No further runs. True for the one who says it first.
    pub fn enough(&self) -> bool {
        !self.enough.swap(true, Ordering::SeqCst)
    }

    /// Whether no further runs are to be made.
    pub fn stopping(&self) -> bool {
        self.interrupted().is_some() || self.enough.load(Ordering::SeqCst)
    }
}
