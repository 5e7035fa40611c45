//! The lines of a test: its title at the very beginning, `  ... Passed` at the end.

use labrt::dlog;
use labrt::trace::{self, Kind, Links};

use crate::tester::raft::line;

pub use crate::tester::raft::note;

const BEGIN: Kind = Kind::new("test.begin");
const END: Kind = Kind::new("test.end");

pub(super) fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    trace::emit(BEGIN, Links::default(), &[("title", title.to_owned().into())]);
    line(title);
}

pub(super) fn end() {
    dlog!(TEST, "has passed");
    trace::emit(END, Links::default(), &[]);
    line("  ... Passed");
}
