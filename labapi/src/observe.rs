//! Functions that report to the trace what a Raft does. There is one function for each kind of event, and
//! each call writes one event.
//!
//! Any Raft can use these functions. They do not depend on how the Raft is written. The trace has three
//! readers:
//!
//! * the HTML page, which draws a run;
//! * the monitor, which checks whether a run keeps the guarantees of Raft (Figure 3);
//! * the trace hash, which shows whether two runs are the same.
//!
//! If no reader needs events, a call does nothing.
//!
//! # Where to call the functions
//!
//! The events in the trace are in the order of the calls. The readers of the trace expect that things also
//! happened in this order. So follow these rules:
//!
//! * Call the functions about the server's **own state** under the lock of that state, right after the state
//!   has changed: [`term`], [`vote`], [`role`], [`append`], [`truncate`], [`commit`], [`apply`],
//!   [`snapshot`]. Call [`restore`] before all of them.
//! * Call the functions about a **message that is sent**, [`request_vote`], [`append_entries`] and
//!   [`install_snapshot`], just before the message is sent. Pass the id with which the message is sent.
//! * Call the functions about a **reply**, [`vote_reply`], [`append_reply`] and [`snapshot_reply`], at the
//!   end of the handler: after the state is saved, and just before the handler returns. Call them on the
//!   thread on which the handler was called. On this thread, the functions find the id of the message
//!   themselves.
//! * There is no function to report that the state was saved, because the persister itself reports each save
//!   to the trace.
//!
//! So the events of a handler come in this order: the changes of the state, the save of the persister, the
//! reply. A reply depends on the state. If the trace has a reply before the save of this state, the Raft has
//! a mistake (Figure 2: "before responding").
//!
//! ```ignore
//! let id = trace::next_id();
//! observe::request_vote(id, args.term, args.candidate_id, (args.last_log_index, args.last_log_term));
//! end.send_as(id, "Raft.RequestVote", &args, on_reply);
//! ```
//!
//! A caller gives log entries as pairs of a term and a command. An event does not contain whole commands, but
//! a short digest of each command. Equal commands have equal digests. `docs/trace.md` lists all fields.
//!
//! The module [`shards`] has the functions for the sharded service.

pub mod shards;

use crate::{Command, Role, Saved};
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
const PROGRESS: Kind = Kind::new("raft.progress");
const SAVED: Kind = Kind::new("raft.saved");
const COMMAND: Kind = Kind::new("command.text");
const REPEATED: Kind = Kind::new("service.repeated");

/// The cause in the event of a vote that was given.
const GRANTED: &str = "granted";

type Fields<'a> = &'a [(&'static str, Field<'a>)];

/// The state with which a server starts: the state that it had saved before it crashed. At the first start
/// the state is empty.
#[derive(Clone, Copy, Debug)]
pub struct Restored<'a> {
    /// The current term.
    pub term: u64,
    /// The candidate that has the server's vote in this term, if there is one.
    pub voted_for: Option<usize>,
    /// The last index that the snapshot covers. The index is 0 if there is no snapshot.
    pub last_included_index: u64,
    /// The term of the entry at that index. The term is 0 if there is no snapshot.
    pub last_included_term: u64,
    /// The snapshot. It is empty if the server has no snapshot.
    pub snapshot: &'a [u8],
}

/// Reports that the server starts. `entries` are the entries of its log after the snapshot.
///
/// Call it once, after the saved state was read and before the server does anything else. At this time, no
/// handler may be called yet, and no thread of the server may have started.
#[track_caller]
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
    // If the server has not voted, the event has no field `voted_for`.
    let known = fields.len() - usize::from(state.voted_for.is_none());
    trace::emit(RESTORE, Links::NONE, &fields[..known]);
}

/// Reports that the server's term has risen to `term`. The server has not voted in that term yet.
///
/// Call it under your lock, right after `currentTerm` has changed. If the server also votes in the new term
/// or changes its role, call this function before [`vote`] and [`role`].
#[track_caller]
pub fn term(term: u64) {
    trace::emit(TERM, Links::NONE, &[("term", term.into())]);
}

/// Reports that the server gives its vote in the term `term` to the server `candidate`.
///
/// Call it under your lock, right after `votedFor` has changed: in the handler of RequestVote, and also when
/// the server becomes a candidate and votes for itself. If the same request comes twice, you may report the
/// vote twice.
#[track_caller]
pub fn vote(candidate: usize, term: u64) {
    tell_vote(candidate, term, GRANTED);
}

/// Reports that the server does not give its vote to the server `candidate`. `term` is the candidate's term.
/// `cause` says why: it is a short text that is written in the code. If a server refuses a candidate of a
/// higher term and does not take over that term, the cause must be [`HAS_A_LEADER`](crate::HAS_A_LEADER)
/// or [`PROMISED`](crate::PROMISED).
///
/// Call it in the handler of RequestVote, under your lock, right after the decision.
#[track_caller]
pub fn vote_refused(candidate: usize, term: u64, cause: &'static str) {
    tell_vote(candidate, term, cause);
}

#[track_caller]
fn tell_vote(candidate: usize, term: u64, cause: &'static str) {
    let fields = [("candidate", candidate.into()), ("term", term.into())];
    trace::emit(VOTE, Links::NONE.because(cause), &fields);
}

/// Reports that the server now has the role `role`, in the term `term`. `cause` says why: it is a short text
/// that is written in the code. If a leader becomes a follower in its own term, the cause must be
/// [`NO_QUORUM`](crate::NO_QUORUM).
///
/// Call it under your lock, right after the role has changed. If the term has also risen, call [`term`]
/// first. For a new leader, call this function before the leader sends its first message. When the term
/// rises, you may report the same role again. For example, a candidate can do this when it starts the next
/// election.
#[track_caller]
pub fn role(role: Role, term: u64, cause: &'static str) {
    let fields = [("role", role.name().into()), ("term", term.into())];
    trace::emit(ROLE, Links::NONE.because(cause), &fields);
}

/// Reports that the log has grown. `entries` are the new entries at its end, and the first of them has the
/// index `first`.
///
/// Call it under your lock, right after the log has grown, on the leader and on followers. If conflicting
/// entries were removed, call [`truncate`] before this function.
#[track_caller]
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

/// Reports that the entry at index `from` and all entries after it were removed, because they conflict with
/// the leader's entries. `dropped` is the number of the removed entries.
///
/// Call it under your lock, right after the entries were removed.
#[track_caller]
pub fn truncate(from: u64, dropped: u64) {
    trace::emit(TRUNCATE, Links::NONE, &[("from", from.into()), ("dropped", dropped.into())]);
}

/// Reports that the commit index has risen to `index`. `term` is the server's current term.
///
/// Call it under your lock, right after `commitIndex` has risen, and after the calls of [`append`] that
/// report the entries up to `index`.
#[track_caller]
pub fn commit(index: u64, term: u64) {
    trace::emit(COMMIT, Links::NONE, &[("index", index.into()), ("term", term.into())]);
}

/// Reports that the service gets all entries up to `index`.
///
/// Call it under your lock, right after `lastApplied` has risen, and before you send the messages to the
/// service.
#[track_caller]
pub fn apply(index: u64) {
    trace::emit(APPLY, Links::NONE, &[("index", index.into())]);
}

/// Reports that a snapshot has replaced the entries up to `index`. The entry at `index` had the term `term`.
/// The log now ends at `last`. If the snapshot has replaced the whole log, `last` is equal to `index`.
/// `cause` says where the snapshot comes from: `own` if the server's own service has made it, and `from the
/// leader` if InstallSnapshot has brought it.
///
/// Call it under your lock, right after the log was cut. If the snapshot raises the commit index, call
/// [`commit`] after this function.
#[track_caller]
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

/// Reports that the server `candidate` is about to send a RequestVote with this `id`. `last_log` is the index
/// and the term of the last entry of the candidate's log.
///
/// Call it just before you send the message, with the values in the message. If you do not hold a lock when
/// you send, call this function without a lock, too.
#[track_caller]
pub fn request_vote(id: u64, term: u64, candidate: usize, last_log: (u64, u64)) {
    ask_for_vote("RequestVote", id, term, candidate, last_log);
}

/// Reports that the server `leader` is about to send an AppendEntries with this `id`. `prev` is the index and
/// the term of the entry before `entries`.
///
/// Call it just before you send the message, with the values in the message. Also call it for heartbeats.
#[track_caller]
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

/// Reports that the server `leader` is about to send an InstallSnapshot with this `id`. `last_included` is
/// the index and the term of the last entry that the snapshot covers.
///
/// Call it just before you send the message, with the values in the message.
#[track_caller]
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

/// Reports that the server `candidate` is about to send a PreVote with this `id`: it asks whether the
/// receiver would vote for it in the term `term + 1`. `term` is the current term of the server. `last_log` is
/// the index and the term of the last entry of its log.
///
/// Call it just before you send the message. PreVote is not part of the paper; a Raft without PreVote does
/// not need this function.
#[track_caller]
pub fn pre_vote(id: u64, term: u64, candidate: usize, last_log: (u64, u64)) {
    ask_for_vote("PreVote", id, term, candidate, last_log);
}

#[track_caller]
fn ask_for_vote(rpc: &'static str, id: u64, term: u64, candidate: usize, last_log: (u64, u64)) {
    let fields = [
        ("rpc", rpc.into()),
        ("term", term.into()),
        ("candidate", candidate.into()),
        ("last_log_index", last_log.0.into()),
        ("last_log_term", last_log.1.into()),
    ];
    trace::emit(REQUEST, Links::id(id), &fields);
}

/// Reports that the server `leader` is about to send a TimeoutNow with this `id`: the receiver must start an
/// election at once, because the leader transfers its leadership.
///
/// Call it just before you send the message.
#[track_caller]
pub fn timeout_now(id: u64, term: u64, leader: usize) {
    let fields = [("rpc", "TimeoutNow".into()), ("term", term.into()), ("leader", leader.into())];
    trace::emit(REQUEST, Links::id(id), &fields);
}

/// Reports that the handler of PreVote replies with `term`, the current term of the server. `vote_granted`
/// says whether the server would vote for the candidate.
///
/// Call it at the end of the handler.
#[track_caller]
pub fn pre_vote_reply(term: u64, vote_granted: bool) {
    reply(&[("rpc", "PreVote".into()), ("term", term.into()), ("vote_granted", vote_granted.into())]);
}

/// Reports that the handler of TimeoutNow replies with `term`.
///
/// Call it at the end of the handler, after the state is saved.
#[track_caller]
pub fn timeout_now_reply(term: u64) {
    reply(&[("rpc", "TimeoutNow".into()), ("term", term.into())]);
}

/// Reports the reply of the handler of RequestVote. `term` is the term in the reply. `vote_granted` says
/// whether the server gives its vote.
///
/// Call it at the end of the handler, after the state is saved.
#[track_caller]
pub fn vote_reply(term: u64, vote_granted: bool) {
    reply(&[("rpc", "RequestVote".into()), ("term", term.into()), ("vote_granted", vote_granted.into())]);
}

/// Reports the reply of the handler of AppendEntries. `term` is the term in the reply. `success` says whether
/// the server has accepted the entries. `conflict` is a hint that tells the leader where to continue: the
/// index and the term of the server's last entry that may agree with the leader's log. `conflict` is `None`
/// if your reply has no such hint.
///
/// Call it at the end of the handler, after the state is saved.
#[track_caller]
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

/// Reports the reply of the handler of InstallSnapshot. `term` is the term in the reply.
///
/// Call it at the end of the handler, after the state is saved.
#[track_caller]
pub fn snapshot_reply(term: u64) {
    reply(&[("rpc", "InstallSnapshot".into()), ("term", term.into())]);
}

/// Reports the reply to the message whose handler runs on this thread.
#[track_caller]
fn reply(fields: Fields<'_>) {
    if trace::on() {
        trace::emit(REPLY, Links::id(trace::parent()), fields);
    }
}

/// Reports what a command is, in few letters: `Put k3=x12 2#7`. The events of Raft have only digests of the
/// commands. The page of the run shows this text instead of the digest. `text` is only called if someone
/// reads the trace.
///
/// Call it once for each command, when you make it. [`Command::encode`] does this.
#[track_caller]
pub fn command(command: &Command, text: impl FnOnce() -> String) {
    if trace::recording() {
        let mut entries = Entries::default();
        entries.command(command);
        let fields = [("command", entries.commands.into()), ("text", Field::Said(text().into()))];
        trace::note(COMMAND, Links::NONE, &fields);
    }
}

/// Reports that the service has found that it did an operation before, so that it does not do the operation
/// again. `client` and `seq` are the client and the number of the operation.
///
/// Call it when the service applies the entry of this operation.
#[track_caller]
pub fn repeated(client: u64, seq: u64) {
    if trace::recording() {
        /// A number of a client and the number of its operation.
        #[derive(serde::Serialize)]
        struct Stamp {
            client: u64,
            seq: u64,
        }
        let text = labgob::short(&Stamp { client, seq });
        trace::note(REPEATED, Links::NONE, &[("operation", Field::Said(text.into()))]);
    }
}

/// Reports what a leader knows about the log of the server `peer`: its `nextIndex` and `matchIndex`
/// (Figure 2).
///
/// Call it on the thread that has got a reply of this server, after you have handled the reply.
#[track_caller]
pub fn progress(peer: usize, next_index: u64, match_index: u64) {
    if trace::recording() {
        let fields =
            [("peer", peer.into()), ("next_index", next_index.into()), ("match_index", match_index.into())];
        trace::note(PROGRESS, Links::NONE, &fields);
    }
}

/// Reports what the last save of the persister contains: the bytes, not what the server has in its memory.
/// `content` is only called if someone reads the trace. If the bytes cannot be read, it returns `None`.
///
/// [`Writer::explain`](crate::Writer::explain) calls it after each save. If you save bytes that are not
/// frames, call it yourself after the save, under your lock. A lock that `content` takes would make the run
/// differ from the same run without a trace.
#[track_caller]
pub fn saved(content: impl FnOnce() -> Option<Saved>) {
    if !trace::recording() {
        return;
    }
    let Some(content) = content() else { return };
    let fields = [
        ("term", content.term.into()),
        ("last_included_index", content.last_included_index.into()),
        ("last", content.last.into()),
        ("voted_for", content.voted_for.unwrap_or_default().into()),
    ];
    let known = fields.len() - usize::from(content.voted_for.is_none());
    trace::note(SAVED, Links::NONE, &fields[..known]);
}

/// Log entries in the form in which an event shows them.
#[derive(Default)]
struct Entries {
    count: u64,
    /// The terms as a text. If the same term comes several times in a row, it is written once, with the
    /// number of times: the text for the terms 1, 1, 3 is `1*2,3`.
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
        .expect("writing to a String never fails");
    }

    /// Adds the digits of one command. A run calls this several times for each command, so it must be fast.
    /// For this reason it does not use `write!`.
    fn command(&mut self, command: &Command) {
        let digest = trace::digest(command.as_bytes());
        // The short digest depends on both halves of the long digest.
        let short = (digest ^ (digest >> 32)) as u32;
        let mut text = *b",00000000";
        for (digit, shift) in text[1..].iter_mut().zip((0..32).step_by(4).rev()) {
            *digit = b"0123456789abcdef"[(short >> shift) as usize & 15];
        }
        let from = usize::from(self.commands.is_empty());
        self.commands.push_str(str::from_utf8(&text[from..]).expect("the text has only digits and a comma"));
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
