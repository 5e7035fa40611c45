//! The first line of a test: its title as it is, at the very beginning.

use labrt::dlog;

use crate::events;
use crate::output::line;

/// As [`output::begin`](crate::output::begin), but the dots after these titles differ in the
/// course, so they are part of the title.
pub(super) fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(title);
}
