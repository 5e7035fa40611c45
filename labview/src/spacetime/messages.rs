//! Messages and operations. Events with the same id belong to the same message or operation.

use labrt::collections::HashMap;

use super::event::Event;
use super::lanes::{Lanes, TEST};

/// A message from one lane to another lane. Its events are given by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The id of the message.
    pub id: u64,
    /// The type of the message, for example `Raft.AppendEntries`.
    pub what: String,
    /// The sender's lane.
    pub from: usize,
    /// The receiver's lane; `None` if there is no server with this name.
    pub to: Option<usize>,
    /// The event at which the message was sent.
    pub sent: usize,
    /// The event at which the message's handler was called.
    pub delivered: Option<usize>,
    /// The event at which the handler returned its answer.
    pub answered: Option<usize>,
    /// The event at which the sender got the reply.
    pub replied: Option<usize>,
    /// The event at which the message or its reply was lost.
    pub dropped: Option<usize>,
    /// The event at which the sender learned that there will be no reply.
    pub failed: Option<usize>,
}

/// An operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The id of the operation.
    pub id: u64,
    /// The client's lane.
    pub lane: usize,
    /// The event of the operation's call; `None` if the call is not in the trace.
    pub call: Option<usize>,
    /// The event of the operation's return; `None` if the outcome is unknown.
    pub ret: Option<usize>,
}

/// All messages and operations. [`take`](Messages::take) processes the events one by one and collects them.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// The messages, in the order in which they were sent.
    pub messages: Vec<Message>,
    /// The operations, in the order of their calls.
    pub operations: Vec<Operation>,
    message_of: HashMap<u64, usize>,
    operation_of: HashMap<u64, usize>,
    /// The ids of heartbeats (AppendEntries requests without entries) that are not in `messages` yet. For
    /// each of them, the event `raft.request` has been processed, but not the later event `rpc.sent`.
    empty: HashMap<u64, ()>,
}

impl Messages {
    /// The lane on which the page draws an event.
    pub fn lane(&self, event: &Event, lanes: &Lanes) -> usize {
        if let Some(lane) = event.node.as_ref().and_then(|node| lanes.server(&node.name)) {
            return lane;
        }
        if event.kind.starts_with("client.") {
            return event.number("client").and_then(|client| lanes.client(client)).unwrap_or(TEST);
        }
        if event.kind == "rpc.sent" {
            return self.operation_of.get(&event.parent).map_or(TEST, |&op| self.operations[op].lane);
        }
        if event.kind.starts_with("rpc.") {
            return self.message_of.get(&event.id).map_or(TEST, |&message| self.messages[message].from);
        }
        TEST
    }

    /// Processes event `at`, which is on `lane`.
    pub fn take(&mut self, at: usize, lane: usize, event: &Event, lanes: &Lanes) {
        let id = event.id;
        match event.kind.as_str() {
            "raft.request" if event.number("entries") == Some(0) => {
                self.empty.insert(id, ());
            }
            "rpc.sent" => {
                let method = event.text("method").unwrap_or("message");
                let what = match self.empty.remove(&id) {
                    Some(()) => format!("{method} (empty)"),
                    None => method.to_owned(),
                };
                let to = event.text("to").and_then(|name| lanes.server(name));
                self.message_of.insert(id, self.messages.len());
                self.messages.push(Message { id, what, from: lane, to, sent: at, ..Message::default() });
            }
            "client.call" => {
                self.operation_of.insert(id, self.operations.len());
                self.operations.push(Operation { id, lane, call: Some(at), ret: None });
            }
            "client.return" => match self.operation_of.get(&id) {
                Some(&op) => self.operations[op].ret = Some(at),
                None => self.operations.push(Operation { id, lane, call: None, ret: Some(at) }),
            },
            kind => {
                let Some(message) = self.message_of.get(&id).map(|&at| &mut self.messages[at]) else {
                    return;
                };
                let place = match kind {
                    "rpc.delivered" => &mut message.delivered,
                    "rpc.answered" => &mut message.answered,
                    "rpc.replied" => &mut message.replied,
                    "rpc.dropped" => &mut message.dropped,
                    "rpc.failed" => &mut message.failed,
                    _ => return,
                };
                place.get_or_insert(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_from_end_to_end() {
        let lines = [
            r#""kind":"client.call","id":1,"f.client":3,"f.op":"put""#,
            r#""kind":"rpc.sent","id":2,"parent":1,"f.method":"KV.Put","f.to":"S1""#,
            r#""kind":"rpc.delivered","node":"S1","id":2"#,
            r#""kind":"raft.request","node":"S1","id":4,"f.entries":0"#,
            r#""kind":"rpc.sent","node":"S1","id":4,"f.method":"Raft.AppendEntries","f.to":"S0""#,
            r#""kind":"rpc.dropped","node":"S1","id":4,"cause":"unreliable request""#,
            r#""kind":"rpc.answered","node":"S1","id":2"#,
            r#""kind":"rpc.replied","id":2"#,
            r#""kind":"rpc.failed","node":"S1","id":4,"cause":"unreliable request""#,
            r#""kind":"client.return","id":1,"f.client":3"#,
            r#""kind":"client.return","id":77,"f.client":4"#,
            r#""kind":"rpc.sent","id":9,"f.method":"KV.Get","f.to":"stranger""#,
            r#""kind":"rpc.replied","id":12345"#,
        ];
        let events: Vec<Event> = lines
            .iter()
            .map(|line| Event::parse(&format!(r#"{{"t":0,{line}}}"#)).expect("the line is good"))
            .collect();
        let lanes = Lanes::of(&events);
        let mut made = Messages::default();
        let mut drawn_on = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let lane = made.lane(event, &lanes);
            drawn_on.push(lanes.all[lane].name.as_str());
            made.take(at, lane, event, &lanes);
        }
        let (c3, s1) = ("client 3", "S1");
        assert_eq!(drawn_on, [c3, c3, s1, s1, s1, s1, s1, c3, s1, c3, "client 4", "test", "test"]);
        let [put, append, get] = &made.messages[..] else { panic!("{:?}", made.messages) };
        let wanted = Message {
            id: 2,
            what: "KV.Put".into(),
            from: lanes.client(3).expect("the client has a lane"),
            to: lanes.server("S1"),
            sent: 1,
            delivered: Some(2),
            answered: Some(6),
            replied: Some(7),
            ..Message::default()
        };
        assert_eq!(*put, wanted);
        assert_eq!(
            (append.what.as_str(), append.dropped, append.failed),
            ("Raft.AppendEntries (empty)", Some(5), Some(8))
        );
        assert_eq!((get.to, get.from), (lanes.server("stranger"), TEST));
        assert_eq!(made.operations[0], Operation { id: 1, lane: 4, call: Some(0), ret: Some(9) });
        assert_eq!(made.operations[1].call, None, "the operation's call is not in the trace");
    }
}
