//! The actions on the servers. An action comes from a key that the user presses (`keys.rs`), or from the
//! script of automatic faults (`script.rs`).

use labtest::shards::Place;

/// A team: servers that replicate the same log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Team {
    /// The controllers.
    Ctrlers,
    /// The group with this index.
    Group(usize),
}

/// How many groups the demo has.
pub const GROUPS: usize = 3;
/// How many servers a team has.
pub const SERVERS: usize = 3;

impl Team {
    /// All teams, in the order in which they are shown.
    pub const ALL: [Team; 1 + GROUPS] = [Team::Ctrlers, Team::Group(0), Team::Group(1), Team::Group(2)];

    /// The team's server with this index.
    pub fn place(self, index: usize) -> Place {
        match self {
            Team::Ctrlers => Place::Ctrler(index),
            Team::Group(gi) => Place::Server(gi, index),
        }
    }

    /// The team's servers.
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

/// The server to which an action is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The given server.
    Server(Place),
    /// The server that leads this team at the time of the action. If there is no leader, this means the
    /// team's first server that is up.
    Leader(Team),
}

/// An action on the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A server stops. It keeps what it has saved.
    Crash(Target),
    /// A server that is down starts again.
    Restart(Target),
    /// Crashes the server if it is up, and restarts it if it is down.
    Toggle(Place),
    /// A server is cut off: the network carries no messages between the server and its team, and none between
    /// the server and the controllers.
    CutOff(Target),
    /// The network carries messages between all servers again.
    Heal,
    /// With `true`, the network delays and loses messages from now on. With `false`, it becomes reliable
    /// again.
    Unreliable(bool),
    /// Switches between an unreliable and a reliable network.
    ToggleUnreliable,
    /// A group joins.
    Join(usize),
    /// A group leaves.
    Leave(usize),
    /// A shard moves to a group: the number of the shard, and the index of the group. `None` means a random
    /// shard.
    Move(Option<usize>, usize),
    /// Repairs everything. Then all servers are up, no server is cut off, and the network is reliable.
    Mend,
}
