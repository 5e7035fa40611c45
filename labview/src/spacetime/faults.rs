//! What the test did to the servers and the network, with the span of time of each fault.

use serde::Serialize;

use super::event::Event;
use super::lanes::{LaneKind, Lanes, sides};

/// A fault that lasts from one event to another event. The page draws it as a band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Band {
    /// The event at which the band begins.
    pub from: usize,
    /// The event at which the band ends; `None` if the band lasts until the end of the run.
    pub to: Option<usize>,
    /// The kind of the fault.
    pub kind: BandKind,
    /// A description in words.
    pub text: String,
    /// The lane of the affected server; `None` if the network is affected.
    pub lane: Option<usize>,
    /// For a partition, the side of each lane. The sides are numbered from 1. The lanes of the test and of
    /// the clients have side 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<usize>,
}

/// What kind of fault a [`Band`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BandKind {
    /// A server is down.
    Crash,
    /// A server is disconnected from the network, or it is cut off from other servers, or it is paused.
    Cut,
    /// The network is split into parts.
    Partition,
    /// A link works in one direction only.
    Link,
    /// The messages of a link wait in the network.
    Hold,
    /// The messages of a server, and the messages to it, take longer.
    Slow,
    /// The network loses, delays or reorders messages.
    Network,
}

/// The bands of a run. [`take`](Faults::take) processes the events one by one and collects the bands.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The bands, in the order of their beginnings.
    pub bands: Vec<Band>,
    open: Vec<(Topic, usize)>,
}

/// What a band is about, for example "server 2 is down". For each topic, at most one band is open at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Topic {
    Down(usize),
    Off(usize),
    Isolated(usize),
    Paused(usize),
    Partition,
    Link(String, String),
    Slow(usize),
    Unreliable,
    Reordering,
}

impl Faults {
    /// Processes event `at`, which is on `lane`.
    pub fn take(&mut self, at: usize, lane: usize, event: &Event, lanes: &Lanes) {
        let about = Some(lane);
        match event.kind.as_str() {
            "fault.crash" => {
                self.end(at, |topic| *topic == Topic::Paused(lane));
                self.begin(at, Topic::Down(lane), BandKind::Crash, about, "down");
            }
            "fault.restart" => self.end(at, |topic| *topic == Topic::Down(lane)),
            "fault.disconnect" => {
                self.begin(at, Topic::Off(lane), BandKind::Cut, about, "off the network");
            }
            "fault.connect" => self.end(at, |topic| *topic == Topic::Off(lane)),
            "fault.pause" => self.begin(at, Topic::Paused(lane), BandKind::Cut, about, "paused"),
            "fault.resume" => self.end(at, |topic| *topic == Topic::Paused(lane)),
            "fault.isolate" => self.begin(at, Topic::Isolated(lane), BandKind::Cut, about, "isolated"),
            "fault.isolate_from_group" => {
                self.begin(at, Topic::Isolated(lane), BandKind::Cut, about, "isolated from its group");
            }
            "fault.partition" => self.partition(at, event, lanes),
            "fault.heal" => {
                self.end(at, |topic| {
                    matches!(topic, Topic::Isolated(_) | Topic::Partition | Topic::Link(..) | Topic::Slow(_))
                });
            }
            "fault.link" => self.link(at, event, "loses", BandKind::Link),
            "fault.hold" => self.link(at, event, "holds", BandKind::Hold),
            "fault.release" => self.release(at, event),
            "fault.slow" => {
                let longest = event.number("longest_us").unwrap_or(0);
                let text = format!("slow: up to {} ms", longest as f64 / 1000.0);
                self.begin(at, Topic::Slow(lane), BandKind::Slow, about, &text);
            }
            "net.unreliable" => {
                self.begin(at, Topic::Unreliable, BandKind::Network, None, "unreliable network");
            }
            "net.reliable" => self.end(at, |topic| *topic == Topic::Unreliable),
            "net.long_reordering" => match event.field("on").and_then(|on| on.as_bool()) {
                Some(true) => {
                    self.begin(at, Topic::Reordering, BandKind::Network, None, "long reordering");
                }
                _ => self.end(at, |topic| *topic == Topic::Reordering),
            },
            _ => {}
        }
    }

    fn partition(&mut self, at: usize, event: &Event, lanes: &Lanes) {
        let groups = sides(event);
        let mut next = groups.len();
        let side = |(lane, of): (usize, &super::lanes::Lane)| {
            if of.kind != LaneKind::Server {
                return 0;
            }
            let found =
                groups.iter().position(|side| side.iter().any(|name| lanes.server(name) == Some(lane)));
            // A server that the event names on no side gets a side for itself alone.
            found.map_or_else(
                || {
                    next += 1;
                    next
                },
                |side| side + 1,
            )
        };
        let sides = lanes.all.iter().enumerate().map(side).collect();
        let text: Vec<String> = groups.iter().map(|side| side.join(" ")).collect();
        self.begin(
            at,
            Topic::Partition,
            BandKind::Partition,
            None,
            &format!("partition: {}", text.join(" | ")),
        );
        if let Some(band) = self.bands.last_mut() {
            band.sides = sides;
        }
    }

    /// Begins or ends a fault of a link. A link has at most one fault at a time, because the test sets the
    /// state of the link. `verb` is also the name of the field that says which messages are affected.
    fn link(&mut self, at: usize, event: &Event, verb: &str, kind: BandKind) {
        let name = |field| event.text(field).unwrap_or("?").to_owned();
        let (from, to, what) = (name("from"), name("to"), name(verb));
        let topic = Topic::Link(from.clone(), to.clone());
        if what == "nothing" {
            self.end(at, |open| *open == topic);
        } else {
            let text = format!("{from} → {to} {verb} {what}");
            self.begin(at, topic, kind, None, &text);
        }
    }

    /// The messages that wait on a link go on, but later messages of the link wait again. So the band ends,
    /// and the same band begins again.
    fn release(&mut self, at: usize, event: &Event) {
        let name = |field| event.text(field).unwrap_or("?").to_owned();
        let topic = Topic::Link(name("from"), name("to"));
        let held =
            self.open.iter().find(|(open, _)| *open == topic).map(|(_, band)| self.bands[*band].clone());
        if let Some(Band { kind: kind @ BandKind::Hold, text, .. }) = held {
            self.begin(at, topic, kind, None, &text);
        }
    }

    /// Begins a band. If a band of the same topic is open, that band ends.
    fn begin(&mut self, at: usize, topic: Topic, kind: BandKind, lane: Option<usize>, text: &str) {
        self.end(at, |open| *open == topic);
        self.open.push((topic, self.bands.len()));
        self.bands.push(Band { from: at, to: None, kind, text: text.to_owned(), lane, sides: Vec::new() });
    }

    fn end(&mut self, at: usize, over: impl Fn(&Topic) -> bool) {
        let bands = &mut self.bands;
        self.open.retain(|(topic, band)| {
            let over = over(topic);
            if over {
                bands[*band].to = Some(at);
            }
            !over
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_end_where_their_faults_end() {
        let lines = [
            r#""node":"S0","kind":"fault.crash""#,
            r#""node":"S1","kind":"fault.disconnect""#,
            r#""node":"S1","kind":"fault.isolate""#,
            r#""kind":"fault.partition","f.sides":"S0,S1|S2""#,
            r#""kind":"fault.link","f.from":"S0","f.to":"S1","f.loses":"replies""#,
            r#""kind":"net.unreliable""#,
            r#""kind":"fault.partition","f.sides":"S1|S2""#,
            r#""kind":"fault.heal""#,
            r#""kind":"net.long_reordering","f.on":true"#,
            r#""kind":"net.long_reordering","f.on":false"#,
            r#""node":"S0","kind":"fault.restart""#,
            r#""kind":"fault.hold","f.from":"S0","f.to":"S1","f.holds":"requests""#,
            r#""node":"S2","kind":"fault.slow","f.longest_us":30000"#,
            r#""kind":"fault.release","f.from":"S0","f.to":"S1""#,
            r#""kind":"fault.release","f.from":"S1","f.to":"S0""#,
            r#""kind":"fault.link","f.from":"S0","f.to":"S1","f.loses":"nothing""#,
            r#""kind":"fault.hold","f.from":"S1","f.to":"S2","f.holds":"replies""#,
            r#""kind":"fault.heal""#,
            r#""node":"S0","kind":"fault.pause""#,
            r#""node":"S0","kind":"fault.resume""#,
            r#""node":"S1","kind":"fault.pause""#,
            r#""node":"S1","kind":"fault.crash""#,
        ];
        let events: Vec<Event> = lines
            .iter()
            .map(|line| Event::parse(&format!(r#"{{"t":0,{line}}}"#)).expect("the line is good"))
            .collect();
        let lanes = Lanes::of(&events);
        let mut faults = Faults::default();
        for (at, event) in events.iter().enumerate() {
            let lane = event.node.as_ref().and_then(|node| lanes.server(&node.name)).unwrap_or(0);
            faults.take(at, lane, event, &lanes);
        }
        let seen: Vec<_> =
            faults.bands.iter().map(|b| (b.from, b.to, b.kind, b.text.as_str(), b.lane)).collect();
        use BandKind::{Crash, Cut, Hold, Link, Network, Partition, Slow};
        let wanted = [
            (0, Some(10), Crash, "down", Some(1)),
            (1, None, Cut, "off the network", Some(2)),
            (2, Some(7), Cut, "isolated", Some(2)),
            (3, Some(6), Partition, "partition: S0 S1 | S2", None),
            (4, Some(7), Link, "S0 → S1 loses replies", None),
            (5, None, Network, "unreliable network", None),
            (6, Some(7), Partition, "partition: S1 | S2", None),
            (8, Some(9), Network, "long reordering", None),
            (11, Some(13), Hold, "S0 → S1 holds requests", None),
            (12, Some(17), Slow, "slow: up to 30 ms", Some(3)),
            (13, Some(15), Hold, "S0 → S1 holds requests", None),
            (16, Some(17), Hold, "S1 → S2 holds replies", None),
            (18, Some(19), Cut, "paused", Some(1)),
            (20, Some(21), Cut, "paused", Some(2)),
            (21, None, Crash, "down", Some(2)),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(faults.bands[3].sides, [0, 1, 1, 2]);
        assert_eq!(
            faults.bands[6].sides,
            [0, 3, 1, 2],
            "a server that is on no side is alone on its own side"
        );
    }
}
