//! What can be seen of the servers from outside, for people who watch them.

use super::Cluster;
use super::place::Place;
use super::system::Sharded;
use crate::raft;
use crate::shardctrler::{Config, Gid, NSHARDS};

/// What a server has of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// Nothing.
    #[default]
    Nothing,
    /// The data, which it serves.
    Serving,
    /// The right to it; the data is on its way.
    Awaiting,
    /// The data, which nobody has a right to.
    Parked,
    /// The data, which another group has a right to and does not have yet, for all that is known here.
    Giving,
}

/// Where a server that runs stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its Raft.
    pub raft: raft::Status,
    /// The number of the newest configuration it has taken in.
    pub config: u64,
    /// Who has which shard by that configuration.
    pub owners: [Gid; NSHARDS],
    /// The groups of that configuration.
    pub groups: Vec<Gid>,
    /// What it has of each shard; nothing, if it is a controller.
    pub shards: [Holding; NSHARDS],
}

impl Status {
    /// Of a server in `config`.
    pub fn new(raft: raft::Status, config: &Config, shards: [Holding; NSHARDS]) -> Status {
        let groups = config.groups.keys().copied().collect();
        Status { raft, config: config.num, owners: config.shards, groups, shards }
    }
}

/// A server, up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Where it stands; `None`: it is down, or does not say.
    pub status: Option<Status>,
    /// It runs.
    pub up: bool,
    /// It is cut off, from everybody or from its own group.
    pub cut_off: bool,
    /// The bytes of Raft state that it has saved.
    pub raft_bytes: usize,
    /// The bytes of the snapshot that it has saved.
    pub snapshot_bytes: usize,
}

impl<S: Sharded> Cluster<S> {
    /// A look at the server at `place`.
    pub fn look(&self, place: Place) -> Look {
        let (living, saved, cut_off) = {
            let mut state = self.state.lock();
            let cut_off = state.cut.contains(&place) || state.cut_from_group.contains(&place);
            let slot = state.slot(place);
            (slot.living.clone(), slot.saved.clone(), cut_off)
        };
        let (raft_bytes, snapshot_bytes) =
            saved.map_or((0, 0), |saved| (saved.raft_state_size(), saved.snapshot_size()));
        let up = living.is_some();
        let status = living.and_then(|living| living.call(|replica| replica.status()));
        Look { status, up, cut_off, raft_bytes, snapshot_bytes }
    }

    /// Does the network lose and delay messages?
    pub fn is_unreliable(&self) -> bool {
        !self.net.is_reliable()
    }

    /// How many requests have been sent so far.
    pub fn rpcs(&self) -> u64 {
        self.net.total_count()
    }
}
