//! The lines that the tests of all harnesses print.
//!
//! A test, or a part of a test, prints two lines: its title when it begins, and another line when it has
//! passed. Between these two lines there may be lines that the course does not print ([`note`]). They show a
//! measured value and its limit. When a process runs a test with many seeds, these lines are not printed.
//! Then the `main` of the test binary prints one line for each test. Important lines ([`info`]) are also
//! printed then.

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

/// Prints a line between the two lines of a test. It shows a value that the test has measured, and the limit
/// of this value.
pub fn note(text: &str) {
    line(&format!("  ... {text}"));
}

/// Warns of a fault of the code under test that does not fail the test. All warnings of the tests and
/// harnesses go through this function. Warnings are printed and counted, even if there are many seeds.
pub(crate) fn warning(text: &str) {
    if !silent() {
        labrt::warning(text);
    }
}

/// Prints a line that the user must see, even if there are many seeds.
pub fn info(text: &str) {
    if !silent() {
        println!("info: {text}");
    }
}

/// Whether the lines of tests are suppressed, because the process runs each test several times.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets whether the lines of tests are suppressed.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::SeqCst);
}

/// Whether the present run repeats an earlier run, whose lines have already been printed.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Calls `f` to repeat a run. Meanwhile no lines are printed, and the files that the first run has written
/// are not written again.
pub(crate) fn silently<T>(f: impl FnOnce() -> T) -> T {
    SILENT.store(true, Ordering::SeqCst);
    let value = f();
    SILENT.store(false, Ordering::SeqCst);
    value
}

/// Whether the present run repeats an earlier run.
pub(crate) fn silent() -> bool {
    SILENT.load(Ordering::SeqCst)
}

/// Prints a line of a test, unless lines are suppressed.
pub(crate) fn line(text: &str) {
    if !QUIET.load(Ordering::SeqCst) && !silent() {
        println!("{text}");
    }
}
