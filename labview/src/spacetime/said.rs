//! Events of the trace that only explain other events: what a command is, what is in a reply or in a save.
//! The page does not show them as events. It shows their texts at the events that they explain.
//!
//! | event | becomes |
//! |---|---|
//! | `command.text` | a text for each digest of a command |
//! | `rpc.reply` | the field `reply` of `rpc.answered` |
//! | `raft.saved` | fields of `persister.save` |
//! | `raft.progress` | fields of `rpc.replied` |

use labrt::collections::{BTreeMap, HashMap};
use serde_json::Value;

use super::event::Event;

/// How far back in the list of events the save is for which a server reports the content.
const NEAR: usize = 16;

/// Collects the texts.
#[derive(Default)]
pub struct Said {
    /// The texts of the commands, by their digests.
    commands: BTreeMap<String, String>,
    /// For each message, the reply for which no `rpc.answered` was read yet.
    replies: HashMap<u64, Value>,
    /// For each message, the event `rpc.replied`.
    replied: HashMap<u64, usize>,
    /// The number of the client of each operation.
    operations: HashMap<u64, u64>,
    /// Words that stand for clients in texts such as `Put k=v ~2f01c4#7`, with the number of the client.
    /// `None` if several clients have the word.
    clients: HashMap<String, Option<u64>>,
    /// The requests that have texts, with their methods and texts.
    requests: HashMap<u64, String>,
}

impl Said {
    /// Takes an event. `events` are the events before it. An event that only explains others is used up.
    /// Other events are returned.
    pub fn take(&mut self, mut event: Event, events: &mut [Event]) -> Option<Event> {
        match event.kind.as_str() {
            "command.text" => {
                if let (Some(command), Some(text)) = (event.text("command"), event.text("text")) {
                    self.commands.insert(command.to_owned(), text.to_owned());
                }
                return None;
            }
            "rpc.reply" => {
                if let Some(reply) = event.field("reply") {
                    self.replies.insert(event.id, reply.clone());
                }
                return None;
            }
            "raft.saved" => {
                let mut saves = events.iter_mut().rev().take(NEAR);
                let save = saves.find(|it| it.kind == "persister.save" && it.node == event.node);
                if let Some(save) = save.filter(|save| save.number("term").is_none()) {
                    save.fields.append(&mut event.fields);
                }
                return None;
            }
            "raft.progress" => {
                if let Some(replied) = self.replied.get(&event.parent).and_then(|&at| events.get_mut(at)) {
                    replied.fields.retain(|(name, _)| event.field(name).is_none());
                    replied.fields.append(&mut event.fields);
                }
                return None;
            }
            "rpc.answered" => {
                event.fields.extend(self.replies.remove(&event.id).map(|it| ("reply".into(), it)))
            }
            "rpc.replied" => {
                self.replied.insert(event.id, events.len());
            }
            "client.call" => self.operations.extend(event.number("client").map(|client| (event.id, client))),
            "rpc.sent" => self.request(&event),
            _ => {}
        }
        Some(event)
    }

    fn request(&mut self, event: &Event) {
        let Some(args) = event.text("args") else { return };
        let method = event.text("method").unwrap_or_default();
        let method = method.rsplit('.').next().unwrap_or_default();
        self.requests.insert(event.id, format!("{method} {args}"));
        if let (Some(word), Some(client)) = (client_of(args), self.operations.get(&event.parent)) {
            let known = self.clients.entry(word.to_owned()).or_insert(Some(*client));
            *known = known.filter(|known| known == client);
        }
    }

    /// Writes the names of clients into the texts, and returns the texts of the commands.
    pub fn finish(mut self, events: &mut [Event]) -> BTreeMap<String, String> {
        for event in events.iter_mut() {
            for (name, value) in &mut event.fields {
                if let ("args" | "reply" | "operation", Value::String(text)) = (name.as_str(), value) {
                    self.name_client(text);
                }
            }
            // A service may say nothing about its commands. But if a request has made the leader add one
            // entry, the text of this request says what is in the entry.
            if event.kind == "raft.append"
                && let Some(command) = event.text("commands").filter(|commands| commands.len() == 8)
                && !self.commands.contains_key(command)
                && let Some(text) = self.requests.get(&event.parent)
            {
                self.commands.insert(command.to_owned(), text.clone());
            }
        }
        let mut commands = std::mem::take(&mut self.commands);
        commands.values_mut().for_each(|text| self.name_client(text));
        commands
    }

    /// Replaces the word that stands for a client by the client's name: `c2#7`.
    fn name_client(&self, text: &mut String) {
        let Some(word) = client_of(text) else { return };
        if let Some(Some(client)) = self.clients.get(word) {
            let begin = word.as_ptr() as usize - text.as_ptr() as usize;
            text.replace_range(begin..begin + word.len(), &format!("c{client}"));
        }
    }
}

/// The word before the sign `#` and the number of an operation.
fn client_of(text: &str) -> Option<&str> {
    let (before, after) = text.rsplit_once('#')?;
    let word = before.rsplit(' ').next().filter(|word| !word.is_empty())?;
    after.starts_with(|c: char| c.is_ascii_digit()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_at_the_events_that_they_explain() {
        let lines = [
            r#""kind":"client.call","id":1,"f.client":2"#,
            r#""kind":"rpc.sent","id":2,"parent":1,"f.method":"KV.PutAppend","f.args":"Put k=v ~2f01c4#7""#,
            r#""kind":"command.text","f.command":"00c0ffee","f.text":"PutAppend Put k=v ~2f01c4#7""#,
            r#""kind":"raft.append","node":"S1","parent":2,"f.commands":"00c0ffee""#,
            r#""kind":"raft.append","node":"S1","parent":2,"f.commands":"12345678""#,
            r#""kind":"persister.save","node":"S1","f.bytes":9"#,
            r#""kind":"raft.saved","node":"S1","f.term":3,"f.last":9,"f.voted_for":1"#,
            r#""kind":"rpc.replied","id":5"#,
            r#""kind":"raft.progress","parent":5,"f.peer":2,"f.next_index":4,"f.match_index":3"#,
            r#""kind":"rpc.reply","id":2,"f.reply":"ok""#,
            r#""kind":"rpc.answered","node":"S1","id":2,"f.bytes":1"#,
        ];
        let (mut said, mut events) = (Said::default(), Vec::new());
        for line in lines {
            let event = Event::parse(&format!(r#"{{"t":0,{line}}}"#)).expect("the line is good");
            let kept = said.take(event, &mut events);
            events.extend(kept);
        }
        let commands = said.finish(&mut events);
        let commands: Vec<_> =
            commands.iter().map(|(digest, text)| (digest.as_str(), text.as_str())).collect();
        assert_eq!(
            commands,
            [("00c0ffee", "PutAppend Put k=v c2#7"), ("12345678", "PutAppend Put k=v c2#7")],
            "the second command is explained by its request"
        );
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "client.call",
                "rpc.sent",
                "raft.append",
                "raft.append",
                "persister.save",
                "rpc.replied",
                "rpc.answered"
            ]
        );
        assert_eq!(events[1].text("args"), Some("Put k=v c2#7"));
        assert_eq!((events[4].number("bytes"), events[4].number("term")), (Some(9), Some(3)));
        assert_eq!(events[5].number("match_index"), Some(3));
        assert_eq!(events[6].text("reply"), Some("ok"));
    }

    #[test]
    fn a_word_of_two_clients_stays() {
        let mut said = Said::default();
        said.operations.extend([(1, 0), (2, 1)]);
        let mut events: Vec<Event> = [1, 2]
            .map(|parent| {
                format!(r#"{{"t":0,"kind":"rpc.sent","id":9,"parent":{parent},"f.args":"Get 500#3"}}"#)
            })
            .iter()
            .map(|line| Event::parse(line).expect("the line is good"))
            .collect();
        for event in events.clone() {
            said.take(event, &mut []);
        }
        said.finish(&mut events);
        assert_eq!(events[0].text("args"), Some("Get 500#3"));
    }
}
