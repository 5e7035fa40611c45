//! The messages of Figure 2 and Figure 13 of the Raft paper, with the field names of the paper.

use labapi::{Bytes, Command, shared_bytes};
use serde::{Deserialize, Serialize};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term in which a leader received the command.
    pub term: u64,
    /// The command.
    pub command: Command,
}

impl Entry {
    /// The term and the command, in the form that [`observe`](labapi::observe) expects.
    pub(super) fn parts(&self) -> (u64, &Command) {
        (self.term, &self.command)
    }
}

/// A candidate asks for a vote (5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteArgs {
    /// The candidate's term.
    pub term: u64,
    /// The number of the candidate.
    pub candidate_id: usize,
    /// The index of the candidate's last log entry (5.4.1).
    pub last_log_index: u64,
    /// The term of the candidate's last log entry.
    pub last_log_term: u64,
}

/// The reply to [`RequestVoteArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term. The candidate needs it to notice a higher term.
    pub term: u64,
    /// Did the candidate get the vote?
    pub vote_granted: bool,
}

/// The leader replicates entries. A message without entries is a heartbeat (5.2, 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesArgs {
    /// The leader's term.
    pub term: u64,
    /// The number of the leader.
    pub leader_id: usize,
    /// The index of the entry just before the new entries.
    pub prev_log_index: u64,
    /// The term of the entry at `prev_log_index`.
    pub prev_log_term: u64,
    /// The entries to store.
    pub entries: Vec<Entry>,
    /// The leader's commit index.
    pub leader_commit: u64,
}

/// The reply to [`AppendEntriesArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term. The leader needs it to notice a higher term.
    pub term: u64,
    /// Did the follower's log contain the entry before the new entries? If it did not, the follower refuses
    /// the new entries.
    pub success: bool,
    /// After a refusal, this says how far the two logs may agree. It is `None` if the request had an older
    /// term. Another implementation of Raft may also reply with `None`. Then the leader goes back by one
    /// entry for each message, as in Figure 2.
    pub conflict: Option<Conflict>,
}

/// A follower that refuses entries replies with **the last index at which the two logs may agree**. With this
/// index the leader can go back by whole terms, instead of by one entry for each message (end of 5.3).
///
/// Terms never fall along a log. So the leader's entries up to `prev_log_index` have terms of at most
/// `prev_log_term`. The follower searches its own log up to `prev_log_index` for the last entry with a term
/// of at most `prev_log_term`. The follower's entries after this entry, up to `prev_log_index`, have greater
/// terms. So they cannot agree with the leader's entries. The follower replies with the index and the term of
/// the entry that it has found. Then the leader goes back to this index. If its own entry there has a greater
/// term than the follower's entry, the leader goes back further, to its last entry without a greater term.
///
/// The paper's sketch is different. The follower replies with two values: the term of its conflicting entry,
/// and the first index of that term. Then the leader skips that term. In the paper, a follower whose log is
/// too short can only reply with the length of its log. So in the paper, each reply skips at most one term of
/// the follower's log. Here, one reply can skip several terms. Example: the leader's log has six entries of
/// term 1, and the follower's log has the terms 1 2 2 4. With the paper's method, the leader sends the
/// entries after index 6, then after 4, 3 and 1. With the method of this file, it sends only the entries
/// after index 6, and then after 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The last index at which the logs may agree. It is 0 if there is no such index.
    pub index: u64,
    /// The term of the follower's entry at that index.
    pub term: u64,
}

/// A follower needs an entry, but the leader has already discarded it. So the leader sends its snapshot to
/// this follower (section 7). The snapshot is sent in one message, because the labs do not use the paper's
/// offsets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotArgs {
    /// The leader's term.
    pub term: u64,
    /// The number of the leader.
    pub leader_id: usize,
    /// The snapshot replaces all entries up to and including this index.
    pub last_included_index: u64,
    /// The term of the entry at `last_included_index`.
    pub last_included_term: u64,
    /// The snapshot itself.
    #[serde(with = "shared_bytes")]
    pub data: Bytes,
}

impl std::fmt::Debug for InstallSnapshotArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstallSnapshotArgs")
            .field("term", &self.term)
            .field("leader_id", &self.leader_id)
            .field("last_included_index", &self.last_included_index)
            .field("last_included_term", &self.last_included_term)
            .field("bytes", &self.data.len())
            .finish()
    }
}

/// The reply to [`InstallSnapshotArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The follower's term. The leader needs it to notice a higher term.
    pub term: u64,
}

/// The leader tells a server to start an election at once (thesis, 3.10). This message is not in the paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutNowArgs {
    /// The leader's term.
    pub term: u64,
    /// The number of the leader.
    pub leader_id: usize,
}

/// The reply to [`TimeoutNowArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutNowReply {
    /// The term of the server, after it has started an election.
    pub term: u64,
}

/// A request from one server to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request to the handler `Raft.RequestVote`.
    RequestVote(RequestVoteArgs),
    /// A request to the handler `Raft.AppendEntries`.
    AppendEntries(AppendEntriesArgs),
    /// A request to the handler `Raft.InstallSnapshot`.
    InstallSnapshot(InstallSnapshotArgs),
    /// A request to the handler `Raft.PreVote`: would the server vote for this candidate in this term?
    PreVote(RequestVoteArgs),
    /// A request to the handler `Raft.TimeoutNow`.
    TimeoutNow(TimeoutNowArgs),
    /// A request to the handler `Raft.TransferVote`: a `RequestVote` of a candidate that the leader has told
    /// to start an election.
    TransferVote(RequestVoteArgs),
}

impl Message {
    /// Does the message have entries of the log?
    pub(super) fn has_entries(&self) -> bool {
        matches!(self, Message::AppendEntries(args) if !args.entries.is_empty())
    }
}
