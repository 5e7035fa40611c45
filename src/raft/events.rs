//! The trace events that Raft makes; `docs/trace.md` lists their fields.
//!
//! The core makes those of its own state where the state changes. What is in a message, [`request`] and the
//! replies say, under the message's id, so that a reader of the trace finds it beside the network's own events of
//! that message.

use super::messages::{AppendEntriesReply, Conflict, Entry, InstallSnapshotReply, Message, RequestVoteReply};
use labrt::trace::{self, Field, Kind, Links};
use std::fmt::Write as _;

/// A change of role: follower, candidate, leader. One for each transition.
pub const ROLE: Kind = Kind::new("raft.role");
/// The term has risen.
pub const TERM: Kind = Kind::new("raft.term");
/// A vote was granted or refused; the cause says why.
pub const VOTE: Kind = Kind::new("raft.vote");
/// Entries were added to the log.
pub const APPEND: Kind = Kind::new("raft.append");
/// Entries were taken off the end of the log, since they conflict with the leader's.
pub const TRUNCATE: Kind = Kind::new("raft.truncate");
/// The commit index has risen.
pub const COMMIT: Kind = Kind::new("raft.commit");
/// Entries, or a snapshot, were handed to the service.
pub const APPLY: Kind = Kind::new("raft.apply");
/// A snapshot was made here, or installed from the leader; the cause says which.
pub const SNAPSHOT: Kind = Kind::new("raft.snapshot");
/// Something was handed to the persister.
pub const PERSIST: Kind = Kind::new("raft.persist");
/// A server has started with what it had persisted.
pub const RESTORE: Kind = Kind::new("raft.restore");
/// What a request says.
pub const REQUEST: Kind = Kind::new("raft.request");
/// What a reply says.
pub const REPLY: Kind = Kind::new("raft.reply");

/// The terms of entries, runs of equal ones as `term*count`: `1*2,3` for the terms 1, 1, 3.
pub fn terms<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut text = String::new();
    let mut write = |term: u64, count: u64| {
        let comma = if text.is_empty() { "" } else { "," };
        match count {
            1 => write!(text, "{comma}{term}"),
            _ => write!(text, "{comma}{term}*{count}"),
        }
        .expect("a String takes everything");
    };
    let mut run = None;
    for Entry { term, .. } in entries {
        run = match run {
            Some((same, count)) if same == *term => Some((same, count + 1)),
            other => {
                if let Some((term, count)) = other {
                    write(term, count);
                }
                Some((*term, 1))
            }
        };
    }
    if let Some((term, count)) = run {
        write(term, count);
    }
    text
}

/// The current node is about to send `message` under this id.
pub fn request(id: u64, message: &Message) {
    if !trace::on() {
        return;
    }
    match message {
        Message::RequestVote(args) => emit(
            REQUEST,
            id,
            &[
                ("rpc", "RequestVote".into()),
                ("term", args.term.into()),
                ("last_log_index", args.last_log_index.into()),
                ("last_log_term", args.last_log_term.into()),
            ],
        ),
        Message::AppendEntries(args) => emit(
            REQUEST,
            id,
            &[
                ("rpc", "AppendEntries".into()),
                ("term", args.term.into()),
                ("prev_log_index", args.prev_log_index.into()),
                ("prev_log_term", args.prev_log_term.into()),
                ("entries", args.entries.len().into()),
                ("terms", terms(&args.entries).into()),
                ("leader_commit", args.leader_commit.into()),
            ],
        ),
        Message::InstallSnapshot(args) => emit(
            REQUEST,
            id,
            &[
                ("rpc", "InstallSnapshot".into()),
                ("term", args.term.into()),
                ("last_included_index", args.last_included_index.into()),
                ("last_included_term", args.last_included_term.into()),
                ("bytes", args.data.len().into()),
            ],
        ),
    }
}

/// A reply that can say in an event what is in it.
pub trait Reply {
    /// Makes the event, for the message in whose course this thread acts.
    fn trace(&self);
}

impl Reply for RequestVoteReply {
    fn trace(&self) {
        let fields = [
            ("rpc", "RequestVote".into()),
            ("term", self.term.into()),
            ("vote_granted", self.vote_granted.into()),
        ];
        emit(REPLY, trace::parent(), &fields);
    }
}

impl Reply for AppendEntriesReply {
    fn trace(&self) {
        let known = match self.conflict {
            None => 0,
            Some(Conflict { term: None, .. }) => 1,
            Some(_) => 2,
        };
        let Conflict { index, term } = self.conflict.unwrap_or(Conflict { index: 0, term: None });
        let fields = [
            ("rpc", "AppendEntries".into()),
            ("term", self.term.into()),
            ("success", self.success.into()),
            ("conflict_index", index.into()),
            ("conflict_term", term.unwrap_or_default().into()),
        ];
        emit(REPLY, trace::parent(), &fields[..3 + known]);
    }
}

impl Reply for InstallSnapshotReply {
    fn trace(&self) {
        emit(REPLY, trace::parent(), &[("rpc", "InstallSnapshot".into()), ("term", self.term.into())]);
    }
}

fn emit(kind: Kind, id: u64, fields: &[(&'static str, Field<'_>)]) {
    trace::emit(kind, Links::id(id), fields);
}
