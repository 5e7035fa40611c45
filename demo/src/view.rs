//! The state of all servers at one moment.

use labapi::{Gid, Holding, NSHARDS, ReplicaStatus, Role};
use labrt::time::Duration;
use labtest::shards::{Look, Place, gid};

use crate::act::{GROUPS, SERVERS, Team};

/// All servers at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The time since the clients began.
    pub at: Duration,
    /// All servers.
    pub servers: Vec<(Place, Look)>,
    /// Does the network lose and delay messages?
    pub unreliable: bool,
    /// How many requests have been sent so far.
    pub rpcs: u64,
    /// How many operations the clients have finished so far.
    pub operations: u64,
    /// How many of these operations were on keys of each shard.
    pub by_shard: [u64; NSHARDS],
}

/// The owner of a shard, and whether it serves the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// The owner in the newest configuration; `None` if no group owns the shard.
    pub owner: Option<usize>,
    /// Does the owner serve the shard already?
    pub served: bool,
}

impl View {
    /// What is known about a server.
    pub fn look(&self, place: Place) -> Option<&Look> {
        self.servers.iter().find(|(it, _)| *it == place).map(|(_, look)| look)
    }

    /// The status of a server, if it is up.
    pub fn status(&self, place: Place) -> Option<&ReplicaStatus> {
        self.look(place)?.status.as_ref()
    }

    /// Is this server up?
    pub fn is_up(&self, place: Place) -> bool {
        self.look(place).is_some_and(|look| look.up)
    }

    /// How many servers of a team are up and not cut off.
    pub fn connected(&self, team: Team) -> usize {
        let works = |&place: &Place| self.look(place).is_some_and(|look| look.up && !look.cut_off);
        team.places().into_iter().filter(works).count()
    }

    /// Can a majority of the team's servers reach each other? Without a majority, a team commits nothing.
    pub fn has_majority(&self, team: Team) -> bool {
        2 * self.connected(team) > SERVERS
    }

    /// The leader of a team. If several servers believe that they lead, this is the server with the highest
    /// term.
    pub fn leader(&self, team: Team) -> Option<Place> {
        let leads = |&place: &Place| self.status(place).is_some_and(|it| it.raft.role == Role::Leader);
        let term = |place: &Place| self.status(*place).map(|it| it.raft.term);
        team.places().into_iter().filter(leads).max_by_key(term)
    }

    /// The status of the team's leader. If there is no leader, this is the status of the server that has
    /// applied the most entries.
    pub fn best(&self, team: Team) -> Option<&ReplicaStatus> {
        let applied = || team.places().into_iter().filter_map(|place| self.status(place));
        let leader = self.leader(team).and_then(|place| self.status(place));
        leader.or_else(|| applied().max_by_key(|status| status.raft.last_applied))
    }

    /// The status of the controller that knows the newest configuration.
    pub fn config(&self) -> Option<&ReplicaStatus> {
        let known = Team::Ctrlers.places().into_iter().filter_map(|place| self.status(place));
        known.max_by_key(|status| status.config)
    }

    /// The shards that a group has in the state `holding`.
    pub fn shards_of(&self, gi: usize, holding: Holding) -> Vec<usize> {
        let Some(status) = self.best(Team::Group(gi)) else { return Vec::new() };
        (0..NSHARDS).filter(|&shard| status.shards[shard] == holding).collect()
    }

    /// The owners of all shards.
    pub fn shards(&self) -> [ShardView; NSHARDS] {
        let mut shards = [ShardView { owner: None, served: false }; NSHARDS];
        let Some(config) = self.config() else { return shards };
        let serving: Vec<Vec<usize>> = (0..GROUPS).map(|gi| self.shards_of(gi, Holding::Serving)).collect();
        for (number, shard) in shards.iter_mut().enumerate() {
            shard.owner = index_of(config.owners[number]);
            shard.served = shard.owner.is_some_and(|gi| serving[gi].contains(&number));
        }
        shards
    }
}

/// The letter of a group: A is the first group.
pub fn letter(gi: usize) -> char {
    char::from(b'A' + u8::try_from(gi).expect("there are few groups"))
}

impl ShardView {
    /// The letter of the shard's group. A small letter means that the group does not serve the shard yet. A
    /// `-` means that no group owns the shard.
    pub fn letter(self) -> char {
        match (self.owner, self.served) {
            (None, _) => '-',
            (Some(gi), true) => letter(gi),
            (Some(gi), false) => letter(gi).to_ascii_lowercase(),
        }
    }
}

/// The index of one of the demo's groups.
pub fn index_of(group: Gid) -> Option<usize> {
    (0..GROUPS).find(|&gi| gid(gi) == group)
}

/// Prints numbers in one line, for example `0 3 7`.
pub fn list<T: std::fmt::Display>(numbers: &[T]) -> String {
    numbers.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
