//! The page of a run. It is a space-time diagram, which helps to find out why a run has failed.
//!
//! Time goes from top to bottom. Each server and each client has a lane, which is a column of the diagram.
//! Messages are arrows from lane to lane. Bands show what the test did to the servers and the network. For
//! any time the page shows the role, term, vote and log of each server, as far as they are known from the
//! events. `docs/spacetime.md` explains how to read and use the page.
//!
//! This module reads the JSON lines of a trace (`docs/trace.md`). Any program may have written them, so the
//! module does not trust them. It also keeps events whose kind it does not know.
//!
//! | file | content |
//! |---|---|
//! | `event` | one event, which is one line of a trace |
//! | `read` | a whole trace file: [`Trace`] |
//! | `said` | what the trace says about commands, replies and saves, added to the events that it is about |
//! | `lanes` | the lanes |
//! | `messages` | messages and operations, by id |
//! | `faults` | crashes, partitions and other faults, as spans of time |
//! | `logs` | the logs of Raft, all in one tree |
//! | `servers` | the state of each server at each time |
//! | `diagram` | everything in columns: the data of the page |
//! | `view/` | the page's own scripts, style and markup, in addition to those of [`page`](crate::page) |
//!
//! ```
//! use labview::spacetime::{Trace, html};
//!
//! let lines = r#"{"t":5,"thread":1,"node":"S0","kind":"raft.role","f.role":"leader","f.term":1}"#;
//! let trace = Trace::read(lines.as_bytes()).expect("a trace");
//! assert!(html(&trace, 1000).starts_with("<!DOCTYPE html>"));
//! ```

mod diagram;
mod event;
mod faults;
mod lanes;
mod logs;
mod messages;
mod read;
mod said;
mod servers;

use std::path::Path;

pub use event::{Event, Node};
pub use read::{Error, RunInfo, Trace};

use crate::page::Page;
use diagram::Diagram;

/// The largest number of events on a page by default. A page of this size opens in a second or two.
pub const MOST_EVENTS: usize = 250_000;

const SCRIPTS: &[&str] = &[
    include_str!("view/data.js"),
    include_str!("view/words.js"),
    include_str!("view/filter.js"),
    include_str!("view/axis.js"),
    include_str!("view/lanes.js"),
    include_str!("view/messages.js"),
    include_str!("view/draw.js"),
    include_str!("view/overview.js"),
    include_str!("view/logs.js"),
    include_str!("view/choices.js"),
    include_str!("view/about.js"),
    include_str!("view/details.js"),
    include_str!("view/beside.js"),
    include_str!("view/main.js"),
];

/// The page of a trace, with at most `most` events. If the test has failed, these are the events before the
/// failure and some events after it. Otherwise they are the last events.
pub fn html(trace: &Trace, most: usize) -> String {
    let failed = trace.events.iter().any(|event| event.kind == "test.failed");
    let name = if trace.run.test.is_empty() { "a run" } else { &trace.run.test };
    let title = if failed { format!("Failed: {name}") } else { format!("Run: {name}") };
    let (style, body) = (include_str!("view/view.css"), include_str!("view/page.html"));
    Page { title: &title, style, body, scripts: SCRIPTS }.html(&Diagram::of(trace, most))
}

/// Writes the page of a trace file. If the page exists, it is replaced. If `history` is true, a page of the
/// history of the run's clients lies beside it, and the page links to it: `NAME-history.html` is beside
/// `NAME.html`.
///
/// # Errors
/// If the trace cannot be read or is wrong, or if the page cannot be written. The message contains the file's
/// name.
pub fn draw(trace: &Path, page: &Path, most: usize, history: bool) -> Result<(), String> {
    let mut read = Trace::open(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
    read.history = history;
    std::fs::write(page, html(&read, most)).map_err(|error| format!("{}: {error}", page.display()))
}
