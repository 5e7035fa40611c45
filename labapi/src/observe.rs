//! What a Raft does, told to the trace: one function for each thing that happens, one event for each call.
//!
//! Any Raft can use these functions; nothing here depends on how it is written. They are for three readers of
//! the trace: the page that draws a run, a monitor that checks a run against what Raft promises (Figure 3),
//! and the determinism hash. Where nobody looks at events, a call does nothing.
//!
//! # Where to call what
//!
//! The order of events is the order of calls. A reader takes it for the order in which things happened, so:
//!
//! * Call the functions about the server's **own state** under the lock of that state, right after the state
//!   has changed: [`term`], [`vote`], [`role`], [`append`], [`truncate`], [`commit`], [`apply`], [`snapshot`].
//!   [`restore`] comes before all of them.
//! * Call the functions about a **message that is sent**, [`request_vote`], [`append_entries`] and
//!   [`install_snapshot`], just before it is sent, with the id that it is sent under.
//! * Call the functions about a **reply**, [`vote_reply`], [`append_reply`] and [`snapshot_reply`], at the end of
//!   the handler: when the state is saved, just before the handler returns. Call them on the thread on which the
//!   handler was called: there they find the message's id themselves.
//! * There is no function for saving: the persister tells it itself.
//!
//! So a handler's events come in this order: what changes, what the persister saves, what is replied. A monitor
//! that finds a reply before the save of what it says has found a mistake (Figure 2: "before responding").
//!
//! ```ignore
//! let id = trace::next_id();
//! observe::request_vote(id, args.term, args.candidate_id, (args.last_log_index, args.last_log_term));
//! end.send_as(id, "Raft.RequestVote", &args, on_reply);
//! ```
//!
//! Log entries are given as their terms and commands. A command appears in an event as a short digest: equal
//! commands have equal digests. `docs/trace.md` lists all fields.

use crate::{Command, Role};
use labrt::trace::{self, Field, Kind, Links};
use std::fmt::Write as _;

const RESTORE: Kind = Kind::new("raft.restore");
const TERM: Kind = Kind::new("raft.term");
const VOTE: Kind = Kind::new("raft.vote");
const ROLE: Kind = Kind::new("raft.role");
const APPEND: Kind = Kind::new("raft.append");
const TRUNCATE: Kind = Kind::new("raft.truncate");
const COMMIT: Kind = Kind::new("raft.commit");
const APPLY: Kind = Kind::new("raft.apply");
const SNAPSHOT: Kind = Kind::new("raft.snapshot");
const REQUEST: Kind = Kind::new("raft.request");
const REPLY: Kind = Kind::new("raft.reply");

/// The cause of a vote that was given.
const GRANTED: &str = "granted";

type Fields<'a> = &'a [(&'static str, Field<'a>)];

/// What a server begins with: what it had saved before it crashed, or nothing if it starts for the first time.
#[derive(Clone, Copy, Debug)]
pub struct Restored<'a> {
    /// The current term.
    pub term: u64,
    /// Who has the server's vote in this term.
    pub voted_for: Option<usize>,
    /// The last index that the snapshot covers; 0 without a snapshot.
    pub last_included_index: u64,
    /// The term of that entry; 0 without a snapshot.
    pub last_included_term: u64,
    /// The snapshot; empty if there is none.
    pub snapshot: &'a [u8],
}

/// The server starts. `entries` are those of its log after the snapshot.
///
/// Call it once, when the saved state has been read and before anything else happens: before the handlers can
/// be called, and before any thread of the server starts.
pub fn restore<'a>(state: &Restored<'_>, entries: impl IntoIterator<Item = (u64, &'a Command)>) {
    if !trace::on() {
        return;
    }
    let entries = Entries::of(entries);
    let fields = [
        ("term", state.term.into()),
        ("last_included_index", state.last_included_index.into()),
        ("last_included_term", state.last_included_term.into()),
        ("snapshot", Field::X(trace::digest(state.snapshot))),
        ("last", (state.last_included_index + entries.count).into()),
        ("terms", entries.terms.into()),
        ("commands", entries.commands.into()),
        ("voted_for", state.voted_for.unwrap_or_default().into()),
    ];
    // Without a vote there is no last field.
    let known = fields.len() - usize::from(state.voted_for.is_none());
    trace::emit(RESTORE, Links::NONE, &fields[..known]);
}

/// The server's term has risen to `term`. Its vote in that term is free.
///
/// Call it under your lock, right after `currentTerm` has changed, and before the vote or the role of the new
/// term.
pub fn term(term: u64) {
    trace::emit(TERM, Links::NONE, &[("term", term.into())]);
}

/// The server gives its vote in `term` to `candidate`.
///
/// Call it under your lock, right after `votedFor` has changed: in the handler of RequestVote, and also when
/// the server stands for election and votes for itself. A request that comes twice may be told twice.
pub fn vote(candidate: usize, term: u64) {
    tell_vote(candidate, term, GRANTED);
}

/// The server refuses `candidate` its vote in `term`, the candidate's term. `cause` says why, in a few fixed
/// words.
///
/// Call it in the handler of RequestVote, under your lock, once the decision is made.
pub fn vote_refused(candidate: usize, term: u64, cause: &'static str) {
    tell_vote(candidate, term, cause);
}

fn tell_vote(candidate: usize, term: u64, cause: &'static str) {
    let fields = [("candidate", candidate.into()), ("term", term.into())];
    trace::emit(VOTE, Links::NONE.because(cause), &fields);
}

/// The server is a `role` from now on, in `term`. `cause` says why, in a few fixed words.
///
/// Call it under your lock, right after the role has changed, and after [`term`] if the term has risen with it.
/// A leader tells it before it sends anything as a leader. A server whose role stays while its term rises, such as
/// a candidate that stands again, may tell it again.
pub fn role(role: Role, term: u64, cause: &'static str) {
    let fields = [("role", role.name().into()), ("term", term.into())];
    trace::emit(ROLE, Links::NONE.because(cause), &fields);
}

/// The log has grown: `entries` stand at its end, the first of them at index `first`.
///
/// Call it under your lock, right after the log has grown, on the leader as on followers. If other entries had
/// to go first, [`truncate`] comes before it.
pub fn append<'a>(first: u64, entries: impl IntoIterator<Item = (u64, &'a Command)>) {
    if !trace::on() {
        return;
    }
    let entries = Entries::of(entries);
    let fields = [
        ("first", first.into()),
        ("last", (first + entries.count).saturating_sub(1).into()),
        ("terms", entries.terms.into()),
        ("commands", entries.commands.into()),
    ];
    trace::emit(APPEND, Links::NONE, &fields);
}

/// The entry at index `from` and all after it, `dropped` entries, were removed, because they conflict with the
/// leader's.
///
/// Call it under your lock, right after they were removed.
pub fn truncate(from: u64, dropped: u64) {
    trace::emit(TRUNCATE, Links::NONE, &[("from", from.into()), ("dropped", dropped.into())]);
}

/// The commit index has risen to `index`; `term` is the server's current term.
///
/// Call it under your lock, right after `commitIndex` has risen, and after the entries up to there were told to
/// be in the log.
pub fn commit(index: u64, term: u64) {
    trace::emit(COMMIT, Links::NONE, &[("index", index.into()), ("term", term.into())]);
}

/// The service is given everything up to `index`.
///
/// Call it under your lock, right after `lastApplied` has risen, and before the messages go to the service.
pub fn apply(index: u64) {
    trace::emit(APPLY, Links::NONE, &[("index", index.into())]);
}

/// A snapshot stands for the entries up to `index`, the last of which has `term`. The log now ends at `last`:
/// at `index`, if the snapshot has replaced the whole log. `cause` says where it comes from: `own` for one that
/// the service has made, `from the leader` for one that has come by InstallSnapshot.
///
/// Call it under your lock, right after the log was cut. If the snapshot raises the commit index, [`commit`]
/// comes after it.
pub fn snapshot(cause: &'static str, index: u64, term: u64, last: u64, data: &[u8]) {
    if !trace::on() {
        return;
    }
    let fields = [
        ("index", index.into()),
        ("term", term.into()),
        ("last", last.into()),
        ("bytes", data.len().into()),
        ("snapshot", Field::X(trace::digest(data))),
    ];
    trace::emit(SNAPSHOT, Links::NONE.because(cause), &fields);
}

/// The candidate `candidate` is about to send a RequestVote under this `id`; `last_log` is the index and the term
/// of the last entry of its log.
///
/// Call it just before sending, with what the message says. Not under a lock, if you send without one.
pub fn request_vote(id: u64, term: u64, candidate: usize, last_log: (u64, u64)) {
    let fields = [
        ("rpc", "RequestVote".into()),
        ("term", term.into()),
        ("candidate", candidate.into()),
        ("last_log_index", last_log.0.into()),
        ("last_log_term", last_log.1.into()),
    ];
    trace::emit(REQUEST, Links::id(id), &fields);
}

/// The leader `leader` is about to send an AppendEntries under this `id`; `prev` is the index and the term of
/// the entry before `entries`.
///
/// Call it just before sending, with what the message says, for heartbeats, too.
pub fn append_entries<'a>(
    id: u64,
    term: u64,
    leader: usize,
    prev: (u64, u64),
    entries: impl IntoIterator<Item = (u64, &'a Command)>,
    leader_commit: u64,
) {
    if !trace::on() {
        return;
    }
    let entries = Entries::of(entries);
    let fields = [
        ("rpc", "AppendEntries".into()),
        ("term", term.into()),
        ("leader", leader.into()),
        ("prev_log_index", prev.0.into()),
        ("prev_log_term", prev.1.into()),
        ("entries", entries.count.into()),
        ("terms", entries.terms.into()),
        ("commands", entries.commands.into()),
        ("leader_commit", leader_commit.into()),
    ];
    trace::emit(REQUEST, Links::id(id), &fields);
}

/// The leader `leader` is about to send an InstallSnapshot under this `id`; `last_included` is the index and the
/// term of the last entry that the snapshot covers.
///
/// Call it just before sending, with what the message says.
pub fn install_snapshot(id: u64, term: u64, leader: usize, last_included: (u64, u64), data: &[u8]) {
    if !trace::on() {
        return;
    }
    let fields = [
        ("rpc", "InstallSnapshot".into()),
        ("term", term.into()),
        ("leader", leader.into()),
        ("last_included_index", last_included.0.into()),
        ("last_included_term", last_included.1.into()),
        ("bytes", data.len().into()),
        ("snapshot", Field::X(trace::digest(data))),
    ];
    trace::emit(REQUEST, Links::id(id), &fields);
}

/// The handler of RequestVote answers with `term`, and gives the vote or not.
///
/// Call it at the end of the handler, when the state is saved.
pub fn vote_reply(term: u64, vote_granted: bool) {
    reply(&[("rpc", "RequestVote".into()), ("term", term.into()), ("vote_granted", vote_granted.into())]);
}

/// The handler of AppendEntries answers with `term`, and has taken the entries or not. `conflict` is the hint
/// where to go on, an index and the term there, if your replies have one.
///
/// Call it at the end of the handler, when the state is saved.
pub fn append_reply(term: u64, success: bool, conflict: Option<(u64, u64)>) {
    let (conflict_index, conflict_term) = conflict.unwrap_or_default();
    let fields = [
        ("rpc", "AppendEntries".into()),
        ("term", term.into()),
        ("success", success.into()),
        ("conflict_index", conflict_index.into()),
        ("conflict_term", conflict_term.into()),
    ];
    let known = if conflict.is_some() { fields.len() } else { 3 };
    reply(&fields[..known]);
}

/// The handler of InstallSnapshot answers with `term`.
///
/// Call it at the end of the handler, when the state is saved.
pub fn snapshot_reply(term: u64) {
    reply(&[("rpc", "InstallSnapshot".into()), ("term", term.into())]);
}

/// A reply belongs to the message that this thread handles.
fn reply(fields: Fields<'_>) {
    if trace::on() {
        trace::emit(REPLY, Links::id(trace::parent()), fields);
    }
}

/// Log entries as an event shows them.
#[derive(Default)]
struct Entries {
    count: u64,
    /// Runs of equal terms: `1*2,3` for the terms 1, 1, 3.
    terms: String,
    /// Eight hexadecimal digits for each command.
    commands: String,
}

impl Entries {
    fn of<'a>(entries: impl IntoIterator<Item = (u64, &'a Command)>) -> Entries {
        let entries = entries.into_iter();
        let mut shown = Entries::default();
        shown.commands.reserve(9 * entries.size_hint().0);
        let (mut run_term, mut run_length) = (0, 0);
        for (term, command) in entries {
            if term != run_term {
                shown.run(run_term, run_length);
                (run_term, run_length) = (term, 0);
            }
            run_length += 1;
            shown.count += 1;
            shown.command(command);
        }
        shown.run(run_term, run_length);
        shown
    }

    fn run(&mut self, term: u64, length: u64) {
        let comma = if self.terms.is_empty() { "" } else { "," };
        match length {
            0 => Ok(()),
            1 => write!(self.terms, "{comma}{term}"),
            _ => write!(self.terms, "{comma}{term}*{length}"),
        }
        .expect("a String takes everything");
    }

    /// By hand, since it is done for every command several times.
    fn command(&mut self, command: &Command) {
        let digest = trace::digest(command.as_bytes());
        // Both halves of the digest count.
        let short = (digest ^ (digest >> 32)) as u32;
        let mut text = *b",00000000";
        for (digit, shift) in text[1..].iter_mut().zip((0..32).step_by(4).rev()) {
            *digit = b"0123456789abcdef"[(short >> shift) as usize & 15];
        }
        let from = usize::from(self.commands.is_empty());
        self.commands.push_str(str::from_utf8(&text[from..]).expect("digits and a comma"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_shown_as_runs_of_terms_and_digests_of_commands() {
        let [a, b] = ["a", "b"].map(Command::new);
        for (terms, text) in
            [(&[][..], ""), (&[1], "1"), (&[1, 1], "1*2"), (&[1, 1, 3], "1*2,3"), (&[0, 2, 2, 0], "0,2*2,0")]
        {
            let shown = Entries::of(terms.iter().map(|&term| (term, &a)));
            assert_eq!((shown.terms.as_str(), shown.count), (text, terms.len() as u64));
        }
        let shown = Entries::of([(1, &a), (1, &b), (2, &a)]).commands;
        let digests: Vec<&str> = shown.split(',').collect();
        assert!(digests.iter().all(|digest| digest.len() == 8), "{shown}");
        assert_eq!(digests[0], digests[2], "equal commands");
        assert_ne!(digests[0], digests[1], "different commands");
    }
}
