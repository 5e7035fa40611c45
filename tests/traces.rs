//! These tests check that a reader can rely on the trace. The events of a run must show the sender and the
//! receiver of each message, and what caused the message. They must also show the log of every server at any
//! time.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use labrt::Run;
use labrt::time::{Duration, sleep};
use labtest::events::ClientCall;
use labtest::raft::{Config, Retry, Setup, make_config};
use labtest::{kv, service};
use mit6824::kvraft::KvServer;
use mit6824::raft::Raft;

/// One line of a trace.
#[derive(Debug)]
struct Event {
    t: u64,
    node: String,
    kind: String,
    id: u64,
    parent: u64,
    fields: BTreeMap<String, String>,
}

impl Event {
    /// Reads a JSON object whose values are numbers, truth values and texts.
    fn parse(line: &str) -> Event {
        let mut members = BTreeMap::new();
        let mut rest = line.strip_prefix('{').unwrap_or_else(|| panic!("not an object: {line}"));
        while rest != "}" {
            let (name, after) = text(rest.trim_start_matches(','));
            let after = after.strip_prefix(':').unwrap_or_else(|| panic!("no member at {after}"));
            let (value, after) = match after.starts_with('"') {
                true => text(after),
                false => {
                    let end = after.find([',', '}']).expect("the object has an end");
                    (after[..end].to_string(), &after[end..])
                }
            };
            members.insert(name, value);
            rest = after;
        }
        let number = |name: &str| members.get(name).map_or(0, |v| v.parse().expect("a number"));
        let word = |name: &str| members.get(name).cloned().unwrap_or_default();
        Event {
            t: number("t"),
            node: word("node"),
            kind: word("kind"),
            id: number("id"),
            parent: number("parent"),
            fields: members
                .iter()
                .filter_map(|(k, v)| Some((k.strip_prefix("f.")?.into(), v.clone())))
                .collect(),
        }
    }

    fn text(&self, field: &str) -> &str {
        self.fields.get(field).unwrap_or_else(|| panic!("no {field} in {self:?}"))
    }

    fn number(&self, field: &str) -> u64 {
        self.text(field).parse().unwrap_or_else(|_| panic!("{field} is not a number in {self:?}"))
    }

    /// The terms of entries. The text `1*2,3` means the terms 1, 1, 3.
    fn terms(&self) -> Vec<u64> {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no terms in {self:?}"));
        let run = |run: &str| match run.split_once('*') {
            Some((term, count)) => vec![number(term); number(count) as usize],
            None => vec![number(run)],
        };
        self.text("terms").split(',').filter(|run| !run.is_empty()).flat_map(run).collect()
    }
}

/// Reads the JSON string at the beginning of `json`. Returns the value of the string and the rest of `json`.
fn text(json: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = json.strip_prefix('"').unwrap_or_else(|| panic!("no text at {json}")).char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &json[at + 2..]),
            '\\' => out.push(chars.next().expect("an escape has two parts").1),
            c => out.push(c),
        }
    }
    panic!("a text without an end: {json}")
}

/// Runs `body`. Returns the events of the run, and its failure if there is one. Events of the scheduler are
/// left out.
fn trace_of(name: &str, body: impl Fn() + Send + Sync + 'static) -> (Vec<Event>, Option<String>) {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.jsonl", std::process::id()));
    let run = Run { quiet: true, trace_file: Some(path.clone()), ..Run::default() };
    let failure = run.once(1, body).failure.map(|failure| failure.message);
    let lines = fs::read_to_string(&path).expect("the run has written its trace");
    fs::remove_file(&path).expect("the trace file can be removed");
    let events: Vec<Event> = lines.lines().map(Event::parse).collect();
    assert!(events.is_sorted_by_key(|event| event.t), "the events are in the order of time");
    assert_eq!(events[0].kind, "run.begin");
    assert_eq!(events[0].number("lost"), 0, "all events were kept");
    (events.into_iter().filter(|event| !event.kind.starts_with("thread.")).collect(), failure)
}

/// A run of a cluster with lost messages, a server that is cut off, a crash and snapshots.
fn eventful() {
    let cfg = make_config::<Raft>(Setup::of(3).unreliable().with_snapshots());
    let agree = |cfg: &Config<Raft>, commands: i64, servers: usize| {
        for i in 0..commands {
            cfg.one(i, servers, Retry::Yes);
        }
    };
    agree(&cfg, 12, 3);
    // The leader is cut off, and then accepts commands. Their entries are truncated when the server is
    // connected again.
    let leader = cfg.check_one_leader();
    cfg.disconnect(leader);
    for i in 0..5 {
        cfg.start(leader, 100 + i);
    }
    agree(&cfg, 2, 2);
    cfg.connect(leader);
    agree(&cfg, 1, 3);
    // A server crashes. The other servers take snapshots. So when the server restarts, the logs of the others
    // begin after the end of its log.
    let leader = cfg.check_one_leader();
    cfg.crash1(leader);
    agree(&cfg, 25, 2);
    cfg.start1(leader);
    cfg.connect(leader);
    agree(&cfg, 1, 3);
    cfg.end();
}

/// The state of a server's log, as the HTML page of a run shows it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Log {
    covered: u64,
    covered_term: u64,
    terms: Vec<u64>,
    committed: u64,
}

impl Log {
    fn last(&self) -> u64 {
        self.covered + self.terms.len() as u64
    }

    fn happens(&mut self, event: &Event) {
        match event.kind.as_str() {
            "raft.restore" => {
                let covered = event.number("last_included_index");
                let covered_term = event.number("last_included_term");
                *self = Log { covered, covered_term, terms: event.terms(), committed: covered };
                assert_eq!(self.last(), event.number("last"));
            }
            "raft.append" => {
                assert_eq!(event.number("first"), self.last() + 1, "the log has no gap: {event:?}");
                self.terms.extend(event.terms());
                assert_eq!(event.number("last"), self.last());
            }
            "raft.truncate" => {
                assert_eq!(event.number("from") + event.number("dropped"), self.last() + 1, "{event:?}");
                self.terms.truncate((event.number("from") - self.covered - 1) as usize);
            }
            "raft.commit" => {
                assert!(event.number("index") > self.committed && event.number("index") <= self.last());
                self.committed = event.number("index");
            }
            "raft.apply" => assert!(event.number("index") <= self.committed, "{event:?}"),
            "raft.snapshot" => {
                let (covered, last) = (event.number("index"), event.number("last"));
                let kept = self.terms.len().saturating_sub((covered - self.covered) as usize);
                let kept = if covered == last { 0 } else { kept };
                self.terms.drain(..self.terms.len() - kept);
                (self.covered, self.covered_term) = (covered, event.number("term"));
                assert_eq!(self.last(), last, "{event:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn the_log_of_every_server_follows_from_its_events() {
    let (events, failure) = trace_of("logs", eventful);
    assert_eq!(failure, None);
    let mut logs: BTreeMap<&str, Log> = BTreeMap::new();
    let mut saved: BTreeMap<&str, Vec<Log>> = BTreeMap::new();
    // This map is for the Log Matching property. Its key is the index and the term of an entry. Its value is
    // the term of the entry before, which must be the same in all logs.
    let mut before: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let of_a_raft = |kind: &str| kind.starts_with("raft.") || kind == "persister.save";
    for event in events.iter().filter(|event| of_a_raft(&event.kind)) {
        let log = logs.entry(&event.node).or_default();
        log.happens(event);
        let mut prev = log.covered_term;
        for (index, &term) in (log.covered + 1..).zip(&log.terms) {
            assert_eq!(*before.entry((index, term)).or_insert(prev), prev, "before {index} at {event:?}");
            prev = term;
        }
        let saved = saved.entry(&event.node).or_default();
        match event.kind.as_str() {
            "persister.save" => saved.push(log.clone()),
            "raft.restore" if !saved.is_empty() => {
                let known = saved.iter().any(|old| old.terms == log.terms && old.covered == log.covered);
                assert!(known, "{} has restored a log that it never had: {log:?}", event.node);
            }
            _ => {}
        }
    }
    let ends: Vec<u64> = logs.values().map(|log| log.committed).collect();
    assert!(
        ends.iter().all(|&end| end >= 41 && end == ends[0]),
        "all servers have committed the same entries: {ends:?}"
    );
    for kind in ["raft.truncate", "raft.snapshot", "raft.restore", "fault.crash", "fault.disconnect"] {
        assert!(events.iter().any(|event| event.kind == kind), "the run has no event {kind}");
    }
}

#[test]
fn a_message_can_be_followed_to_both_ends() {
    let (events, failure) = trace_of("messages", eventful);
    assert_eq!(failure, None);
    let mut messages: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        assert!(
            event.parent == 0 || messages.contains_key(&event.parent),
            "the parent is unknown: {event:?}"
        );
        if event.id != 0 {
            messages.entry(event.id).or_default().push(event);
        }
    }
    let (mut replied, mut lost, mut caused) = (0, 0, 0);
    for life in messages.values() {
        let turn = |kind: &str| life.iter().find(|event| event.kind == kind);
        let Some(sent) = turn("rpc.sent") else { continue };
        assert!(!sent.node.is_empty(), "only servers send messages in this test");
        assert_eq!(life[0].kind, "raft.request", "the first event has the content of the request");
        assert_eq!(format!("Raft.{}", life[0].text("rpc")), sent.text("method"));
        if let Some(delivered) = turn("rpc.delivered") {
            assert_eq!(delivered.node, sent.text("to"), "{delivered:?}");
            if let Some(answered) = turn("rpc.answered") {
                let reply = turn("raft.reply").expect("Raft records its answer");
                assert_eq!((&reply.node, &answered.node), (&delivered.node, &delivered.node));
            }
        }
        let ends = life.iter().filter(|event| ["rpc.replied", "rpc.failed"].contains(&event.kind.as_str()));
        let ends: Vec<_> = ends.collect();
        assert!(ends.len() <= 1, "{ends:?}");
        assert!(ends.iter().all(|end| end.node == sent.node), "{ends:?}");
        replied += usize::from(turn("rpc.replied").is_some());
        lost += usize::from(turn("rpc.dropped").is_some());
        caused += usize::from(sent.parent != 0);
    }
    assert!(replied > 100 && lost > 5 && caused > 50, "{replied} replied, {lost} lost, {caused} caused");
}

#[test]
fn an_operation_can_be_followed_until_it_is_applied() {
    let (events, failure) = trace_of("operation", || {
        let cfg = make_config::<Raft>(Setup::of(3));
        let leader = cfg.check_one_leader();
        let call = ClientCall::begin(7, "put", "a key", &"x".repeat(100));
        cfg.start(leader, 1);
        // The leader reports the commit to the other servers with an extra message, not with a heartbeat. So
        // a short sleep is enough.
        sleep(Duration::from_millis(50));
        call.returned("");
        cfg.end();
    });
    assert_eq!(failure, None);
    let find = |what: &str, is: &dyn Fn(&Event) -> bool| {
        events.iter().find(|event| event.kind == what && is(event)).unwrap_or_else(|| panic!("no {what}"))
    };
    let call = find("client.call", &|_| true);
    assert_eq!((call.text("client"), call.text("op"), call.text("key")), ("7", "put", "a key"));
    assert_eq!(call.text("value"), format!("{}... (100 bytes)", "x".repeat(64)));
    assert_eq!(find("client.return", &|_| true).id, call.id);

    let append = find("raft.append", &|_| true);
    assert_eq!(append.parent, call.id, "the call makes the leader's log grow");
    let request = find("raft.request", &|event| event.parent == call.id);
    assert_eq!((request.node.as_str(), request.text("entries")), (append.node.as_str(), "1"));
    let stored = find("raft.append", &|event| event.parent == request.id);
    assert_ne!(stored.node, append.node, "the message makes a follower's log grow");
    let commit = find("raft.commit", &|event| event.node == append.node);
    let by = find("rpc.replied", &|event| event.id == commit.parent);
    assert_eq!(by.node, append.node, "the reply makes the leader commit");
    assert_eq!(find("raft.apply", &|event| event.node == append.node).parent, commit.parent);
}

#[test]
fn the_failure_is_an_event() {
    let (events, failure) = trace_of("failure", || {
        let _as_node = labrt::node::enter(labrt::node::NodeId::first(2));
        panic!("a \"reason\"");
    });
    let event = events.iter().find(|event| event.kind == "test.failed").expect("the run has failed");
    assert_eq!(event.node, "S2");
    assert_eq!(Some(event.text("message")), failure.as_deref());
    assert!(event.text("message").starts_with("a \"reason\" (at "), "{event:?}");
}

/// Every message belongs to a server or a client. A reader can follow an operation from the client to the
/// leader's log.
#[test]
fn an_operation_of_a_clerk_is_followed_through_the_service() {
    let (events, failure) = trace_of("clerk", || {
        let cfg = service::make_config::<KvServer>(service::Setup::of(3).unreliable());
        let mut clerk = kv::make_client(&cfg, &cfg.all());
        (0..5).for_each(|i| clerk.append("k", &i.to_string()));
        clerk.check("k", "01234");
        clerk.delete();
        cfg.end();
    });
    assert_eq!(failure, None);
    let calls: Vec<&Event> = events.iter().filter(|event| event.kind == "client.call").collect();
    assert_eq!(
        calls.iter().map(|call| call.text("op")).collect::<Vec<_>>(),
        [vec!["append"; 5], vec!["get"]].concat()
    );
    let last = events.iter().find(|event| event.kind == "client.return" && event.id == calls[5].id);
    assert_eq!(last.map(|event| event.text("result")), Some("01234"));

    let sent: Vec<&Event> = events.iter().filter(|event| event.kind == "rpc.sent").collect();
    for message in &sent {
        let by_client = calls.iter().any(|call| call.id == message.parent);
        assert!(by_client || !message.node.is_empty(), "no sender is known: {message:?}");
    }
    let done = calls.iter().filter(|call| {
        let requests = sent.iter().filter(|request| request.parent == call.id);
        requests.into_iter().any(|request| {
            let stored = events.iter().find(|e| e.kind == "raft.append" && e.parent == request.id);
            stored.is_some_and(|stored| stored.node == request.text("to"))
        })
    });
    assert_eq!(done.count(), 6, "each operation has brought an entry into the leader's log");
}
