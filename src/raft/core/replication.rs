//! Log replication (5.3) and commitment (5.4.2).

use super::{ApplyBatch, Core, Standing};
use crate::raft::effects::Event;
use crate::raft::invariants::Invariant;
use crate::raft::messages::{AppendEntriesArgs, AppendEntriesReply, Conflict, Entry};
use crate::raft::progress::{Progress, Sent, What};
use labapi::{ApplyMsg, Command, Started};
use std::time::Duration;

impl Core {
    /// The leader appends a command to its log (5.3). Returns `None` if this server does not lead, or if it
    /// transfers its leadership.
    pub fn propose(&mut self, command: Command) -> Option<Started> {
        if !self.is_leader() || self.transfers_to().is_some() {
            return None;
        }
        let term = self.current_term;
        let index = self.log.last_index() + 1;
        self.append(&[Entry { term, command }]);
        // If this server is the only one of its group, it alone is a majority. So the command is already
        // committed.
        self.advance_commit();
        Some(Started { index, term })
    }

    /// The handler of `AppendEntries` (Figure 2).
    pub fn append_entries(&mut self, args: &AppendEntriesArgs, now: Duration) -> AppendEntriesReply {
        if !self.hear_leader(args.leader_id, args.term, now) {
            return self.refuse(None);
        }
        let (prev, prev_term, entries) = self.skip_covered(args);
        if let Some(conflict) = self.conflict_with(prev, prev_term) {
            self.happened(Event::EntriesRefused { prev, conflict });
            return self.refuse(Some(conflict));
        }
        self.store(prev, entries);
        // This message has checked the log only up to the message's last entry. Later entries of the log may
        // still be overwritten, so they must not be committed.
        let checked = args.prev_log_index + args.entries.len() as u64;
        self.follow_commit(args.leader_commit.min(checked));
        AppendEntriesReply { term: self.current_term, success: true, conflict: None }
    }

    /// Handles the reply to an `AppendEntries`.
    pub fn append_reply(&mut self, sent: Sent, reply: &AppendEntriesReply, now: Duration) {
        if !self.is_current(sent, reply.term, now) {
            return;
        }
        let What::Append { prev, last, commit } = sent.what else { return };
        let next_seq = self.next_seq;
        let Standing::Leader(progress) = &mut self.standing else { return };
        let progress = &mut progress[sent.peer];
        if reply.success {
            progress.succeeded(sent.seq, last, commit);
            self.advance_commit();
            return;
        }
        progress.refused(sent.seq, prev, reply.conflict, &self.log, next_seq);
        self.happened(Event::RefusalHeard { peer: sent.peer, prev, conflict: reply.conflict });
    }

    fn refuse(&self, conflict: Option<Conflict>) -> AppendEntriesReply {
        AppendEntriesReply { term: self.current_term, success: false, conflict }
    }

    /// Leaves out the entries that the snapshot covers. These entries are committed. So the leader's log has
    /// the same entries, and a comparison is not necessary.
    fn skip_covered<'a>(&self, args: &'a AppendEntriesArgs) -> (u64, u64, &'a [Entry]) {
        let covered = self.log.last_included_index();
        if args.prev_log_index >= covered {
            return (args.prev_log_index, args.prev_log_term, &args.entries);
        }
        let skipped = (covered - args.prev_log_index) as usize;
        (covered, self.log.last_included_term(), args.entries.get(skipped..).unwrap_or_default())
    }

    /// Returns `None` if this server's log has an entry of `prev_term` at `prev`. Otherwise it returns the
    /// last index at which this log and the leader's log may still agree (5.3).
    fn conflict_with(&self, prev: u64, prev_term: u64) -> Option<Conflict> {
        if self.log.term_at(prev) == Some(prev_term) {
            return None;
        }
        // The entries that the snapshot covers are committed, so the leader has the same entries: the logs
        // agree at least up to the end of the snapshot.
        let index = self.log.last_index_up_to_term(prev, prev_term).max(self.log.last_included_index());
        let term = self
            .log
            .term_at(index)
            .expect("the index is not before the end of the snapshot, and not after the end of the log");
        Some(Conflict { index, term })
    }

    /// Appends the entries that the log does not have yet. Old entries are removed only if the log has an
    /// entry of another term at the index of a new entry. So a late or repeated message does not remove the
    /// entries that were appended after that message.
    fn store(&mut self, prev: u64, entries: &[Entry]) {
        let is_new = |(index, entry): (u64, &Entry)| self.log.term_at(index) != Some(entry.term);
        let Some(known) = (prev + 1..).zip(entries).position(is_new) else { return };
        let first_new = prev + 1 + known as u64;
        if first_new <= self.log.last_index() {
            self.truncate_from(first_new);
        }
        self.append(&entries[known..]);
    }

    fn truncate_from(&mut self, index: u64) {
        Invariant::LeaderAppendOnly
            .check(!self.is_leader(), || format!("S{} would truncate its log from {index}", self.me));
        Invariant::CommittedStays.check(index > self.commit_index, || {
            format!("S{} would truncate from {index}, committed is {}", self.me, self.commit_index)
        });
        let dropped = self.log.last_index() + 1 - index;
        self.log.truncate_from(index);
        self.effects.persist.entries_from(index);
        self.happened(Event::Truncated { from: index, dropped });
    }

    fn append(&mut self, entries: &[Entry]) {
        let first = self.log.last_index() + 1;
        for entry in entries {
            self.log.append(entry.clone());
        }
        Invariant::LogMatching.check(self.log.last_term() <= self.current_term, || {
            format!(
                "S{} in term {} stores an entry of term {}",
                self.me,
                self.current_term,
                self.log.last_term()
            )
        });
        self.effects.persist.entries_from(first);
        self.happened(Event::Appended { first, last: self.log.last_index() });
    }

    /// Sections 5.3 and 5.4.2: the leader commits an entry that a majority of the servers has, if the entry
    /// is of the leader's own term. This also commits all entries before that entry.
    pub(super) fn advance_commit(&mut self) {
        let Standing::Leader(progress) = &self.standing else { return };
        // Return early if no follower is known to have an uncommitted entry. This is the usual case after a
        // proposal.
        if self.n > 1 && progress.iter().all(|p| p.match_index() <= self.commit_index) {
            return;
        }
        let mut held: Vec<u64> = progress.iter().map(Progress::match_index).collect();
        held[self.me] = self.log.last_index();
        held.sort_unstable_by(|a, b| b.cmp(a));
        let by_majority = held[self.majority() - 1];
        if by_majority <= self.commit_index {
            return;
        }
        if self.is_of_own_term(by_majority) {
            self.commit_by_counting(by_majority);
        }
    }

    fn commit_by_counting(&mut self, index: u64) {
        Invariant::CommitOwnTermByCounting.check(self.is_of_own_term(index), || {
            format!("entry {index} on S{} in term {}", self.me, self.current_term)
        });
        self.commit(index);
    }

    fn is_of_own_term(&self, index: u64) -> bool {
        self.log.term_at(index) == Some(self.current_term)
    }

    fn follow_commit(&mut self, leader_commit: u64) {
        if leader_commit > self.commit_index {
            self.commit(leader_commit);
        }
    }

    pub(super) fn commit(&mut self, index: u64) {
        let (from, last) = (self.commit_index, self.log.last_index());
        Invariant::CommitRises.check(from < index, || format!("from {from} to {index} on S{}", self.me));
        Invariant::CommitInLog
            .check(index <= last, || format!("S{} commits {index}, but its log ends at {last}", self.me));
        self.commit_index = index;
        self.effects.wake_applier = true;
        self.happened(Event::Committed(index));
    }

    /// Takes the next committed messages for the service, at most `max`. If the service has not received
    /// everything that the snapshot covers, the result is only this snapshot. Otherwise the messages are
    /// commands. The returned messages count as applied from now on. Returns `None` if there is nothing to
    /// apply.
    pub fn take_apply(&mut self, max: usize) -> Option<ApplyBatch> {
        if let Some(snapshot) = self.take_snapshot_to_apply() {
            return Some(vec![snapshot]);
        }
        let count = usize::try_from(self.commit_index - self.last_applied).unwrap_or(usize::MAX).min(max);
        if count == 0 {
            return None;
        }
        let first = self.last_applied + 1;
        let entries = self.log.batch(first, count, usize::MAX);
        self.set_applied(self.last_applied + entries.len() as u64);
        let as_message =
            |(index, Entry { term, command }): (u64, Entry)| ApplyMsg::Command { index, term, command };
        Some((first..).zip(entries).map(as_message).collect())
    }

    pub(super) fn set_applied(&mut self, index: u64) {
        Invariant::AppliedFollowsCommit.check(
            self.last_applied < index && index <= self.commit_index,
            || {
                format!(
                    "from {} to {index} on S{}, commit index {}",
                    self.last_applied, self.me, self.commit_index
                )
            },
        );
        self.last_applied = index;
        self.happened(Event::Applied(index));
    }
}
