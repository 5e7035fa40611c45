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
    /// The candidate.
    pub candidate_id: usize,
    /// The index of the candidate's last log entry (5.4.1).
    pub last_log_index: u64,
    /// The term of that entry.
    pub last_log_term: u64,
}

/// The reply to [`RequestVoteArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term, so that the candidate can update its own.
    pub term: u64,
    /// Did the candidate get the vote?
    pub vote_granted: bool,
}

/// The leader replicates entries. A message without entries is a heartbeat (5.2, 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesArgs {
    /// The leader's term.
    pub term: u64,
    /// The leader.
    pub leader_id: usize,
    /// The index of the entry just before the new ones.
    pub prev_log_index: u64,
    /// The term of that entry.
    pub prev_log_term: u64,
    /// The entries to store.
    pub entries: Vec<Entry>,
    /// The leader's commit index.
    pub leader_commit: u64,
}

/// The reply to [`AppendEntriesArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term, so that the leader can update its own.
    pub term: u64,
    /// Did the follower's log contain the entry before the new ones?
    pub success: bool,
    /// If it did not: how far the two logs may agree. `None` if the request had an older term. Another Raft's
    /// reply may also have `None`; the leader then goes back by one entry for each message, as in Figure 2.
    pub conflict: Option<Conflict>,
}

/// What a follower tells about its log when it refuses entries: **the last index at which the two logs may
/// agree**. With it the leader goes back by whole terms, not by one entry for each message (end of 5.3).
///
/// Terms never fall along a log. Where the logs agree, the term is not greater than `prev_log_term`. So the
/// follower names its last entry that is at or before `prev_log_index` and has a term of at most
/// `prev_log_term`. No later entry of the follower can agree. The leader then skips its own entries with a
/// greater term than that entry.
///
/// The paper's sketch is different: the follower names the term of its conflicting entry and the first index
/// of that term, and the leader skips that term. There, a follower with a log that is too short can only tell
/// the length of its log. So the leader may have to ask again about terms that both servers could have
/// skipped at once. Example: the leader's log has the terms 1 1 1 1 1 1, the follower's log has the terms 1 2
/// 2 4. In the paper the leader probes after 6, 4, 3 and 1. Here it probes after 6 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The last index at which the logs may agree; 0 if there is none.
    pub index: u64,
    /// The term of the follower's entry at that index.
    pub term: u64,
}

/// The leader sends its snapshot to a follower that needs an entry which the leader has already discarded
/// (section 7). The snapshot is sent in one message, because the labs do not use the paper's offsets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotArgs {
    /// The leader's term.
    pub term: u64,
    /// The leader.
    pub leader_id: usize,
    /// The snapshot replaces all entries up to and including this index.
    pub last_included_index: u64,
    /// The term of that entry.
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
    /// The follower's term, so that the leader can update its own.
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
}
