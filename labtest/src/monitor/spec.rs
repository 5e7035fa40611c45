//! Raft as Figure 2 describes it. The monitor compares this specification with the reports of the servers.
//!
//! A [`Group`] follows the state of all servers of one Raft group. Each method of [`Group`] is one event of
//! one server. The method first checks whether a correct server could do this in its state, and then changes
//! the state. If a method finds a [`Breach`], the run ends. So the state after that does not matter.
//!
//! A server knows only its own state. A [`Group`] knows the votes, the logs and the commits of all servers.
//! So it finds a broken guarantee of Figure 3 at the moment at which a server breaks the guarantee. A client
//! would notice this only later.

use labrt::collections::{BTreeMap, BTreeSet};
use labrt::node::NodeId;

use labapi::Role;

use super::log::{Entry, Log, Place};
use super::rules::{self, Rule};

/// A broken rule, and a text. The text says which server broke the rule, when, and what the event
/// contradicts.
#[derive(Debug)]
pub struct Breach {
    pub rule: &'static Rule,
    pub text: String,
}

pub type Checked = Result<(), Breach>;

/// Returns a [`Breach`] of the rule.
macro_rules! broken {
    ($rule:ident, $($text:tt)+) => {
        return Err(Breach { rule: &rules::$rule, text: format!($($text)+) })
    };
}

/// Returns a [`Breach`] of the rule unless the condition holds.
macro_rules! check {
    ($holds:expr, $rule:ident, $($text:tt)+) => {
        if !$holds {
            broken!($rule, $($text)+);
        }
    };
}

/// When something happened: nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug)]
pub struct At(pub u64);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t={:.6}s", self.0 as f64 / 1e9)
    }
}

/// Which server did something, and when.
#[derive(Clone, Copy, Debug)]
struct Fact {
    server: usize,
    at: At,
}

/// The state with which a server starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub term: u64,
    pub voted_for: Option<usize>,
    pub log: Log,
    /// The digest of the snapshot.
    pub snapshot: u64,
}

/// A request, as its sender reported it.
#[derive(Clone, Debug)]
pub enum Request {
    Vote {
        term: u64,
        candidate: usize,
        last: Place,
    },
    /// The sender asks for pre-votes for the term after `term`.
    PreVote {
        term: u64,
        candidate: usize,
        last: Place,
    },
    TimeoutNow {
        term: u64,
    },
    Append {
        term: u64,
        leader: usize,
        prev: Place,
        entries: Vec<Entry>,
        commit: u64,
    },
    Install {
        term: u64,
        leader: usize,
        last: Place,
        snapshot: u64,
    },
}

impl Request {
    fn term(&self) -> u64 {
        match *self {
            Request::Vote { term, .. }
            | Request::PreVote { term, .. }
            | Request::TimeoutNow { term }
            | Request::Append { term, .. }
            | Request::Install { term, .. } => term,
        }
    }
}

/// A reply, as the server that sends it reported it.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    Vote { term: u64, granted: bool },
    PreVote { term: u64, granted: bool },
    TimeoutNow { term: u64 },
    Append { term: u64, success: bool },
    Install { term: u64 },
}

impl Reply {
    fn term(self) -> u64 {
        match self {
            Reply::Vote { term, .. }
            | Reply::PreVote { term, .. }
            | Reply::TimeoutNow { term }
            | Reply::Append { term, .. }
            | Reply::Install { term } => term,
        }
    }
}

/// The newest life of a server.
#[derive(Debug, Default)]
struct Server {
    /// The number of the life. Events of earlier lives are ignored.
    life: u32,
    /// True if the server runs and reports what it does. If a server does not report the state with which it
    /// starts, it is not checked.
    reports: bool,
    state: Saved,
    role: Role,
    /// The term in which the server reported its role.
    role_term: u64,
    commit: u64,
    applied: u64,
    /// The changes that are not saved yet. Undoing them leads back to the saved state. The oldest change
    /// comes first, and is undone last.
    unsaved: Vec<Unsaved>,
    /// The digests of the Raft state and of the snapshot that the persister has.
    on_disk: Option<(u64, u64)>,
    /// The highest term in a reply that the server has received, and when.
    heard: Option<(u64, At)>,
    /// The last message from the leader of the server's term: the term, and when the server has answered it.
    leader_heard: Option<(u64, At)>,
    /// When the server has started, or has last heard from a leader: with leases, it then promises its vote
    /// to nobody.
    promised: Option<At>,
    /// The servers that have answered this server, and when.
    answers: BTreeMap<usize, At>,
    /// The candidates that the server has ignored because it has a leader, each with its term.
    ignored: BTreeSet<(usize, u64)>,
}

/// A change of the state that is not saved yet.
#[derive(Debug)]
struct Unsaved {
    /// The thread that has made the change.
    thread: u64,
    undo: Undo,
}

#[derive(Clone, Debug)]
enum Undo {
    Term {
        term: u64,
        voted_for: Option<usize>,
    },
    Vote(Option<usize>),
    /// Entries were appended. Before that, this was the last index of the log.
    Appended(u64),
    Truncated(Vec<Entry>),
    Snapshot {
        snapshot: u64,
        base: Place,
        front: Vec<Entry>,
        log_dropped: Vec<Entry>,
    },
}

impl Undo {
    /// What was changed, for the text of a [`Breach`].
    fn what(&self) -> &'static str {
        match self {
            Undo::Term { .. } => "term",
            Undo::Vote(_) => "vote",
            Undo::Appended(_) | Undo::Truncated(_) => "log",
            Undo::Snapshot { .. } => "snapshot",
        }
    }
}

impl Server {
    fn leads(&self) -> bool {
        self.role == Role::Leader && self.role_term == self.state.term
    }

    /// Does the server lead, or has it heard from the leader of its term not long ago?
    fn has_a_leader(&self, at: At) -> bool {
        let heard = self.leader_heard.filter(|(term, _)| *term == self.state.term);
        self.leads() || heard.is_some_and(|(_, then)| at.0 < then.0 + LED_NS)
    }

    fn change(&mut self, thread: u64, undo: Undo) {
        self.unsaved.push(Unsaved { thread, undo });
    }

    /// Undoes the changes that were not saved.
    fn roll_back(state: &mut Saved, unsaved: impl DoubleEndedIterator<Item = Undo>) {
        for undo in unsaved.rev() {
            match undo {
                Undo::Term { term, voted_for } => (state.term, state.voted_for) = (term, voted_for),
                Undo::Vote(voted_for) => state.voted_for = voted_for,
                Undo::Appended(last) => drop(state.log.truncate(last + 1)),
                Undo::Truncated(entries) => state.log.extend(entries),
                Undo::Snapshot { snapshot, base, front, log_dropped } => {
                    state.snapshot = snapshot;
                    state.log.extend(log_dropped);
                    state.log.uncompact(base, front);
                }
            }
        }
    }

    /// Returns true if the state would be another one after the unsaved changes are undone.
    fn would_change_back(&self) -> bool {
        let mut state = self.state.clone();
        Server::roll_back(&mut state, self.unsaved.iter().map(|change| change.undo.clone()));
        state != self.state
    }

    /// The last index that is certainly on the server's disk. The entries after it are not saved yet. If all
    /// entries are saved, the result is `u64::MAX`.
    fn saved_last(&self) -> u64 {
        let appended = self.unsaved.iter().filter_map(|change| match change.undo {
            Undo::Appended(last) => Some(last),
            _ => None,
        });
        appended.min().unwrap_or(u64::MAX)
    }
}

/// An entry that some server has had in its log.
#[derive(Debug)]
struct Known {
    command: u32,
    /// The term of the entry before it.
    prev_term: u64,
    first: Fact,
}

/// A committed entry.
#[derive(Debug)]
struct Committed {
    entry: Entry,
    /// The leader that has committed it, and when.
    by: Fact,
    /// The term of this leader. The term of the entry can be lower.
    term: u64,
}

/// All servers of a Raft group, and what they have done.
#[derive(Debug, Default)]
pub struct Group {
    servers: BTreeMap<usize, Server>,
    leaders: BTreeMap<u64, Fact>,
    /// The candidate that a server has voted for in a term, and when.
    votes: BTreeMap<(usize, u64), (usize, At)>,
    /// The last entry of a candidate's log in a term, according to the candidate's requests for votes in that
    /// term.
    candidacies: BTreeMap<(usize, u64), Place>,
    entries: BTreeMap<Place, Known>,
    /// The committed entries, from index 1 on.
    committed: Vec<Committed>,
    /// The snapshots that servers have made: index and digest.
    snapshots: BTreeMap<(u64, u64), Place>,
    /// Requests that were sent and not answered yet.
    requests: BTreeMap<u64, Request>,
    /// Replies that have not arrived yet: the term of each reply, the server that has replied, and whether
    /// the request was no pre-vote and had the same term.
    replies: BTreeMap<u64, (u64, usize, bool)>,
}

/// Describes the state of a server: `S0 leader of term 3: log 21..58, committed up to 55, applied up to 55`.
fn describe(me: NodeId, server: &Server) -> String {
    let (term, log) = (server.state.term, &server.state.log);
    let role = match server.role {
        Role::Leader if server.leads() => "leader of",
        Role::Candidate => "candidate in",
        _ => "follower in",
    };
    let entries = match (log.base.index + 1, log.last_index()) {
        (first, last) if first > last => "no entries in the log".to_owned(),
        (first, last) => format!("log {first}..{last}"),
    };
    let snapshot = match log.base.index {
        0 => String::new(),
        index => format!(", snapshot up to {index}"),
    };
    let (commit, applied) = (server.commit, server.applied);
    format!("{me} {role} term {term}: {entries}{snapshot}, committed up to {commit}, applied up to {applied}")
}

/// At most this number of requests, and of replies, is remembered. Older ones have probably been lost.
const REMEMBERED: usize = 100_000;

/// A server may prepare a message, then hear of a higher term, and then send the message. After it has heard
/// of the higher term, it may send such messages for this time.
const PREPARED_NS: u64 = 50_000_000;

/// With CheckQuorum, a leader must not step down if a majority has answered it within this time. It is the
/// shortest sensible election timeout.
const ANSWERED_NS: u64 = 100_000_000;

/// If an answer has arrived within this time, perhaps the server has not handled it yet. When a pause of the
/// leader ends, its ticker may go on before the threads with the answers.
const HANDLED_NS: u64 = 10_000_000;

/// With CheckQuorum, a server ignores candidates only if it has heard from its leader within this time. It is
/// the longest sensible election timeout.
const LED_NS: u64 = 2_000_000_000;

/// Who did something, when, and on which thread.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    pub server: usize,
    pub life: u32,
    pub thread: u64,
    pub at: At,
}

impl Group {
    /// Describes the state of each server that reports what it does: a line for each server. `group` is the
    /// number of this group.
    pub fn describe(&self, group: u16) -> Vec<String> {
        let reporting = self.servers.iter().filter(|(_, server)| server.reports);
        reporting.map(|(&index, server)| describe(NodeId { group, ..NodeId::first(index) }, server)).collect()
    }

    // ------------------------------------------------------------------ Lives

    /// A life of a server begins. If the server has had this life or a later one already, the test has
    /// started a new group.
    pub fn start(&mut self, act: Act) {
        if self.servers.get(&act.server).is_some_and(|server| act.life <= server.life) {
            *self = Group::default();
        }
        let server = self.servers.entry(act.server).or_default();
        server.life = act.life;
        server.reports = false;
    }

    /// A life of a server ends. What it has not saved is lost.
    pub fn crash(&mut self, act: Act) {
        let Some(server) = self.servers.get_mut(&act.server) else { return };
        if server.life == act.life {
            server.reports = false;
            let unsaved = std::mem::take(&mut server.unsaved);
            Server::roll_back(&mut server.state, unsaved.into_iter().map(|change| change.undo));
            // A vote that is not saved is no vote: the server has not told anybody of it.
            let me = act.server;
            let Saved { term, voted_for, .. } = server.state;
            let lost =
                |&(voter, at): &(usize, u64)| voter == me && (at > term || at == term && voted_for.is_none());
            self.votes.retain(|vote, _| !lost(vote));
        }
    }

    /// The server has read the state that it had saved.
    pub fn restore(&mut self, act: Act, restored: Saved) -> Checked {
        let at = act.at;
        let server = self.servers.entry(act.server).or_default();
        let saved = &server.state;
        let me = act.server;
        check!(
            restored.term == saved.term,
            RESTORED,
            "S{me} starts with term {} at {at}, but had saved term {}",
            restored.term,
            saved.term
        );
        check!(
            restored.voted_for == saved.voted_for,
            RESTORED,
            "S{me} starts with a vote for {} in term {} at {at}, but had saved a vote for {}",
            name(restored.voted_for),
            saved.term,
            name(saved.voted_for)
        );
        check!(
            restored.log.base == saved.log.base && restored.snapshot == saved.snapshot,
            RESTORED,
            "S{me} starts with a snapshot up to {} at {at}, but had saved a snapshot up to {}",
            restored.log.base.index,
            saved.log.base.index
        );
        check!(
            restored.log == saved.log,
            RESTORED,
            "S{me} starts with the log {} at {at}, but had saved the log {}",
            restored.log.last(),
            saved.log.last()
        );
        let index = restored.log.base.index;
        (server.role, server.role_term) = (Role::Follower, restored.term);
        (server.commit, server.applied) = (index, index);
        server.state = restored;
        (server.heard, server.leader_heard, server.promised) = (None, None, Some(at));
        server.answers.clear();
        server.ignored.clear();
        server.reports = true;
        Ok(())
    }

    /// The persister has saved the state. It gives the digests of the Raft state and of the snapshot. If both
    /// are as before, nothing new was saved.
    pub fn save(&mut self, act: Act, state: u64, snapshot: u64) {
        let Some(server) = self.acting(act) else { return };
        let before = server.on_disk.replace((state, snapshot));
        if before == server.on_disk && server.would_change_back() {
            return;
        }
        server.unsaved.clear();
    }

    /// The server that acts. Returns `None` if the server is not checked.
    fn acting(&mut self, act: Act) -> Option<&mut Server> {
        let server = self.servers.get_mut(&act.server)?;
        (server.reports && server.life == act.life).then_some(server)
    }

    /// The smallest number of servers that is more than half of all servers.
    fn majority(&self) -> usize {
        self.servers.len() / 2 + 1
    }

    // ------------------------------------------------------------------ All servers

    /// The term of the server has risen.
    pub fn term(&mut self, act: Act, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let Some(server) = self.acting(act) else { return Ok(()) };
        let before = server.state.term;
        check!(term > before, TERMS_RISE, "the term of S{me} goes from {before} to {term} at {at}");
        let undo = Undo::Term { term: before, voted_for: server.state.voted_for.take() };
        server.change(act.thread, undo);
        server.state.term = term;
        Ok(())
    }

    /// The role of the server has changed.
    pub fn role(&mut self, act: Act, role: Role, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let majority = self.majority();
        let Some(server) = self.acting(act) else { return Ok(()) };
        let own = server.state.term;
        check!(
            term == own,
            TERMS_RISE,
            "S{me} is {} of term {term} at {at}, but its term is {own}",
            role.name()
        );
        let (before, led) = (server.role, server.leads());
        (server.role, server.role_term) = (role, term);
        match role {
            Role::Leader if led => return Ok(()),
            Role::Leader => check!(
                before == Role::Candidate,
                ROLES,
                "S{me} becomes leader of term {term} at {at}, but it was a {}",
                before.name()
            ),
            Role::Candidate => check!(
                before != Role::Leader,
                ROLES,
                "S{me} becomes a candidate of term {term} at {at}, but it was a leader"
            ),
            Role::Follower => check!(
                !led,
                ROLES,
                "S{me} stops leading term {term} at {at}, although it has not seen a higher term"
            ),
        }
        if role == Role::Leader { self.elected(act, term, majority) } else { Ok(()) }
    }

    /// The server stops leading its term, because a majority has not answered it (CheckQuorum).
    pub fn no_quorum(&mut self, act: Act, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let majority = self.majority();
        let Some(server) = self.acting(act) else { return Ok(()) };
        check!(
            server.leads() && term == server.state.term,
            ROLES,
            "S{me} stops leading term {term} at {at} because a majority has not answered it, but it does not lead that term"
        );
        let is_recent = |then: &At| then.0 + HANDLED_NS < at.0 && at.0 < then.0 + ANSWERED_NS;
        let recent = server.answers.iter().filter(|(_, then)| is_recent(then));
        let recent: Vec<usize> = recent.map(|(server, _)| *server).collect();
        check!(
            1 + recent.len() < majority,
            ROLES,
            "S{me} stops leading term {term} at {at} because a majority has not answered it, but {} have just answered",
            names(&recent)
        );
        (server.role, server.role_term) = (Role::Follower, term);
        Ok(())
    }

    /// The server has become the leader of `term`.
    fn elected(&mut self, act: Act, term: u64, majority: usize) -> Checked {
        let Act { server: me, at, .. } = act;
        if let Some(other) = self.leaders.get(&term) {
            broken!(
                ELECTION_SAFETY,
                "S{me} becomes leader of term {term} at {at}, but S{} has led this term since {}",
                other.server,
                other.at
            );
        }
        let all = self.servers.keys();
        let voters: Vec<usize> =
            all.copied().filter(|&i| self.votes.get(&(i, term)).is_some_and(|(to, _)| *to == me)).collect();
        check!(
            voters.len() >= majority,
            MAJORITY,
            "S{me} becomes leader of term {term} at {at} with the votes of {}; a majority of {} servers has {majority}",
            names(&voters),
            self.servers.len()
        );
        let log = &self.servers[&me].state.log;
        for index in log.base.index + 1..=self.committed.len() as u64 {
            let Committed { entry, by, term: committed_in } = &self.committed[index as usize - 1];
            let found = log.entry(index);
            // The last vote can be late. Then the leader of a higher term may have committed more entries.
            if *committed_in < term && found != Some(*entry) {
                let has =
                    found.map_or("no entry".to_owned(), |entry| format!("an entry of term {}", entry.term));
                broken!(
                    LEADER_COMPLETENESS,
                    "S{me} becomes leader of term {term} at {at}, but at index {index} it has {has}; S{}, the leader of term {committed_in}, had committed an entry of term {} there at {}",
                    by.server,
                    entry.term,
                    by.at
                );
            }
        }
        self.leaders.insert(term, Fact { server: me, at });
        Ok(())
    }

    /// The commit index of the server has risen.
    pub fn commit(&mut self, act: Act, index: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let Some(server) = self.acting(act) else { return Ok(()) };
        let (before, leads, term) = (server.commit, server.leads(), server.state.term);
        check!(index > before, COMMITMENT, "the commit index of S{me} goes from {before} to {index} at {at}");
        let last = server.state.log.last_index();
        check!(
            index <= last,
            COMMITMENT,
            "S{me} commits up to index {index} at {at}, but its log ends at {last}"
        );
        server.commit = index;
        let log = &self.servers[&me].state.log;
        let known = self.committed.len() as u64;
        for index in before.max(log.base.index) + 1..=index.min(known) {
            let Committed { entry, by, .. } = &self.committed[index as usize - 1];
            let own = log.entry(index).expect("the index is in the log");
            check!(
                own == *entry,
                STATE_MACHINE_SAFETY,
                "S{me} commits an entry of term {} at index {index} at {at}, but S{} has committed another one, of term {}, at {}",
                own.term,
                by.server,
                entry.term,
                by.at
            );
        }
        if index <= known {
            return Ok(());
        }
        check!(
            leads,
            COMMITMENT,
            "S{me} commits index {index} at {at} and does not lead; the leaders have committed up to {known}"
        );
        let entry_term = log.term(index).expect("the index is in the log");
        check!(
            entry_term == term,
            COMMITMENT,
            "S{me} leads term {term} and commits index {index}, an entry of term {entry_term}, at {at}, but no entry of its own term"
        );
        let place = Place { index, term };
        let holds = |(i, server): (&usize, &Server)| {
            let has = server.state.log.has(place) && (*i == me || index <= server.saved_last());
            has.then_some(*i)
        };
        let holders: Vec<usize> = self.servers.iter().filter_map(holds).collect();
        check!(
            holders.len() >= self.majority(),
            COMMITMENT,
            "S{me} commits index {index} of term {term} at {at}, but only {} stored it; a majority of {} servers has {}",
            names(&holders),
            self.servers.len(),
            self.majority()
        );
        for index in known + 1..=index {
            let Some(entry) = log.entry(index) else {
                broken!(
                    SNAPSHOT,
                    "S{me} has a snapshot at {at} with index {index}, which nobody has committed"
                );
            };
            self.committed.push(Committed { entry, by: Fact { server: me, at }, term });
        }
        Ok(())
    }

    /// The service of the server gets all entries up to `index`.
    pub fn apply(&mut self, act: Act, index: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let Some(server) = self.acting(act) else { return Ok(()) };
        let (applied, commit) = (server.applied, server.commit);
        check!(
            index >= applied,
            APPLY_ORDER,
            "S{me} applies up to index {index} at {at}, but it has applied {applied} before"
        );
        check!(
            index <= commit,
            APPLY_ORDER,
            "S{me} applies up to index {index} at {at}, but it has committed only up to {commit}"
        );
        server.applied = index;
        Ok(())
    }

    /// The service of the server got this command.
    pub fn delivered(&mut self, act: Act, index: u64, command: u32) -> Checked {
        let Act { server: me, at, .. } = act;
        if self.acting(act).is_none() {
            return Ok(());
        }
        let committed = self.committed.get(index.saturating_sub(1) as usize);
        check!(
            committed.is_some_and(|it| it.entry.command == command),
            STATE_MACHINE_SAFETY,
            "S{me} delivers index {index} at {at}, but {}",
            match committed {
                None => "no leader has committed it".to_owned(),
                Some(it) => format!("S{} has committed another command there at {}", it.by.server, it.by.at),
            }
        );
        Ok(())
    }

    // ------------------------------------------------------------------ The log

    /// The log has grown.
    pub fn append(&mut self, act: Act, first: u64, entries: &[Entry]) -> Checked {
        let Act { server: me, at, .. } = act;
        let Some(server) = self.acting(act) else { return Ok(()) };
        let last = server.state.log.last();
        check!(
            first == last.index + 1,
            CONSISTENCY,
            "S{me} appends entries from index {first} on at {at}, but its log ends at {}",
            last.index
        );
        server.change(act.thread, Undo::Appended(last.index));
        let (leads, term) = (server.leads(), server.state.term);
        let mut prev_term = last.term;
        for (index, entry) in (first..).zip(entries) {
            check!(
                entry.term <= term && entry.term >= prev_term,
                LOG_MATCHING,
                "S{me} appends an entry of term {} after one of term {prev_term} at index {index} at {at}; its term is {term}",
                entry.term
            );
            check!(
                !leads || entry.term == term,
                APPEND_ONLY,
                "S{me} leads term {term} and appends an entry of term {} at index {index} at {at}",
                entry.term
            );
            let place = Place { index, term: entry.term };
            match self.entries.get(&place) {
                Some(known) => check!(
                    known.command == entry.command && known.prev_term == prev_term,
                    LOG_MATCHING,
                    "S{me} appends index {index} of term {} at {at}; the same entry of S{} at {} has another {}",
                    entry.term,
                    known.first.server,
                    known.first.at,
                    if known.command == entry.command { "entry before it" } else { "command" }
                ),
                None => {
                    let author = self.leaders.get(&entry.term);
                    check!(
                        author.is_none_or(|leader| leader.server == me),
                        LOG_MATCHING,
                        "S{me} appends index {index} of term {} at {at}, but the leader of that term, S{}, has not made this entry",
                        entry.term,
                        author.map_or(0, |leader| leader.server)
                    );
                    let known = Known { command: entry.command, prev_term, first: Fact { server: me, at } };
                    self.entries.insert(place, known);
                }
            }
            prev_term = entry.term;
        }
        let server = self.servers.get_mut(&me).expect("the server acts");
        entries.iter().for_each(|entry| server.state.log.push(*entry));
        Ok(())
    }

    /// The server has removed its entries from index `from` on. It did this while it handled the message
    /// `parent`.
    pub fn truncate(&mut self, act: Act, from: u64, parent: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let request = self.requests.get(&parent).cloned();
        let Some(server) = self.acting(act) else { return Ok(()) };
        check!(
            !server.leads(),
            APPEND_ONLY,
            "S{me} leads and removes its entries from index {from} on at {at}"
        );
        check!(
            from > server.commit,
            STATE_MACHINE_SAFETY,
            "S{me} removes its entries from index {from} on at {at}, but it has committed up to {}",
            server.commit
        );
        if let Some(Request::Append { prev, entries, .. }) = request {
            let offset = usize::try_from(from.wrapping_sub(prev.index + 1)).unwrap_or(usize::MAX);
            let new = entries.get(offset).map(|entry| entry.term);
            let old = server.state.log.term(from);
            check!(
                new.is_some() && new != old,
                ONLY_CONFLICTS,
                "S{me} removes its entries from index {from} on at {at}, but the message has {}",
                if new.is_some() { "the same entry there" } else { "no entry there" }
            );
        }
        let removed = server.state.log.truncate(from);
        server.change(act.thread, Undo::Truncated(removed));
        Ok(())
    }

    // ------------------------------------------------------------------ RequestVote

    /// The server gives its vote.
    pub fn vote(&mut self, act: Act, candidate: usize, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let before = self.votes.get(&(me, term)).copied();
        let asked = self.candidacies.get(&(candidate, term)).copied();
        let Some(server) = self.acting(act) else { return Ok(()) };
        let own = server.state.term;
        check!(
            term == own,
            ONE_VOTE,
            "S{me} votes for S{candidate} in term {term} at {at}, but its term is {own}"
        );
        if let Some((other, then)) = before.filter(|(other, _)| *other != candidate) {
            broken!(
                ONE_VOTE,
                "S{me} votes for S{candidate} in term {term} at {at}, but it had voted for S{other} in this term at {then}"
            );
        }
        if let Some(asked) = asked.filter(|_| candidate != me) {
            let last = server.state.log.last();
            check!(
                (asked.term, asked.index) >= (last.term, last.index),
                UP_TO_DATE,
                "S{me} votes for S{candidate} in term {term} at {at}; the candidate's log {asked}, its own {last}"
            );
        }
        let undo = Undo::Vote(server.state.voted_for.replace(candidate));
        if !matches!(undo, Undo::Vote(Some(before)) if before == candidate) {
            server.change(act.thread, undo);
        }
        self.votes.entry((me, term)).or_insert((candidate, at));
        Ok(())
    }

    /// The server refuses its vote.
    pub fn vote_refused(&mut self, act: Act, candidate: usize, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let before = self.votes.get(&(me, term)).copied();
        let asked = self.candidacies.get(&(candidate, term)).copied();
        let Some(server) = self.acting(act) else { return Ok(()) };
        let Some(asked) = asked.filter(|_| term == server.state.term) else { return Ok(()) };
        let last = server.state.log.last();
        let owed = before.is_none_or(|(to, _)| to == candidate)
            && (asked.term, asked.index) >= (last.term, last.index);
        check!(
            !owed,
            VOTE_OWED,
            "S{me} refuses its vote to S{candidate} in term {term} at {at}; the candidate's log {asked}, its own {last}, and it has voted for {} in this term",
            before.map_or("nobody".to_owned(), |_| format!("S{candidate}"))
        );
        Ok(())
    }

    /// The server refuses its vote because it has a leader, and does not take over the candidate's term
    /// (CheckQuorum). With `promised`, it does so because of its promise (leases).
    pub fn candidate_ignored(&mut self, act: Act, candidate: usize, term: u64, promised: bool) -> Checked {
        let Act { server: me, at, .. } = act;
        let Some(server) = self.acting(act) else { return Ok(()) };
        let promised = promised && server.promised.is_some_and(|then| at.0 < then.0 + LED_NS);
        check!(
            promised || server.has_a_leader(at),
            HIGHER_TERM,
            "S{me} ignores S{candidate} in term {term} at {at} because it has a leader, but it has heard from none in its term {}",
            server.state.term
        );
        server.ignored.insert((candidate, term));
        Ok(())
    }

    // ------------------------------------------------------------------ Messages

    /// The server sends a request.
    pub fn request(&mut self, act: Act, id: u64, request: Request) -> Checked {
        let Act { server: me, at, .. } = act;
        let term = request.term();
        let Some(server) = self.acting(act) else { return Ok(()) };
        let own = server.state.term;
        check!(
            term <= own,
            TRUE_MESSAGES,
            "S{me} sends a request of term {term} at {at}, but its term is {own}"
        );
        if let Some(change) = server.unsaved.iter().find(|change| {
            matches!(change.undo, Undo::Term { .. } | Undo::Vote(_))
                && (term == own || change.thread == act.thread)
        }) {
            broken!(
                SAVED_FIRST,
                "S{me} sends a request of term {term} at {at}, but its {} is not saved",
                change.undo.what()
            );
        }
        if let Some((heard, then)) = server.heard {
            check!(
                term >= heard || at.0 < then.0 + PREPARED_NS,
                HIGHER_TERM,
                "S{me} sends a request of term {term} at {at}, but a reply has told it of term {heard} at {then}"
            );
        }
        let is_current = term == own;
        match &request {
            Request::Vote { candidate, last, .. } => {
                let end = server.state.log.last();
                let exact = !is_current || server.role != Role::Candidate || *last == end;
                check!(
                    *candidate == me && exact,
                    TRUE_MESSAGES,
                    "S{me} asks for votes in term {term} at {at} and says that its log {last}, but it {end}"
                );
                self.candidacies.insert((me, term), *last);
            }
            Request::PreVote { candidate, last, .. } => {
                check!(
                    *candidate == me,
                    PRE_VOTE,
                    "S{me} asks for pre-votes in term {term} at {at} in the name of S{candidate}"
                );
                self.must_be_known(act, *last, "its last entry")?;
            }
            Request::TimeoutNow { .. } => self.must_lead(act, term)?,
            Request::Append { prev, entries, commit, .. } => {
                let own_commit = server.commit;
                check!(
                    *commit <= own_commit,
                    TRUE_MESSAGES,
                    "S{me} says in a message at {at} that it has committed up to {commit}, but it has only up to {own_commit}"
                );
                self.must_lead(act, term)?;
                self.must_be_known(act, *prev, "the entry before the entries of a message")?;
                for (index, entry) in (prev.index + 1..).zip(entries) {
                    let place = Place { index, term: entry.term };
                    self.must_be_known(act, place, "an entry of a message")?;
                    check!(
                        self.entries.get(&place).is_none_or(|known| known.command == entry.command),
                        TRUE_MESSAGES,
                        "S{me} sends index {index} of term {} with another command at {at}",
                        entry.term
                    );
                }
            }
            Request::Install { last, snapshot, .. } => {
                self.must_lead(act, term)?;
                check!(
                    self.snapshots.get(&(last.index, *snapshot)) == Some(last),
                    SNAPSHOT,
                    "S{me} sends a snapshot up to index {} of term {} at {at}, but no server has made it",
                    last.index,
                    last.term
                );
            }
        }
        remember(&mut self.requests, id, request);
        Ok(())
    }

    fn must_lead(&self, act: Act, term: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let leader = self.leaders.get(&term);
        check!(
            leader.is_some_and(|leader| leader.server == me),
            TRUE_MESSAGES,
            "S{me} sends a message as the leader of term {term} at {at}, but {}",
            leader.map_or("this term has no leader".to_owned(), |it| format!("S{} leads it", it.server))
        );
        Ok(())
    }

    /// Checks that some server had this entry in its log.
    fn must_be_known(&self, act: Act, place: Place, what: &str) -> Checked {
        let Act { server: me, at, .. } = act;
        let committed = || self.committed.get(place.index as usize - 1).map(|it| it.entry.term);
        let known =
            place == Place::default() || self.entries.contains_key(&place) || committed() == Some(place.term);
        check!(
            known,
            TRUE_MESSAGES,
            "S{me} sends index {} of term {} as {what} at {at}, but no log has such an entry",
            place.index,
            place.term
        );
        Ok(())
    }

    /// The server replies to the request `id`.
    pub fn reply(&mut self, act: Act, id: u64, reply: Reply) -> Checked {
        let Act { server: me, at, .. } = act;
        let request = self.requests.remove(&id);
        let Some(server) = self.acting(act) else { return Ok(()) };
        let (term, own) = (reply.term(), server.state.term);
        if let Some(change) = server.unsaved.iter().find(|change| change.thread == act.thread) {
            broken!(SAVED_FIRST, "S{me} replies at {at}, but its {} is not saved", change.undo.what());
        }
        check!(term <= own, TRUE_MESSAGES, "S{me} replies with term {term} at {at}, but its term is {own}");
        let Some(request) = request else {
            // The network has delivered the request twice, and this is the second reply. Perhaps the server
            // has just heard from its leader again.
            if term == own && matches!(reply, Reply::Append { .. } | Reply::Install { .. }) {
                (server.leader_heard, server.promised) = (Some((own, at)), Some(at));
            }
            return Ok(());
        };
        let asked = request.term();
        let ignores = matches!(request, Request::Vote { candidate, term, .. } if server.ignored.contains(&(candidate, term)));
        // A pre-vote raises no term.
        check!(
            term >= asked || ignores || matches!(request, Request::PreVote { .. }),
            HIGHER_TERM,
            "S{me} replies with term {term} to a request of term {asked} at {at}"
        );
        let is_current = asked == own && term == own;
        let yields = !is_current || server.role != Role::Candidate || server.role_term != own;
        match (&request, reply) {
            (Request::Vote { candidate, .. }, Reply::Vote { granted: true, .. }) => check!(
                self.votes.get(&(me, asked)).is_some_and(|(to, _)| to == candidate),
                TRUE_MESSAGES,
                "S{me} grants S{candidate} its vote in term {asked} at {at}, but it has not voted so"
            ),
            (Request::PreVote { candidate, last, .. }, Reply::PreVote { granted: true, .. }) => {
                let end = server.state.log.last();
                check!(
                    asked + 1 >= own && (last.term, last.index) >= (end.term, end.index) && !server.leads(),
                    PRE_VOTE,
                    "S{me} would vote for S{candidate} in term {} at {at}; the log of S{candidate} {last}, its own {end}, it is {} of term {own}",
                    asked + 1,
                    server.role.name()
                );
            }
            (Request::Append { leader, prev, entries, .. }, Reply::Append { success, .. }) => {
                if is_current {
                    (server.leader_heard, server.promised) = (Some((own, at)), Some(at));
                }
                check!(
                    yields,
                    CANDIDATE_YIELDS,
                    "S{me} hears from S{leader}, which leads term {own}, and is a candidate at {at}"
                );
                let log = &server.state.log;
                if is_current && success {
                    let end = Place {
                        index: prev.index + entries.len() as u64,
                        term: entries.last().map_or(prev.term, |entry| entry.term),
                    };
                    for place in [*prev, end] {
                        check!(
                            log.has(place),
                            CONSISTENCY,
                            "S{me} accepts entries of S{leader} at {at}, but it lacks index {} of term {}; its log {}",
                            place.index,
                            place.term,
                            log.last()
                        );
                    }
                }
                check!(
                    !is_current || success || !log.has(*prev),
                    CONSISTENCY,
                    "S{me} refuses entries of S{leader} at {at}, but it has the entry before them, index {} of term {}",
                    prev.index,
                    prev.term
                );
            }
            (Request::Install { leader, .. }, Reply::Install { .. }) => {
                if is_current {
                    (server.leader_heard, server.promised) = (Some((own, at)), Some(at));
                }
                check!(
                    yields,
                    CANDIDATE_YIELDS,
                    "S{me} hears from S{leader}, which leads term {own}, and is a candidate at {at}"
                );
            }
            _ => {}
        }
        let counts = is_current && !matches!(request, Request::PreVote { .. });
        remember(&mut self.replies, id, (term, me, counts));
        Ok(())
    }

    /// The reply to the request `id` has arrived at the server that sent the request.
    pub fn replied(&mut self, act: Act, id: u64) {
        let Some((term, from, counts)) = self.replies.remove(&id) else { return };
        let Some(server) = self.acting(act) else { return };
        if counts && term == server.state.term {
            server.answers.insert(from, act.at);
        }
        if term > server.state.term && server.heard.is_none_or(|(heard, _)| term > heard) {
            server.heard = Some((term, act.at));
        }
    }

    // ------------------------------------------------------------------ Snapshots

    /// A snapshot up to `base` has replaced entries; the log ends at `last` now. If `own` is true, the
    /// server's own service has made the snapshot.
    pub fn snapshot(&mut self, act: Act, own: bool, base: Place, last: u64, snapshot: u64) -> Checked {
        let Act { server: me, at, .. } = act;
        let made = self.snapshots.get(&(base.index, snapshot)).copied();
        let committed = self.committed.get(base.index.saturating_sub(1) as usize).map(|it| it.entry.term);
        let Some(server) = self.acting(act) else { return Ok(()) };
        let log = &mut server.state.log;
        let Place { index, term } = base;
        check!(
            index > log.base.index,
            SNAPSHOT,
            "a snapshot of S{me} up to {index} replaces its snapshot up to {} at {at}",
            log.base.index
        );
        check!(
            committed == Some(term),
            SNAPSHOT,
            "S{me} has a snapshot up to index {index} of term {term} at {at}, but {}",
            committed.map_or("no leader has committed that index".to_owned(), |it| format!(
                "the entry there has term {it}"
            ))
        );
        if own {
            check!(
                index <= server.applied,
                SNAPSHOT,
                "S{me} has a snapshot up to {index} at {at}, but it has applied only up to {}",
                server.applied
            );
        } else {
            check!(
                made == Some(base),
                SNAPSHOT,
                "S{me} installs a snapshot up to {index} at {at} that no server has made"
            );
        }
        let keeps = log.term(index) == Some(term);
        let end = if keeps { log.last_index() } else { index };
        check!(
            last == end,
            SNAPSHOT,
            "the log of S{me} ends at {last} after a snapshot up to {index} at {at}, but should end at {end}"
        );
        let (old_base, old_snapshot) = (log.base, server.state.snapshot);
        let log_dropped = if keeps { Vec::new() } else { log.truncate(old_base.index + 1) };
        let front = log.compact(base);
        server.state.snapshot = snapshot;
        server.applied = server.applied.max(index);
        server.change(
            act.thread,
            Undo::Snapshot { snapshot: old_snapshot, base: old_base, front, log_dropped },
        );
        self.snapshots.insert((index, snapshot), base);
        Ok(())
    }
}

fn remember<T>(messages: &mut BTreeMap<u64, T>, id: u64, message: T) {
    messages.insert(id, message);
    if messages.len() > REMEMBERED {
        messages.pop_first();
    }
}

fn name(server: Option<usize>) -> String {
    server.map_or("nobody".to_owned(), |server| format!("S{server}"))
}

fn names(servers: &[usize]) -> String {
    if servers.is_empty() {
        return "nobody".to_owned();
    }
    let names: Vec<String> = servers.iter().map(|server| format!("S{server}")).collect();
    names.join(", ")
}

/// Prints the end of a log: `ends at index 5 of term 3`.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.index == 0 {
            write!(f, "is empty")
        } else {
            write!(f, "ends at index {} of term {}", self.index, self.term)
        }
    }
}
