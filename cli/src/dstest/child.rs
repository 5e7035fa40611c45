//! A child process that runs seeds of a test: how to start it, how to wait for it, and how to read its
//! output.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::process::Plan;
use super::run::Test;
use super::shortlist::cause;

/// The plan of a child process that runs `count` seeds of a test, from the seed `first` on.
pub fn plan(test: &Test, first: u64, count: u64, report: &Path) -> Plan {
    let mut command: Vec<OsString> = vec![test.binary.clone().into()];
    if test.ignored {
        command.push("--include-ignored".into());
    }
    command.extend(["--exact", &test.name].map(OsString::from));
    let set = vec![
        ("LAB_SEED".to_owned(), format!("{first:#x}").into()),
        ("LAB_RUNS".to_owned(), count.to_string().into()),
        ("LAB_REPORT".to_owned(), report.as_os_str().to_owned()),
        // The runs write no pages, because thousands of runs could write too many. If a failure is kept, its
        // replay writes the page.
        ("LAB_PAGE".to_owned(), "0".into()),
        ("CARGO_MANIFEST_DIR".to_owned(), test.dir.clone().into_os_string()),
        ("CARGO_PKG_NAME".to_owned(), test.package.clone().into()),
    ];
    let unset = vec!["LAB_TRACE", "LAB_TRACE_MOST", "LAB_EXPECT"];
    Plan { command, dir: test.dir.clone(), set, unset, death_signal: Signal::SIGKILL }
}

/// The last lines of an output, for a message.
pub fn last_words(output: &Path) -> String {
    let Ok(bytes) = std::fs::read(output) else { return String::new() };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2000)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    if lines.is_empty() {
        return "; it printed nothing".to_owned();
    }
    format!("; its last words: {}", lines[lines.len().saturating_sub(3)..].join(" / "))
}

/// Finds the warnings of runs in the output of their process. Returns different texts, and `most`
/// limits their number. Two texts that differ only in numbers count as one text.
pub fn warnings(output: &Path, most: usize) -> Vec<String> {
    let Ok(bytes) = std::fs::read(output) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let mut found: Vec<String> = Vec::new();
    for warning in text.lines().filter_map(|line| line.strip_prefix("[lab] warning: ")) {
        if found.len() < most && !found.iter().any(|other| cause(other) == cause(warning)) {
            found.push(warning.to_owned());
        }
    }
    found
}

/// The pause between two checks of a child. Each pause is longer than the pause before it, up to a limit. So
/// the end of a short run is noticed at once, and the checks of a long run cost little.
#[derive(Default)]
pub struct Pause {
    millis: u64,
}

impl Pause {
    /// Sleeps twice as long as the last time, but at most 20 ms.
    pub fn sleep(&mut self) {
        self.millis = (self.millis * 2).clamp(1, 20);
        std::thread::sleep(Duration::from_millis(self.millis));
    }
}
