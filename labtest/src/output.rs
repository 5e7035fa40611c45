//! What the tests of all harnesses print.
//!
//! A test, or a part of one, prints two lines: its title when it begins, and a line when it has passed.
//! Between the two there may be lines that the course does not print ([`note`]): how far away a limit was.
//! When a process runs many seeds, these lines are not printed. Then the `main` of the test binary prints one
//! line for each test. Lines that are always important ([`info`]) are printed in every case.

use labrt::dlog;
use labrt::sync::atomic::{AtomicBool, Ordering};

use super::events;

/// A test, or a part of one, begins.
pub fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(&format!("{title} ..."));
}

/// A test, or a part of one, has passed; `passed` is the line that says so.
pub fn end(passed: &str) {
    dlog!(TEST, "has passed");
    events::end();
    line(passed);
}

/// Prints a line between the two lines of a test: what it has measured, and the limit.
pub fn note(text: &str) {
    line(&format!("  ... {text}"));
}

/// Warns of something that is wrong with the code under test, but that does not fail the test. All warnings
/// of the judge go through this function. They are printed and counted, also if there are many seeds.
pub(crate) fn warning(text: &str) {
    if !silent() {
        labrt::warning(text);
    }
}

/// Prints a line that the user must see, also if there are many seeds.
pub fn info(text: &str) {
    if !silent() {
        println!("info: {text}");
    }
}

/// Set when the process runs many seeds, or one seed many times.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Says whether the tests' own lines are suppressed.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::SeqCst);
}

/// Set while a run is repeated whose lines have already been printed.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Calls `f`, which prints no lines meanwhile and does not write again the files that the first run has
/// written.
pub(crate) fn silently<T>(f: impl FnOnce() -> T) -> T {
    SILENT.store(true, Ordering::SeqCst);
    let value = f();
    SILENT.store(false, Ordering::SeqCst);
    value
}

/// Whether the present run repeats an earlier one.
pub(crate) fn silent() -> bool {
    SILENT.load(Ordering::SeqCst)
}

/// Prints a line of a test, unless lines are suppressed.
pub(crate) fn line(text: &str) {
    if !QUIET.load(Ordering::SeqCst) && !silent() {
        println!("{text}");
    }
}
