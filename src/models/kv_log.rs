//! Histories of a key/value store as text, one event a line, as Jepsen writes them:
//!
//! ```text
//! {:process 3, :type :invoke, :f :append, :key "k", :value "x"}
//! {:process 3, :type :ok, :f :append, :key "k", :value "x"}
//! {:process 3, :type :invoke, :f :get, :key "k", :value nil}
//! {:process 3, :type :ok, :f :get, :key "k", :value "x"}
//! ```
//!
//! `:f` is `:get`, `:put` or `:append`. A `:type` is `:invoke` for a call; `:ok` for its return; `:fail` for a
//! return that says it has not happened; `:info` for a call whose fate is unknown, after which the process may call
//! again. Texts are in quotes, where `\"`, `\\`, `\n` and `\t` stand for one character each. Empty lines, and lines
//! that begin with `;`, say nothing.

use std::fmt;

use labrt::collections::{BTreeMap, BTreeSet};

use super::kv::{Event, KvInput, KvOp, KvOutput};
use crate::porcupine::EventKind;

/// A line that is none of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What was wrong with it and what was expected.
    pub message: String,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LogError {}

/// The events that the lines tell. Their ids count the calls.
///
/// # Errors
/// Names the first line that is wrong.
pub fn parse(text: &str) -> Result<Vec<Event>, LogError> {
    let mut events: Vec<Event> = Vec::new();
    let mut open: BTreeMap<u32, (u64, KvInput)> = BTreeMap::new();
    let mut failed: BTreeSet<u64> = BTreeSet::new();
    let mut calls = 0;
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with(';'));
    for (at, text) in lines {
        let wrong = |message| LogError { line: at + 1, message };
        let line = Line::parse(text).map_err(wrong)?;
        if line.kind == "invoke" {
            let input = line.input();
            if let Some((_, earlier)) = open.insert(line.process, (calls, input.clone())) {
                let message =
                    format!("process {} calls {input}, expected the return of {earlier} first", line.process);
                return Err(wrong(message));
            }
            events.push(Event { client: line.process, id: calls, kind: EventKind::Call(input) });
            calls += 1;
            continue;
        }
        let Some((id, input)) = open.remove(&line.process) else {
            return Err(wrong(format!("process {} returns, expected a call of it before", line.process)));
        };
        if (input.op, &input.key) != (line.op, &line.key) {
            let (op, key) = (line.op, &line.key);
            return Err(wrong(format!(
                "a return of {op:?} with key {key:?}, expected the return of {input}"
            )));
        }
        match line.kind {
            "ok" => {
                let output = match (line.op, line.value) {
                    (KvOp::Get, Some(value)) => KvOutput::value(value.as_str()),
                    (KvOp::Get, None) => {
                        return Err(wrong("a get that is ok has :value nil, expected a text".into()));
                    }
                    (KvOp::Put | KvOp::Append, _) => KvOutput::none(),
                };
                events.push(Event { client: line.process, id, kind: EventKind::Return(output) });
            }
            "fail" => drop(failed.insert(id)),
            _ => {}
        }
    }
    events.retain(|event| !failed.contains(&event.id));
    Ok(events)
}

struct Line<'a> {
    process: u32,
    kind: &'a str,
    op: KvOp,
    key: String,
    value: Option<String>,
}

impl Line<'_> {
    fn parse(text: &str) -> Result<Line<'_>, String> {
        let mut rest = text.trim();
        skip(&mut rest, "{:process ")?;
        let process = until(&mut rest, ',');
        let number =
            process.parse().map_err(|_| format!(":process {process:?}, expected a number below 2^32"))?;
        skip(&mut rest, ", :type :")?;
        let kind = until(&mut rest, ',');
        if !["invoke", "ok", "fail", "info"].contains(&kind) {
            return Err(format!(":type :{kind}, expected :invoke, :ok, :fail or :info"));
        }
        skip(&mut rest, ", :f :")?;
        let op = match until(&mut rest, ',') {
            "get" => KvOp::Get,
            "put" => KvOp::Put,
            "append" => KvOp::Append,
            other => return Err(format!(":f :{other}, expected :get, :put or :append")),
        };
        skip(&mut rest, ", :key ")?;
        let key = quoted(&mut rest)?;
        skip(&mut rest, ", :value ")?;
        let value = match rest.strip_prefix("nil") {
            Some(after) => {
                rest = after;
                None
            }
            None => Some(quoted(&mut rest)?),
        };
        skip(&mut rest, "}")?;
        if !rest.is_empty() {
            return Err(format!("{rest:?} after the closing brace, expected the end of the line"));
        }
        if op != KvOp::Get && value.is_none() {
            return Err(":value nil, which only a get may have; expected a text".into());
        }
        Ok(Line { process: number, kind, op, key, value })
    }

    fn input(&self) -> KvInput {
        let value = self.value.as_deref().filter(|_| self.op != KvOp::Get).unwrap_or_default();
        KvInput { op: self.op, key: self.key.clone(), value: value.into() }
    }
}

/// Skips what must come next.
fn skip(rest: &mut &str, expected: &str) -> Result<(), String> {
    *rest = rest.strip_prefix(expected).ok_or_else(|| {
        let found: String = rest.chars().take(20).collect();
        format!("found {found:?}, expected {expected:?}")
    })?;
    Ok(())
}

/// Takes what is before a character, which stays; all if there is none.
fn until<'a>(rest: &mut &'a str, end: char) -> &'a str {
    let (word, after) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
    *rest = after;
    word
}

/// Takes a text in quotes.
fn quoted(rest: &mut &str) -> Result<String, String> {
    skip(rest, "\"")?;
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &rest[at + 1..];
                return Ok(text);
            }
            '\\' => text.push(match chars.next().map(|(_, c)| c) {
                Some(c @ ('"' | '\\')) => c,
                Some('n') => '\n',
                Some('t') => '\t',
                other => return Err(format!("{other:?} after a backslash, expected one of \" \\ n t")),
            }),
            c => text.push(c),
        }
    }
    Err("a text without an end, expected a closing quote".into())
}
