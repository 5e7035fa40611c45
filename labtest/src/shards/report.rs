//! The first line that a test prints, which is its title.

use labrt::dlog;

use crate::events;
use crate::output::line;

/// Like [`output::begin`](crate::output::begin), but without dots after the title. In the course these titles
/// end with dots in different forms, so the dots are part of the title.
pub(super) fn begin(title: &str) {
    dlog!(TEST, "begins: {title}");
    events::begin(title);
    line(title);
}
