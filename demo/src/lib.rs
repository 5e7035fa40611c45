//! The live demo: the sharded key/value service of lab 4 in a terminal, on real threads, with faults at the press of
//! a key or by themselves, and a verdict at the end.
//!
//! Three controllers and three groups of three servers run in one process, on the simulated network, in the course's
//! own harness ([`labtest::shards`]). Clients read and write all the time, and every operation is recorded.
//! When the time is over, or at `q`, all is mended, the clients end what they have begun, and the whole history goes
//! through the checker ([`porcupine`]): was it linearizable? The page that shows it is written to a file.
//!
//! | file | what it owns |
//! |---|---|
//! | `args` | the command line |
//! | `act` | what can be done to the servers |
//! | `keys` | which key does what |
//! | `script` | the faults that come by themselves, a function of the seed |
//! | `room` | the cluster, its clients, and what is done to them |
//! | `view` | what is seen of all servers at one moment, as plain data |
//! | `news` | what has changed between two views, in words |
//! | `app` | what the screen shows, and what a key does to it |
//! | `course` | the demo from its beginning to its end |
//! | `judge` | the check of the history, on a thread of its own, and the report |
//! | `stage` | where it is shown: a screen, or plain lines |
//! | `terminal` | the terminal, which is restored whatever happens |
//! | `signals` | Ctrl-C, SIGTERM, SIGHUP |
//! | `screen` | the widgets |
//!
//! # Threads
//!
//! All is one [`labrt::Run`] on real threads. Its body shows the screen, reads the keys and breaks servers; clients,
//! servers, the changes of the configuration (which may have to wait for the controllers) and the check have threads
//! of their own. A panic in any of them ends the run, with the terminal restored first.
//!
//! # Virtual time
//!
//! A screen with keys has no place in virtual time: a build with `--features sim` says so, and exits with code 2.
#![forbid(unsafe_code)]

mod act;
mod app;
mod args;
mod course;
mod judge;
mod keys;
mod news;
mod room;
mod screen;
mod script;
mod signals;
mod stage;
pub mod terminal;
mod view;

#[cfg(test)]
mod tests;

pub use args::{Args, Faults};

use std::io::Write;
use std::process::ExitCode;

use labrt::Run;
use labrt::locks::Discipline;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;

use course::Ended;
use judge::Judged;
use porcupine::Verdict;

/// The history is linearizable.
const LINEARIZABLE: u8 = 0;
/// It is not.
const ILLEGAL: u8 = 1;
/// Bad arguments, or a place where the demo cannot run; nothing was started.
const BAD_ARGUMENTS: u8 = 2;
/// Nobody knows: the check has reached a limit, or clients were still waiting.
const UNDECIDED: u8 = 3;
/// A thread has panicked.
const FAILED: u8 = 101;

/// Beyond the demo's own time, so long may mending, checking and reading the verdict take.
const SPARE: Duration = Duration::from_secs(1800);

/// Runs the demo. The exit code: 0 linearizable, 1 not, 2 bad arguments, 3 undecided, 101 a thread has panicked,
/// 128 and more: the number of a signal.
pub fn main(args: &Args) -> ExitCode {
    ExitCode::from(run(args))
}

fn run(args: &Args) -> u8 {
    if labrt::is_sim() {
        return refuse("this is a build for virtual time (--features sim), and the demo is for real threads");
    }
    if let Err(message) = judge::prepare(&args.report) {
        return refuse(&message);
    }
    let signals = match signals::Signals::new() {
        Ok(signals) => signals,
        Err(error) => return refuse(&format!("the system refuses handlers for signals: {error}")),
    };
    let stage = match stage::open(args.plain) {
        Ok(stage) => stage,
        Err(error) => return refuse(&format!("the terminal cannot be used: {error}; try --plain")),
    };
    let seed = args.seed();
    let (ended, stage) = (Arc::new(Mutex::new(None)), Mutex::new(Some(stage)));
    let (result, args) = (ended.clone(), args.clone());
    let run = Run {
        seed,
        discipline: Discipline::Off,
        events: false,
        limit: Duration::from_secs(args.seconds) + SPARE,
        ..Run::default()
    };
    let outcome = run.once(seed, move || {
        let stage = stage.lock().take();
        let mut stage = stage.expect("a run has one body");
        let ended = course::play(&args, seed, &mut *stage, &signals);
        // The terminal is as it was before anything else is said.
        drop(stage);
        *result.lock() = Some(ended);
    });
    if let Some(failure) = outcome.failure {
        eprintln!(
            "error: after {:.1} s in {}: {}",
            failure.at.as_secs_f64(),
            failure.thread,
            failure.message
        );
        return FAILED;
    }
    let ended = ended.lock().take();
    let ended = ended.expect("a run that has not failed has reached the end of its body");
    tell(&ended, seed);
    code_of(&ended)
}

fn refuse(message: &str) -> u8 {
    eprintln!("error: {message}");
    BAD_ARGUMENTS
}

/// The exit code of an end.
fn code_of(ended: &Ended) -> u8 {
    match ended {
        Ended::Judged(judged) => match judged.verdict {
            Verdict::Ok => LINEARIZABLE,
            Verdict::Illegal => ILLEGAL,
            Verdict::Unknown => UNDECIDED,
        },
        Ended::Stuck { .. } | Ended::Lost(_) => UNDECIDED,
        Ended::Signal(number) => number.saturating_add(128),
    }
}

/// Says how it ended.
fn tell(ended: &Ended, seed: u64) {
    match ended {
        Ended::Judged(judged) => say(judged, seed),
        Ended::Stuck { clients, waited } => {
            let seconds = waited.as_secs();
            eprintln!(
                "undecided: {clients} clients were still waiting for an answer {seconds} s after all was mended (seed {seed:#x})"
            );
        }
        Ended::Signal(number) => eprintln!("ended by signal {number}; nothing was checked"),
        Ended::Lost(error) => {
            // Standard error may be as gone as the rest.
            let _ = writeln!(std::io::stderr(), "error: the terminal is gone: {error}; nothing was checked");
        }
    }
}

fn say(judged: &Judged, seed: u64) {
    let mut out = std::io::stdout().lock();
    // Whoever reads this may be gone; the exit code says it, too.
    let _ = writeln!(out, "{}", judged.sentence());
    let _ = writeln!(out, "{}", judged.where_the_page_is());
    let _ = writeln!(out, "seed:   {seed:#x}");
}
