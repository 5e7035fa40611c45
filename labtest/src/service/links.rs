//! The links between the servers: which servers can send messages to each other.
//!
//! As in the course, a test connects ends, not servers. A restarted server has new ends, so it is not
//! connected.

use labapi::Replicated;
use labrpc::Link;
use labrt::collections::BTreeSet;
use labrt::dlog;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::time::Duration;
use std::ops::RangeInclusive;

use super::Cluster;
use crate::events;
use crate::lives::Lives;
use crate::marks::MarkKind;
use crate::network::{self, Wanted};

impl<S: Replicated> Cluster<S> {
    /// Splits the servers into two sides. Servers of different sides cannot reach each other. Servers of the
    /// same side can reach each other. The ends of a server that is on no side, and the ends of clerks, do
    /// not change.
    pub fn partition(&self, side1: &[usize], side2: &[usize]) {
        let sides = format!("{} | {}", list(side1), list(side2));
        dlog!(TEST, "splits the network: {sides}");
        events::partition(&[self.lives(side1), self.lives(side2)]);
        self.change(|connected| {
            for (own, other) in [(side1, side2), (side2, side1)] {
                for pair in pairs(own, other) {
                    connected.remove(&pair);
                }
                connected.extend(pairs(own, own));
            }
        });
        self.end_partition_mark();
        let mark = self.marks.open(MarkKind::Partition, sides);
        self.state.lock().partition = Some(mark);
    }

    /// For each of these servers, the node of its newest life. If a server was never started, this is the
    /// node of its first life.
    fn lives(&self, servers: &[usize]) -> Vec<NodeId> {
        servers.iter().map(|&i| self.servers[i].node()).collect()
    }

    /// Returns the two sides of a partition that puts the leader into the minority. If there are N servers,
    /// the first side has N/2 + 1 servers. These are the servers with the lowest numbers, but not the leader.
    /// The second side has the other servers. The leader is the last server of this side.
    pub fn make_partition(&self) -> (Vec<usize>, Vec<usize>) {
        let leader = self.leader().unwrap_or(0);
        let mut majority: Vec<usize> = self.all().into_iter().filter(|&i| i != leader).collect();
        let mut minority = majority.split_off(self.servers() / 2 + 1);
        minority.push(leader);
        (majority, minority)
    }

    /// Connects all servers with each other, and ends all faults of links. No message is held any more.
    pub fn connect_all(&self) {
        dlog!(TEST, "connects all servers");
        events::heal();
        let all = self.all();
        let faulty = {
            let mut state = self.state.lock();
            state.latencies.clear();
            std::mem::take(&mut state.links)
        };
        self.change(|connected| connected.extend(pairs(&all, &all)));
        for (from, to) in faulty.into_keys() {
            self.release_end(from, to);
        }
        self.end_partition_mark();
    }

    /// Sets which messages of the calls of server `from` to server `to` are lost or held. The calls of server
    /// `to` to server `from` do not change. The fault ends with [`connect_all`](Cluster::connect_all), not
    /// with a restart of a server.
    pub fn set_link(&self, from: usize, to: usize, link: Link) {
        dlog!(TEST, "sets the link of S{from} to S{to}: it {}", network::effect(link));
        let nodes = (self.servers[from].node(), self.servers[to].node());
        events::link(nodes.0, nodes.1, link);
        self.state.lock().links.insert((from, to), link);
        self.change(|_| ());
    }

    /// From now on, each request and each reply in the calls of server `from` to server `to` takes a time
    /// within `latency`, until [`connect_all`](Cluster::connect_all).
    pub fn slow_link(&self, from: usize, to: usize, latency: RangeInclusive<Duration>) {
        dlog!(TEST, "makes the link of S{from} to S{to} slow: {latency:?}");
        self.state.lock().latencies.insert((from, to), latency);
        self.change(|_| ());
    }

    /// Lets the messages go on that [`Link::RequestsHeld`] or [`Link::RepliesHeld`] holds in the calls of
    /// server `from` to server `to`. Later messages on this link are still held. If server `from` has
    /// restarted, the held messages of its earlier lives are lost.
    pub fn release(&self, from: usize, to: usize) {
        dlog!(TEST, "releases the messages that are held in the calls of S{from} to S{to}");
        events::release(self.servers[from].node(), self.servers[to].node());
        self.release_end(from, to);
    }

    fn release_end(&self, from: usize, to: usize) {
        if let Some(end) = self.servers[from].ends().get(to) {
            self.net.release(end);
        }
    }

    fn end_partition_mark(&self) {
        let mark = self.state.lock().partition.take();
        if let Some(mark) = mark {
            self.marks.close(mark);
        }
    }

    /// Disables the ends of server `i` to all servers, and the ends of all servers to server `i`.
    pub(super) fn disconnect(&self, i: usize) {
        self.change(|connected| connected.retain(|&(from, to)| from != i && to != i));
    }

    /// Records that no end of server `i` is enabled. After its next start the server has new ends, which are
    /// disabled.
    pub(super) fn forget_ends_of(&self, i: usize) {
        self.change(|connected| connected.retain(|&(from, _)| from != i));
    }

    /// Calls `f`, which changes the set of the enabled ends between servers. Then enables and disables these
    /// ends in the network.
    fn change(&self, f: impl FnOnce(&mut BTreeSet<(usize, usize)>)) {
        f(&mut self.state.lock().connected);
        network::bring_in_line(&self.net, || self.wanted());
    }

    /// For each end between servers, the state that it should have. A server that was never started has no
    /// ends.
    fn wanted(&self) -> Vec<Wanted> {
        let state = self.state.lock();
        let of_server = |(i, lives): (usize, &Arc<Lives<S>>)| {
            let ends = lives.ends().into_iter().enumerate();
            let wanted = |(j, end)| {
                let link = state.links.get(&(i, j)).copied().unwrap_or_default();
                let latency = Some(state.latencies.get(&(i, j)).cloned());
                Wanted { end, works: state.connected.contains(&(i, j)), link, latency }
            };
            ends.map(wanted).collect::<Vec<_>>()
        };
        self.servers.iter().enumerate().flat_map(of_server).collect()
    }

    /// Makes the network lose and delay messages (`true`), or makes it reliable again (`false`).
    pub fn set_unreliable(&self, unreliable: bool) {
        self.marks.unreliable(unreliable);
        network::set_unreliable(&self.net, unreliable);
    }

    /// Turns long reordering on or off: two thirds of all replies come up to 2.4 seconds late.
    pub fn set_long_reordering(&self, on: bool) {
        dlog!(TEST, "turns long reordering {}", if on { "on" } else { "off" });
        events::long_reordering(on);
        self.net.long_reordering(on);
    }
}

/// All pairs of a number in `left` and a number in `right`. Each pair occurs in both orders.
fn pairs<'a>(left: &'a [usize], right: &'a [usize]) -> impl Iterator<Item = (usize, usize)> + 'a {
    left.iter().flat_map(move |&i| right.iter().flat_map(move |&j| [(i, j), (j, i)]))
}

/// A text with the names of servers, such as `S0 S2`. If there are no servers, the text is a dash.
fn list(servers: &[usize]) -> String {
    if servers.is_empty() {
        return "-".to_owned();
    }
    servers.iter().map(|i| format!("S{i}")).collect::<Vec<_>>().join(" ")
}
