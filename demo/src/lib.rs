//! The live demo: the sharded key/value service of lab 4 in a terminal, on real threads. Keys cause faults,
//! and faults can also happen automatically. At the end there is a verdict: was the history of the clients
//! linearizable?
//!
//! Three controllers and three groups of three servers run in one process, on the simulated network. They use
//! the harness of the course's tests ([`labtest::shards`]). Clients read and write all the time, and every
//! operation is recorded. When the time is over, or when the user presses `q`, everything is repaired, and
//! the clients finish their operations. Then the checker ([`porcupine`]) checks whether the whole history was
//! linearizable. The page that shows the history is written to a file.
//!
//! | file | content |
//! |---|---|
//! | `args` | the command line |
//! | `act` | the actions on the servers |
//! | `keys` | the meaning of the keys |
//! | `script` | the automatic faults, which follow from the seed |
//! | `room` | the cluster with its clients, and the actions on it |
//! | `view` | the state of all servers at one moment, as plain data |
//! | `news` | the differences between two views, in words |
//! | `app` | the state that the screen shows, and how keys change it |
//! | `course` | the whole demo, from its beginning to its end |
//! | `judge` | the check of the history, on a thread of its own, and the report |
//! | `stage` | the place where the demo is shown: a screen, or plain lines |
//! | `terminal` | the terminal, which is always restored |
//! | `signals` | Ctrl-C, SIGTERM, SIGHUP |
//! | `screen` | the widgets |
//!
//! # Threads
//!
//! The whole demo is one [`labrt::Run`] on real threads. Its body draws the screen, reads the keys and breaks
//! servers. Clients, servers and the check have threads of their own. A further thread changes the
//! configuration, because a change may have to wait for the controllers. A panic in any of these threads ends
//! the run. Before the run ends, the terminal is restored.
//!
//! # Virtual time
//!
//! A screen with keys makes no sense in virtual time. If the demo is built with `--features sim`, it prints a
//! message that says so, and exits with code 2.
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

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use labrt::Run;
use labrt::locks::Discipline;
use labrt::sync::{Arc, Mutex};
use labrt::time::Duration;

use course::Ended;
use judge::Judged;
use porcupine::Verdict;

/// Exit code: the history is linearizable.
const LINEARIZABLE: u8 = 0;
/// Exit code: the history is not linearizable.
const ILLEGAL: u8 = 1;
/// Exit code: the arguments are bad, or the demo cannot run here. Nothing was started.
const BAD_ARGUMENTS: u8 = 2;
/// Exit code: there is no verdict. The check was stopped early, or some clients got no answer.
const UNDECIDED: u8 = 3;
/// Exit code: a thread has panicked.
const FAILED: u8 = 101;

/// How much longer the run may take than the demo's own time. This time is for repairing everything, for the
/// check, and for writing the page.
const SPARE: Duration = Duration::from_secs(1800);

/// Runs the demo. Exit codes:
///
/// * 0: the history is linearizable;
/// * 1: the history is not linearizable;
/// * 2: the arguments are bad, or the demo cannot run here;
/// * 3: there is no verdict;
/// * 101: a thread has panicked;
/// * 128 + n: signal n ended the demo.
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
        let mut stage = stage.expect("the body of a run is called once");
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
    let ended = ended.expect("if a run has not failed, its body has returned");
    tell(&ended, seed);
    code_of(&ended)
}

fn refuse(message: &str) -> u8 {
    eprintln!("error: {message}");
    BAD_ARGUMENTS
}

/// The exit code of the demo.
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
        Ended::Lost(error) if error.kind() == ErrorKind::BrokenPipe => {
            let text =
                "the program that read the output has ended, so the demo has ended, too; nothing was checked";
            let _ = writeln!(std::io::stderr(), "{text}");
        }
        Ended::Lost(error) => {
            // Standard error may be gone, too.
            let _ = writeln!(std::io::stderr(), "error: the terminal is gone: {error}; nothing was checked");
        }
    }
}

fn say(judged: &Judged, seed: u64) {
    let mut out = std::io::stdout().lock();
    // If nobody reads this output any more, writing fails. This error is ignored, because the exit code also
    // reports the result.
    let _ = writeln!(out, "{}", judged.sentence());
    let _ = writeln!(out, "{}", judged.where_the_page_is());
    let _ = writeln!(out, "seed:   {seed:#x}");
}
