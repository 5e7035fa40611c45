//! What happened in a run, as a page: a space-time diagram, for whoever asks why run 713 has failed.
//!
//! Time runs down. Each server and each client has a lane; messages are arrows from lane to lane; what the test did to
//! servers and network are bands. At any moment the page shows each server's role, term, vote and log, as far as the
//! events tell. `docs/spacetime.md` says how to read and use it.
//!
//! The room reads the JSON lines of a trace (`docs/trace.md`), made by whomever: it never trusts them, keeps kinds
//! of events that it does not know, and does not depend on what has made them.
//!
//! | file | what it holds |
//! |---|---|
//! | `event` | one line |
//! | `read` | a file of them: [`Trace`] |
//! | `lanes` | who has a lane |
//! | `messages` | messages and operations, by id |
//! | `faults` | crashes, partitions and the like, as stretches of time |
//! | `logs` | logs of Raft, all in one tree |
//! | `servers` | what each server was at each moment |
//! | `diagram` | all of it in columns: the data of the page |
//! | `view/` | the page's own scripts, style and markup, on top of those of [`page`](crate::page) |
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
mod servers;

use std::path::Path;

pub use event::{Event, Node};
pub use read::{Error, RunInfo, Trace};

use crate::page::Page;
use diagram::Diagram;

/// How many events a page has if nobody asks for more: it opens in a second or two.
pub const MOST_EVENTS: usize = 250_000;

const SCRIPTS: &[&str] = &[
    include_str!("view/data.js"),
    include_str!("view/words.js"),
    include_str!("view/filter.js"),
    include_str!("view/lanes.js"),
    include_str!("view/messages.js"),
    include_str!("view/draw.js"),
    include_str!("view/overview.js"),
    include_str!("view/logs.js"),
    include_str!("view/choices.js"),
    include_str!("view/details.js"),
    include_str!("view/main.js"),
];

/// The page of a trace, with at most `most` events: those that led to the failure, or else the last.
pub fn html(trace: &Trace, most: usize) -> String {
    let failed = trace.events.iter().any(|event| event.kind == "test.failed");
    let name = if trace.run.test.is_empty() { "a run" } else { &trace.run.test };
    let title = if failed { format!("Failed: {name}") } else { format!("Run: {name}") };
    let (style, body) = (include_str!("view/view.css"), include_str!("view/page.html"));
    Page { title: &title, style, body, scripts: SCRIPTS }.html(&Diagram::of(trace, most))
}

/// Writes the page of a trace file, in place of what is there.
///
/// # Errors
/// What cannot be read, is wrong with the trace, or cannot be written, with the file's name.
pub fn draw(trace: &Path, page: &Path, most: usize) -> Result<(), String> {
    let read = Trace::open(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
    std::fs::write(page, html(&read, most)).map_err(|error| format!("{}: {error}", page.display()))
}
