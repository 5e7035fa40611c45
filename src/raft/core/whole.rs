//! The invariants of a server's whole state. They are true after each rule.
//!
//! A rule checks what it changes ([`Invariant`]). The checks in this file look at the whole state. So they
//! also notice a rule that has forgotten to change something.

use super::{Core, Standing};
use crate::raft::invariants::Invariant;
use crate::raft::progress::Progress;
use labapi::Persister;

impl Core {
    /// Checks all invariants of this server's state. It does not check that the state is persisted
    /// ([`check_persisted`](Core::check_persisted)).
    ///
    /// # Panics
    /// If an invariant is broken. The message names it.
    pub fn check_invariants(&self) {
        self.check_log();
        self.check_indices();
        match &self.standing {
            Standing::Follower => {}
            Standing::Candidate(ballots) => {
                self.check_own_vote();
                let votes = 1 + ballots.iter().filter(|ballot| ballot.has_granted()).count();
                Invariant::CandidateLacksMajority.check(votes < self.majority(), || {
                    format!("S{} has {votes} votes of {} servers", self.me, self.n)
                });
                Invariant::OneViewPerServer
                    .check(ballots.len() == self.n, || format!("S{} has {} ballots", self.me, ballots.len()));
            }
            Standing::Leader(progress) => {
                self.check_own_vote();
                Invariant::OneViewPerServer.check(progress.len() == self.n, || {
                    format!("S{} has views of {} servers", self.me, progress.len())
                });
                self.check_commit_of_leader(progress);
                let others = progress.iter().enumerate().filter(|(peer, _)| *peer != self.me);
                others.for_each(|(_, view)| view.check_with(&self.log, self.commit_index, self.next_seq));
            }
        }
    }

    /// Checks that the persister has the whole persistent state of this server. This must be true when a
    /// message or a reply is sent.
    ///
    /// # Panics
    /// If something is not persisted.
    pub fn check_persisted(&self, persister: &Persister) {
        let saved = Core::restore(self.me, self.n, persister);
        let same = saved.as_ref().is_ok_and(|saved| {
            let begin = |core: &Core| (core.log.last_included_index(), core.log.last_included_term());
            (saved.current_term, saved.voted_for, begin(saved))
                == (self.current_term, self.voted_for, begin(self))
                && saved.log.iter_from(0).eq(self.log.iter_from(0))
                && saved.snapshot == self.snapshot
        });
        Invariant::SavedBeforeSaid.check(same && self.effects.persist.is_empty(), || {
            format!("S{} in term {}, the persister has {saved:?}", self.me, self.current_term)
        });
    }

    fn check_log(&self) {
        let (last, term) = (self.log.last_term(), self.current_term);
        Invariant::TermCoversLog
            .check(last <= term, || format!("S{} in term {term}, its log ends in term {last}", self.me));
        Invariant::VoteForAServer.check(self.voted_for.is_none_or(|voted| voted < self.n), || {
            let (me, n, voted) = (self.me, self.n, self.voted_for_name());
            format!("S{me} voted for {voted} in a group of {n} servers")
        });
    }

    /// A snapshot from the leader can cover entries that this server has not applied yet, because the applier
    /// passes the snapshot to the service later. So the snapshot may end after `last_applied`, but not after
    /// `commit_index`.
    fn check_indices(&self) {
        let (covered, last) = (self.log.last_included_index(), self.log.last_index());
        let (applied, commit) = (self.last_applied, self.commit_index);
        let ordered = applied <= commit && covered <= commit && commit <= last && self.saved_from <= covered;
        Invariant::IndicesInOrder.check(ordered, || {
            format!("S{}: snapshot {covered}, applied {applied}, committed {commit}, log {last}", self.me)
        });
    }

    fn check_own_vote(&self) {
        Invariant::OwnVote.check(self.voted_for == Some(self.me), || {
            let (me, term, voted) = (self.me, self.current_term, self.voted_for_name());
            format!("S{me} is {} in term {term} and has voted for {voted}", self.role().name())
        });
    }

    /// The server that got this server's vote, for messages.
    pub(super) fn voted_for_name(&self) -> String {
        self.voted_for.map_or("nobody".to_owned(), |candidate| format!("S{candidate}"))
    }

    /// The commit index of a leader is the greatest index at which a majority has an entry of the leader's
    /// own term. If there is no such index yet, it is the commit index that the leader had before its
    /// election.
    fn check_commit_of_leader(&self, progress: &[Progress]) {
        let view = |(peer, view): (usize, &Progress)| match peer == self.me {
            true => self.log.last_index(),
            false => view.match_index(),
        };
        let held = || progress.iter().enumerate().map(view);
        let on_majority = |index: u64| held().filter(|&it| it >= index).count() >= self.majority();
        let of_own_term = |index: u64| self.log.term_at(index) == Some(self.current_term);
        let commit = self.commit_index;
        let missed = held().find(|&index| index > commit && of_own_term(index) && on_majority(index));
        Invariant::CommitKeepsUp.check(missed.is_none(), || {
            let index = missed.unwrap_or(commit);
            format!("S{} has committed up to {commit}, but a majority has entry {index}", self.me)
        });
        Invariant::CommitHasMajority.check(!of_own_term(commit) || on_majority(commit), || {
            format!("S{} has committed up to {commit} in term {}", self.me, self.current_term)
        });
    }
}
