//! Persistence: the state of Figure 2 to the persister's frames, and back after a crash.
//!
//! The head frame holds term, vote and where the log begins; each entry has a frame of its own. What changed
//! goes out as a [`PersistDelta`], so that a new entry costs an entry, however long the log is.

use super::Core;
use crate::raft::effects::PersistDelta;
use crate::raft::log::RaftLog;
use crate::raft::messages::Entry;
use labapi::{FrameError, Frames, Persister, Role, Writer};
use labgob::DecodeError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The head frame.
#[derive(Serialize, Deserialize)]
struct HardState {
    current_term: u64,
    voted_for: Option<usize>,
    last_included_index: u64,
    last_included_term: u64,
}

/// A persisted state that no Raft server of this number can have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The bytes are no sequence of frames.
    Frames(FrameError),
    /// The head frame is unreadable.
    Head(DecodeError),
    /// The frame of an entry is unreadable.
    Entry {
        /// Which entry.
        index: u64,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Everything can be read, but it cannot be true; the text says what was found and what was expected.
    Contradiction(String),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot restore Raft: ")?;
        match self {
            RestoreError::Frames(error) => error.fmt(f),
            RestoreError::Head(error) => write!(f, "head frame: {error}"),
            RestoreError::Entry { index, error } => write!(f, "log entry {index}: {error}"),
            RestoreError::Contradiction(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RestoreError {}

impl From<FrameError> for RestoreError {
    fn from(error: FrameError) -> RestoreError {
        RestoreError::Frames(error)
    }
}

impl Core {
    /// Server `me` of `n` as it was when it last persisted. With an empty persister it is a new server. What
    /// a snapshot covers counts as applied: the service reads the snapshot from the persister itself.
    ///
    /// # Errors
    /// [`RestoreError`] if the persister holds something else than the state of such a server.
    ///
    /// # Panics
    /// If `me` is not below `n`.
    pub fn restore(me: usize, n: usize, persister: &Persister) -> Result<Core, RestoreError> {
        let frames = persister.frames()?;
        let Some(head) = frames.head() else { return Ok(Core::new(me, n)) };
        let hard: HardState = labgob::decode(head).map_err(RestoreError::Head)?;
        let entries = read_entries(&hard, &frames)?;
        check(&hard, &entries, n)?;
        let log = RaftLog::after(hard.last_included_index, hard.last_included_term, entries);
        let mut core = Core::of(me, n, hard.current_term, hard.voted_for, log, Role::Follower);
        core.snapshot = persister.read_snapshot();
        // It is persistent already.
        core.effects.clear();
        Ok(core)
    }

    /// Hands what has changed to the persister, as one atomic step. `delta` is the newest from
    /// [`take_effects`](Core::take_effects), and all before it were handed over, too.
    ///
    /// # Panics
    /// If the persister was written by somebody else in the meantime.
    pub fn persist_to(&self, persister: &Persister, delta: &PersistDelta) {
        if delta.is_empty() {
            return;
        }
        let begin = self.log.last_included_index();
        let dropped = (begin - delta.saved_from) as usize;
        // A new server's first change raises its term, so the head is written before any entry.
        let write = |w: &mut Writer| {
            if delta.hard_state {
                w.head(self.hard_state());
            }
            match delta.log_from {
                // The kept frames all come after the new beginning.
                Some(first) if first > begin + 1 => {
                    w.drop_front(dropped);
                    w.truncate_to((first - begin - 1) as usize);
                }
                Some(_) => w.truncate_to(0),
                None => w.drop_front(dropped),
            }
            if let Some(first) = delta.log_from {
                self.log.iter_from(first).for_each(|entry| w.append(labgob::encode(entry)));
            }
            if delta.snapshot {
                w.snapshot(self.snapshot.clone());
            }
        };
        persister.update(write).expect("the core has been restored from these frames, or has written them");
    }

    fn hard_state(&self) -> Vec<u8> {
        labgob::encode(&HardState {
            current_term: self.current_term,
            voted_for: self.voted_for,
            last_included_index: self.log.last_included_index(),
            last_included_term: self.log.last_included_term(),
        })
    }
}

fn read_entries(hard: &HardState, frames: &Frames) -> Result<Vec<Entry>, RestoreError> {
    let decode = |(position, frame): (u64, &[u8])| {
        let index = hard.last_included_index.saturating_add(position + 1);
        labgob::decode(frame).map_err(|error| RestoreError::Entry { index, error })
    };
    (0..).zip(frames.entries()).map(decode).collect()
}

/// What must be true of any persisted state.
fn check(hard: &HardState, entries: &[Entry], n: usize) -> Result<(), RestoreError> {
    let contradiction = |what: String| Err(RestoreError::Contradiction(what));
    if let Some(voted) = hard.voted_for.filter(|&voted| voted >= n) {
        return contradiction(format!("head frame: voted for server {voted}, expected one below {n}"));
    }
    if hard.last_included_index > u64::MAX / 2 {
        return contradiction(format!("head frame: a snapshot up to index {}", hard.last_included_index));
    }
    let mut term = hard.last_included_term;
    for (position, entry) in entries.iter().enumerate() {
        if entry.term < term {
            let index = hard.last_included_index + 1 + position as u64;
            return contradiction(format!("log entry {index}: term {} after term {term}", entry.term));
        }
        term = entry.term;
    }
    if term > hard.current_term {
        let current = hard.current_term;
        return contradiction(format!("the log reaches term {term}, but the current term is {current}"));
    }
    Ok(())
}
