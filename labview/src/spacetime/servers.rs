//! The state of each server at each time: whether it is alive, its role, term, vote and log.

use labrt::collections::BTreeMap;

use super::event::Event;
use super::logs::{Log, Runs};

/// The role of a Raft server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// No event up to this time says what the role is.
    #[default]
    Unknown,
    /// A follower.
    Follower,
    /// A candidate.
    Candidate,
    /// The leader.
    Leader,
}

impl Role {
    fn of_name(name: &str) -> Role {
        match name {
            "follower" => Role::Follower,
            "candidate" => Role::Candidate,
            "leader" => Role::Leader,
            _ => Role::Unknown,
        }
    }
}

/// What is known of a server at a certain time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Is the server running?
    pub alive: bool,
    /// The server's role.
    pub role: Role,
    /// The server's term; 0 if the term is not known, or if the server has not reached term 1 yet.
    pub term: u64,
    /// The server for which this server has voted in this term, as a number in the group.
    pub vote: Option<u64>,
    /// The server's log; `None` if the server has no log, or if nothing is known about the log.
    pub log: Option<Log>,
    /// The index up to which entries are committed.
    pub commit: u64,
    /// The index up to which the service has applied everything.
    pub apply: u64,
}

/// The states of all servers. A new state is added only if it differs from the last state.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    /// For each server's lane, the events that changed the state, each with the state after it.
    pub states: BTreeMap<usize, Vec<(usize, State)>>,
    /// The term runs of all logs.
    pub runs: Runs,
    /// The Raft events that contradict earlier events or have wrong fields: the number of the first such
    /// event, what is wrong with it, and how many such events there are.
    pub odd: Option<(usize, String, usize)>,
    /// For each server's lane, what the server's own events report.
    tells: BTreeMap<usize, Tells>,
}

/// What a server's own events report. All other facts are taken from the events with which the test reports
/// what it sees of the server.
#[derive(Clone, Copy, Debug, Default)]
struct Tells {
    /// Do the server's own events report its roles and terms?
    roles: bool,
    /// Do the server's own events report its log?
    log: bool,
}

impl Servers {
    /// Finds out what each server's own events report. `events` are the events of a run, each with its lane.
    /// They are processed later, by [`take`](Servers::take).
    pub fn of<'a>(events: impl Iterator<Item = (usize, &'a Event)>) -> Servers {
        let mut servers = Servers::default();
        for (lane, event) in events.filter(|(_, event)| event.node.is_some()) {
            let tells = servers.tells.entry(lane).or_default();
            tells.roles |= matches!(event.kind.as_str(), "raft.role" | "raft.term");
            tells.log |= matches!(event.kind.as_str(), "raft.append" | "raft.restore");
        }
        servers
    }

    /// The servers whose own events do not report everything, as (lane, roles, log). `roles` says whether the
    /// roles are known only from the test's events, and `log` says the same of the log.
    pub fn seen_from_outside(&self) -> Vec<(usize, bool, bool)> {
        let missing = |(&lane, tells): (&usize, &Tells)| (lane, !tells.roles, !tells.log);
        let seen = |&(lane, roles, log): &(usize, bool, bool)| {
            let states = self.states.get(&lane).map_or(&[][..], Vec::as_slice);
            let known =
                |(_, state): &(usize, State)| (roles && state.term > 0) || (log && state.log.is_some());
            states.iter().any(known)
        };
        self.tells.iter().map(missing).filter(seen).collect()
    }

    /// Processes event `at` of the server on `lane`.
    pub fn take(&mut self, at: usize, lane: usize, event: &Event) {
        let states = self.states.entry(lane).or_insert_with(|| {
            // If the first event of a server is not a start or another action of the test, the server was
            // running before.
            let alive = event.kind != "fault.restart" && !event.kind.starts_with("fault.");
            vec![(at, State { alive, ..State::default() })]
        });
        let before = states.last().expect("every server has a first state").1;
        let mut now = before;
        let tells = self.tells.get(&lane).copied().unwrap_or_default();
        if let Err(what) = step(&mut now, &mut self.runs, event, tells) {
            let odd = self.odd.get_or_insert((at, format!("{}: {what}", event.kind), 0));
            odd.2 += 1;
            return;
        }
        if now != before {
            match states.last_mut() {
                Some((same, state)) if *same == at => *state = now,
                _ => states.push((at, now)),
            }
        }
    }

    /// The state of the server on `lane` after event `at`.
    #[cfg(test)]
    pub fn state(&self, lane: usize, at: usize) -> Option<State> {
        let states = self.states.get(&lane)?;
        let after = states.partition_point(|(made, _)| *made <= at);
        Some(states[after.checked_sub(1)?].1)
    }
}

fn step(state: &mut State, runs: &mut Runs, event: &Event, tells: Tells) -> Result<(), String> {
    let need = |name| event.number(name).ok_or_else(|| format!("expected a number in `{name}`"));
    let text = |name| event.text(name).ok_or_else(|| format!("expected a text in `{name}`"));
    match event.kind.as_str() {
        "fault.restart" => *state = State { alive: true, ..State::default() },
        "fault.crash" => (state.alive, state.role) = (false, Role::Unknown),
        "raft.restore" => {
            let start = need("last_included_index")?;
            let mut log = Runs::empty(start, need("last_included_term")?);
            let (last, terms) = (need("last")?, text("terms")?);
            if last > start {
                runs.append(&mut log, start + 1, last, terms)?;
            }
            *state = State {
                alive: true,
                role: Role::Follower,
                term: need("term")?,
                vote: event.number("voted_for"),
                log: Some(log),
                commit: start,
                apply: start,
            };
        }
        "raft.role" => {
            state.role = Role::of_name(text("role")?);
            higher(state, need("term")?);
        }
        "raft.term" => higher(state, need("term")?),
        "raft.vote" if event.cause == "granted" => {
            higher(state, need("term")?);
            state.vote = Some(need("candidate")?);
        }
        // If the server reports what it has saved, this shows a vote that it has kept from an earlier term.
        "persister.save" if event.number("term") == Some(state.term) => {
            state.vote = event.number("voted_for").or(state.vote);
        }
        "raft.append" => {
            let (first, last, terms) = (need("first")?, need("last")?, text("terms")?);
            let mut log = state.log.unwrap_or(Runs::empty(first.saturating_sub(1), 0));
            runs.append(&mut log, first, last, terms)?;
            state.log = Some(log);
        }
        "raft.truncate" => {
            let from = need("from")?;
            if let Some(log) = &mut state.log {
                runs.cut(log, from.saturating_sub(1));
            }
        }
        "raft.commit" => state.commit = need("index")?,
        "raft.apply" => {
            state.apply = need("index")?;
            state.commit = state.commit.max(state.apply);
        }
        "raft.snapshot" => {
            let (index, last) = (need("index")?, need("last")?);
            let mut log = state.log.unwrap_or(Runs::empty(index, 0));
            runs.compact(&mut log, index, event.number("term").unwrap_or(0), last);
            state.log = Some(log);
            state.commit = state.commit.max(index);
        }
        // The next three kinds of events are reports of the test. They count only if the server's own events
        // do not report the same facts.
        "seen.state" if !tells.roles => {
            state.role = Role::of_name(text("role")?);
            higher(state, need("term")?);
        }
        "apply" if !tells.log => {
            let index = need("index")?;
            let mut log = state.log.unwrap_or(Runs::empty(index.saturating_sub(1), 0));
            let term = event.number("term").unwrap_or(0);
            runs.append(&mut log, index, index, &term.to_string())?;
            (state.log, state.apply, state.commit) = (Some(log), index, state.commit.max(index));
        }
        "apply.snapshot" if !tells.log => {
            let index = need("index")?;
            let mut log = state.log.unwrap_or(Runs::empty(index, 0));
            let last = log.last.max(index);
            runs.compact(&mut log, index, 0, last);
            (state.log, state.apply, state.commit) = (Some(log), index, state.commit.max(index));
        }
        // If the start of a server is not in the trace, its first messages show its role and term.
        "raft.request" if state.role == Role::Unknown && text("rpc")? != "PreVote" => {
            state.role = match text("rpc")? {
                "RequestVote" => Role::Candidate,
                _ => Role::Leader,
            };
            higher(state, need("term")?);
        }
        "raft.reply" if state.term == 0 => higher(state, need("term")?),
        _ => {}
    }
    Ok(())
}

fn higher(state: &mut State, term: u64) {
    if term > state.term {
        (state.term, state.vote) = (term, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> (Servers, State) {
        let event = |(at, line): (usize, &&str)| {
            Event::parse(&format!(r#"{{"t":{at},"node":"S0",{line}}}"#)).expect("the line is good")
        };
        let events: Vec<Event> = lines.iter().enumerate().map(event).collect();
        let mut servers = Servers::of(events.iter().map(|event| (3, event)));
        for (at, event) in events.iter().enumerate() {
            servers.take(at, 3, event);
        }
        let state = servers.state(3, lines.len()).expect("the server has a state");
        (servers, state)
    }

    const RESTORE: &str = r#""kind":"raft.restore","f.term":4,"f.last_included_index":2,"f.last_included_term":1,"f.last":4,"f.terms":"3*2","f.voted_for":1"#;

    #[test]
    fn a_servers_states_follow_from_its_events() {
        let lines = [
            r#""kind":"fault.restart""#,
            RESTORE,
            r#""kind":"raft.term","f.term":5"#,
            r#""kind":"raft.vote","cause":"granted","f.candidate":2,"f.term":5"#,
            r#""kind":"raft.truncate","f.from":4,"f.dropped":1"#,
            r#""kind":"raft.append","f.first":4,"f.last":5,"f.terms":"5*2""#,
            r#""kind":"raft.commit","f.index":5,"f.term":5"#,
            r#""kind":"raft.apply","f.index":4"#,
            r#""kind":"raft.snapshot","cause":"own","f.index":3,"f.term":3,"f.last":5,"f.bytes":9"#,
            r#""kind":"raft.role","cause":"timeout","f.role":"candidate","f.term":6"#,
            r#""kind":"fault.crash""#,
        ];
        let (servers, end) = after(&lines);
        assert!(servers.odd.is_none());
        let restored = servers.state(3, 1).expect("the server has a state");
        assert_eq!((restored.role, restored.term, restored.vote), (Role::Follower, 4, Some(1)));
        assert_eq!((restored.commit, restored.apply), (2, 2));
        let log = |at| {
            let log = servers.state(3, at).and_then(|state| state.log).expect("the server has a log");
            servers.runs.entries(&log)
        };
        assert_eq!(log(1), [(3, 3), (4, 3)]);
        assert_eq!(
            servers.state(3, 2).expect("the server has a state").vote,
            None,
            "in a new term the server has not voted yet"
        );
        assert_eq!(servers.state(3, 3).expect("the server has a state").vote, Some(2));
        assert_eq!(log(4), [(3, 3)]);
        assert_eq!(log(5), [(3, 3), (4, 5), (5, 5)]);
        assert_eq!(log(8), [(4, 5), (5, 5)]);
        let last = servers.state(3, 9).expect("the server has a state");
        assert_eq!((last.role, last.term, last.commit, last.apply), (Role::Candidate, 6, 5, 4));
        assert!(last.alive && !end.alive);
        assert_eq!(servers.states[&3].len(), 11, "one state for each change");
    }

    #[test]
    fn a_missing_beginning_is_known_from_later_events() {
        for (line, role, term) in [
            (r#""kind":"raft.request","f.rpc":"AppendEntries","f.term":7"#, Role::Leader, 7),
            (r#""kind":"raft.request","f.rpc":"RequestVote","f.term":8"#, Role::Candidate, 8),
            (r#""kind":"raft.reply","f.rpc":"RequestVote","f.term":9"#, Role::Unknown, 9),
        ] {
            let (_, state) = after(&[line]);
            assert_eq!((state.alive, state.role, state.term), (true, role, term), "{line}");
        }
        let (servers, state) = after(&[r#""kind":"raft.append","f.first":50,"f.last":50,"f.terms":"3""#]);
        assert_eq!(servers.runs.entries(&state.log.expect("the server has a log")), [(50, 3)]);
    }

    #[test]
    fn a_server_that_tells_nothing_is_observed_from_outside() {
        let lines = [
            r#""kind":"fault.restart""#,
            r#""kind":"seen.state","f.role":"follower","f.term":0"#,
            r#""kind":"seen.state","f.role":"leader","f.term":2"#,
            r#""kind":"apply","f.index":1,"f.term":1"#,
            r#""kind":"apply","f.index":2,"f.term":2"#,
            r#""kind":"apply.snapshot","f.index":9"#,
        ];
        let (servers, state) = after(&lines);
        assert!(servers.odd.is_none());
        assert_eq!((state.role, state.term, state.apply, state.commit), (Role::Leader, 2, 9, 9));
        let log = servers.state(3, 4).and_then(|state| state.log).expect("the server has a log");
        assert_eq!(servers.runs.entries(&log), [(1, 1), (2, 2)]);
        assert_eq!(state.log.expect("the server has a log").start, 9);
        assert_eq!(servers.seen_from_outside(), [(3, true, true)]);
    }

    /// A server's own events are more reliable than the reports of the test, and they come earlier.
    #[test]
    fn a_servers_own_events_have_priority_over_what_the_test_observes() {
        let (servers, state) = after(&[
            RESTORE,
            r#""kind":"raft.role","f.role":"candidate","f.term":5"#,
            r#""kind":"raft.append","f.first":5,"f.last":5,"f.terms":"5""#,
            r#""kind":"seen.state","f.role":"follower","f.term":4"#,
            r#""kind":"apply","f.index":3,"f.term":3"#,
        ]);
        assert_eq!((state.role, state.term), (Role::Candidate, 5));
        assert_eq!(servers.runs.entries(&state.log.expect("the server has a log")), [(3, 3), (4, 3), (5, 5)]);
        assert_eq!(servers.seen_from_outside(), []);
    }

    #[test]
    fn events_that_make_no_sense_change_nothing() {
        let (servers, state) = after(&[
            RESTORE,
            r#""kind":"raft.append","f.first":9,"f.last":3,"f.terms":"1""#,
            r#""kind":"raft.commit""#,
            r#""kind":"raft.restore","f.term":"x""#,
        ]);
        let (first, what, count) = servers.odd.clone().expect("events that are not consistent are counted");
        assert_eq!((first, count), (1, 3));
        assert_eq!(what, "raft.append: 1 terms for the entries 9 to 3");
        assert_eq!(Some(state), servers.state(3, 0));
    }
}
