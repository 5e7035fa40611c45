//! Histories of a key/value store as text, with one event on each line, in the format of Jepsen:
//!
//! ```text
//! {:process 3, :type :invoke, :f :append, :key "k", :value "x"}
//! {:process 3, :type :ok, :f :append, :key "k", :value "x"}
//! {:process 3, :type :invoke, :f :get, :key "k", :value nil}
//! {:process 3, :type :ok, :f :get, :key "k", :value "x"}
//! ```
//!
//! `:f` is `:get`, `:put` or `:append`. `:type` is `:invoke` for a call and `:ok` for its return. `:type
//! :fail` is a return which means that the operation has not happened. `:type :info` means that nobody knows
//! whether the operation has happened. After such a line, the process may make another call. Texts are in
//! quotes. In a text, each of `\"`, `\\`, `\n` and `\t` means one character. Empty lines and lines that begin
//! with `;` are ignored.

use std::fmt;

use labrt::collections::{BTreeMap, BTreeSet};

use super::kv::{Event, KvInput, KvOp, KvOutput};
use crate::EventKind;

/// A line that cannot be part of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogError {
    /// The number of the line. The first line has number 1.
    pub line: usize,
    /// A message that says what is in the line, and what was expected.
    pub message: String,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LogError {}

/// Reads the events in these lines. The first call has the id 0, the next call the id 1, and so on.
///
/// # Errors
/// If a line is wrong. The error names the first such line.
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

/// Skips the text that must come next.
fn skip(rest: &mut &str, expected: &str) -> Result<(), String> {
    *rest = rest.strip_prefix(expected).ok_or_else(|| {
        let found: String = rest.chars().take(20).collect();
        format!("found {found:?}, expected {expected:?}")
    })?;
    Ok(())
}

/// Removes the text before the character `end` from `rest`, and returns this text. If the character does not
/// occur, this is the whole text.
fn until<'a>(rest: &mut &'a str, end: char) -> &'a str {
    let (word, after) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
    *rest = after;
    word
}

/// Removes a text in quotes from the beginning of `rest`, and returns the text.
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
                Some(other) => {
                    return Err(format!("a backslash before {other:?}, expected it before one of \" \\ n t"));
                }
                None => break,
            }),
            c => text.push(c),
        }
    }
    Err("a text without an end, expected a closing quote".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = r#"{:process 3, :type :invoke, :f :append, :key "k", :value "x"}"#;

    fn line(kind: &str, op: &str, value: &str) -> String {
        format!(r#"{{:process 3, :type :{kind}, :f :{op}, :key "k", :value {value}}}"#) + "\n"
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err("the text is not a history").to_string()
    }

    #[test]
    fn calls_and_returns_are_paired() {
        let text = line("invoke", "get", "nil") + &line("ok", "get", r#""a \"b\" \\ \n""#);
        let call = Event { client: 3, id: 0, kind: EventKind::Call(KvInput::get("k")) };
        let found = EventKind::Return(KvOutput::value("a \"b\" \\ \n"));
        assert_eq!(parse(&text), Ok(vec![call, Event { client: 3, id: 0, kind: found }]));
    }

    #[test]
    fn empty_lines_and_comments_are_ignored() {
        assert_eq!(parse("\n; a comment\n  \n"), Ok(vec![]));
    }

    #[test]
    fn what_failed_has_not_happened_and_what_is_unknown_may_have() {
        let call = line("invoke", "put", r#""x""#);
        assert_eq!(parse(&(call.clone() + &line("fail", "put", r#""x""#))), Ok(vec![]));
        let unknown = parse(&(call.clone() + &line("info", "put", r#""x""#) + &call))
            .expect("a process may call again");
        let kinds: Vec<bool> = unknown.iter().map(|event| matches!(event.kind, EventKind::Call(_))).collect();
        assert_eq!(kinds, [true, true]);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_was_expected() {
        assert_eq!(refused("\nhello"), r#"line 2: found "hello", expected "{:process ""#);
        assert_eq!(refused(&CALL.replace('3', "x")), r#"line 1: :process "x", expected a number below 2^32"#);
        assert_eq!(
            refused(&CALL.replace("invoke", "call")),
            "line 1: :type :call, expected :invoke, :ok, :fail or :info"
        );
        assert_eq!(
            refused(&CALL.replace("append", "cas")),
            "line 1: :f :cas, expected :get, :put or :append"
        );
        assert_eq!(
            refused(&CALL.replace(r#""x""#, "nil")),
            "line 1: :value nil, which only a get may have; expected a text"
        );
        assert_eq!(
            refused(&CALL.replace(r#""x"}"#, r#""x"#)),
            "line 1: a text without an end, expected a closing quote"
        );
        assert_eq!(
            refused(&CALL.replace('x', r"\q")),
            r#"line 1: a backslash before 'q', expected it before one of " \ n t"#
        );
        assert_eq!(
            refused(&(CALL.to_string() + "}")),
            r#"line 1: "}" after the closing brace, expected the end of the line"#
        );
    }

    #[test]
    fn calls_and_returns_must_alternate() {
        let call = line("invoke", "append", r#""x""#);
        let get = line("ok", "get", r#""x""#);
        assert_eq!(
            refused(&(call.clone() + &call)),
            "line 2: process 3 calls append('k', 'x'), expected the return of append('k', 'x') first"
        );
        assert_eq!(refused(&get), "line 1: process 3 returns, expected a call of it before");
        assert_eq!(
            refused(&(call + &get)),
            r#"line 2: a return of Get with key "k", expected the return of append('k', 'x')"#
        );
        let text = line("invoke", "get", "nil") + &line("ok", "get", "nil");
        assert_eq!(refused(&text), "line 2: a get that is ok has :value nil, expected a text");
    }
}
