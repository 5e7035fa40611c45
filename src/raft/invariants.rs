//! The properties that are true at every moment. Each property has a name.
//!
//! Figure 3 of the paper lists what Raft guarantees about the whole cluster. One server cannot see the whole
//! cluster. So each check covers the part of a property that one server can see. The check is made where the
//! state changes. If a property is not true, there is a mistake in the program, or two servers have the same
//! identity. If such a server continued, it would send wrong state to other servers. So the check panics, and
//! the running test fails.
//!
//! | guarantee | what one server can check |
//! |---|---|
//! | Election Safety | one vote in a term; no other leader in this server's own term; terms never fall |
//! | Leader Append-Only | a leader never removes an entry of its log |
//! | Log Matching | entries are appended only after the entry that the leader names; terms never fall |
//! | Leader Completeness | a committed entry is never removed |
//! | State Machine Safety | commit index and `last_applied` never fall, and are never beyond the log's end |
//!
//! Most checks are made where a rule changes the state. The checks of the whole state (`core/whole.rs`) are
//! made after each rule, in tests and in debug builds for virtual time.

use std::fmt;

/// A property of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// A server votes for at most one candidate in a term (5.2).
    OneVotePerTerm,
    /// A term has at most one leader (5.2).
    OneLeaderPerTerm,
    /// A server's term never falls (5.1).
    TermsRise,
    /// A server changes its role only as Figure 4 shows; a leader steps down only for a higher term.
    RolesAsInFigure4,
    /// A leader never overwrites or removes entries of its own log (5.3).
    LeaderAppendOnly,
    /// A follower appends entries only after an entry that the leader's log also has. Terms never fall along
    /// a log (5.3).
    LogMatching,
    /// A committed entry is never removed (5.4).
    CommittedStays,
    /// The commit index never falls (Figure 2).
    CommitRises,
    /// The commit index is never beyond the end of the log (Figure 2).
    CommitInLog,
    /// A leader that commits by counting replicas commits only entries of its own term (5.4.2).
    CommitOwnTermByCounting,
    /// A leader does not send a follower entries that the follower is known to have: `match_index` is less
    /// than `next_index` (Figure 2).
    NextAfterMatch,
    /// `last_applied` never falls, and is never greater than `commit_index` (Figure 2).
    AppliedFollowsCommit,
    /// No entry of the log is of a later term than the server's current term (5.3).
    TermCoversLog,
    /// A vote goes to a server of the group (5.2).
    VoteForAServer,
    /// The snapshot and `last_applied` do not end after the commit index, and the commit index is in the log
    /// (Figure 2).
    IndicesInOrder,
    /// A candidate or a leader has voted for itself in its term (5.2).
    OwnVote,
    /// A candidate does not have the votes of a majority, because with these votes it becomes the leader
    /// (5.2).
    CandidateLacksMajority,
    /// A candidate has one ballot for each server, and a leader has one view of each server (5.2).
    OneViewPerServer,
    /// A leader has committed every entry of its own term that a majority is known to have (5.3).
    CommitKeepsUp,
    /// An entry of the leader's own term is committed only if a majority is known to have it (5.4.2).
    CommitHasMajority,
    /// What a message or a reply shows to others is persistent (Figure 2).
    SavedBeforeSaid,
    /// Each entry before `next_index` is on its way, or need not be sent (5.3).
    NoEntryForgotten,
    /// A leader keeps a list of its messages on their way. Each message in the list has entries, and the
    /// follower is not known to have all of these entries (5.3).
    NewsOnTheirWay,
    /// A leader tells a follower no commit index above the leader's own. A follower acknowledges only a
    /// commit index that the leader has told it (Figure 2).
    ToldOnlyCommitted,
    /// The last message with entries was not sent later than the last message of any kind (5.3).
    EntriesAreMessages,
    /// A leader's `next_index` for a follower is at most one above the last index of the leader's log (5.3).
    ViewInLog,
    /// A snapshot on its way is not newer than the leader's snapshot, and the follower needs it (7).
    SnapshotExists,
}

impl Invariant {
    /// Panics if `holds` is false.
    #[track_caller]
    pub(crate) fn check(self, holds: bool, detail: impl FnOnce() -> String) {
        if !holds {
            panic!("Raft invariant broken: {self}: {}", detail());
        }
    }

    fn name_and_section(self) -> (&'static str, &'static str) {
        match self {
            Invariant::OneVotePerTerm => ("Election Safety, one vote in a term", "5.2"),
            Invariant::OneLeaderPerTerm => ("Election Safety, one leader in a term", "5.2"),
            Invariant::TermsRise => ("terms never fall", "5.1"),
            Invariant::RolesAsInFigure4 => ("roles change as in Figure 4", "5.2"),
            Invariant::LeaderAppendOnly => ("Leader Append-Only", "5.3"),
            Invariant::LogMatching => ("Log Matching", "5.3"),
            Invariant::CommittedStays => ("Leader Completeness, committed entries stay", "5.4"),
            Invariant::CommitRises => ("the commit index never falls", "Figure 2"),
            Invariant::CommitInLog => ("only entries of the log are committed", "Figure 2"),
            Invariant::CommitOwnTermByCounting => {
                ("only entries of the own term commit by counting", "5.4.2")
            }
            Invariant::NextAfterMatch => ("match_index stays below next_index", "Figure 2"),
            Invariant::AppliedFollowsCommit => ("last_applied follows the commit index", "Figure 2"),
            Invariant::TermCoversLog => ("no entry is of a later term than the server", "5.3"),
            Invariant::VoteForAServer => ("a vote goes to a server of the group", "5.2"),
            Invariant::IndicesInOrder => {
                ("snapshot, last_applied, commit index and log end are in order", "Figure 2")
            }
            Invariant::OwnVote => ("candidates and leaders have voted for themselves", "5.2"),
            Invariant::CandidateLacksMajority => ("a candidate with a majority leads", "5.2"),
            Invariant::OneViewPerServer => ("there is one ballot or progress for each server", "5.2"),
            Invariant::CommitKeepsUp => ("what a majority has of the own term is committed", "5.3"),
            Invariant::CommitHasMajority => ("what is committed in the own term is on a majority", "5.4.2"),
            Invariant::SavedBeforeSaid => ("what others see is saved", "Figure 2"),
            Invariant::NoEntryForgotten => ("no entry before next_index is forgotten", "5.3"),
            Invariant::NewsOnTheirWay => {
                ("messages on their way carry entries that the follower may lack", "5.3")
            }
            Invariant::ToldOnlyCommitted => ("a follower is told no more than is committed", "Figure 2"),
            Invariant::EntriesAreMessages => ("entries are messages, too", "5.3"),
            Invariant::ViewInLog => ("a leader's views end with its log", "5.3"),
            Invariant::SnapshotExists => ("a snapshot on its way exists", "7"),
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, section) = self.name_and_section();
        write!(f, "{name} ({section})")
    }
}
