//! The lines of a test: its title as it is, at the very beginning, and `  ... Passed` at the end.

use labrt::dlog;

use crate::events;
use crate::output::{self, line};

/// As [`output::begin`], but the course writes the dots of these titles as it likes: they are part of the title.
pub(super) fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(title);
}

pub(super) fn end() {
    output::end("  ... Passed");
}
