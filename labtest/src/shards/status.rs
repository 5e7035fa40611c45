//! The visible state of the servers. Programs that show the servers on the screen use it.

use super::Cluster;
use super::place::Place;
use labapi::{ReplicaStatus, Sharded};

/// The visible state of a server, which may be up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The status that the server reports. It is `None` if the server is down, or if its code does not report
    /// a status.
    pub status: Option<ReplicaStatus>,
    /// True if the server runs.
    pub up: bool,
    /// True if [`Cluster::isolate`] or [`Cluster::isolate_from_group`] has cut off the server.
    pub cut_off: bool,
    /// The size in bytes of the Raft state that the server has saved.
    pub raft_bytes: usize,
    /// The size in bytes of the snapshot that the server has saved.
    pub snapshot_bytes: usize,
}

impl<S: Sharded> Cluster<S> {
    /// Returns the visible state of the server at `place`.
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

    /// Returns true if the network loses and delays messages.
    pub fn is_unreliable(&self) -> bool {
        !self.net.is_reliable()
    }

    /// How many requests have been sent so far.
    pub fn rpcs(&self) -> u64 {
        self.net.total_count()
    }
}
