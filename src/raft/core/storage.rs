//! Persistence: writes the state of Figure 2 into the persister's frames, and reads it back after a crash.
//!
//! The head frame holds the term, the vote and the index at which the log begins. Each entry has its own
//! frame. Only the changes are written. A [`PersistDelta`] says what has changed. So for a new entry only one
//! frame is written, even if the log is long.

use super::Core;
use crate::raft::effects::PersistDelta;
use crate::raft::log::RaftLog;
use crate::raft::messages::Entry;
use labapi::{FrameError, Frames, Persister, Role, Saved, Writer};
use labgob::DecodeError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The content of the head frame.
#[derive(Serialize, Deserialize)]
struct HardState {
    current_term: u64,
    voted_for: Option<usize>,
    last_included_index: u64,
    last_included_term: u64,
}

/// The error for a bad persisted state: no Raft server of a group of this size can have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The bytes are not a sequence of frames.
    Frames(FrameError),
    /// The head frame is unreadable.
    Head(DecodeError),
    /// The frame of an entry is unreadable.
    Entry {
        /// The index of the entry.
        index: u64,
        /// The error that the decoder reports.
        error: DecodeError,
    },
    /// All frames can be decoded, but their values contradict each other. The text says what was found and
    /// what was expected.
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
    /// Makes server `me` of `n`, in the state that this server has persisted last. An empty persister gives a
    /// new server. The entries that the snapshot covers count as applied, because the service itself reads
    /// the snapshot from the persister.
    ///
    /// # Errors
    /// [`RestoreError`] if the content of the persister is not the state of such a server.
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
        // The persister already holds this state.
        core.effects.clear();
        Ok(core)
    }

    /// Writes the changes to the persister, in one atomic step. `delta` must be the newest result of
    /// [`take_effects`](Core::take_effects), and all earlier deltas must have been written before it.
    ///
    /// # Panics
    /// If something other than this core has written to the persister since this core last read or wrote it.
    pub fn persist_to(&self, persister: &Persister, delta: &PersistDelta) {
        if delta.is_empty() {
            return;
        }
        let begin = self.log.last_included_index();
        let dropped = (begin - delta.saved_from) as usize;
        // The persister never gets an entry before its first head frame: the first change of a new server
        // raises the term, and so it writes the head.
        let write = |w: &mut Writer| {
            if delta.hard_state {
                w.head(self.hard_state());
            }
            match delta.log_from {
                // The log begins after `begin` now. Drop the frames up to `begin`, then the frames from
                // `first` on.
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
            w.explain(saved_content);
        };
        persister.update(write).expect("this core has read or written all frames of its persister");
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

/// What the frames contain, for the trace. `None` if the head cannot be read.
fn saved_content(frames: &Frames) -> Option<Saved> {
    let hard: HardState = labgob::decode(frames.head()?).ok()?;
    Some(Saved {
        term: hard.current_term,
        voted_for: hard.voted_for,
        last_included_index: hard.last_included_index,
        last: hard.last_included_index.saturating_add(frames.entries().len() as u64),
    })
}

fn read_entries(hard: &HardState, frames: &Frames) -> Result<Vec<Entry>, RestoreError> {
    let decode = |(position, frame): (u64, &[u8])| {
        let index = hard.last_included_index.saturating_add(position + 1);
        labgob::decode(frame).map_err(|error| RestoreError::Entry { index, error })
    };
    (0..).zip(frames.entries()).map(decode).collect()
}

/// Returns an error if the persisted values contradict each other.
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
