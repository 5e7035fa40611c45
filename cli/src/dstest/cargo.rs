//! Runs cargo, and reads the messages that it writes to its stdout, one JSON value in each line.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::process::{Plan, Process};
use super::run::Stop;

/// How long cargo may still run after a signal. Then it is killed.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a run of cargo ended.
pub enum Ended {
    /// Cargo ended by itself.
    Exited(ExitStatus),
    /// Cargo was stopped, because this signal came.
    Interrupted(u8),
    /// Cargo was killed at the time limit.
    TooLong,
}

/// The path of cargo: the value of the variable `CARGO`, or else `cargo`.
pub fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo with this plan until it ends, or a signal comes, or the time limit is reached. Passes each line
/// of its stdout to `take`.
///
/// # Errors
/// When cargo cannot be started, or the system cannot say how it ended.
pub fn run(
    plan: &Plan,
    stderr: Stdio,
    stop: &Stop,
    limit: Option<Duration>,
    mut take: impl FnMut(&str),
) -> io::Result<Ended> {
    let since = Instant::now();
    let (mut process, stdout) = Process::spawn_piped(plan, stderr)?;
    let (lines, received) = mpsc::channel();
    // When cargo ends, its pipe is closed. Then this thread ends, too.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        if let Some(signal) = stop.interrupted() {
            process.signal(Signal::SIGTERM);
            process.wait_for(FAREWELL);
            return Ok(Ended::Interrupted(signal));
        }
        if limit.is_some_and(|limit| since.elapsed() > limit) {
            process.kill();
            return Ok(Ended::TooLong);
        }
        match received.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => take(&line),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    while !process.wait_for(Duration::from_secs(1)) {}
    process.poll()?.map(Ended::Exited).ok_or_else(|| io::Error::other("cargo did not end"))
}
