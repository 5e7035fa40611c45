//! The result of a check as a page. The page is one HTML file that needs no network, no server and no other
//! file.
//!
//! A [`Picture`] is plain data. It has the operations, which the page shows as bars in the rows of their
//! clients. It has orders in which the operations may have happened, and the faults of the test with their
//! times. A picture does not depend on a model or on the checker. [`picture`](super::picture) makes a picture
//! from a report.
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
//!         ..PicturePart::default()
//!     }],
//!     ..Picture::default()
//! };
//! assert!(picture.to_html().starts_with("<!DOCTYPE html>"));
//! ```
//!
//! The page uses the parts of [`page`](labview::page). The files for histories of operations are in
//! `visualization/history/`. The texts come from tests and may contain any characters. So the page never
//! interprets a text as HTML.

use std::io;
use std::path::Path;

use labrt::collections::HashMap;
use serde::Serialize;

use super::{Piece, Verdict};
use labview::page::Page;

/// A history, the result of its check, and the faults during the test. Times are in ns since the run's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The name of the test whose history was checked.
    pub title: String,
    /// The verdict on the whole history.
    pub verdict: Verdict,
    /// The parts of the history that were checked separately. For example, each key is a part.
    pub parts: Vec<PicturePart>,
    /// Faults and other events of the test.
    pub marks: Vec<Mark>,
    /// True if the page of the run lies in the same folder. If this page is `NAME-history.html`, the page of
    /// the run is `NAME.html`, and this page links to it.
    pub beside_run: bool,
}

impl Default for Picture {
    /// A history without operations, marks and a title.
    fn default() -> Picture {
        Picture {
            title: String::new(),
            verdict: Verdict::Ok,
            parts: Vec::new(),
            marks: Vec::new(),
            beside_run: false,
        }
    }
}

/// One part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PicturePart {
    /// The name of the part, in a form that fits into a sentence: `key 'x'`.
    pub title: String,
    /// The verdict on this part.
    pub verdict: Verdict,
    /// The state before the first operation, as a text.
    pub initial: String,
    /// The operations, in any order.
    pub operations: Vec<Bar>,
    /// Orders of some of the operations. The model allows each order from the initial state. The longest
    /// order comes first. If the part is Ok, the first order has all operations. If the verdict is not
    /// Unknown, no operation can be added at the end of any order. If the list is empty, the check has kept
    /// no orders, and the page does not show why the part is illegal. If no operation can be the first one,
    /// the list has one empty order.
    pub partials: Vec<Vec<Step>>,
    /// The last place in the first order of `partials` at which the model allows the blocked operation.
    pub last_fit: LastFit,
    /// How the answer of the blocked operation differs from the state after the first order of `partials`:
    /// one or more sentences, or nothing. The operations in them are indices into `operations`.
    pub difference: Vec<Piece>,
}

impl Default for PicturePart {
    /// A part without a name and without operations.
    fn default() -> PicturePart {
        PicturePart {
            title: String::new(),
            verdict: Verdict::Ok,
            initial: String::new(),
            operations: Vec::new(),
            partials: Vec::new(),
            last_fit: LastFit::Unknown,
            difference: Vec::new(),
        }
    }
}

/// The last place in an order at which the model allows the blocked operation. The blocked operation is the
/// operation that cannot follow the order. Of all operations that are not in the order, it returned first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastFit {
    /// The place is not known, and the page does not show it.
    #[default]
    Unknown,
    /// The model does not allow the blocked operation in any state of the order.
    Never,
    /// The model allows the blocked operation in the state after this number of operations of the order, and
    /// in no later state.
    After(usize),
}

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The client that called the operation. Each client has a row in the picture.
    pub client: u32,
    /// The time of the call.
    pub call: u64,
    /// The time of the return. It is `u64::MAX` if the operation never returned.
    pub ret: u64,
    /// The input and the answer, for example `get('x') -> 'a'`. The text before the first `(` or space is the
    /// kind of the operation. Each kind has a colour in the picture.
    pub text: String,
}

/// An operation in an order of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The operation's index in its part.
    pub bar: usize,
    /// The state after the operation, as a text.
    pub state: String,
}

/// Something that happened to the system under test, or that the test did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the event began.
    pub from: u64,
    /// When the event ended. `None` means that the event happened at one moment.
    pub to: Option<u64>,
    /// What kind of event it is.
    pub kind: MarkKind,
    /// A description of the event.
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
    /// An event of another kind.
    Other,
}

const SCRIPTS: &[&str] = &[
    include_str!("visualization/history/data.js"),
    include_str!("visualization/history/explain.js"),
    include_str!("visualization/history/rows.js"),
    include_str!("visualization/history/marks.js"),
    include_str!("visualization/history/measure.js"),
    include_str!("visualization/history/draw.js"),
    include_str!("visualization/history/plots.js"),
    include_str!("visualization/history/overview.js"),
    include_str!("visualization/history/parts.js"),
    include_str!("visualization/history/details.js"),
    include_str!("visualization/history/main.js"),
];

impl Picture {
    /// Returns the page as HTML.
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

/// A [`Picture`] in the form that the page reads. It is smaller than the picture. For each field there is one
/// list with the values of all operations, so the name of the field occurs only once. The text of each state
/// also occurs only once, even if the state is in many partial linearizations.
#[derive(Serialize)]
struct Wire<'a> {
    title: &'a str,
    verdict: &'static str,
    parts: Vec<WirePart<'a>>,
    states: Vec<&'a str>,
    marks: Vec<WireMark<'a>>,
    #[serde(rename = "besideRun")]
    beside_run: bool,
}

#[derive(Serialize)]
struct WirePart<'a> {
    title: &'a str,
    verdict: &'static str,
    initial: usize,
    client: Vec<u32>,
    call: Vec<u64>,
    /// The time of each operation's return. It is `None` if the operation never returned.
    ret: Vec<Option<u64>>,
    text: Vec<&'a str>,
    /// The orders of the part. Each order is a list in which two numbers belong together: the index of an
    /// operation, and the index of the state after this operation.
    partials: Vec<Vec<usize>>,
    #[serde(rename = "lastFit")]
    last_fit: Option<WireFit>,
    difference: Vec<WirePiece<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WirePiece<'a> {
    Text(&'a str),
    Operation(usize),
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
        Wire {
            title: &picture.title,
            verdict: name(picture.verdict),
            parts,
            states: states.texts,
            marks,
            beside_run: picture.beside_run,
        }
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
            difference: part.difference.iter().map(WirePiece::of).collect(),
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

impl<'a> WirePiece<'a> {
    fn of(piece: &'a Piece) -> WirePiece<'a> {
        match piece {
            Piece::Text(text) => WirePiece::Text(text),
            Piece::Operation(index) => WirePiece::Operation(*index),
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

/// The texts of the states. Each text occurs only once.
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
            ..PicturePart::default()
        };
        Picture { title: text.into(), verdict: Verdict::Unknown, parts: vec![part], ..Picture::default() }
    }

    /// Returns the data of a page. Like a browser, this function takes all text before the first end tag of
    /// the element.
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
            assert_eq!(data["states"], serde_json::json!([text]), "equal states have only one text");
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
