//! What the clients did, and whether it is linearizable.
//!
//! Values are recorded as [`Text`]s, not as strings: on real threads one key grows to hundreds of kB and is read tens
//! of thousands of times.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;

use labrt::collections::BTreeMap;
use labrt::sync::Mutex;
use labrt::time::Duration;

use crate::models::kv::{KvModel, Operation, Text};
use crate::porcupine::{self, Model, Options, Report, Verdict};
use crate::tester::marks::Mark;
use crate::tester::output::info;

/// What becomes of a history that the checker could not judge within its limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IfUnknown {
    /// It is taken to be fine, and a line says so. The checker has this long.
    Passes(Duration),
    /// The test fails. The checker has this long.
    Fails(Duration),
}

impl IfUnknown {
    fn limit(self) -> Duration {
        match self {
            IfUnknown::Passes(limit) | IfUnknown::Fails(limit) => limit,
        }
    }
}

impl Default for IfUnknown {
    /// On the real clock the course's rule: a second, then it passes. In virtual time a minute, then it fails.
    fn default() -> IfUnknown {
        match labrt::is_sim() {
            true => IfUnknown::Fails(Duration::from_secs(60)),
            false => IfUnknown::Passes(Duration::from_secs(1)),
        }
    }
}

/// All operations of a test's clients.
#[derive(Default)]
pub struct History {
    operations: Mutex<Vec<Operation>>,
}

impl History {
    /// Nothing was done yet.
    pub fn new() -> History {
        History::default()
    }

    /// Adds an operation that has returned.
    pub fn push(&self, operation: Operation) {
        self.operations.lock().push(operation);
    }

    /// Fails the test if the operations are not linearizable; a picture of them is then in the system's folder for
    /// temporary files, and a line says where.
    #[track_caller]
    pub fn check(&self, if_unknown: IfUnknown, title: &str, marks: Vec<Mark>) {
        if let Err(error) = self.judge(if_unknown, title, marks, &std::env::temp_dir()) {
            panic!("{error}");
        }
    }

    /// The same, with the picture in a folder of choice; returns what is wrong.
    pub(super) fn judge(
        &self,
        if_unknown: IfUnknown,
        title: &str,
        marks: Vec<Mark>,
        pictures: &Path,
    ) -> Result<(), String> {
        let operations = std::mem::take(&mut *self.operations.lock());
        let limit = if_unknown.limit();
        let options = Options { limit: Some(limit), partials: true, ..Options::default() };
        let report = porcupine::check(&KvModel, &operations, &options);
        match report.verdict {
            Verdict::Ok => Ok(()),
            Verdict::Unknown => unknown(if_unknown, &operations, &report),
            Verdict::Illegal => {
                let path = pictures.join(random_name());
                let outcome = draw(&operations, &report, title, marks, &path);
                info(&written(&path, &outcome));
                Err(format!("history is not linearizable: {}", describe(&operations, &report)))
            }
        }
    }
}

fn unknown(if_unknown: IfUnknown, operations: &[Operation], report: &Report) -> Result<(), String> {
    let why = report.why_unknown.map_or_else(|| "for no known reason".to_owned(), |limit| limit.to_string());
    let what = format!(
        "linearizability check of {} operations ended undecided after {:.1} s: {why}",
        operations.len(),
        report.took.as_secs_f64()
    );
    match if_unknown {
        IfUnknown::Fails(_) => Err(what),
        IfUnknown::Passes(_) => {
            info(&format!("{what}; assuming history is ok"));
            Ok(())
        }
    }
}

/// Which part is illegal, and what does not fit.
fn describe(operations: &[Operation], report: &Report) -> String {
    let Some(part) = report.illegal().next() else { return "no part is".to_owned() };
    let blocked = part.blocked.or_else(|| part.operations.first().copied()).map(|index| &operations[index]);
    let Some(blocked) = blocked else { return "an empty part is".to_owned() };
    let placed = part.partials.first().map_or(0, Vec::len);
    format!(
        "key {:?}: of {} operations at most {placed} fit, then no place is left for client {}'s {}, {:.6} to {:.6} s",
        blocked.input.key,
        part.operations.len(),
        blocked.client,
        KvModel.describe_operation(&blocked.input, &blocked.output),
        seconds(blocked.call),
        seconds(blocked.ret)
    )
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

fn draw(_: &[Operation], _: &Report, title: &str, _: Vec<Mark>, path: &Path) -> io::Result<()> {
    std::fs::write(path, title)
}

fn written(path: &Path, outcome: &io::Result<()>) -> String {
    match outcome {
        Ok(()) => format!("wrote history visualization to {}", path.display()),
        Err(error) => format!("failed to write history visualization to {}: {error}", path.display()),
    }
}

/// A name that no other file has. It is random by the system, not by the run: a seed may be run many times.
fn random_name() -> String {
    format!("{:016x}.html", RandomState::new().hash_one(std::process::id()))
}

/// The values that a client has read, to recognise what was only added: a value is then taken in by what is new.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, (String, Text)>);

impl Seen {
    /// The text of a value that was read.
    pub fn text(&mut self, key: &str, value: &str) -> Text {
        let known = self.0.get(key).and_then(|(seen, text)| Some((text, value.strip_prefix(seen.as_str())?)));
        let text = match known {
            Some((text, more)) => text.followed_by(&Text::new(more)),
            None => Text::new(value),
        };
        self.0.insert(key.to_owned(), (value.to_owned(), text.clone()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_in_by_what_is_new() {
        let mut seen = Seen::default();
        let long = "x 0 1 y".repeat(100);
        let values = ["", "a", "ab", &long, &format!("{long}b"), "other", &long];
        for (key, value) in values.iter().flat_map(|value| [("k", *value), ("l", *value)]) {
            assert_eq!(seen.text(key, value), Text::new(value), "{key}");
        }
    }
}
