//! What can be seen of the servers from outside, for people who watch them.

use super::Cluster;
use super::place::Place;
use labapi::{ReplicaStatus, Sharded};

/// What can be seen of a server, whether it is up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its state. `None`: it is down, or it does not tell its state.
    pub status: Option<ReplicaStatus>,
    /// Whether it runs.
    pub up: bool,
    /// Whether it is cut off, from all others or from its own group.
    pub cut_off: bool,
    /// The bytes of Raft state that it has saved.
    pub raft_bytes: usize,
    /// The bytes of the snapshot that it has saved.
    pub snapshot_bytes: usize,
}

impl<S: Sharded> Cluster<S> {
    /// Looks at the server at `place`.
    pub fn look(&self, place: Place) -> Look {
        let (lives, cut_off) = {
            let state = self.state.lock();
            let cut_off = state.cut.contains(&place) || state.cut_from_group.contains(&place);
            (state.lives(place), cut_off)
        };
        let (raft_bytes, snapshot_bytes) = lives.saved_bytes();
        let living = lives.living();
        let up = living.is_some();
        let status = living.and_then(|living| living.call(|replica| replica.status()));
        Look { status, up, cut_off, raft_bytes, snapshot_bytes }
    }

    /// Whether the network loses and delays messages.
    pub fn is_unreliable(&self) -> bool {
        !self.net.is_reliable()
    }

    /// How many requests have been sent so far.
    pub fn rpcs(&self) -> u64 {
        self.net.total_count()
    }
}
