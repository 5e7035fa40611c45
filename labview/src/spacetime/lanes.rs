//! The lanes of the picture. A lane is a column of the picture for the test, for one server, or for one
//! client.

use labrt::collections::{BTreeMap, BTreeSet};
use serde::Serialize;

use super::event::{Event, Node};

/// The lane of the test. It has all events that do not belong to a server or a client.
pub const TEST: usize = 0;

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// The name above the lane, for example `S2` or `client 3`.
    pub name: String,
    /// What the lane belongs to.
    pub kind: LaneKind,
    /// The server's group. It is 0 if there is only one group, or if the lane does not belong to a server.
    pub group: u64,
    /// The number of a server in its group, or the number of a client.
    pub index: u64,
}

/// What a lane belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneKind {
    /// The test.
    Test,
    /// A server. It keeps its lane when it crashes and starts again.
    Server,
    /// A client.
    Client,
}

/// All lanes, in this order: the test, the servers by group and number, the clients by number.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    /// The lanes.
    pub all: Vec<Lane>,
    servers: BTreeMap<String, usize>,
    clients: BTreeMap<u64, usize>,
}

impl Lanes {
    /// The lanes of all servers and clients that occur in the events.
    pub fn of(events: &[Event]) -> Lanes {
        let mut servers = BTreeMap::new();
        let mut clients = BTreeSet::new();
        for event in events {
            if let Some(node) = &event.node {
                servers.entry(node.name.clone()).or_insert_with(|| node.clone());
            }
            for name in named(event) {
                servers.entry(name.to_owned()).or_insert_with(|| Node::of_name(name));
            }
            if event.kind.starts_with("client.") {
                clients.extend(event.number("client"));
            }
        }
        let mut servers: Vec<Node> = servers.into_values().collect();
        servers.sort_unstable();
        let test = Lane { name: "test".into(), kind: LaneKind::Test, group: 0, index: 0 };
        let server = |Node { name, group, index }: &Node| Lane {
            name: name.clone(),
            kind: LaneKind::Server,
            group: *group,
            index: *index,
        };
        let client =
            |&index: &u64| Lane { name: format!("client {index}"), kind: LaneKind::Client, group: 0, index };
        let first_client = 1 + servers.len();
        Lanes {
            all: [test]
                .into_iter()
                .chain(servers.iter().map(server))
                .chain(clients.iter().map(client))
                .collect(),
            servers: servers.into_iter().zip(1..).map(|(node, lane)| (node.name, lane)).collect(),
            clients: clients.into_iter().zip(first_client..).collect(),
        }
    }

    /// The lane of the server with this name.
    pub fn server(&self, name: &str) -> Option<usize> {
        self.servers.get(name).copied()
    }

    /// The lane of the client with this number.
    pub fn client(&self, number: u64) -> Option<usize> {
        self.clients.get(&number).copied()
    }
}

/// The names of servers in the fields of an event.
fn named(event: &Event) -> Vec<&str> {
    let texts = match event.kind.as_str() {
        "rpc.sent" => vec![event.text("to")],
        "fault.link" | "fault.hold" | "fault.release" => vec![event.text("from"), event.text("to")],
        "fault.partition" => return sides(event).into_iter().flatten().collect(),
        _ => vec![],
    };
    texts.into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

/// The sides of a partition, from a text such as `S0,S1|S2`.
pub fn sides(event: &Event) -> Vec<Vec<&str>> {
    let sides = event.text("sides").unwrap_or_default().split('|');
    sides
        .map(|side| side.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>())
        .filter(|side| !side.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_are_in_order() {
        let events: Vec<Event> = [
            r#"{"t":0,"node":"G101S0","group":101,"index":0,"kind":"fault.restart"}"#,
            r#"{"t":0,"node":"G100S10","group":100,"index":10,"kind":"fault.restart"}"#,
            r#"{"t":0,"kind":"client.call","f.client":1000}"#,
            r#"{"t":0,"kind":"client.call","f.client":2}"#,
            r#"{"t":0,"kind":"rpc.sent","f.to":"G100S9"}"#,
            r#"{"t":0,"kind":"fault.partition","f.sides":"G1S0,G1S1|G1S2"}"#,
        ]
        .map(|line| Event::parse(line).expect("the line is good"))
        .into();
        let lanes = Lanes::of(&events);
        let names: Vec<&str> = lanes.all.iter().map(|lane| lane.name.as_str()).collect();
        let wanted =
            ["test", "G1S0", "G1S1", "G1S2", "G100S9", "G100S10", "G101S0", "client 2", "client 1000"];
        assert_eq!(names, wanted);
        assert_eq!((lanes.server("G101S0"), lanes.client(1000), lanes.client(3)), (Some(6), Some(8), None));
        assert_eq!(sides(&events[5]), [vec!["G1S0", "G1S1"], vec!["G1S2"]]);
    }
}
