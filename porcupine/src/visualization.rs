//! The result of a check as a page: one HTML file that needs no network, no server and no other file.
//!
//! A [`Picture`] is plain data: the operations as bars in the rows of their clients, orders in which the
//! operations may have happened, and the faults of the test on the same axis of time. It does not depend on a
//! model or on the checker. [`picture`](super::picture) makes a picture of a report.
//!
//! ```
//! use porcupine::Verdict;
//! use porcupine::visualization::{Bar, LastFit, Picture, PicturePart, Step};
//!
//! let bar = |client, call, ret, text: &str| Bar { client, call, ret, text: text.into() };
//! let picture = Picture {
//!     title: "two clients, one key".into(),
//!     verdict: Verdict::Illegal,
//!     parts: vec![PicturePart {
//!         title: "key 'x'".into(),
//!         verdict: Verdict::Illegal,
//!         initial: "''".into(),
//!         operations: vec![bar(0, 0, 1_000, "put('x', 'a')"), bar(1, 2_000, 3_000, "get('x') -> ''")],
//!         partials: vec![vec![Step { bar: 0, state: "'a'".into() }]],
//!         last_fit: LastFit::After(0),
//!     }],
//!     marks: vec![],
//! };
//! assert!(picture.to_html().starts_with("<!DOCTYPE html>"));
//! ```
//!
//! The page uses the parts of [`page`](labview::page). The files for histories of operations are in
//! `visualization/history/`. Texts come from tests and may contain anything, so they are treated as data and
//! never as markup.

use std::io;
use std::path::Path;

use labrt::collections::HashMap;
use serde::Serialize;

use super::Verdict;
use labview::page::Page;

/// A history, what a check has found in it, and the faults that happened during the test. Times are in ns
/// since the run's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The name of the test whose history was checked.
    pub title: String,
    /// What the check has found.
    pub verdict: Verdict,
    /// The parts of the history that were checked separately, such as keys.
    pub parts: Vec<PicturePart>,
    /// Faults and other events of the test.
    pub marks: Vec<Mark>,
}

/// One part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PicturePart {
    /// The name of the part, for use in a sentence: `key 'x'`.
    pub title: String,
    /// What the check has found in this part.
    pub verdict: Verdict,
    /// The state before the first operation, in words.
    pub initial: String,
    /// The operations, in any order.
    pub operations: Vec<Bar>,
    /// Orders of some of the operations that the model allows from the start, the longest first. In a part
    /// that is Ok, the first order has all operations. If the verdict is not Unknown, none of the orders can
    /// be continued. If the list is empty, the check has kept no orders, and the page does not say what went
    /// wrong. If no operation can be the first, the list has one empty order.
    pub partials: Vec<Vec<Step>>,
    /// What is known about the operation at which the first of the partials ends.
    pub last_fit: LastFit,
}

/// When the model would last have allowed the blocked operation. The blocked operation is the operation at
/// which an order ends. Of all operations that are not in the order, it returned first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastFit {
    /// Nothing is known, and the page says nothing.
    #[default]
    Unknown,
    /// The model allows it in no state of the order.
    Never,
    /// The model allows it in the state after this many operations of the order, and in no later state.
    After(usize),
}

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The client that called. Each client has a row.
    pub client: u32,
    /// When it was called.
    pub call: u64,
    /// When it returned; `u64::MAX` if it never returned.
    pub ret: u64,
    /// The input and the answer: `get('x') -> 'a'`. The text before the first `(` or blank is the kind of the
    /// operation, and each kind has a colour.
    pub text: String,
}

/// An operation in an order of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation's index in its part.
    pub bar: usize,
    /// The state after it, in words.
    pub state: String,
}

/// Something that happened to the system under test, or that the test did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the event began.
    pub from: u64,
    /// When the event ended; `None` if it happened at one moment.
    pub to: Option<u64>,
    /// What kind of event it is.
    pub kind: MarkKind,
    /// A description of the event, in words.
    pub text: String,
}

/// What kind of event a [`Mark`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkKind {
    /// Servers are cut off from each other.
    Partition,
    /// A server is down.
    Crash,
    /// A server starts again.
    Restart,
    /// The network loses, delays or reorders messages.
    Network,
    /// Groups join or leave, or shards move.
    Configuration,
    /// A check of the test has failed.
    Failure,
    /// Anything else.
    Other,
}

const SCRIPTS: &[&str] = &[
    include_str!("visualization/history/data.js"),
    include_str!("visualization/history/explain.js"),
    include_str!("visualization/history/rows.js"),
    include_str!("visualization/history/marks.js"),
    include_str!("visualization/history/draw.js"),
    include_str!("visualization/history/overview.js"),
    include_str!("visualization/history/parts.js"),
    include_str!("visualization/history/details.js"),
    include_str!("visualization/history/main.js"),
];

impl Picture {
    /// The page as HTML.
    ///
    /// # Panics
    /// If a step names an operation that its part does not have.
    pub fn to_html(&self) -> String {
        let title = format!("{}: {}", words(self.verdict), self.title);
        let (style, body) = (
            include_str!("visualization/history/history.css"),
            include_str!("visualization/history/page.html"),
        );
        Page { title: &title, style, body, scripts: SCRIPTS }.html(&Wire::of(self))
    }

    /// Writes the page to a file. If the file exists, it is replaced.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.to_html())
    }
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "Linearizable",
        Verdict::Illegal => "Not linearizable",
        Verdict::Unknown => "Undecided",
    }
}

/// A [`Picture`] in the form that the page reads: in columns, and with each text of a state only once. A
/// history has many operations but few field names, and one long state occurs in many partial linearizations.
#[derive(Serialize)]
struct Wire<'a> {
    title: &'a str,
    verdict: &'static str,
    parts: Vec<WirePart<'a>>,
    states: Vec<&'a str>,
    marks: Vec<WireMark<'a>>,
}

#[derive(Serialize)]
struct WirePart<'a> {
    title: &'a str,
    verdict: &'static str,
    initial: usize,
    client: Vec<u32>,
    call: Vec<u64>,
    /// When each operation returned; `None` if it never returned.
    ret: Vec<Option<u64>>,
    text: Vec<&'a str>,
    /// The orders of the part. Each is a list of pairs: an operation, and the index of the state after it.
    partials: Vec<Vec<usize>>,
    #[serde(rename = "lastFit")]
    last_fit: Option<WireFit>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireFit {
    After(usize),
    Never(&'static str),
}

#[derive(Serialize)]
struct WireMark<'a> {
    from: u64,
    to: Option<u64>,
    kind: &'static str,
    text: &'a str,
}

impl<'a> Wire<'a> {
    fn of(picture: &'a Picture) -> Wire<'a> {
        let mut states = States::default();
        let parts = picture.parts.iter().map(|part| WirePart::of(part, &mut states)).collect();
        let marks = picture.marks.iter().map(WireMark::of).collect();
        Wire { title: &picture.title, verdict: name(picture.verdict), parts, states: states.texts, marks }
    }
}

impl<'a> WirePart<'a> {
    fn of(part: &'a PicturePart, states: &mut States<'a>) -> WirePart<'a> {
        let operations = &part.operations;
        let mut columns = |steps: &'a Vec<Step>| {
            steps
                .iter()
                .flat_map(|Step { bar, state }| {
                    let n = operations.len();
                    assert!(*bar < n, "{}: a step names operation {bar} of {n}", part.title);
                    [*bar, states.index(state)]
                })
                .collect()
        };
        WirePart {
            partials: part.partials.iter().map(&mut columns).collect(),
            last_fit: match part.last_fit {
                LastFit::Unknown => None,
                LastFit::Never => Some(WireFit::Never("never")),
                LastFit::After(steps) => Some(WireFit::After(steps)),
            },
            title: &part.title,
            verdict: name(part.verdict),
            initial: states.index(&part.initial),
            client: operations.iter().map(|bar| bar.client).collect(),
            call: operations.iter().map(|bar| bar.call).collect(),
            ret: operations.iter().map(|bar| (bar.ret != u64::MAX).then_some(bar.ret)).collect(),
            text: operations.iter().map(|bar| bar.text.as_str()).collect(),
        }
    }
}

impl<'a> WireMark<'a> {
    fn of(mark: &'a Mark) -> WireMark<'a> {
        let kind = match mark.kind {
            MarkKind::Partition => "partition",
            MarkKind::Crash => "crash",
            MarkKind::Restart => "restart",
            MarkKind::Network => "network",
            MarkKind::Configuration => "configuration",
            MarkKind::Failure => "failure",
            MarkKind::Other => "other",
        };
        WireMark { from: mark.from, to: mark.to, kind, text: &mark.text }
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Illegal => "illegal",
        Verdict::Unknown => "unknown",
    }
}

/// The texts of the states, each only once.
#[derive(Default)]
struct States<'a> {
    texts: Vec<&'a str>,
    of_text: HashMap<&'a str, usize>,
}

impl<'a> States<'a> {
    fn index(&mut self, text: &'a str) -> usize {
        *self.of_text.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str) -> Picture {
        let bar = Bar { client: 0, call: 0, ret: u64::MAX, text: text.into() };
        let part = PicturePart {
            title: text.into(),
            verdict: Verdict::Unknown,
            initial: text.into(),
            operations: vec![bar],
            partials: vec![vec![Step { bar: 0, state: text.into() }]],
            last_fit: LastFit::Unknown,
        };
        Picture { title: text.into(), verdict: Verdict::Unknown, parts: vec![part], marks: vec![] }
    }

    /// The data of a page. Like a browser, this takes everything up to the first end tag of the element.
    fn data_of(html: &str) -> serde_json::Value {
        let (_, data) = html.split_once(r#"id="data">"#).expect("the page has data");
        let (data, _) = data.split_once("</script").expect("the data ends");
        serde_json::from_str(data).expect("the data is JSON")
    }

    #[test]
    fn texts_survive_and_cannot_end_the_data() {
        for text in ["</script><img onerror=x>", "<!-- <script>", "\u{0}\n\u{2028}\u{2029}'\"\\", "é漢😀", ""]
        {
            let data = data_of(&picture(text).to_html());
            assert_eq!(data["parts"][0]["text"][0], text);
            assert_eq!(data["title"], text);
            assert_eq!(data["states"], serde_json::json!([text]), "one text for equal states");
            assert!(data["parts"][0]["ret"][0].is_null(), "the operation never returned");
        }
    }

    #[test]
    fn a_title_is_not_markup() {
        let html = picture("</title><b>&amp;").to_html();
        assert!(html.contains("<title>Undecided: &lt;/title&gt;&lt;b&gt;&amp;amp;</title>"));
    }

    #[test]
    #[should_panic(expected = "a step names operation 7 of 1")]
    fn a_step_without_its_operation_is_refused() {
        let mut picture = picture("key 'x'");
        picture.parts[0].partials[0][0].bar = 7;
        let _ = picture.to_html();
    }
}
