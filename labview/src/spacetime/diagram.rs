//! The data of a run, in the form that the page reads. The data are in columns: for example, one column has
//! the times of all events. A column refers to an event by its number.
//!
//! The events are numbered in the order in which they are on the page. A message or operation has an id in
//! the trace. On the page, its number is the place of this id in the list of ids. A page may have only a part
//! of a run. Then the earlier events are still used, to find the state of each server at the beginning of
//! this part.

use labrt::collections::{BTreeMap, HashMap};
use serde::Serialize;
use serde_json::Value;

use super::event::Event;
use super::faults::{Band, Faults};
use super::lanes::{Lane, Lanes};
use super::logs::TermRun;
use super::messages::Messages;
use super::read::Trace;
use super::servers::{Servers, State};

/// The data of a page. In every column, -1 means that there is no value, unless the column's comment says
/// something else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagram {
    pub(super) test: String,
    pub(super) seed: String,
    pub(super) clock: String,
    /// See [`RunInfo`](super::RunInfo).
    pub(super) replay: String,
    /// The lines of [`RunInfo::hints`](super::RunInfo::hints).
    pub(super) hints: Vec<String>,
    /// What the commands in the logs are: digests and texts.
    pub(super) commands: Vec<(String, String)>,
    /// How many earlier events are not on the page.
    pub(super) before: u64,
    /// How many later events are not on the page.
    pub(super) after: u64,
    pub(super) notes: Vec<String>,
    pub(super) lanes: Vec<Lane>,
    /// The numbers and names of threads.
    pub(super) threads: Vec<(u64, String)>,
    /// The ids of messages and operations, in the order in which the columns first refer to them.
    pub(super) ids: Vec<u64>,
    pub(super) events: Events,
    pub(super) messages: MessageColumns,
    pub(super) operations: OperationColumns,
    pub(super) bands: Vec<Band>,
    /// The term runs of the logs ([`TermRun`]), all in one list. For each term run, the list has three
    /// numbers: its term, the index of its first log entry, and the number of the term run before it.
    pub(super) runs: Vec<i64>,
    pub(super) servers: Vec<StateColumns>,
    /// The event at which the test failed.
    pub(super) failed: i64,
    pub(super) verdict: Option<Verdict>,
    /// Does a page of the history lie beside this page?
    pub(super) history: bool,
}

/// Columns of events.
#[derive(Debug, Default, Serialize)]
pub(super) struct Events {
    /// For each event, the time since the event before it, in ns. For the first event, the time since the
    /// start of the run.
    pub dt: Vec<u64>,
    pub thread: Vec<u64>,
    pub lane: Vec<usize>,
    /// An index into `shapes`.
    pub shape: Vec<usize>,
    /// An index into `causes`.
    pub cause: Vec<usize>,
    /// An index into `ids`.
    pub id: Vec<i64>,
    pub parent: Vec<i64>,
    /// The values of the fields of all events, one after the other.
    pub values: Vec<Value>,
    /// Each shape is a list of texts: first a kind of events, then the names of the fields of such an event.
    pub shapes: Vec<Vec<String>>,
    /// The texts of the causes. The first text is empty, for events without a cause.
    pub causes: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct MessageColumns {
    /// The names of the types of messages.
    pub types: Vec<String>,
    #[serde(rename = "type")]
    pub kind: Vec<usize>,
    pub id: Vec<i64>,
    pub from: Vec<usize>,
    pub to: Vec<i64>,
    pub sent: Vec<i64>,
    pub delivered: Vec<i64>,
    pub answered: Vec<i64>,
    pub replied: Vec<i64>,
    pub dropped: Vec<i64>,
    pub failed: Vec<i64>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct OperationColumns {
    pub id: Vec<i64>,
    pub lane: Vec<usize>,
    pub call: Vec<i64>,
    pub ret: Vec<i64>,
}

/// The states of one server.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StateColumns {
    pub lane: usize,
    /// The event after which the server has this state; -1 for the state at the beginning of the page.
    pub at: Vec<i64>,
    pub alive: Vec<u8>,
    /// The role as a number. 0: unknown, 1: follower, 2: candidate, 3: leader.
    pub role: Vec<u8>,
    pub term: Vec<u64>,
    pub vote: Vec<i64>,
    /// An index into `runs`; -1 if the log has no entries, -2 if nothing is known about the log.
    pub run: Vec<i64>,
    pub last: Vec<u64>,
    pub start: Vec<u64>,
    pub start_term: Vec<u64>,
    pub commit: Vec<u64>,
    pub apply: Vec<u64>,
}

/// What the checker has found.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub at: i64,
    /// The operation because of which the history is not linearizable; -1 if there is no such operation, or
    /// if it is not known.
    pub operation: i64,
}

/// The page has at most so many of the events before its window.
const MOST_KEPT: usize = 20_000;

/// The part of the events that is on the page: all events of a window, and some of the events before it.
struct Window {
    begin: usize,
    end: usize,
    /// The events before the window that the page keeps because they can explain what happened in it.
    kept: Vec<usize>,
}

impl Window {
    /// Chooses at most `most` events. Usually the last chosen event is the last event of the run. If the test
    /// has failed, it is an event a little after the failure.
    fn of(events: usize, failed: Option<usize>, most: usize) -> Window {
        let end = failed.map_or(events, |at| events.min((at + 1).saturating_add(most / 4)));
        Window { begin: end.saturating_sub(most), end, kept: Vec::new() }
    }

    /// Keeps the last decisive events before the window, too: at most a tenth of `most`.
    fn keep(mut self, all: &[Event], most: usize) -> Window {
        let decisive = (0..self.begin).rev().filter(|&at| is_decisive(&all[at]));
        self.kept = decisive.take(MOST_KEPT.min(most / 10)).collect();
        self.kept.reverse();
        self
    }

    /// The events on the page, in their order.
    fn all(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.kept.iter().copied().chain(self.begin..self.end)
    }

    /// The first event on the page.
    fn first(&self) -> usize {
        self.kept.first().copied().unwrap_or(self.begin)
    }

    /// The number on the page of the first event that is not before `at`.
    fn next(&self, at: usize) -> usize {
        if at < self.begin {
            self.kept.partition_point(|&kept| kept < at)
        } else {
            self.kept.len() + at - self.begin
        }
    }

    fn has(&self, at: usize) -> bool {
        (self.begin..self.end).contains(&at) || self.kept.binary_search(&at).is_ok()
    }

    /// The number of an event on the page; -1 if the event is not on the page.
    fn number(&self, at: Option<usize>) -> i64 {
        at.filter(|&at| self.has(at)).map_or(-1, |at| signed(self.next(at)))
    }
}

/// Is this one of the few kinds of events that decide what servers do later?
fn is_decisive(event: &Event) -> bool {
    match event.kind.as_str() {
        "raft.vote" => event.cause == "granted",
        "raft.role" | "raft.commit" | "raft.truncate" | "raft.append" => true,
        kind => kind.starts_with("net.") || (kind.starts_with("fault.") && kind != "fault.link"),
    }
}

/// The note about the events before the window.
fn kept_note(window: &Window, all: &[Event]) -> Option<String> {
    let begin = all.get(window.begin)?;
    (!window.kept.is_empty()).then(|| {
        format!(
            "Of the {} events before {}.{:03} s the page has only the last {} role changes, votes granted, \
             new entries, commits, truncations and faults. The rest is left out.",
            window.begin,
            begin.t / 1_000_000_000,
            begin.t / 1_000_000 % 1000,
            window.kept.len()
        )
    })
}

fn signed(n: usize) -> i64 {
    i64::try_from(n).expect("a count of things in memory is below 2^63")
}

impl Diagram {
    /// The diagram of a trace, with at most `most` of its events.
    pub fn of(trace: &Trace, most: usize) -> Diagram {
        let all = &trace.events;
        let lanes = Lanes::of(all);
        let (mut messages, mut faults) = (Messages::default(), Faults::default());
        let mut lane_of = Vec::with_capacity(all.len());
        for (at, event) in all.iter().enumerate() {
            let lane = messages.lane(event, &lanes);
            lane_of.push(lane);
            messages.take(at, lane, event, &lanes);
            faults.take(at, lane, event, &lanes);
        }
        let mut servers = Servers::of(lane_of.iter().copied().zip(all));
        for (at, (event, &lane)) in all.iter().zip(&lane_of).enumerate() {
            if event.node.is_some() {
                servers.take(at, lane, event);
            }
        }
        let failed = all.iter().position(|event| event.kind == "test.failed");
        let window = Window::of(all.len(), failed, most).keep(all, most);
        let mut ids = Ids::default();
        let events = Events::of(window.all().map(|at| (&all[at], lane_of[at])), &mut ids);
        let operations = OperationColumns::of(&messages, &window, &mut ids);
        let mut notes = trace.notes.clone();
        notes.extend(servers.odd.as_ref().map(|(first, what, count)| {
            let at = window.number(Some(*first));
            let times = if *count > 1 { format!(", and {} more like it", count - 1) } else { String::new() };
            format!(
                "An event of Raft is not consistent, so the logs may be wrong: event {at}, {what}{times}."
            )
        }));
        notes.extend(kept_note(&window, all));
        notes.extend(outside_note(&servers, &lanes));
        Diagram {
            test: trace.run.test.clone(),
            seed: trace.run.seed.clone(),
            clock: trace.run.clock.clone(),
            replay: trace.run.replay.clone(),
            hints: trace.run.hints.lines().take(20).map(str::to_owned).collect(),
            before: trace.run.lost.saturating_add((window.begin - window.kept.len()) as u64),
            after: (all.len() - window.end) as u64,
            commands: commands(trace, window.all().map(|at| &all[at])),
            notes,
            threads: trace.threads.iter().map(|(number, name)| (*number, name.clone())).collect(),
            messages: MessageColumns::of(&messages, &window, &mut ids),
            bands: bands(faults.bands, &window),
            runs: servers.runs.all.iter().flat_map(run_columns).collect(),
            servers: servers
                .states
                .iter()
                .map(|(lane, states)| StateColumns::of(*lane, states, &window))
                .collect(),
            failed: window.number(failed),
            history: trace.history,
            verdict: verdict(all, &messages, &lanes, &window, &operations, &ids),
            events,
            operations,
            ids: ids.all,
            lanes: lanes.all,
        }
    }
}

/// The texts of the commands that these events have.
fn commands<'a>(trace: &Trace, events: impl Iterator<Item = &'a Event>) -> Vec<(String, String)> {
    if trace.commands.is_empty() {
        return Vec::new();
    }
    let mut found = BTreeMap::new();
    for event in events {
        let lists = event.text("commands").into_iter().flat_map(|list| list.split(','));
        let applied = if event.kind == "apply" { event.text("command").and_then(short_digest) } else { None };
        for digest in lists.map(str::to_owned).chain(applied) {
            if let Some(text) = trace.commands.get(&digest) {
                found.entry(digest).or_insert_with(|| text.clone());
            }
        }
    }
    found.into_iter().collect()
}

/// The short digest of a command, from its long digest.
fn short_digest(long: &str) -> Option<String> {
    let digest = u64::from_str_radix(long, 16).ok()?;
    Some(format!("{:08x}", (digest ^ (digest >> 32)) as u32))
}

/// A note that names the servers whose events do not report their states. The page shows only a part of the
/// states of these servers, and the reader of the page must know this.
fn outside_note(servers: &Servers, lanes: &Lanes) -> Option<String> {
    let seen = servers.seen_from_outside();
    let names = |of: fn(&(usize, bool, bool)) -> bool| {
        let names: Vec<&str> =
            seen.iter().filter(|it| of(it)).map(|it| lanes.all[it.0].name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let roles = names(|it| it.1).map(|names| {
        format!(
            "The roles and terms of {names} are the answers of get_state, which was asked every 10 ms: a \
             candidate is shown as a follower."
        )
    });
    let logs = names(|it| it.2).map(|names| format!("The logs of {names} have only the applied entries."));
    let how = "A Raft that calls the functions of labapi::observe shows everything.";
    let parts: Vec<String> = roles.into_iter().chain(logs).collect();
    (!parts.is_empty()).then(|| format!("{} {how}", parts.join(" ")))
}

/// A list of ids. The page refers to an id by its place in the list.
#[derive(Default)]
struct Ids {
    all: Vec<u64>,
    places: HashMap<u64, usize>,
}

impl Ids {
    fn place(&mut self, id: u64) -> i64 {
        if id == 0 {
            return -1;
        }
        signed(*self.places.entry(id).or_insert_with(|| {
            self.all.push(id);
            self.all.len() - 1
        }))
    }
}

/// A list of texts, in the order of their first use. The page refers to a text by its place in the list.
#[derive(Default)]
struct Names<K> {
    all: Vec<K>,
    places: BTreeMap<K, usize>,
}

impl<K: Ord + Clone> Names<K> {
    fn place(&mut self, name: K) -> usize {
        *self.places.entry(name).or_insert_with_key(|name| {
            self.all.push(name.clone());
            self.all.len() - 1
        })
    }
}

impl Events {
    fn of<'a>(events: impl Iterator<Item = (&'a Event, usize)>, ids: &mut Ids) -> Events {
        let mut shapes = Names::default();
        let mut causes = Names::default();
        causes.place("");
        let mut columns = Events::default();
        let mut last = 0;
        for (event, lane) in events {
            columns.dt.push(event.t - last);
            last = event.t;
            columns.thread.push(event.thread);
            columns.lane.push(lane);
            let names = event.fields.iter().map(|(name, _)| name.as_str());
            columns
                .shape
                .push(shapes.place([event.kind.as_str()].into_iter().chain(names).collect::<Vec<_>>()));
            columns.cause.push(causes.place(event.cause.as_str()));
            columns.id.push(ids.place(event.id));
            columns.parent.push(ids.place(event.parent));
            columns.values.extend(event.fields.iter().map(|(_, value)| value.clone()));
        }
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        columns.shapes = shapes.all.into_iter().map(owned).collect();
        columns.causes = owned(causes.all);
        columns
    }
}

impl MessageColumns {
    fn of(made: &Messages, window: &Window, ids: &mut Ids) -> MessageColumns {
        let mut types = Names::default();
        let mut columns = MessageColumns::default();
        for message in made.messages.iter().filter(|message| window.has(message.sent)) {
            columns.kind.push(types.place(message.what.clone()));
            columns.id.push(ids.place(message.id));
            columns.from.push(message.from);
            columns.to.push(message.to.map_or(-1, signed));
            for (column, at) in [
                (&mut columns.sent, Some(message.sent)),
                (&mut columns.delivered, message.delivered),
                (&mut columns.answered, message.answered),
                (&mut columns.replied, message.replied),
                (&mut columns.dropped, message.dropped),
                (&mut columns.failed, message.failed),
            ] {
                column.push(window.number(at));
            }
        }
        columns.types = types.all;
        columns
    }
}

impl OperationColumns {
    fn of(made: &Messages, window: &Window, ids: &mut Ids) -> OperationColumns {
        let mut columns = OperationColumns::default();
        for operation in &made.operations {
            let began = operation.call.is_none_or(|call| call < window.end);
            let lasts = operation.ret.is_none_or(|ret| ret >= window.begin);
            if began && lasts {
                columns.id.push(ids.place(operation.id));
                columns.lane.push(operation.lane);
                columns.call.push(window.number(operation.call));
                columns.ret.push(window.number(operation.ret));
            }
        }
        columns
    }
}

impl StateColumns {
    fn of(lane: usize, states: &[(usize, State)], window: &Window) -> StateColumns {
        let mut columns = StateColumns { lane, ..StateColumns::default() };
        let before = states.partition_point(|(at, _)| *at < window.first()).saturating_sub(1);
        let inside: Vec<_> = states[before..].iter().filter(|(at, _)| *at < window.end).collect();
        // The event of a state may not be on the page. Then the server has the state at the next event that
        // is on the page, or, before the first event, from the beginning of the page.
        let number = |at: usize| if at < window.first() { -1 } else { signed(window.next(at)) };
        for (i, (at, state)) in inside.iter().enumerate() {
            let at = number(*at);
            if inside.get(i + 1).is_some_and(|next| number(next.0) == at) {
                continue;
            }
            columns.at.push(at);
            columns.alive.push(state.alive.into());
            columns.role.push(state.role as u8);
            columns.term.push(state.term);
            columns.vote.push(state.vote.map_or(-1, |vote| i64::try_from(vote).unwrap_or(-1)));
            let log = state.log.unwrap_or_default();
            let run = log.run.map_or(-1, signed);
            columns.run.push(if state.log.is_none() { -2 } else { run });
            columns.last.push(log.last);
            columns.start.push(log.start);
            columns.start_term.push(log.start_term);
            columns.commit.push(state.commit);
            columns.apply.push(state.apply);
        }
        columns
    }
}

fn run_columns(run: &TermRun) -> [i64; 3] {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    [number(run.term), number(run.first), run.before.map_or(-1, signed)]
}

/// The bands that are visible on the page. In the result, a band refers to an event by its number on the
/// page.
fn bands(all: Vec<Band>, window: &Window) -> Vec<Band> {
    let seen = |band: &Band| band.from < window.end && band.to.is_none_or(|to| to >= window.first());
    let shift = |band: Band| Band {
        from: window.next(band.from),
        to: band.to.filter(|&to| to < window.end).map(|to| window.next(to)),
        ..band
    };
    all.into_iter().filter(seen).map(shift).collect()
}

/// The verdict of the checker, and the operation that it names.
fn verdict(
    all: &[Event],
    made: &Messages,
    lanes: &Lanes,
    window: &Window,
    operations: &OperationColumns,
    ids: &Ids,
) -> Option<Verdict> {
    let at = all.iter().rposition(|event| event.kind == "check.verdict")?;
    let event = &all[at];
    // The verdict names a client and the time of one of its calls. This time may be a little later than the
    // time of the call in the trace. So the named operation is the last operation that this client called
    // before this time or at this time.
    let named = event.number("client").zip(event.number("called")).and_then(|(client, called)| {
        let lane = lanes.client(client)?;
        let calls = made.operations.iter().filter(|op| op.lane == lane);
        let mut made_by_then = calls.filter(|op| op.call.is_some_and(|call| all[call].t <= called));
        let id = made_by_then.next_back()?.id;
        let place = signed(*ids.places.get(&id)?);
        operations.id.iter().position(|&id| id == place)
    });
    Some(Verdict { at: window.number(Some(at)), operation: named.map_or(-1, signed) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(lines: &[&str]) -> Trace {
        let text: Vec<String> =
            lines.iter().zip(0..).map(|(line, t)| format!("{{\"t\":{},{line}}}\n", t * 10)).collect();
        Trace::read(text.concat().as_bytes()).expect("the trace is good")
    }

    const RUN: &[&str] = &[
        r#""node":"S0","kind":"fault.restart""#,
        r#""node":"S0","kind":"raft.restore","f.term":0,"f.last_included_index":0,"f.last_included_term":0,"f.last":0,"f.terms":"""#,
        r#""kind":"client.call","id":50,"f.client":3,"f.op":"get","f.key":"x""#,
        r#""kind":"rpc.sent","id":70,"parent":50,"f.method":"KV.Get","f.to":"S0""#,
        r#""node":"S0","kind":"rpc.delivered","id":70"#,
        r#""node":"S0","kind":"raft.append","parent":70,"f.first":1,"f.last":1,"f.terms":"2""#,
        r#""kind":"net.unreliable""#,
        r#""node":"S0","kind":"rpc.answered","id":70"#,
        r#""kind":"rpc.replied","id":70"#,
        r#""kind":"client.return","id":50,"f.client":3,"f.result":"stale""#,
        r#""kind":"check.verdict","f.verdict":"illegal","f.client":3,"f.called":21"#,
        r#""node":"S0","kind":"test.failed","f.message":"not linearizable""#,
        r#""node":"S0","kind":"persister.save""#,
    ];

    #[test]
    fn columns_use_the_numbers_of_events() {
        let d = Diagram::of(&trace(RUN), 1000);
        assert_eq!((d.failed, d.before, d.after), (11, 0, 0));
        assert_eq!(d.ids, [50, 70]);
        assert_eq!(d.events.dt, [0].into_iter().chain([10; 12]).collect::<Vec<_>>());
        assert_eq!(d.events.shapes[d.events.shape[4]], ["rpc.delivered"]);
        assert_eq!(d.events.shapes[d.events.shape[5]], ["raft.append", "first", "last", "terms"]);
        assert_eq!((d.events.id[5], d.events.parent[5]), (-1, 1));
        let m = &d.messages;
        assert_eq!((m.types.as_slice(), m.id.as_slice()), (["KV.Get".to_owned()].as_slice(), [1].as_slice()));
        let ends = (m.sent[0], m.delivered[0], m.answered[0], m.replied[0], m.dropped[0], m.failed[0]);
        assert_eq!(ends, (3, 4, 7, 8, -1, -1));
        assert_eq!((d.lanes[m.from[0]].name.as_str(), m.to[0]), ("client 3", 1));
        assert_eq!((d.operations.call[0], d.operations.ret[0]), (2, 9));
        assert_eq!(d.verdict, Some(Verdict { at: 10, operation: 0 }));
        let s = &d.servers[0];
        assert_eq!((s.lane, s.at.as_slice()), (1, [0, 1, 5].as_slice()));
        assert_eq!((s.role.as_slice(), s.run.as_slice()), ([0, 1, 1].as_slice(), [-2, -1, 0].as_slice()));
        assert_eq!(d.runs, [2, 1, -1]);
    }

    #[test]
    fn a_long_run_is_cut_and_the_state_before_it_is_known() {
        let d = Diagram::of(&trace(RUN), 6);
        // The page has six events: four events before the failure, the failure, and one event after it.
        assert_eq!((d.before, d.after), (7, 0));
        assert_eq!(d.failed, 4);
        assert_eq!(d.events.dt[0], 70, "the times are the times of the run");
        assert!(d.messages.id.is_empty(), "the message was sent before the page begins");
        assert_eq!((d.operations.call[0], d.operations.ret[0]), (-1, 2));
        assert_eq!(d.verdict, Some(Verdict { at: 3, operation: 0 }));
        assert_eq!((d.bands[0].from, d.bands[0].to), (0, None));
        let s = &d.servers[0];
        assert_eq!((s.at.as_slice(), s.last.as_slice()), ([-1].as_slice(), [1].as_slice()));
    }

    #[test]
    fn the_page_keeps_decisive_events_before_its_window() {
        let event = |kind: &str, more: &str| format!("\"node\":\"S0\",\"kind\":\"{kind}\"{more}");
        let mut lines = vec![
            event("fault.restart", ""),
            event(
                "raft.restore",
                ",\"f.term\":0,\"f.last_included_index\":0,\"f.last_included_term\":0,\"f.last\":0,\"f.terms\":\"\"",
            ),
            event("raft.term", ",\"f.term\":3"),
            event("raft.vote", ",\"cause\":\"granted\",\"f.candidate\":0,\"f.term\":3"),
            event("raft.vote", ",\"cause\":\"log behind ours\",\"f.candidate\":1,\"f.term\":3"),
            event("raft.term", ",\"f.term\":4"),
            event("raft.append", ",\"f.first\":1,\"f.last\":1,\"f.terms\":\"4\""),
            event("raft.term", ",\"f.term\":5"),
        ];
        lines.extend((0..40).map(|_| event("persister.save", "")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let d = Diagram::of(&trace(&lines), 30);
        // Of 18 events before the window, three are kept: a restart, a vote, and an entry.
        let kinds: Vec<&str> = d.events.shape.iter().map(|&s| d.events.shapes[s][0].as_str()).collect();
        assert_eq!(kinds[..4], ["fault.restart", "raft.vote", "raft.append", "persister.save"]);
        assert_eq!((kinds.len(), d.before, d.after), (33, 15, 0));
        assert_eq!(d.events.dt[..4], [0, 30, 30, 120], "the times are the times of the run");
        assert!(
            d.notes[0].starts_with("Of the 18 events before 0.000 s the page has only the last 3 "),
            "{:?}",
            d.notes
        );
        // A state whose event is left out begins at the next event.
        let s = &d.servers[0];
        assert_eq!(s.at, [0, 1, 2, 3]);
        assert_eq!(
            (s.term.as_slice(), s.last.as_slice()),
            ([0, 3, 4, 5].as_slice(), [0, 0, 1, 1].as_slice())
        );
        // With a smaller page, only the last of them are kept.
        let d = Diagram::of(&trace(&lines), 10);
        assert_eq!(d.events.shapes[d.events.shape[0]][0], "raft.append");
        assert_eq!(d.before, 37);
    }

    #[test]
    fn the_window_has_the_failure_and_the_events_before_it() {
        for (events, failed, most, begin, end) in [
            (10, None, 100, 0, 10),
            (1000, None, 100, 900, 1000),
            (1000, Some(500), 100, 426, 526),
            (1000, Some(990), 100, 900, 1000),
            (1000, Some(5), 100, 0, 31),
        ] {
            let window = Window::of(events, failed, most);
            assert_eq!((window.begin, window.end), (begin, end), "{events} {failed:?} {most}");
        }
    }
}
