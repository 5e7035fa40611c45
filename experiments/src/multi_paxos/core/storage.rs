//! What a server saves, and the restart from it.
//!
//! The head frame has the promise, and the slot up to which all are known to be chosen. Each acceptance adds
//! a frame. If a slot has several frames, the last one counts.

use super::{Accepted, Core, PersistDelta};
use crate::multi_paxos::messages::{Ballot, Value};
use labapi::{FrameError, Persister, Writer};
use labgob::DecodeError;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Serialize, Deserialize)]
struct Head {
    promised: Ballot,
    chosen: u64,
}

/// The error for a bad saved state: no server of a group of this size can have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The bytes are not a sequence of frames.
    Frames(FrameError),
    /// A frame cannot be decoded. The head has the number 0.
    Frame(usize, DecodeError),
    /// All frames can be decoded, but their values contradict each other.
    Contradiction(String),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot restore Multi-Paxos: ")?;
        match self {
            RestoreError::Frames(error) => error.fmt(f),
            RestoreError::Frame(number, error) => write!(f, "frame {number}: {error}"),
            RestoreError::Contradiction(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RestoreError {}

impl Core {
    /// Makes server `me` of `n` in the state that it has saved last. An empty persister gives a new server.
    /// The values up to the chosen slot are passed to the service again, because there are no snapshots.
    ///
    /// # Errors
    /// If the content of the persister is not the state of such a server.
    ///
    /// # Panics
    /// If `me` is not below `n`.
    pub fn restore(me: usize, n: usize, persister: &Persister) -> Result<Core, RestoreError> {
        let frames = persister.frames().map_err(RestoreError::Frames)?;
        let mut core = Core::new(me, n);
        let Some(head) = frames.head() else { return Ok(core) };
        let head: Head = labgob::decode(head).map_err(|error| RestoreError::Frame(0, error))?;
        for (number, frame) in frames.entries().enumerate() {
            let decoded = labgob::decode(frame).map_err(|error| RestoreError::Frame(number + 1, error));
            let (slot, ballot, value): (u64, Ballot, Value) = decoded?;
            core.accepted.insert(slot, Accepted { ballot, value });
        }
        core.promised = head.promised;
        core.highest_seen = head.promised;
        core.chosen = head.chosen;
        core.check_restored()?;
        core.effects.wake_applier = head.chosen > 0;
        Ok(core)
    }

    fn check_restored(&self) -> Result<(), RestoreError> {
        let contradiction = |what: String| Err(RestoreError::Contradiction(what));
        let Ballot { round, server } = self.promised;
        if server >= self.n {
            return contradiction(format!("a promise to server {server}, expected one below {}", self.n));
        }
        if let Some((slot, it)) = self.accepted.iter().find(|(_, it)| it.ballot > self.promised) {
            return contradiction(format!(
                "slot {slot} has {:?}, above the promised round {round}",
                it.ballot
            ));
        }
        let known = self.accepted.range(..=self.chosen).count() as u64;
        if known != self.chosen {
            return contradiction(format!("{} slots are chosen, and {known} have a value", self.chosen));
        }
        Ok(())
    }

    /// Writes the changes to the persister, in one atomic step. `delta` must be that of the newest
    /// [`Effects`](super::Effects), and all earlier deltas must have been written before it.
    ///
    /// # Panics
    /// If something other than this core has written to the persister.
    pub fn persist_to(&self, persister: &Persister, delta: &PersistDelta) {
        if delta.is_empty() {
            return;
        }
        let write = |w: &mut Writer| {
            if delta.head {
                w.head(labgob::encode(&Head { promised: self.promised, chosen: self.chosen }));
            }
            for slot in &delta.slots {
                let Accepted { ballot, value } = &self.accepted[slot];
                w.append(labgob::encode(&(slot, ballot, value)));
            }
        };
        persister.update(write).expect("this core has read or written all frames of its persister");
    }
}
