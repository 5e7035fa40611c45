//! The lines that the tests of all harnesses print.
//!
//! A test, or a part of a test, prints two lines: its title when it begins, and another line when it has
//! passed. Between these two lines there may be lines that the course does not print ([`note`]). They show a
//! measured value and its limit.
//!
//! If a process runs each test with many seeds, none of these lines is printed. Instead, the `main` function
//! of the test binary prints one line for each test. Only important lines ([`info`]) are always printed.

use labrt::dlog;
use labrt::sync::atomic::{AtomicBool, Ordering};

use super::events;

/// Records and prints that a test, or a part of a test, begins.
pub fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(&format!("{title} ..."));
}

/// Records and prints that a test, or a part of a test, has passed. `passed` is the line to print.
pub fn end(passed: &str) {
    dlog!(TEST, "has passed");
    events::end();
    line(passed);
}

/// Prints a line between the first and the last line of a test. The line shows a value that the test has
/// measured, and the limit of this value.
pub fn note(text: &str) {
    line(&format!("  ... {text}"));
}

/// Prints a warning: the code under test has a fault, but the test does not fail because of it. All warnings
/// of the tests and harnesses go through this function. Warnings are printed and counted, even if the process
/// runs each test with many seeds.
pub(crate) fn warning(text: &str) {
    if !silent() {
        labrt::warning(text);
    }
}

/// Prints a line that the user must see. It is printed even if the process runs each test with many seeds.
pub fn info(text: &str) {
    if !silent() {
        println!("info: {text}");
    }
}

/// If true, the lines of tests are not printed, because the process runs each test several times.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets whether the lines of tests are suppressed (`true`) or printed (`false`).
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::SeqCst);
}

/// True while a failed run is repeated. The lines of the run have already been printed.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Calls `f`, which repeats a run. During this call no lines are printed, and the files that the first run
/// has written are not written again.
pub(crate) fn silently<T>(f: impl FnOnce() -> T) -> T {
    SILENT.store(true, Ordering::SeqCst);
    let value = f();
    SILENT.store(false, Ordering::SeqCst);
    value
}

/// Returns true if the current run repeats an earlier run.
pub(crate) fn silent() -> bool {
    SILENT.load(Ordering::SeqCst)
}

/// Prints a line of a test, unless lines are suppressed.
pub(crate) fn line(text: &str) {
    if !QUIET.load(Ordering::SeqCst) && !silent() {
        println!("{text}");
    }
}
