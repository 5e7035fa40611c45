//! Log compaction (section 7): snapshots of this server's service, and snapshots from the leader.

use super::Core;
use crate::raft::effects::Event;
use crate::raft::messages::{InstallSnapshotArgs, InstallSnapshotReply, Message};
use crate::raft::progress::{Sent, What};
use labapi::{ApplyMsg, Bytes};
use std::fmt;
use std::time::Duration;

/// The error if the service gives a snapshot with an impossible index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// The snapshot claims to cover commands that the service has not received yet.
    BeyondApplied {
        /// The index that the service has given with the snapshot.
        index: u64,
        /// The index of the last command that the service has received.
        last_applied: u64,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SnapshotError::BeyondApplied { index, last_applied } = self;
        write!(f, "a snapshot up to index {index}, but only {last_applied} commands were applied")
    }
}

impl std::error::Error for SnapshotError {}

impl Core {
    /// Takes over a snapshot of the service: `data` contains the service's state after the command at
    /// `index`. So the log no longer needs the entries up to `index`. A snapshot that is not newer than the
    /// current one is ignored.
    ///
    /// # Errors
    /// If the service has not received the command at `index` yet.
    pub fn snapshot(&mut self, index: u64, data: impl Into<Bytes>) -> Result<(), SnapshotError> {
        if index <= self.log.last_included_index() {
            return Ok(());
        }
        if index > self.last_applied {
            return Err(SnapshotError::BeyondApplied { index, last_applied: self.last_applied });
        }
        self.log.compact(index);
        self.keep_snapshot(data.into(), "own");
        Ok(())
    }

    /// The handler of `InstallSnapshot` (Figure 13).
    pub fn install_snapshot(&mut self, args: &InstallSnapshotArgs, now: Duration) -> InstallSnapshotReply {
        if self.hear_leader(args.leader_id, args.term, now) && args.last_included_index > self.commit_index {
            self.install(args);
        }
        InstallSnapshotReply { term: self.current_term }
    }

    /// Handles the reply to an `InstallSnapshot`.
    pub fn snapshot_reply(&mut self, sent: Sent, reply: &InstallSnapshotReply, now: Duration) {
        if !self.is_current(sent, reply.term, now) {
            return;
        }
        let What::Snapshot { last_included_index } = sent.what else { return };
        if let Some(progress) = self.progress_of(sent) {
            progress.succeeded(sent.seq, last_included_index, last_included_index);
            self.advance_commit();
        }
    }

    fn install(&mut self, args: &InstallSnapshotArgs) {
        let (index, term) = (args.last_included_index, args.last_included_term);
        if self.log.term_at(index) == Some(term) {
            // This server's log agrees with the snapshot, and may have later entries. The later entries stay,
            // because this server may already have acknowledged them.
            self.log.compact(index);
        } else {
            self.log.reset(index, term);
            self.effects.persist.entries_from(index + 1);
        }
        self.keep_snapshot(args.data.clone(), "from the leader");
        // The caller has checked that `index` is beyond the commit index. So the snapshot also ends after
        // `last_applied`, and the applier will deliver it.
        self.commit(index);
    }

    fn keep_snapshot(&mut self, data: Bytes, origin: &'static str) {
        self.snapshot = data;
        let persist = &mut self.effects.persist;
        (persist.snapshot, persist.hard_state) = (true, true);
        self.happened(Event::SnapshotKept(origin));
    }

    pub(super) fn take_snapshot_to_apply(&mut self) -> Option<ApplyMsg> {
        let (index, term) = (self.log.last_included_index(), self.log.last_included_term());
        if self.last_applied >= index {
            return None;
        }
        self.set_applied(index);
        Some(ApplyMsg::Snapshot { index, term, data: self.snapshot.clone() })
    }

    pub(super) fn snapshot_message(&self) -> (What, Message) {
        let last_included_index = self.log.last_included_index();
        let message = Message::InstallSnapshot(InstallSnapshotArgs {
            term: self.current_term,
            leader_id: self.me,
            last_included_index,
            last_included_term: self.log.last_included_term(),
            data: self.snapshot.clone(),
        });
        (What::Snapshot { last_included_index }, message)
    }
}
