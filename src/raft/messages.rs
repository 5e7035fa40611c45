//! The messages of Figure 2 and Figure 13 of the Raft paper, in its field names.

use labapi::{Bytes, Command, shared_bytes};
use serde::{Deserialize, Serialize};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The term in which a leader took the command in.
    pub term: u64,
    /// The command.
    pub command: Command,
}

impl Entry {
    /// Term and command, as [`observe`](labapi::observe) takes entries.
    pub(super) fn parts(&self) -> (u64, &Command) {
        (self.term, &self.command)
    }
}

/// A candidate asks for a vote (5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteArgs {
    /// The candidate's term.
    pub term: u64,
    /// Who asks.
    pub candidate_id: usize,
    /// The index of the candidate's last log entry (5.4.1).
    pub last_log_index: u64,
    /// The term of that entry.
    pub last_log_term: u64,
}

/// The answer to [`RequestVoteArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's term, for the candidate to update itself.
    pub term: u64,
    /// Does the candidate have the vote?
    pub vote_granted: bool,
}

/// The leader replicates entries; without entries it is a heartbeat (5.2, 5.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesArgs {
    /// The leader's term.
    pub term: u64,
    /// Who leads.
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

/// The answer to [`AppendEntriesArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's term, for the leader to update itself.
    pub term: u64,
    /// Did the follower's log contain the entry before the new ones?
    pub success: bool,
    /// If it did not, how far the two logs may agree. `None` in the refusal of an older term; the reply of another
    /// Raft may do without, and then costs a message an entry, as in Figure 2.
    pub conflict: Option<Conflict>,
}

/// What a follower tells about its log when it refuses entries, so that the leader backs up by whole terms
/// instead of one entry a message (end of 5.3): **how far its log may agree with the leader's at most**.
///
/// Terms never fall along a log, and where the logs agree, the term is not greater than `prev_log_term`. So no
/// entry after the last one with such a term can agree, and that one, the last at or before `prev_log_index`
/// whose term is at most `prev_log_term`, is named. The leader on its side leaves out its entries of greater
/// terms than the follower's.
///
/// This departs from the paper's sketch, where the follower names its conflicting term and the first index of
/// it, and the leader leaves out that term. There a follower whose log is too short can only say how long it is,
/// so that the leader may ask about terms again which both could have left out at once. With logs of the terms
/// 1 1 1 1 1 1 at the leader and 1 2 2 4 at the follower the paper's leader probes after 6, 4, 3 and 1, here
/// after 6 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The last index that may agree; 0: none.
    pub index: u64,
    /// The term of the follower's entry there.
    pub term: u64,
}

/// The leader sends its snapshot to a follower whose next entry it has already discarded (section 7). Sent
/// whole: the labs do without the paper's offsets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotArgs {
    /// The leader's term.
    pub term: u64,
    /// Who leads.
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

/// The answer to [`InstallSnapshotArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The follower's term, for the leader to update itself.
    pub term: u64,
}

/// A request from one server to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// For the handler `Raft.RequestVote`.
    RequestVote(RequestVoteArgs),
    /// For the handler `Raft.AppendEntries`.
    AppendEntries(AppendEntriesArgs),
    /// For the handler `Raft.InstallSnapshot`.
    InstallSnapshot(InstallSnapshotArgs),
}
