//! Parses one log line.

use std::fmt;

/// The topics and their colours (the numbers of ANSI's "select graphic rendition").
const TOPICS: [(&str, &str); 16] = [
    ("TIMR", "90"),
    ("VOTE", "36"),
    ("LEAD", "1;33"),
    ("TERM", "32"),
    ("LOG1", "34"),
    ("LOG2", "94"),
    ("CMIT", "35"),
    ("PERS", "2;37"),
    ("SNAP", "96"),
    ("DROP", "2;31"),
    ("CLNT", "92"),
    ("SHRD", "95"),
    ("TEST", "1;35"),
    ("INFO", "37"),
    ("WARN", "93"),
    ("ERRO", "1;31"),
];

/// One of the sixteen topics of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic(usize);

impl Topic {
    fn find(name: &str) -> Option<Topic> {
        TOPICS.iter().position(|(known, _)| *known == name).map(Topic)
    }

    /// The four letters of the topic.
    pub fn name(self) -> &'static str {
        TOPICS[self.0].0
    }

    /// The colour of the topic, as the parameters of an ANSI escape.
    pub fn color(self) -> &'static str {
        TOPICS[self.0].1
    }
}

/// Finds the topic that a user has typed.
///
/// # Errors
/// When there is no such topic. The error names the known topics.
pub fn parse_topic(text: &str) -> Result<Topic, String> {
    Topic::find(&text.trim().to_ascii_uppercase()).ok_or_else(|| {
        let known: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
        format!("unknown topic {text:?}; the topics are {}", known.join(", "))
    })
}

/// A server, with its replication group if there are several groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    group: u16,
    index: u16,
}

impl Server {
    /// Server `index` of the only group.
    pub fn single(index: u16) -> Server {
        Server { group: 0, index }
    }

    fn parse(text: &str) -> Option<Server> {
        if let Some(index) = text.strip_prefix('S') {
            return Some(Server::single(number(index)?));
        }
        let (group, index) = text.strip_prefix('G')?.split_once('S')?;
        Some(Server { group: number(group)?, index: number(index)? })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            0 => write!(f, "S{}", self.index),
            group => write!(f, "G{group}S{}", self.index),
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time in 0.1 ms.
    pub time: u64,
    /// The topic.
    pub topic: Topic,
    /// The server that wrote the line. It is `None` if the test itself wrote the line.
    pub server: Option<Server>,
    /// The term, if the line has one, and the text.
    pub text: String,
}

/// Parses a line. Returns `None` if the line is no log line.
pub fn parse(line: &str) -> Option<Entry> {
    let (time, rest) = word(line)?;
    let (topic, rest) = word(rest)?;
    let (time, topic) = (number(time)?, Topic::find(topic)?);
    let server = word(rest).and_then(|(first, text)| Server::parse(first).map(|server| (server, text)));
    let (server, text) = match server {
        Some((server, text)) => (Some(server), text),
        None => (None, rest),
    };
    Some(Entry { time, topic, server, text: clean(text.trim()) })
}

/// Returns the first word of a text, and the rest after it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    Some(text.split_once(char::is_whitespace).unwrap_or((text, "")))
}

/// Cleans a text, so that it does not disturb the columns: escape sequences are removed, and other control
/// characters become spaces.
fn clean(text: &str) -> String {
    console::strip_ansi_codes(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let entry = parse("  012345 VOTE S2 T3 votes for S1").expect("the text is a log line");
        assert_eq!((entry.time, entry.topic.name(), entry.server), (12345, "VOTE", Some(Server::single(2))));
        assert_eq!(entry.text, "T3 votes for S1");
        let entry = parse("7 LOG1 G100S2 text without a term").expect("the text is a log line");
        assert_eq!(entry.server, Some(Server { group: 100, index: 2 }));
        let entry = parse("7 TEST partition S1 off").expect("the text is a log line");
        assert_eq!((entry.server, entry.text.as_str()), (None, "partition S1 off"));
        assert_eq!(parse("7 ERRO").expect("the text is a log line").text, "");
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "",
            "   ",
            "running 3 tests",
            "12 apples S1 T1",
            "-1 VOTE S1 T1 x",
            "1.5 VOTE S1 x",
            "VOTE S1 T1 x",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let entry = parse("1 INFO S0 T1 a\tb\u{1b}[31mred\u{7}").expect("the text is a log line");
        assert_eq!(entry.text, "T1 a bred ");
    }

    #[test]
    fn topics_are_found_in_any_case() {
        assert_eq!(parse_topic("vote").map(Topic::name), Ok("VOTE"));
        let error = parse_topic("NOPE").expect_err("there is no such topic");
        assert!(error.contains("NOPE") && error.contains("TIMR, VOTE"), "{error}");
    }
}
