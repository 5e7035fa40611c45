//! The links between the peers: which peers can send messages to each other.
//!
//! The course connects and disconnects whole peers: a link works if both of its peers are connected. This
//! harness adds three kinds of faults. In a partition ([`Cluster::partition`]), only peers of the same side
//! can reach each other. A faulty link loses or holds messages, perhaps in only one direction
//! ([`Cluster::set_link`], [`Cluster::mute`]). The messages of a slow peer take longer
//! ([`Cluster::slow_down`]). A restart of a peer does not end these faults.

use labapi::RaftPeer;
use labrpc::{Link, NetworkOptions};
use labrt::dlog;
use labrt::node::NodeId;
use labrt::time::Duration;
use std::ops::RangeInclusive;

use super::{Cluster, State};
use crate::events;
use crate::network::{self, Wanted};

impl<R: RaftPeer> Cluster<R> {
    /// Connects peer `i` to the network. It can then reach all other connected peers, and they can reach it.
    pub fn connect(&self, i: usize) {
        dlog!(TEST, "connects S{i}");
        events::connect(self.node(i));
        self.set_connected(i, true);
    }

    /// Disconnects peer `i` from the network. It can then reach no peer, not even itself, and no peer can
    /// reach it.
    pub fn disconnect(&self, i: usize) {
        dlog!(TEST, "disconnects S{i}");
        events::disconnect(self.node(i));
        self.set_connected(i, false);
    }

    /// The node of the newest life of peer `i`. Before the first start, this is the node of the first life.
    fn node(&self, i: usize) -> NodeId {
        self.lives(i).node()
    }

    fn set_connected(&self, i: usize, connected: bool) {
        self.state.lock().servers[i].connected = connected;
        let both_ways: Vec<_> = (0..self.setup.servers).flat_map(|j| [(i, j), (j, i)]).collect();
        self.bring_links_in_line(&both_ways);
    }

    /// Splits the network. Then a peer can reach only the peers of its own side. A peer that is on no side
    /// can reach no peer. The partition does not change which peers are connected. A new partition replaces
    /// the partition before it.
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

    /// Ends the partition and all faults of links. No peer is slow any more, and no message is held.
    /// Disconnected peers stay disconnected.
    pub fn heal(&self) {
        dlog!(TEST, "heals the network");
        events::heal();
        {
            let mut state = self.state.lock();
            state.cut.clear();
            for slot in &mut state.servers {
                slot.links.fill(Link::Both);
                slot.latency = None;
            }
        }
        self.bring_links_in_line(&self.all_links());
        for i in 0..self.servers() {
            self.lives(i).ends().into_iter().for_each(|end| self.net.release(end));
        }
    }

    /// Messages of the calls of peer `from` to peer `to` can be held, see [`Link::RequestsHeld`] and
    /// [`Link::RepliesHeld`]. This method lets the held messages go on. Later messages on this link are still
    /// held. A held request goes to the life that peer `to` has now. If peer `from` has restarted, the held
    /// messages of its earlier lives are lost.
    pub fn release(&self, from: usize, to: usize) {
        dlog!(TEST, "releases the messages that are held in the calls of S{from} to S{to}");
        events::release(self.node(from), self.node(to));
        if let Some(end) = self.lives(from).ends().get(to) {
            self.net.release(end);
        }
    }

    /// Sets which messages of the calls of peer `from` to peer `to` are lost or held. The calls of peer `to`
    /// to peer `from` do not change, because they use another [`End`](labrpc::End).
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        dlog!(TEST, "sets the link of S{from} to S{to}: it {}", network::effect(link));
        events::link(self.node(from), self.node(to), link);
        self.state.lock().servers[from].links[to] = link;
        self.bring_links_in_line(&[(from, to)]);
    }

    /// Changes the network to a star: the hub can reach all peers, and each other peer can reach only the
    /// hub. So no peer can reach a majority without the hub.
    pub fn star(&self, hub: usize) {
        let rays: Vec<[usize; 2]> = (0..self.servers()).filter(|&i| i != hub).map(|i| [hub, i]).collect();
        self.partition(&rays.iter().map(|ray| &ray[..]).collect::<Vec<_>>());
    }

    /// Changes the network to a chain of the peers in this order. Each peer can reach only its neighbours in
    /// the chain. The first and the last peer have one neighbour, and the others have two.
    pub fn chain(&self, order: &[usize]) {
        self.partition(&order.windows(2).collect::<Vec<_>>());
    }

    /// Splits the network into two sides, and leaves a bridge between them: the peer `bridge` can reach all
    /// peers of both sides.
    pub fn bridge(&self, left: &[usize], bridge: usize, right: &[usize]) {
        self.partition(&[&[left, &[bridge]].concat(), &[right, &[bridge]].concat()]);
    }

    /// Makes peer `i` slow: each message from this peer, and each message to this peer, takes a time within
    /// `latency`. The peer stays slow after a restart, until the next [`heal`](Cluster::heal).
    pub fn slow_down(&self, i: usize, latency: RangeInclusive<Duration>) {
        dlog!(TEST, "makes S{i} slow: {latency:?}");
        events::slow(self.node(i), latency.end());
        self.state.lock().servers[i].latency = Some(latency);
        let both_ways: Vec<_> = (0..self.servers()).flat_map(|j| [(i, j), (j, i)]).collect();
        self.bring_links_in_line(&both_ways);
    }

    /// From now on, all messages that peer `from` sends to peer `to` are lost: the requests of its own calls,
    /// and its replies to the calls of peer `to`. The other direction still works.
    pub fn mute(&self, from: usize, to: usize) {
        self.set_link(from, to, Link::RequestsLost);
        self.set_link(to, from, Link::RepliesLost);
    }

    /// The links that peer `i` uses for its calls. A link is (from, to).
    pub(super) fn links_from(&self, i: usize) -> Vec<(usize, usize)> {
        (0..self.setup.servers).map(|j| (i, j)).collect()
    }

    fn all_links(&self) -> Vec<(usize, usize)> {
        (0..self.setup.servers).flat_map(|i| self.links_from(i)).collect()
    }

    /// Makes these links work, or not work, as [`State::wanted`] says.
    pub(super) fn bring_links_in_line(&self, links: &[(usize, usize)]) {
        network::bring_in_line(&self.net, || {
            let state = self.state.lock();
            links.iter().filter_map(|&(i, j)| state.wanted(i, j)).collect()
        });
    }

    /// Makes the network lose and delay messages (`true`), or makes it reliable again (`false`).
    pub fn set_unreliable(&self, unreliable: bool) {
        network::set_unreliable(&self.net, unreliable);
    }

    /// Sets faults of the network that the course does not have, such as late and duplicated requests. They
    /// come in addition to the faults of [`set_unreliable`](Cluster::set_unreliable) and
    /// [`set_long_reordering`](Cluster::set_long_reordering). The options have no effect on messages that
    /// were sent before this call.
    pub fn set_network(&self, options: NetworkOptions) {
        dlog!(TEST, "sets the network: {}", faults(&options));
        self.net.set_options(options);
    }

    /// If a message is lost, its sender learns this after up to 7 s (`true`), or after up to 0.1 s (`false`).
    /// When a test begins, the delays are long.
    pub fn set_long_delays(&self, long: bool) {
        dlog!(TEST, "turns long delays {}", if long { "on" } else { "off" });
        self.net.long_delays(long);
    }

    /// Makes the network delay two thirds of the replies by up to 2.2 s (`true`), or ends these delays
    /// (`false`).
    pub fn set_long_reordering(&self, on: bool) {
        dlog!(TEST, "turns long reordering {}", if on { "on" } else { "off" });
        events::long_reordering(on);
        self.net.long_reordering(on);
    }
}

impl<R> State<R> {
    /// The state that the end from peer `i` to peer `j` should have. Returns `None` if peer `i` was never
    /// started, because then it has no ends.
    pub(super) fn wanted(&self, i: usize, j: usize) -> Option<Wanted> {
        let (from, to) = (&self.servers[i], &self.servers[j]);
        let end = from.lives.ends().get(j)?.clone();
        // When a life is over, its ends must not be enabled again. Otherwise the old life could save
        // something after the crash, and then tell other peers of it.
        let works = !from.lives.is_over() && from.connected && to.connected && !self.cut.contains(&(i, j));
        let latency = Some(from.latency.as_ref().or(to.latency.as_ref()).cloned());
        Some(Wanted { end, works, link: from.links[j], latency })
    }
}

/// The faults of a network, in words for a log line.
fn faults(options: &NetworkOptions) -> String {
    let NetworkOptions {
        latency,
        lost_requests,
        lost_replies,
        reorder_requests,
        duplicated_requests,
        duplicate_delay,
    } = options;
    let range = |range: &RangeInclusive<Duration>| format!("{:?} to {:?}", range.start(), range.end());
    let mut parts = Vec::new();
    if *latency.end() > Duration::ZERO {
        parts.push(format!("messages take {}", range(latency)));
    }
    for (count, what) in [(lost_requests, "requests"), (lost_replies, "replies")] {
        parts.extend(count.map(|count| format!("{count} of 1000 {what} are lost")));
    }
    if *reorder_requests {
        parts.push("requests overtake each other".to_owned());
    }
    if *duplicated_requests > 0 {
        parts.push(format!("{duplicated_requests} of 1000 requests come twice"));
        parts.extend(duplicate_delay.iter().map(|delay| format!("the second time {} later", range(delay))));
    }
    if parts.is_empty() { "no further faults".to_owned() } else { parts.join(", ") }
}
