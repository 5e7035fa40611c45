//! The replay of a failure in virtual time: one run, in a new process, with all logs and the trace.
//!
//! A seed determines its run. So the replay must fail with the same hash. If it does not, the result says
//! `NOT DETERMINISTIC`.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::child::{Pause, last_words};
use super::context::Context;
use super::process::{Process, describe};
use super::report::{End, Line, Tail};
use super::run::{Evidence, How, Mode, Replayed, Run, Test};
use super::scratch::forget;
use crate::shell::quoted;

/// Variables of the environment that change the run of a seed. So a replay line must contain these variables.
pub const DRAWS: [&str; 10] = [
    "LAB_PREEMPT",
    "LAB_JITTER_US",
    "LAB_LIMIT_S",
    "LAB_STACK_KB",
    "LAB_WATCHDOG_S",
    "LAB_BACKEND",
    "LAB_STRICT",
    "LAB_MONITOR",
    "LAB_WATCH",
    "LAB_FATES",
];

/// The trace of a replay has at least this number of the run's last events. A run that does not end for an
/// hour of virtual time can have events of several gigabytes.
const MOST_EVENTS: usize = 400_000;

/// Makes a replay line: a shell command that repeats the run of a seed. It is used if the test binary has not
/// reported such a line.
pub fn line(test: &Test, mode: Mode, seed: u64) -> String {
    let mut line = format!("LAB_SEED={seed:#x} ");
    for name in DRAWS {
        if let Ok(value) = std::env::var(name) {
            line += &format!("{name}={} ", quoted(&value));
        }
    }
    line += "cargo test";
    for argument in test.build.arguments(mode) {
        line += &format!(" {argument}");
    }
    // If the package's own folder is the root of the workspace, the line has no `-p`, because cargo selects
    // the package without it. With `-p`, cargo would select fewer packages, and so fewer features of the
    // dependencies. Then it would compile the dependencies again.
    if !test.dir.join("Cargo.lock").is_file() {
        line += &format!(" -p {}", test.package);
    }
    line += &format!(" --test {} -- --exact {}", test.target, test.name);
    if test.ignored {
        line += " --ignored";
    }
    line
}

/// How a replay ended.
enum Outcome {
    Ended(End),
    Died(ExitStatus),
    TimedOut,
    Broken(String),
    Interrupted,
}

/// Replays a failed run. `first` is the output of the process in which the run failed, if that output is
/// kept.
pub fn replay(context: &Context, run: &Run, first: Option<PathBuf>) -> Evidence {
    let log = context.scratch.path("log");
    let trace = context.scratch.path("trace.jsonl");
    let page = context.scratch.path("page.html");
    let outcome = attempt(context, run, &log, &trace, &page);
    let replayed = judge(run, &outcome, &log);
    let exists = |path: PathBuf| path.exists().then_some(path);
    Evidence {
        test: run.test,
        seed: run.seed,
        replayed,
        log: exists(log),
        first,
        trace: exists(trace),
        page: exists(page),
    }
}

fn attempt(context: &Context, run: &Run, log: &Path, trace: &Path, page: &Path) -> Outcome {
    let report = context.scratch.path("report");
    let mut plan = context.plan(run.test, run.seed, 1, &report);
    plan.set.push(("LAB_LOG".to_owned(), "all".into()));
    plan.set.push(("LAB_TRACE".to_owned(), trace.as_os_str().to_owned()));
    plan.set.push(("LAB_TRACE_MOST".to_owned(), MOST_EVENTS.to_string().into()));
    plan.set.push(("LAB_PAGE".to_owned(), page.as_os_str().to_owned()));
    // `compare` looks at the hash. With LAB_EXPECT, a run with another hash would be a failed run, so nobody
    // could see whether the test has passed.
    plan.unset = vec!["LAB_EXPECT"];
    // Logging takes time, so a replay may take twice as long as the limit. If the first run has timed out,
    // the replay will probably hang, too. So the limit is not doubled.
    let limit = if run.how == How::TimedOut { context.limit } else { context.limit * 2 };
    let outcome = match Tail::create(&report) {
        Ok(mut tail) => match Process::spawn(&plan, log) {
            Ok(mut process) => follow(context, &mut process, &mut tail, limit),
            Err(e) => Outcome::Broken(format!("cannot start it: {e}")),
        },
        Err(e) => Outcome::Broken(format!("cannot make {}: {e}", report.display())),
    };
    forget(&report);
    outcome
}

fn follow(context: &Context, process: &mut Process, tail: &mut Tail, limit: Duration) -> Outcome {
    let since = Instant::now();
    let mut pause = Pause::default();
    let mut end = None;
    loop {
        let ended = process.poll();
        let read = tail.read(|line| {
            if let Line::End(found) = line {
                end = Some(found);
            }
            Ok(())
        });
        if let Err(error) = read {
            return Outcome::Broken(format!("bad report: {error}"));
        }
        match (ended, end.take()) {
            (Err(e), _) => return Outcome::Broken(format!("cannot wait for it: {e}")),
            (Ok(Some(_)), Some(found)) => return Outcome::Ended(found),
            (Ok(Some(status)), None) => return Outcome::Died(status),
            (Ok(None), found) => end = found,
        }
        if context.stop.interrupted().is_some() {
            return Outcome::Interrupted;
        }
        if since.elapsed() > limit {
            return end.map_or(Outcome::TimedOut, Outcome::Ended);
        }
        pause.sleep();
    }
}

/// Compares the replay with the first run of the seed.
fn judge(run: &Run, outcome: &Outcome, log: &Path) -> Replayed {
    match (run.how, outcome) {
        (_, Outcome::Interrupted) => Replayed::No("interrupted".to_owned()),
        (_, Outcome::Broken(error)) => Replayed::Other(error.clone()),
        (How::Reported, Outcome::Ended(end)) => compare(run, end),
        (How::TimedOut, Outcome::TimedOut) => Replayed::Same("it timed out again".to_owned()),
        (_, Outcome::TimedOut) => Replayed::Other("the replay, which logs everything, timed out".to_owned()),
        (How::Died, Outcome::Died(status)) => died_again(run, *status),
        (How::Reported, Outcome::Died(status)) => {
            let how = describe(*status);
            Replayed::Nondeterministic(format!("the replay's process ended ({how}){}", last_words(log)))
        }
        (How::TimedOut, Outcome::Died(status)) => {
            Replayed::Other(format!("its process ended ({})", describe(*status)))
        }
        (How::TimedOut, Outcome::Ended(end)) => Replayed::Other(format!(
            "it {} this time, after {} s of its own clock",
            verdict(end),
            end.seconds
        )),
        (How::Died | How::BadReport, Outcome::Ended(end)) => {
            Replayed::Nondeterministic(format!("the first process had died, but the replay {}", verdict(end)))
        }
        (How::BadReport, Outcome::Died(status)) => {
            Replayed::Other(format!("its process ended ({}) without a verdict", describe(*status)))
        }
    }
}

fn verdict(end: &End) -> &'static str {
    if end.passed { "passed" } else { "failed by itself" }
}

fn died_again(run: &Run, status: ExitStatus) -> Replayed {
    let how = describe(status);
    if run.message.contains(&how) {
        Replayed::Same(format!("its process ended again ({how})"))
    } else {
        Replayed::Other(format!("its process ended in another way ({how})"))
    }
}

fn compare(run: &Run, end: &End) -> Replayed {
    let hash = |h: Option<u64>| h.map_or_else(|| "none".to_owned(), |h| format!("{h:016x}"));
    if run.seed != end.seed {
        return Replayed::Other(format!("the replay reports seed {:#x}", end.seed));
    }
    if end.passed {
        return Replayed::Nondeterministic(format!(
            "the replay passed; hash was {}, is {}",
            hash(run.hash),
            hash(end.hash)
        ));
    }
    match (run.hash, end.hash) {
        (Some(was), Some(is)) if was == is => {
            Replayed::Same(format!("the same failure, with the same hash {was:016x}"))
        }
        (None, _) | (_, None) => {
            Replayed::Other("it failed again, but there are no hashes to compare".to_owned())
        }
        (was, is) => Replayed::Nondeterministic(format!(
            "it failed again, but the hash was {} and is {}",
            hash(was),
            hash(is)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::Build;
    use super::*;

    #[test]
    fn a_replay_line_can_be_pasted() {
        let test = Test {
            package: "mit6824".into(),
            target: "lab2a".into(),
            name: "basic_2a".into(),
            ignored: true,
            build: Build { release: true, features: vec!["solved-raft".into()] },
            binary: PathBuf::new(),
            dir: PathBuf::new(),
        };
        assert!(line(&test, Mode::Sim, 42).starts_with("LAB_SEED=0x2a "));
        let wanted = "cargo test --release --features sim,solved-raft -p mit6824 --test lab2a -- --exact basic_2a --ignored";
        assert!(line(&test, Mode::Sim, 42).ends_with(wanted));
        assert!(line(&test, Mode::Real, 42).contains(" --features solved-raft -p "));
        let plain = Test { build: Build::default(), ..test };
        assert!(
            line(&plain, Mode::Real, 42)
                .ends_with("cargo test -p mit6824 --test lab2a -- --exact basic_2a --ignored")
        );
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let of_root = Test { dir: workspace, ..plain };
        assert!(
            line(&of_root, Mode::Real, 42).ends_with("cargo test --test lab2a -- --exact basic_2a --ignored")
        );
    }
}
