//! The places of the servers of a test. The place of a server determines its name on the network, and its
//! node in logs and traces.

use labapi::Gid;
use std::fmt;

use labrpc::{Name, Network};
use labrt::node::NodeId;
use labrt::sync::Arc;

use crate::lives::Lives;

/// The group number of the controllers in a [`NodeId`]. For a group, the group number is its gid.
const CTRLER_GROUP: u16 = 1;

/// The group number of the second controller in a [`NodeId`].
const SECOND_GROUP: u16 = 2;

/// The gid of the group with index 0. The next groups have the next gids.
const FIRST_GID: Gid = 100;

/// The place of a server in a test.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// Controller `i`.
    Ctrler(usize),
    /// `Server(gi, i)` is server `i` of the group with index `gi`.
    Server(usize, usize),
    /// Server `i` of the second controller, in tests that have one.
    Second(usize),
}

/// The gid of the group with index `gi`.
pub fn gid(gi: usize) -> Gid {
    FIRST_GID + gi as Gid
}

impl Place {
    /// The server's name on the network, which is the same as in the course.
    pub fn name(self) -> String {
        match self {
            Place::Ctrler(i) => format!("ctrler{i}"),
            Place::Server(gi, i) => format!("server-{}-{i}", gid(gi)),
            Place::Second(i) => format!("second-ctrler{i}"),
        }
    }

    pub(super) fn on_network(self) -> Name {
        Name::from(self.name())
    }

    /// A new server for this place. The server has not been started yet.
    pub(super) fn lives<S: ?Sized>(self, net: &Network) -> Arc<Lives<S>> {
        Arc::new(Lives::new(net, self.on_network(), self.node(1)))
    }

    /// The group number of this place in a [`NodeId`].
    pub(super) fn group(self) -> u16 {
        self.node(1).group
    }

    /// The node of one life of the server. For example, `G1S0` is a controller, and `G101S0` is a server of
    /// the group with index 1.
    fn node(self, incarnation: u32) -> NodeId {
        let (group, index) = match self {
            Place::Ctrler(i) => (CTRLER_GROUP, i),
            Place::Server(gi, i) => (u16::try_from(gid(gi)).expect("the gid fits into 16 bits"), i),
            Place::Second(i) => (SECOND_GROUP, i),
        };
        NodeId { group, index: u16::try_from(index).expect("the index fits into 16 bits"), incarnation }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node(1).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_courses() {
        assert_eq!(Place::Ctrler(2).name(), "ctrler2");
        assert_eq!(Place::Server(0, 1).name(), "server-100-1");
        assert_eq!(Place::Server(2, 0).name(), "server-102-0");
    }

    #[test]
    fn nodes_say_who_is_who() {
        assert_eq!(Place::Ctrler(0).to_string(), "G1S0");
        assert_eq!(Place::Server(1, 2).to_string(), "G101S2");
    }
}
