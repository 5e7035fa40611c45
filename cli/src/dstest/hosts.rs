//! `--hosts`: other machines run the tests. Each chunk of seeds is one job. GNU parallel starts the jobs on
//! these machines over ssh.
//!
//! Parallel copies this binary and the test binaries to a new folder below `/tmp` on each machine. The copy
//! (`--basefile`) needs rsync on both sides. A job runs `lab dstest-worker` in that folder. The host `:`
//! means this machine. If a job fails, for example because a machine is lost, parallel tries the job once
//! more, on another machine if possible. The folders are removed in the end, even after a failure.
//!
//! The machines must be able to run the binaries. They need neither Rust nor the project. Only the binaries
//! are copied, so tests that read files of the project do not work there.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::campaign::Board;
use super::child::last_words;
use super::chunk::Chunk;
use super::context::Context;
use super::process::{Plan, Process};
use super::replay::DRAWS;
use super::run::{Event, Mode, Test};
use super::scratch::{below_profile, random};
use super::worker::Reader;
use crate::problem::Problem;
use crate::shell::quoted;

/// How long the machines may take to remove their folders.
const TIDY_LIMIT: Duration = Duration::from_secs(20);

/// Checks that each host has a name. Also checks that the programs for `--hosts` are installed.
///
/// # Errors
/// When a program is missing, or when the name of a host is empty. The error says which program is missing.
pub fn check(hosts: &[String]) -> Result<(), Problem> {
    if hosts.iter().any(|h| h.trim().is_empty()) {
        return Err(Problem::Usage(
            "--hosts: expected names of machines with commas between, one is empty".to_owned(),
        ));
    }
    let remote = hosts.iter().any(|h| h != ":");
    let needed = [("parallel", "GNU parallel", true), ("rsync", "rsync", remote), ("ssh", "ssh", remote)];
    for (program, name, _) in needed.iter().filter(|(_, _, needed)| *needed) {
        if !runs(program) {
            let package = if *program == "ssh" { "openssh-client" } else { program };
            return Err(Problem::Usage(format!("--hosts needs {name}: install the package `{package}`")));
        }
    }
    Ok(())
}

/// Whether a program can be started. For `parallel`, also whether the program is GNU parallel.
fn runs(program: &str) -> bool {
    let version = if program == "ssh" { "-V" } else { "--version" };
    let output = Command::new(program).arg(version).stdin(Stdio::null()).output();
    match output {
        Ok(output) if program == "parallel" => {
            String::from_utf8_lossy(&output.stdout).contains("GNU parallel")
        }
        Ok(output) => output.status.success(),
        Err(_) => false,
    }
}

/// The folder for the binaries. It has the same path on all machines.
struct Staging<'a> {
    dir: PathBuf,
    hosts: &'a [String],
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        let mut command: Vec<OsString> = ["parallel", "--nonall"].map(OsString::from).into();
        for host in self.hosts.iter().filter(|h| *h != ":") {
            command.extend(["-S".into(), OsString::from(host)]);
        }
        command.extend(["rm".into(), "-rf".into(), self.dir.clone().into()]);
        if self.hosts.iter().any(|h| h != ":") {
            let plan = plan(command, PathBuf::from("/"));
            let ended =
                Process::spawn(&plan, Path::new("/dev/null")).is_ok_and(|mut p| p.wait_for(TIDY_LIMIT));
            if !ended {
                eprintln!("dstest: {} may be left on some of {}", self.dir.display(), self.hosts.join(", "));
            }
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn plan(command: Vec<OsString>, dir: PathBuf) -> Plan {
    Plan { command, dir, set: Vec::new(), unset: Vec::new(), death_signal: Signal::SIGTERM }
}

/// Runs the chunks on the hosts, and gives the results to `board`. Each host runs `parallel` chunks at the
/// same time. If `parallel` is `None`, a host runs one chunk per CPU in virtual time, and one chunk on the
/// real clock.
///
/// # Errors
/// When parallel cannot be started.
pub fn run(
    context: &Context,
    chunks: &[Chunk],
    hosts: &[String],
    parallel: Option<u16>,
    board: &mut Board<'_>,
) -> Result<(), Problem> {
    let fail = |what: &str, e: std::io::Error| Problem::Failure(format!("--hosts: cannot {what}: {e}"));
    let staging = Staging { dir: PathBuf::from(format!("/tmp/lab-dstest-{:016x}", random())), hosts };
    let files = stage(&staging.dir, &context.tests).map_err(|e| fail("copy the binaries", e))?;
    let jobs = context.scratch.path("jobs");
    fs::write(&jobs, job_lines(context, chunks)).map_err(|e| fail("write the list of jobs", e))?;
    let words = context.scratch.path("parallel-stderr");
    let stderr = fs::File::create(&words).map_err(|e| fail("make a file", e))?;
    let command = command(context, &staging.dir, &files, hosts, parallel, &jobs);
    let plan = plan(command, staging.dir.clone());
    let (mut process, stdout) =
        Process::spawn_piped(&plan, Stdio::from(stderr)).map_err(|e| fail("start parallel", e))?;
    let (lines, received) = mpsc::channel();
    // When parallel ends, its pipe is closed. Then this thread ends, too.
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while matches!(stdout.read_until(b'\n', &mut line), Ok(1..)) {
            if lines.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    let mut reader = Reader::new(chunks, &context.scratch);
    let mut done = vec![false; chunks.len()];
    let failed = collect(context, &received, &mut reader, &mut done, board);
    end(&mut process);
    let lost: u64 = chunks.iter().zip(&done).filter(|(_, done)| !**done).map(|(chunk, _)| chunk.count).sum();
    if lost > 0 && !failed && context.stop.interrupted().is_none() {
        board.take(Event::Trouble(format!(
            "{lost} runs have no result: parallel failed{}",
            last_words(&words)
        )));
    }
    Ok(())
}

/// Reads the lines that parallel prints, until parallel has ended or must be ended. Returns true if the
/// campaign has ended at its first failure.
///
/// With `--until-fail`, the first failure is the failure of the first job that has one. So the results of
/// such a job count only when all jobs before it have ended.
fn collect(
    context: &Context,
    received: &mpsc::Receiver<String>,
    reader: &mut Reader<'_>,
    done: &mut [bool],
    board: &mut Board<'_>,
) -> bool {
    let mut first: Option<(usize, Vec<Event>)> = None;
    while context.stop.interrupted().is_none() {
        match received.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => match reader.line(&line) {
                Ok(None) => {}
                Ok(Some((job, _))) if std::mem::replace(&mut done[job], true) => {}
                Ok(Some((job, events))) => {
                    let failed = events.iter().any(|e| matches!(e, Event::Run(run) if !run.passed));
                    if context.first.is_none() || !failed {
                        events.into_iter().for_each(|event| board.take(event));
                    } else if first.as_ref().is_none_or(|(earlier, _)| job < *earlier) {
                        first = Some((job, events));
                    }
                }
                Err(error) => board.take(Event::Trouble(format!("a worker wrote a wrong line: {error}"))),
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if first.as_ref().is_some_and(|(job, _)| done[..*job].iter().all(|done| *done)) {
            break;
        }
        board.show();
    }
    let failed = first.is_some();
    first.into_iter().flat_map(|(_, events)| events).for_each(|event| board.take(event));
    failed
}

/// Asks parallel to end, so that it can end its jobs first. Kills parallel if it does not end.
fn end(process: &mut Process) {
    if !process.wait_for(Duration::from_millis(200)) {
        process.signal(Signal::SIGTERM);
        process.wait_for(Duration::from_secs(5));
    }
    process.kill();
}

/// Puts this binary and the test binaries in the folder, and returns their names there.
fn stage(dir: &Path, tests: &[Test]) -> std::io::Result<Vec<String>> {
    fs::create_dir(dir)?;
    fs::copy("/proc/self/exe", dir.join("lab"))?;
    let mut files = vec!["lab".to_owned()];
    for test in tests {
        let name = file_name(test);
        if !files.contains(&name) {
            let copy = dir.join(&name);
            fs::create_dir_all(copy.parent().unwrap_or(dir))?;
            fs::copy(&test.binary, copy)?;
            files.push(name);
        }
    }
    Ok(files)
}

/// The path of a test's binary below the staging folder.
fn file_name(test: &Test) -> String {
    below_profile(&test.binary).to_string_lossy().into_owned()
}

/// Writes a line for each job: its number, and the arguments that differ between jobs.
fn job_lines(context: &Context, chunks: &[Chunk]) -> String {
    let mut lines = String::new();
    for (job, chunk) in chunks.iter().enumerate() {
        let test = &context.tests[chunk.test];
        let ignored = test.ignored;
        let Test { package, target, name, .. } = test;
        let (file, seed, runs) = (file_name(test), chunk.first, chunk.count);
        lines += &format!("{job}\t{file}\t{package}\t{target}\t{name}\t{ignored}\t{seed:#x}\t{runs}\n");
    }
    lines
}

fn command(
    context: &Context,
    dir: &Path,
    files: &[String],
    hosts: &[String],
    parallel: Option<u16>,
    jobs: &Path,
) -> Vec<OsString> {
    let at_once = match (parallel, context.mode) {
        (Some(n), _) => n.to_string(),
        (None, Mode::Sim) => "100%".to_owned(),
        (None, Mode::Real) => "1".to_owned(),
    };
    let mut command: Vec<OsString> = vec!["parallel".into(), "-j".into(), at_once.into()];
    for host in hosts {
        command.extend(["-S".into(), OsString::from(host)]);
    }
    command.extend(["--workdir".into(), dir.as_os_str().to_owned()]);
    for file in files {
        command.extend(["--basefile".into(), dir.join(file).into_os_string()]);
    }
    command.extend(["--retries", "2", "--colsep", "\t", "-a"].map(OsString::from));
    command.push(jobs.as_os_str().to_owned());
    command.push(worker_command(context).into());
    command
}

/// The command of a job. It contains parallel's placeholders for the arguments that differ between jobs.
fn worker_command(context: &Context) -> String {
    let mut text = "env".to_owned();
    for name in DRAWS.iter().chain(&["LAB_CHECK", "LAB_LOG"]) {
        if let Ok(value) = std::env::var(name) {
            text += &format!(" {}", quoted(&format!("{name}={value}")));
        }
    }
    text += " ./lab dstest-worker --job {1} --binary {2} --package {3} --target {4} --test {5} --ignored {6} --seed {7} --runs {8}";
    text += &format!(" --limit {} --keep {}", context.limit.as_secs(), context.keep);
    if context.mode == Mode::Sim {
        text += " --sim";
    }
    if context.strict {
        text += " --strict";
    }
    // All tests of a campaign are built in the same way.
    let build = context.tests.first().map(|test| test.build.clone()).unwrap_or_default();
    if build.release {
        text += " --release";
    }
    if !build.features.is_empty() {
        text += &format!(" --features {}", quoted(&build.features.join(",")));
    }
    if context.first.is_some() {
        text += " --until-fail";
    }
    text
}
