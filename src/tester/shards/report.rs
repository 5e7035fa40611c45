//! The lines of a test: its title as it is, at the very beginning, and `  ... Passed` at the end.

use labrt::dlog;
use labrt::trace::{self, Kind, Links};

use crate::tester::output::{self, line};

const BEGIN: Kind = Kind::new("test.begin");

/// As [`output::begin`], but the course writes the dots of these titles as it likes: they are part of the title.
pub(super) fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    trace::emit(BEGIN, Links::default(), &[("title", title.to_owned().into())]);
    line(title);
}

pub(super) fn end() {
    output::end("  ... Passed");
}
