//! Reads a trace, which is a file of JSON lines. The content of the file is never trusted.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use labrt::collections::BTreeMap;

use super::event::Event;
use super::said::Said;

/// The content of a trace file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// What the file says about the run that was recorded.
    pub run: RunInfo,
    /// The events in the order of time, without the scheduler's events.
    pub events: Vec<Event>,
    /// The names of the threads, by the threads' numbers.
    pub threads: BTreeMap<u64, String>,
    /// How many of the scheduler's events there were.
    pub scheduler: u64,
    /// What the reader of the page must know about the file, for example that its end is missing.
    pub notes: Vec<String>,
    /// What the commands in the logs are: a text for each digest that the trace explains.
    pub commands: BTreeMap<String, String>,
    /// Does a page of the history of the run's clients lie beside the page of the run? A trace does not tell
    /// this, so it is false after reading.
    pub history: bool,
}

/// The facts about the run that are in the first line of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunInfo {
    /// The name of the test.
    pub test: String,
    /// The seed, in hexadecimal digits.
    pub seed: String,
    /// The clock of the run: `virtual` or `real`.
    pub clock: String,
    /// How many earlier events are not in the file.
    pub lost: u64,
    /// The command that repeats the run; empty if the run has not failed.
    pub replay: String,
    /// The usual reasons of the failure, one line each; empty if none are known.
    pub hints: String,
}

/// Why a trace cannot be read.
#[derive(Debug)]
pub enum Error {
    /// The file cannot be read.
    Io(io::Error),
    /// A line is not an event.
    Line {
        /// The number of the line; the first line has number 1.
        line: usize,
        /// What is wrong, and what was expected.
        what: String,
    },
    /// The file has no event.
    Empty,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(f, "{error}"),
            // The file is probably not a trace. Or it is a trace in the text form, which only people and
            // `diff` can read.
            Error::Line { line: 1, what } => {
                write!(f, "line 1: {what} (a trace is recorded as JSON lines by LAB_TRACE=run.jsonl)")
            }
            Error::Line { line, what } => write!(f, "line {line}: {what}"),
            Error::Empty => {
                f.write_str("no events: expected the JSON lines of a trace (LAB_TRACE=run.jsonl)")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, or if it is not a trace.
    pub fn open(path: impl AsRef<Path>) -> Result<Trace, Error> {
        Trace::read(BufReader::with_capacity(1 << 16, std::fs::File::open(path)?))
    }

    /// Reads lines. Blank lines are skipped. If the last line is incomplete, the trace gets a note.
    ///
    /// # Errors
    /// If the lines cannot be read, if a line is not an event, or if an event has an earlier time than the
    /// event before it.
    pub fn read(mut input: impl BufRead) -> Result<Trace, Error> {
        let mut trace = Trace::default();
        let mut said = Said::default();
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if input.read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            let whole = bytes.last() == Some(&b'\n');
            let blank = bytes.iter().all(u8::is_ascii_whitespace);
            if blank {
                continue;
            }
            let text = std::str::from_utf8(&bytes).map_err(|error| format!("not UTF-8: {error}"));
            match text.and_then(|text| Event::parse(text.trim())) {
                Ok(event) => {
                    let event = said.take(event, &mut trace.events);
                    event
                        .map_or(Ok(()), |event| trace.take(event))
                        .map_err(|what| Error::Line { line, what })?;
                }
                // The writer of the file was killed while it wrote this line.
                Err(_) if !whole && line > 1 => {
                    trace
                        .notes
                        .push(format!("The file ends within line {line}: what comes after is missing."));
                }
                Err(what) => return Err(Error::Line { line, what }),
            }
        }
        trace.commands = said.finish(&mut trace.events);
        if trace.events.is_empty() { Err(Error::Empty) } else { Ok(trace) }
    }

    fn take(&mut self, event: Event) -> Result<(), String> {
        let last = self.events.last().map_or(0, |before| before.t);
        match event.kind.as_str() {
            "run.begin" => {
                let text = |name| event.text(name).unwrap_or_default().to_owned();
                self.run = RunInfo {
                    test: text("test"),
                    seed: text("seed"),
                    clock: text("clock"),
                    lost: event.number("lost").unwrap_or(0),
                    replay: text("replay"),
                    hints: text("hints"),
                };
                return Ok(());
            }
            "thread.spawn" => {
                let name = event.text("name").unwrap_or_default().to_owned();
                self.threads.insert(event.thread, name);
                self.scheduler += 1;
            }
            "thread.wake" | "thread.run" => self.scheduler += 1,
            _ if event.t < last => {
                let now = event.t;
                return Err(format!("`t` is {now}: expected at least {last}, the time of the line before"));
            }
            _ => self.events.push(event),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"t":0,"thread":0,"kind":"run.begin","f.test":"t_2a","f.seed":"2a","f.clock":"virtual","f.lost":7}"#;

    fn read(text: &str) -> Result<Trace, Error> {
        Trace::read(text.as_bytes())
    }

    #[test]
    fn heading_threads_and_events() {
        let text = [
            HEAD,
            r#"{"t":0,"thread":3,"kind":"thread.spawn","f.name":"raft-0-ticker"}"#,
            r#"{"t":0,"thread":3,"kind":"thread.run"}"#,
            "",
            r#"{"t":5,"thread":3,"kind":"somebody.new","f.x":1}"#,
        ];
        let trace = read(&text.join("\r\n")).expect("the trace is good");
        let run = RunInfo {
            test: "t_2a".into(),
            seed: "2a".into(),
            clock: "virtual".into(),
            lost: 7,
            ..RunInfo::default()
        };
        assert_eq!(trace.run, run);
        assert_eq!(trace.threads.get(&3).map(String::as_str), Some("raft-0-ticker"));
        assert_eq!((trace.scheduler, trace.events.len()), (2, 1));
        assert_eq!(trace.events[0].kind, "somebody.new", "unknown kinds are kept");
        assert!(trace.notes.is_empty());
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, what) in [
            ("x", "line 2: not JSON"),
            ("0.0031 4 S1 raft.vote", "expected an object such as"),
            (r#"{"t":3}"#, "line 2: no member `kind`"),
        ] {
            let error = read(&format!("{HEAD}\n{line}\n{HEAD}\n")).expect_err(line).to_string();
            assert!(error.contains(what), "{line}: {error}");
        }
        let back = format!("{HEAD}\n{}\n{}\n", r#"{"t":9,"kind":"a"}"#, r#"{"t":8,"kind":"b"}"#);
        let error = read(&back).expect_err("time goes back").to_string();
        assert_eq!(error, "line 3: `t` is 8: expected at least 9, the time of the line before");
        let error = Trace::read(&b"{\"t\":1,\"kind\":\"\xff\"}\n"[..]).expect_err("not UTF-8").to_string();
        assert!(error.starts_with("line 1: not UTF-8"), "{error}");
    }

    #[test]
    fn an_end_that_was_cut_off_is_noted() {
        let whole = format!("{HEAD}\n{}\n", r#"{"t":9,"kind":"a"}"#);
        let cut = format!("{whole}{}", r#"{"t":10,"ki"#);
        let trace = read(&cut).expect("an incomplete last line is no error");
        assert_eq!(trace.events.len(), 1);
        assert!(trace.notes[0].contains("ends within line 3"), "{:?}", trace.notes);
        let error = read(&format!("{cut}\n")).expect_err("a complete line must be an event").to_string();
        assert!(error.starts_with("line 3: not JSON"), "{error}");
        assert!(matches!(read("{\"t\":"), Err(Error::Line { line: 1, .. })), "no line is complete");
    }

    #[test]
    fn a_file_without_events_is_not_a_trace() {
        for text in ["", "\n\n", HEAD] {
            assert!(matches!(read(text), Err(Error::Empty)), "{text:?}");
        }
    }
}
