//! The rules that the monitor checks. Each rule has a name, the place that states it, and a sentence.

use std::fmt;

/// A rule of Raft, or of the sharded service.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name of the rule. It is the paper's name if the paper has one.
    pub name: &'static str,
    /// The place that states the rule: a section or a figure of the Raft paper (the extended version), or a
    /// lab.
    pub section: &'static str,
    /// The rule in one sentence.
    pub sentence: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.section)
    }
}

macro_rules! rules {
    ($($id:ident: $name:literal, $section:literal, $sentence:literal;)*) => {
        $(
            #[doc = $sentence]
            pub const $id: Rule = Rule { name: $name, section: $section, sentence: $sentence };
        )*
        /// All rules.
        pub const ALL: &[Rule] = &[$($id),*];
    };
}

rules! {
    TERMS_RISE: "Terms Rise", "5.1", "The term of a server only rises, and its role belongs to its term.";
    HIGHER_TERM: "Higher Term", "5.1", "A server that sees a higher term takes it over and becomes a follower.";
    ROLES: "Roles", "5.2, Figure 4", "Only a candidate becomes leader, and a leader becomes a follower only in a higher term, or if it hears from no majority (CheckQuorum).";
    CANDIDATE_YIELDS: "Candidate Yields", "5.2", "A candidate becomes a follower when it hears from the leader of its term.";
    ONE_VOTE: "One Vote", "5.2", "A server votes for at most one candidate in a term, also after a restart.";
    UP_TO_DATE: "Up-to-date Log", "5.4.1", "A server votes only for a candidate whose log is at least as up to date as its own.";
    VOTE_OWED: "Vote Owed", "5.2, 5.4.1", "A server that has not voted for another candidate votes for a candidate whose log is up to date.";
    MAJORITY: "Votes of a Majority", "5.2", "A candidate becomes leader only with the votes of a majority.";
    PRE_VOTE: "Pre-vote", "thesis, 9.6", "A server asks for pre-votes for the term after its own, and says yes only if it could vote for the server that asks.";
    ELECTION_SAFETY: "Election Safety", "5.2, Figure 3", "A term has at most one leader.";
    APPEND_ONLY: "Leader Append-Only", "5.3, Figure 3", "A leader never removes entries of its log. It adds entries of its own term.";
    LOG_MATCHING: "Log Matching", "5.3, Figure 3", "If two logs have an entry with the same index and term, they are equal up to that entry.";
    CONSISTENCY: "Consistency Check", "5.3", "A follower accepts entries if its log has the entry before them, and only then.";
    ONLY_CONFLICTS: "Only Conflicts", "5.3", "A follower removes entries only if they conflict with the leader's entries.";
    TRUE_MESSAGES: "True Messages", "Figure 2", "A message says what is true of its sender.";
    COMMITMENT: "Commitment", "5.3, 5.4.2", "A leader commits entries once a majority has stored an entry of the leader's own term; followers commit what a leader has committed.";
    LEADER_COMPLETENESS: "Leader Completeness", "5.4.3, Figure 3", "A leader has all entries that were committed before its term.";
    STATE_MACHINE_SAFETY: "State Machine Safety", "5.4.3, Figure 3", "All servers commit and apply the same entry at an index.";
    APPLY_ORDER: "Apply in Order", "5.3", "A server applies committed entries, in the order of their indices.";
    SAVED_FIRST: "Saved Before Said", "Figure 2", "A server saves its term, its vote and its log before a message depends on them.";
    RESTORED: "Restored as Saved", "Figure 2", "A server starts with the term, the vote, the log and the snapshot that it has saved.";
    SNAPSHOT: "Snapshot", "7", "A snapshot covers applied entries, replaces only an older snapshot, and keeps the entries after it.";
    ONE_OWNER: "One Owner", "lab 4B", "In a configuration only the owner of a shard serves it, with the data that the last owner has given away.";
    SESSIONS_MOVE: "Sessions Move", "lab 4B", "A shard moves together with the memory of its clients' requests.";
}
