//! One event of a trace, which is one line of the trace file. This module does not know what the events mean.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// An event. Kinds, causes and names of fields are the same as in the file. Unknown kinds, causes and fields
/// are kept, too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The time, in ns since the start of the run.
    pub t: u64,
    /// The number of the thread.
    pub thread: u64,
    /// The server to which the event belongs; `None` if it belongs to the test.
    pub node: Option<Node>,
    /// What happened, for example `rpc.sent`.
    pub kind: String,
    /// The message or operation that the event belongs to; 0 if there is none.
    pub id: u64,
    /// The message or operation during which the event happened; 0 if there is none.
    pub parent: u64,
    /// The reason for the event; empty if the trace gives no reason.
    pub cause: String,
    /// The fields of the event, in the order of the file. Each value is a number, a truth value or a text.
    pub fields: Vec<(String, Value)>,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The server's group; 0 if there is only one group.
    pub group: u64,
    /// The server's number in the group.
    pub index: u64,
    /// The server's name, for example `S2` or `G101S2`.
    pub name: String,
}

impl Node {
    /// The server with this name. If the name does not have the form of a server's name, the server is sorted
    /// after all others.
    pub fn of_name(name: &str) -> Node {
        let (group, index) = name
            .strip_prefix('G')
            .and_then(|rest| rest.split_once('S'))
            .or_else(|| name.strip_prefix('S').map(|index| ("0", index)))
            .and_then(|(group, index)| Some((group.parse().ok()?, index.parse().ok()?)))
            .unwrap_or((u64::MAX, u64::MAX));
        Node { group, index, name: name.to_owned() }
    }
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    /// If the line is wrong. The error says what is wrong and what was expected.
    pub fn parse(line: &str) -> Result<Event, String> {
        let members: Members = serde_json::from_str(line).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                format!("expected an object such as {EXAMPLE}, found {}", excerpt(line))
            }
            _ => format!("not JSON ({error}): expected an object such as {EXAMPLE}, found {}", excerpt(line)),
        })?;
        let mut event = Event::default();
        let (mut t, mut kind, mut place) = (None, None, [None, None]);
        for (name, value) in members.0 {
            match name.as_str() {
                "t" => t = Some(number(&name, &value)?),
                "thread" => event.thread = number(&name, &value)?,
                "node" => event.node = Some(Node::of_name(&text(&name, value)?)),
                "group" => place[0] = Some(number(&name, &value)?),
                "index" => place[1] = Some(number(&name, &value)?),
                "kind" => kind = Some(text(&name, value)?),
                "id" => event.id = number(&name, &value)?,
                "parent" => event.parent = number(&name, &value)?,
                "cause" => event.cause = text(&name, value)?,
                _ => event.fields.push(field(name, value)?),
            }
        }
        event.t = t.ok_or("no member `t`: expected the time in ns")?;
        event.kind = kind.ok_or("no member `kind`: expected what happened, such as \"rpc.sent\"")?;
        if let (Some(node), [Some(group), Some(index)]) = (&mut event.node, place) {
            (node.group, node.index) = (group, index);
        }
        Ok(event)
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value of a field, if it is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.as_u64()
    }

    /// The value of a field, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }
}

const EXAMPLE: &str = r#"{"t":3105862,"thread":4,"node":"S1","kind":"raft.vote"}"#;

/// The largest time or number that a page can contain. JavaScript numbers are floating point numbers. They
/// cannot represent every whole number that is larger than this.
const MOST: u64 = 1 << 53;

fn number(name: &str, value: &Value) -> Result<u64, String> {
    let found = value.as_u64().filter(|&n| n <= MOST);
    found.ok_or_else(|| {
        format!("`{name}` is {}: expected a whole number from 0 to 2^53", excerpt(&value.to_string()))
    })
}

fn text(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("`{name}` is {}: expected a text", excerpt(&other.to_string()))),
    }
}

/// Checks the value of a field. If a number is too large for a page, it becomes a text.
fn field(name: String, value: Value) -> Result<(String, Value), String> {
    let value = match value {
        Value::Number(n) if n.as_u64().is_some_and(|n| n > MOST) => Value::String(n.to_string()),
        Value::Number(_) | Value::Bool(_) | Value::String(_) => value,
        other => {
            return Err(format!(
                "`{name}` is {}: expected a number, true, false or a text",
                excerpt(&other.to_string())
            ));
        }
    };
    Ok((name.strip_prefix("f.").map_or_else(|| name.clone(), str::to_owned), value))
}

/// The first 60 characters of a text. These are enough for a reader to recognise the text.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The members of an object, in the order of the file.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_as_it_is_written() {
        let line = r#"{"t":7,"thread":4,"node":"G101S1","group":101,"index":1,"inc":2,"kind":"raft.vote","id":9,"parent":17,"cause":"granted","f.term":5,"f.candidate":2,"f.ok":true}"#;
        let event = Event::parse(line).expect("the line is good");
        assert_eq!((event.t, event.thread, event.id, event.parent), (7, 4, 9, 17));
        assert_eq!(event.node, Some(Node { group: 101, index: 1, name: "G101S1".into() }));
        assert_eq!((event.kind.as_str(), event.cause.as_str()), ("raft.vote", "granted"));
        let names: Vec<&str> = event.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["inc", "term", "candidate", "ok"], "the fields are in the order of the file");
        assert_eq!((event.number("term"), event.text("term")), (Some(5), None));
    }

    #[test]
    fn an_error_says_what_is_wrong_and_what_was_expected() {
        for (line, said) in [
            ("hello", "not JSON"),
            ("hello", "found hello"),
            ("[1]", r#"expected an object such as {"t":"#),
            (r#"{"kind":"x"}"#, "no member `t`: expected the time in ns"),
            (r#"{"t":1}"#, "no member `kind`"),
            (r#"{"t":-1,"kind":"x"}"#, "`t` is -1: expected a whole number"),
            (r#"{"t":1.5,"kind":"x"}"#, "`t` is 1.5"),
            (r#"{"t":99999999999999999,"kind":"x"}"#, "expected a whole number from 0 to 2^53"),
            (r#"{"t":1,"kind":5}"#, "`kind` is 5: expected a text"),
            (r#"{"t":1,"kind":"x","id":"y"}"#, "`id` is \"y\""),
            (r#"{"t":1,"kind":"x","f.a":[1]}"#, "`f.a` is [1]: expected a number, true, false or a text"),
            (r#"{"t":1,"kind":"x""#, "not JSON"),
        ] {
            let error = Event::parse(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
        let long = Event::parse(&"é".repeat(5000)).expect_err("not JSON");
        assert!(long.len() < 400, "{long}");
    }

    #[test]
    fn servers_by_their_names() {
        let place = |name| {
            let Node { group, index, .. } = Node::of_name(name);
            (group, index)
        };
        assert_eq!((place("S2"), place("G101S2")), ((0, 2), (101, 2)));
        for odd in ["", "S", "Sx", "G1", "GS", "server"] {
            assert_eq!(place(odd), (u64::MAX, u64::MAX), "{odd}");
        }
    }
}
