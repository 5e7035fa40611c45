//! Which peers can talk to each other.
//!
//! The course connects and disconnects whole peers: a link works if both of its peers are connected. Two
//! things are added here: [`Cluster::partition`], after which the peers of each side can talk to each other,
//! and faults of one direction ([`Cluster::set_link`], [`Cluster::mute`]), which the course's steps cannot
//! make. All of them outlast a restart of the peers.

use labapi::RaftPeer;
use labrpc::Link;
use labrt::dlog;
use labrt::node::NodeId;

use super::{Cluster, State};
use crate::events;
use crate::network::{self, Wanted};

impl<R: RaftPeer> Cluster<R> {
    /// Puts peer `i` on the network: it can talk to all peers that are on the network, too.
    pub fn connect(&self, i: usize) {
        dlog!(TEST, "connects S{i}");
        events::connect(self.node(i));
        self.set_connected(i, true);
    }

    /// Takes peer `i` off the network: it can talk to no peer, not even to itself.
    pub fn disconnect(&self, i: usize) {
        dlog!(TEST, "disconnects S{i}");
        events::disconnect(self.node(i));
        self.set_connected(i, false);
    }

    /// The newest life of peer `i`. Before the first start it is the first life.
    fn node(&self, i: usize) -> NodeId {
        self.lives(i).node()
    }

    fn set_connected(&self, i: usize, connected: bool) {
        self.state.lock().servers[i].connected = connected;
        let both_ways: Vec<_> = (0..self.setup.servers).flat_map(|j| [(i, j), (j, i)]).collect();
        self.bring_links_in_line(&both_ways);
    }

    /// Splits the network: a peer can talk only to the peers of its own side. A peer that is on no side is
    /// alone. All peers stay connected. The new partition replaces an earlier one.
    pub fn partition(&self, sides: &[&[usize]]) {
        dlog!(TEST, "splits the network: {sides:?}");
        let lives: Vec<Vec<NodeId>> =
            sides.iter().map(|side| side.iter().map(|&i| self.node(i)).collect()).collect();
        events::partition(&lives);
        let together = |i, j| sides.iter().any(|side| side.contains(&i) && side.contains(&j));
        let all = self.all_links();
        self.state.lock().cut = all.iter().copied().filter(|&(i, j)| !together(i, j)).collect();
        self.bring_links_in_line(&all);
    }

    /// Ends the partition and all faults of one direction. Peers that are disconnected stay disconnected.
    pub fn heal(&self) {
        dlog!(TEST, "heals the network");
        events::heal();
        {
            let mut state = self.state.lock();
            state.cut.clear();
            state.servers.iter_mut().for_each(|slot| slot.links.fill(Link::Both));
        }
        self.bring_links_in_line(&self.all_links());
    }

    /// Says which messages the end of `from` to `to` loses: none, the requests, or the replies. The calls
    /// that `to` makes go over another end.
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        dlog!(TEST, "sets the link of S{from} to S{to}: {link:?}");
        events::link(self.node(from), self.node(to), link);
        self.state.lock().servers[from].links[to] = link;
        self.bring_links_in_line(&[(from, to)]);
    }

    /// Loses all that `from` sends to `to`: the requests of its own calls, and its replies to the calls of
    /// `to`. The other direction works.
    pub fn mute(&self, from: usize, to: usize) {
        self.set_link(from, to, Link::RequestsLost);
        self.set_link(to, from, Link::RepliesLost);
    }

    /// The links over which peer `i` calls the peers.
    pub(super) fn links_from(&self, i: usize) -> Vec<(usize, usize)> {
        (0..self.setup.servers).map(|j| (i, j)).collect()
    }

    fn all_links(&self) -> Vec<(usize, usize)> {
        (0..self.setup.servers).flat_map(|i| self.links_from(i)).collect()
    }

    /// Makes the ends of these links do what the state says.
    pub(super) fn bring_links_in_line(&self, links: &[(usize, usize)]) {
        network::bring_in_line(&self.net, || {
            let state = self.state.lock();
            links.iter().filter_map(|&(i, j)| state.wanted(i, j)).collect()
        });
    }

    /// Makes the network lose and delay messages (`true`), or stops that (`false`).
    pub fn set_unreliable(&self, unreliable: bool) {
        network::set_unreliable(&self.net, unreliable);
    }

    /// Makes the network delay two thirds of the replies by up to 2.2 s (`true`), or stops that (`false`).
    pub fn set_long_reordering(&self, on: bool) {
        dlog!(TEST, "turns long reordering {}", if on { "on" } else { "off" });
        events::long_reordering(on);
        self.net.long_reordering(on);
    }
}

impl<R> State<R> {
    /// What the end from `i` to `j` should do. A peer that was never started has no ends.
    pub(super) fn wanted(&self, i: usize, j: usize) -> Option<Wanted> {
        let (from, to) = (&self.servers[i], &self.servers[j]);
        let end = from.lives.ends().get(j)?.clone();
        // An end of a life that is over must not work again: it could tell of something that was saved after
        // the crash.
        let works = !from.lives.is_over() && from.connected && to.connected && !self.cut.contains(&(i, j));
        Some(Wanted { end, works, link: from.links[j] })
    }
}
