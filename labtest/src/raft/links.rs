//! Who can talk to whom.
//!
//! The course connects and disconnects whole peers: a link works when both of its peers are connected. Two
//! things are ours: [`Cluster::partition`], after which both sides can talk among themselves, and one-way
//! faults ([`Cluster::set_link`], [`Cluster::mute`]), which no connecting and disconnecting can make. All of
//! them survive a restart of the peers.

use labapi::RaftPeer;
use labrpc::Link;
use labrt::dlog;
use labrt::node::NodeId;

use super::{Cluster, State, node_id};
use crate::events;

impl<R: RaftPeer> Cluster<R> {
    /// Puts peer `i` on the network: it can talk to every peer that is on it too.
    pub fn connect(&self, i: usize) {
        dlog!(TEST, "connects S{i}");
        events::connect(self.life(i));
        self.set_connected(i, true);
    }

    /// Takes peer `i` off the network: it can talk to nobody, not even to itself.
    pub fn disconnect(&self, i: usize) {
        dlog!(TEST, "disconnects S{i}");
        events::disconnect(self.life(i));
        self.set_connected(i, false);
    }

    /// The newest life of peer `i`; before its first, that one.
    pub(super) fn life(&self, i: usize) -> NodeId {
        node_id(i, self.state.lock().servers[i].incarnation.max(1))
    }

    fn set_connected(&self, i: usize, connected: bool) {
        let mut state = self.state.lock();
        state.servers[i].connected = connected;
        for j in 0..self.setup.servers {
            self.enable(&state, i, j);
            self.enable(&state, j, i);
        }
    }

    /// Splits the network: a peer can talk to those of its own side only. Nobody is disconnected by this, and
    /// a peer on no side is alone. Replaces an earlier partition.
    pub fn partition(&self, sides: &[&[usize]]) {
        dlog!(TEST, "splits the network: {sides:?}");
        let lives: Vec<Vec<NodeId>> =
            sides.iter().map(|side| side.iter().map(|&i| self.life(i)).collect()).collect();
        events::partition(&lives);
        let together = |i, j| sides.iter().any(|side| side.contains(&i) && side.contains(&j));
        let mut state = self.state.lock();
        state.cut = pairs(self.setup.servers).filter(|&(i, j)| !together(i, j)).collect();
        self.enable_all(&state);
    }

    /// Ends the partition and all one-way faults. Peers that are disconnected stay so.
    pub fn heal(&self) {
        dlog!(TEST, "heals the network");
        events::heal();
        let mut state = self.state.lock();
        state.cut.clear();
        self.enable_all(&state);
        for (i, j) in pairs(self.setup.servers) {
            self.put_link(&mut state, i, j, Link::Both);
        }
    }

    /// Which messages the end of `from` to `to` carries: both kinds, or requests only, or none. The calls
    /// that `to` makes go over another end.
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        dlog!(TEST, "sets the link of S{from} to S{to}: {link:?}");
        events::link(self.life(from), self.life(to), link);
        self.put_link(&mut self.state.lock(), from, to, link);
    }

    /// Loses everything that `from` sends to `to`: the requests of its own calls, and its replies to the
    /// calls of `to`. The other direction works.
    pub fn mute(&self, from: usize, to: usize) {
        self.set_link(from, to, Link::RequestsLost);
        self.set_link(to, from, Link::RepliesLost);
    }

    fn put_link(&self, state: &mut State<R>, from: usize, to: usize, link: Link) {
        let slot = &mut state.servers[from];
        slot.links[to] = link;
        if let Some(end) = slot.ends.get(to) {
            self.net.set_link(end, link);
        }
    }

    fn enable_all(&self, state: &State<R>) {
        for (i, j) in pairs(self.setup.servers) {
            self.enable(state, i, j);
        }
    }

    /// Brings the end from `i` to `j` in line with the state.
    fn enable(&self, state: &State<R>, i: usize, j: usize) {
        let Some(end) = state.servers[i].ends.get(j) else { return };
        let works = state.servers[i].connected && state.servers[j].connected && !state.cut.contains(&(i, j));
        self.net.enable(end, works);
    }

    /// Makes the network lose and delay messages (`true`), or not.
    pub fn set_unreliable(&self, unreliable: bool) {
        dlog!(TEST, "makes the network {}", if unreliable { "unreliable" } else { "reliable" });
        events::unreliable(unreliable);
        self.net.reliable(!unreliable);
    }

    /// Makes the network hold back two thirds of the replies, by up to 2.2 s, or not.
    pub fn set_long_reordering(&self, on: bool) {
        dlog!(TEST, "turns long reordering {}", if on { "on" } else { "off" });
        events::long_reordering(on);
        self.net.long_reordering(on);
    }
}

fn pairs(servers: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..servers).flat_map(move |i| (0..servers).map(move |j| (i, j)))
}
