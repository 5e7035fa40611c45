//! What the tests print, all harnesses alike.
//!
//! A test, or a part of one, prints two lines: its title when it begins, and a line when it has passed. Between
//! the two there may be lines of ours ([`note`]): how far a limit was away. With many seeds in one go all of
//! them are kept back; the `main` of the test binary prints one summary a test. What must never be missed
//! ([`info`]) is printed all the same.

use labrt::dlog;
use labrt::sync::atomic::{AtomicBool, Ordering};

use super::events;

/// A test, or a part of one, begins.
pub fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(&format!("{title} ..."));
}

/// It has passed, and this line says so.
pub fn end(passed: &str) {
    dlog!(TEST, "has passed");
    events::end();
    line(passed);
}

/// Prints what a test has measured against one of its limits, between its two lines.
pub fn note(text: &str) {
    line(&format!("  ... {text}"));
}

/// Warns of something that is wrong with the code under test, but that does not fail the test. All warnings of the
/// judge go through this function.
pub(crate) fn warning(text: &str) {
    note(&format!("warning: {text}"));
}

/// Prints what whoever runs the test must know, however many seeds there are.
pub fn info(text: &str) {
    if !silent() {
        println!("info: {text}");
    }
}

/// Set when one process runs many seeds, or one many times.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Keeps the tests' own lines back, or not.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::SeqCst);
}

/// Set while a run is repeated of which everything has been said.
static SILENT: AtomicBool = AtomicBool::new(false);

/// `f` without a line, and without files that a first run leaves for people.
pub(crate) fn silently<T>(f: impl FnOnce() -> T) -> T {
    SILENT.store(true, Ordering::SeqCst);
    let value = f();
    SILENT.store(false, Ordering::SeqCst);
    value
}

/// Whether this run was seen before.
pub(crate) fn silent() -> bool {
    SILENT.load(Ordering::SeqCst)
}

/// Prints a line of a test.
pub(crate) fn line(text: &str) {
    if !QUIET.load(Ordering::SeqCst) && !silent() {
        println!("{text}");
    }
}
