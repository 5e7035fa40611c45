//! Runs cargo, and reads the messages on cargo's stdout. Each line is one JSON value.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use serde_json::Value;

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

/// The platform on which the compiler runs, such as `x86_64-unknown-linux-gnu`. Returns `None` if the
/// compiler does not say it.
pub fn host() -> Option<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("-vV").stdin(Stdio::null()).output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    words.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// Runs cargo with this plan until cargo ends, or a signal comes, or the time limit is reached. Passes each
/// line of cargo's stdout to the function `take`. If no line comes for a short time, it calls `take` with
/// `None`.
///
/// # Errors
/// When cargo cannot be started, or the system cannot say how it ended.
pub fn run(
    plan: &Plan,
    stderr: Stdio,
    stop: &Stop,
    limit: Option<Duration>,
    mut take: impl FnMut(Option<&str>),
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
            Ok(line) => take(Some(&line)),
            Err(mpsc::RecvTimeoutError::Timeout) => take(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    while !process.wait_for(Duration::from_secs(1)) {}
    process.poll()?.map(Ended::Exited).ok_or_else(|| io::Error::other("cargo did not end"))
}

/// How long a build may take before the user is told about it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time between two lines about a build, if stderr is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(20);

/// Tells the user on stderr what cargo builds. Says nothing about a build that takes less than [`PATIENCE`].
/// On a terminal the line is replaced again and again.
pub struct Building {
    /// What is built, for example `dstest: building lab2a`.
    what: String,
    is_terminal: bool,
    since: Instant,
    told: Option<Instant>,
    crates: u64,
    last: String,
}

impl Building {
    /// A build that begins now. `what` says what is built.
    pub fn new(what: String) -> Building {
        let is_terminal = io::stderr().is_terminal();
        Building { what, is_terminal, since: Instant::now(), told: None, crates: 0, last: String::new() }
    }

    /// Takes a line of cargo's output with `--message-format json`, or `None` if no line has come for a short
    /// time.
    pub fn take(&mut self, line: Option<&str>) {
        if let Some(name) = line.and_then(compiled) {
            self.crates += 1;
            self.last = name;
        }
        let every = if self.is_terminal { Duration::from_millis(200) } else { PLAIN_EVERY };
        let is_due = match self.told {
            None => self.since.elapsed() >= PATIENCE,
            Some(told) => told.elapsed() >= every,
        };
        if is_due {
            self.told = Some(Instant::now());
            let (start, end) = if self.is_terminal { ("\r\x1b[K", "") } else { ("", "\n") };
            // If nobody reads stderr, nobody needs the line. So an error is ignored.
            let _ = write!(io::stderr(), "{start}{}{end}", self.line());
        }
    }

    fn line(&self) -> String {
        let seconds = self.since.elapsed().as_secs();
        match self.crates {
            0 => format!("{} ({seconds} s)", self.what),
            1 => format!("{}: {} ({seconds} s)", self.what, self.last),
            crates => {
                format!("{}: {crates} crates so far, the last is {} ({seconds} s)", self.what, self.last)
            }
        }
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if self.is_terminal && self.told.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// The name of a crate, if this line of cargo's output says that the crate was compiled now.
fn compiled(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let is_new = value["reason"] == "compiler-artifact" && value["fresh"] == false;
    is_new.then(|| value["target"]["name"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_that_were_compiled_now_are_told() {
        let line = r#"{"reason":"compiler-artifact","fresh":false,"target":{"name":"labrt"}}"#;
        assert_eq!(compiled(line).as_deref(), Some("labrt"));
        assert_eq!(compiled(&line.replace("false", "true")), None);
        assert_eq!(compiled("warning: no JSON"), None);
        let mut building = Building::new("building x".to_owned());
        assert_eq!(building.line(), "building x (0 s)");
        building.take(Some(line));
        building.take(Some(line));
        assert_eq!(building.line(), "building x: 2 crates so far, the last is labrt (0 s)");
        assert!(building.told.is_none(), "a short build is not told");
    }
}
