//! What can be done to the servers, by a key or by the script.

use labtest::shards::Place;

/// Servers that have a log in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Team {
    /// The controllers.
    Ctrlers,
    /// The group with this index.
    Group(usize),
}

/// Groups of the demo.
pub const GROUPS: usize = 3;
/// Servers of a team.
pub const SERVERS: usize = 3;

impl Team {
    /// All of them, as they are shown.
    pub const ALL: [Team; 1 + GROUPS] = [Team::Ctrlers, Team::Group(0), Team::Group(1), Team::Group(2)];

    /// Its server with this index.
    pub fn place(self, index: usize) -> Place {
        match self {
            Team::Ctrlers => Place::Ctrler(index),
            Team::Group(gi) => Place::Server(gi, index),
        }
    }

    /// Its servers.
    pub fn places(self) -> [Place; SERVERS] {
        [0, 1, 2].map(|index| self.place(index))
    }

    /// The team of a server.
    pub fn of(place: Place) -> Team {
        match place {
            Place::Server(gi, _) => Team::Group(gi),
            Place::Ctrler(_) | Place::Second(_) => Team::Ctrlers,
        }
    }
}

/// Which server is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one.
    Server(Place),
    /// Whoever leads this team when it comes to it; its first server that is up, if nobody does.
    Leader(Team),
}

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A server stops, and keeps what it has saved.
    Crash(Target),
    /// A server that is down starts again.
    Restart(Target),
    /// Crash what is up, restart what is down.
    Toggle(Place),
    /// A server can talk to nobody of its team, and not to the controllers.
    CutOff(Target),
    /// Everybody can talk to everybody.
    Heal,
    /// Messages are late and get lost, or no longer.
    Unreliable(bool),
    /// The other of the two.
    ToggleUnreliable,
    /// A group joins.
    Join(usize),
    /// A group leaves.
    Leave(usize),
    /// A shard, or one by chance, moves to a group.
    Move(Option<usize>, usize),
    /// All that is broken is mended: servers up, nobody cut off, a reliable network.
    Mend,
}
