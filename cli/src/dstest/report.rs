//! The report that a test binary writes to the file `LAB_REPORT`: a line at the start of each seed, and a
//! line at its end.
//!
//! ```text
//! start <test> <seed>
//! end   <test> <seed> ok|FAIL <hash> <seconds of run> <cpu seconds> <message> <replay line> <warnings>
//! ```
//!
//! One tab separates two fields. In the message and in the replay line, tabs, newlines, carriage returns and
//! backslashes are written as `\t`, `\n`, `\r` and `\\`. `<warnings>` is the number of warnings of the run.
//!
//! A test binary may crash in the middle of a line, or write nonsense. So every line is checked. [`parse`]
//! returns what is wrong with a line. [`Tail`] never stores more than [`LINE_LIMIT`] bytes of a line that has
//! no end yet.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest line that is accepted, in bytes.
pub const LINE_LIMIT: usize = 1 << 20;

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The run of a seed has started.
    Start {
        /// Name of the test.
        test: String,
        /// The seed of the run.
        seed: u64,
    },
    /// The run of a seed has ended.
    End(End),
}

/// What the report says about the run of a seed that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Name of the test.
    pub test: String,
    /// The seed of the run.
    pub seed: u64,
    /// Whether the run passed.
    pub passed: bool,
    /// The hash of the trace. There is none on the real clock.
    pub hash: Option<u64>,
    /// How long the run took in seconds: virtual seconds with the feature `sim`, otherwise real seconds.
    pub seconds: f64,
    /// CPU seconds of the run.
    pub cpu: f64,
    /// Why the run failed. Empty if it passed.
    pub message: String,
    /// The command line that repeats the run. Empty if the run passed.
    pub replay: String,
    /// How many warnings the run printed.
    pub warnings: u64,
}

/// Reads one line, without its newline.
///
/// # Errors
/// When a field is wrong. The error says which field is wrong and what was expected.
pub fn parse(line: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(line)
        .map_err(|_| format!("not UTF-8: {}", excerpt(&String::from_utf8_lossy(line))))?;
    let fields: Vec<&str> = text.split('\t').collect();
    match fields.as_slice() {
        ["start", test, seed] => Ok(Line::Start { test: name(test)?, seed: parse_seed(seed)? }),
        ["end", test, seed, verdict, hash, seconds, cpu, message, replay, warnings] => Ok(Line::End(End {
            test: name(test)?,
            seed: parse_seed(seed)?,
            passed: parse_verdict(verdict)?,
            hash: parse_hash(hash)?,
            seconds: parse_seconds("seconds of run", seconds)?,
            cpu: parse_seconds("CPU seconds", cpu)?,
            message: unescape(message)?,
            replay: unescape(replay)?,
            warnings: parse_count("warnings", warnings)?,
        })),
        [kind @ ("start" | "end"), ..] => {
            let wanted = if *kind == "start" { 3 } else { 10 };
            Err(format!(
                "a \"{kind}\" line has {} fields, expected {wanted}: was this program built from another version \
                 than the tests?",
                fields.len()
            ))
        }
        _ => Err(format!("expected a line that begins with \"start\" or \"end\", found {}", excerpt(text))),
    }
}

fn name(test: &str) -> Result<String, String> {
    if test.is_empty() || test.chars().any(char::is_control) {
        return Err(format!("the name of a test is {}", excerpt(test)));
    }
    Ok(test.to_owned())
}

/// Reads a seed: a decimal number, or `0x` and hex digits.
///
/// # Errors
/// When the text is wrong. The error says what was expected.
pub fn parse_seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.starts_with('+') => None,
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| {
        format!(
            "{} is no seed: expected a number from 0 to 2^64-1, decimal or 0x and hex digits",
            excerpt(text)
        )
    })
}

fn parse_verdict(text: &str) -> Result<bool, String> {
    match text {
        "ok" => Ok(true),
        "FAIL" => Ok(false),
        _ => Err(format!("the verdict is {}, expected \"ok\" or \"FAIL\"", excerpt(text))),
    }
}

fn parse_hash(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() || text == "-" {
        return Ok(None);
    }
    if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("the hash is {}, expected 16 hex digits", excerpt(text)));
    }
    u64::from_str_radix(text, 16).map(Some).map_err(|e| format!("the hash is {}: {e}", excerpt(text)))
}

fn parse_seconds(what: &str, text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err(format!("the {what} are {}, expected a number of seconds", excerpt(text))),
    }
}

/// Reads a decimal number. `what` says what is counted. The text of the error contains `what`.
///
/// # Errors
/// When the text is wrong. The error says what was expected.
pub fn parse_count(what: &str, text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if !text.starts_with('+') => Ok(count),
        _ => Err(format!("the number of {what} is {}, expected a decimal number", excerpt(text))),
    }
}

/// Writes a text as one field, without tabs and newlines.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out
}

/// Reads the text of a field: the opposite of [`escape`].
///
/// # Errors
/// When a backslash does not begin one of the four escapes.
pub fn unescape(field: &str) -> Result<String, String> {
    let mut out = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('\\') => '\\',
            other => {
                return Err(format!(
                    "\"\\{}\" is no escape: expected \\t, \\n, \\r or \\\\",
                    other.unwrap_or(' ')
                ));
            }
        });
    }
    Ok(out)
}

/// The first 80 characters of a text, in quotes, for messages.
pub fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Reads a report while a run writes it.
pub struct Tail {
    file: File,
    pending: Vec<u8>,
}

impl Tail {
    /// Makes the report file, which is empty, and opens it.
    ///
    /// # Errors
    /// When the file cannot be made or read.
    pub fn create(path: &Path) -> io::Result<Tail> {
        File::create(path)?;
        Ok(Tail { file: File::open(path)?, pending: Vec::new() })
    }

    /// Reads the lines that were completed since the last call of this method, and passes each line to the
    /// function `take`. Stops at the first error.
    ///
    /// # Errors
    /// Returns the first error of `take`, of [`parse`] or of the file system. A line that is too long is an
    /// error, too.
    pub fn read(&mut self, mut take: impl FnMut(Line) -> Result<(), String>) -> Result<(), String> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let n = match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(format!("cannot read the report: {e}")),
            };
            for piece in buffer[..n].split_inclusive(|b| *b == b'\n') {
                self.pending.extend_from_slice(piece);
                if self.pending.len() > LINE_LIMIT {
                    self.pending.clear();
                    return Err(format!("a line of the report is longer than {LINE_LIMIT} bytes"));
                }
                if self.pending.last() == Some(&b'\n') {
                    self.pending.pop();
                    let line = parse(&self.pending);
                    self.pending.clear();
                    take(line?)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str =
        "end\tbackup_2b\t0x2a\tFAIL\t00112233445566ff\t1.5\t0.25\ttwo\\nlines\\\\\tLAB_SEED=0x2a x\t3";

    #[test]
    fn lines_of_the_contract_are_read() {
        assert_eq!(parse(b"start\tbackup_2b\t42"), Ok(Line::Start { test: "backup_2b".into(), seed: 42 }));
        let Ok(Line::End(end)) = parse(END.as_bytes()) else { panic!("an end line") };
        assert_eq!((end.seed, end.passed, end.hash), (42, false, Some(0x0011_2233_4455_66ff)));
        assert_eq!((end.seconds, end.cpu), (1.5, 0.25));
        assert_eq!((end.message.as_str(), end.replay.as_str()), ("two\nlines\\", "LAB_SEED=0x2a x"));
        assert_eq!(end.warnings, 3);
    }

    #[test]
    fn nonsense_is_named_and_never_panics() {
        let cases: [(&[u8], &str); 14] = [
            (b"", "expected a line that begins"),
            (b"\xff\xfe", "not UTF-8"),
            (b"start\tx", "2 fields, expected 3"),
            (b"end\tx\t1\tok", "4 fields, expected 10"),
            (b"end\tx\t1\tok\t-\t1\t1\t\t", "9 fields, expected 10"),
            (b"end\tx\t1\tok\t-\t1\t1\t\t\tsome", "number of warnings"),
            (b"end\tx\t1\tok\t-\t1\t1\t\t\t-1", "number of warnings"),
            (b"start\t\t1", "the name of a test"),
            (b"start\tx\t-1", "is no seed"),
            (b"start\tx\t99999999999999999999999", "is no seed"),
            (b"end\tx\t1\tmaybe\t-\t1\t1\t\t\t0", "the verdict is"),
            (b"end\tx\t1\tok\t12\t1\t1\t\t\t0", "expected 16 hex digits"),
            (b"end\tx\t1\tok\t-\tNaN\t1\t\t\t0", "seconds of run"),
            (b"end\tx\t1\tFAIL\t-\t1\t1\t\\x\t\t0", "is no escape"),
        ];
        for (line, complaint) in cases {
            let error = parse(line).expect_err("this line is wrong");
            assert!(error.contains(complaint), "{error}");
        }
        assert!(parse(&[b'x'; 100_000]).expect_err("this line is no line of a report").len() < 300);
    }

    #[test]
    fn every_prefix_of_a_line_is_refused() {
        let last_fields = END.rfind('\t').expect("the line has tabs");
        for cut in 0..=last_fields {
            let cut_off = parse(&END.as_bytes()[..cut]);
            assert!(cut_off.is_err(), "{cut}: {cut_off:?}");
        }
    }

    #[test]
    fn escapes_round_trip() {
        let text = "a\tb\nc\\d\r\\n é";
        assert_eq!(unescape(&escape(text)).as_deref(), Ok(text));
        assert!(!escape(text).contains(['\t', '\n', '\r']));
        assert!(unescape("ends with \\").is_err());
    }

    #[test]
    fn seeds_are_decimal_or_hex() {
        assert_eq!(parse_seed("0xff"), Ok(255));
        assert_eq!(parse_seed("18446744073709551615"), Ok(u64::MAX));
        for bad in ["", "0x", "ff", "-1", "+1", "0x+1", "1.5", "random"] {
            assert!(parse_seed(bad).is_err(), "{bad:?}");
        }
    }
}
