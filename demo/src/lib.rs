//! The live demo: the sharded key/value service of lab 4 in a terminal, on real threads. Faults come from
//! keys or automatically, and there is a verdict at the end.
//!
//! Three controllers and three groups of three servers run in one process, on the simulated network, in the
//! course's own harness ([`labtest::shards`]). Clients read and write all the time, and every operation is
//! recorded. When the time is over, or at `q`, everything is repaired, and the clients finish their
//! operations. Then the checker ([`porcupine`]) checks whether the whole history was linearizable. The page
//! that shows the history is written to a file.
//!
//! | file | what it owns |
//! |---|---|
//! | `args` | the command line |
//! | `act` | the actions on the servers |
//! | `keys` | the meaning of the keys |
//! | `script` | the automatic faults, which are a function of the seed |
//! | `room` | the cluster with its clients, and the actions on it |
//! | `view` | the state of all servers at one moment, as plain data |
//! | `news` | the differences between two views, in words |
//! | `app` | the state that the screen shows, and how keys change it |
//! | `course` | the course of the demo from its beginning to its end |
//! | `judge` | the check of the history, on a thread of its own, and the report |
//! | `stage` | the place where the demo is shown: a screen, or plain lines |
//! | `terminal` | the terminal, which is always restored |
//! | `signals` | Ctrl-C, SIGTERM, SIGHUP |
//! | `screen` | the widgets |
//!
//! # Threads
//!
//! The whole demo is one [`labrt::Run`] on real threads. Its body draws the screen, reads the keys and breaks
//! servers. Clients, servers and the check have threads of their own, and so have the changes of the
//! configuration, which may have to wait for the controllers. A panic in any of these threads ends the run.
//! The terminal is restored first.
//!
//! # Virtual time
//!
//! A screen with keys makes no sense in virtual time. A build with `--features sim` says so and exits with
//! code 2.
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
/// The history is not linearizable.
const ILLEGAL: u8 = 1;
/// Bad arguments, or the demo cannot run here. Nothing was started.
const BAD_ARGUMENTS: u8 = 2;
/// There is no verdict: the check has reached a limit, or clients were still waiting.
const UNDECIDED: u8 = 3;
/// A thread has panicked.
const FAILED: u8 = 101;

/// The time for repairing, checking and reading the verdict, in addition to the demo's own time.
const SPARE: Duration = Duration::from_secs(1800);

/// Runs the demo. Exit codes: 0 linearizable, 1 not linearizable, 2 bad arguments, 3 undecided, 101 a thread
/// has panicked, 128 + n ended by signal n.
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
        // Restores the terminal before anything else is printed.
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

/// The exit code for a way to end.
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

/// Prints how the demo ended.
fn tell(ended: &Ended, seed: u64) {
    match ended {
        Ended::Judged(judged) => say(judged, seed),
        Ended::Stuck { clients, waited } => {
            let seconds = waited.as_secs();
            eprintln!(
                "undecided: {clients} clients were still waiting for an answer {seconds} s after everything was repaired (seed {seed:#x})"
            );
        }
        Ended::Signal(number) => eprintln!("ended by signal {number}; nothing was checked"),
        Ended::Lost(error) => {
            // Standard error may be gone, too.
            let _ = writeln!(std::io::stderr(), "error: the terminal is gone: {error}; nothing was checked");
        }
    }
}

fn say(judged: &Judged, seed: u64) {
    let mut out = std::io::stdout().lock();
    // The reader of this output may be gone. The exit code says the same.
    let _ = writeln!(out, "{}", judged.sentence());
    let _ = writeln!(out, "{}", judged.where_the_page_is());
    let _ = writeln!(out, "seed:   {seed:#x}");
}
