//! Who can talk to whom.
//!
//! As in the course, what is connected is an end, not a server: nothing is remembered for the next life of a
//! server.

use labapi::Replicated;
use labrt::dlog;
use labrt::node::NodeId;

use super::{Cluster, State};
use crate::events;
use crate::lives::node_id;
use crate::marks::MarkKind;

impl<S: Replicated> Cluster<S> {
    /// Splits the servers: the two sides cannot talk to each other, and each side can talk among itself. A server
    /// on no side is left as it is. Clerks notice nothing.
    pub fn partition(&self, side1: &[usize], side2: &[usize]) {
        let sides = format!("{} | {}", list(side1), list(side2));
        dlog!(TEST, "splits the network: {sides}");
        events::partition(&[self.lives(side1), self.lives(side2)]);
        {
            let state = self.state.lock();
            for (own, other) in [(side1, side2), (side2, side1)] {
                for &i in own {
                    self.disconnect(&state, i, other);
                    self.connect(&state, i, own);
                }
            }
        }
        self.end_partition_mark();
        let mark = self.marks.open(MarkKind::Partition, sides);
        self.state.lock().partition = Some(mark);
    }

    /// The newest lives of servers; of one that was never started, the first.
    fn lives(&self, servers: &[usize]) -> Vec<NodeId> {
        let state = self.state.lock();
        servers.iter().map(|&i| node_id(i, state.servers[i].incarnation.max(1))).collect()
    }

    /// The sides of a partition that puts the leader into the minority: of N servers the lowest N/2 + 1 others,
    /// and the rest with the leader at its end.
    pub fn make_partition(&self) -> (Vec<usize>, Vec<usize>) {
        let leader = self.leader().unwrap_or(0);
        let mut majority: Vec<usize> = self.all().into_iter().filter(|&i| i != leader).collect();
        let mut minority = majority.split_off(self.servers() / 2 + 1);
        minority.push(leader);
        (majority, minority)
    }

    /// Connects every server with every server.
    pub fn connect_all(&self) {
        dlog!(TEST, "connects all servers");
        events::heal();
        {
            let state = self.state.lock();
            let all = self.all();
            all.iter().for_each(|&i| self.connect(&state, i, &all));
        }
        self.end_partition_mark();
    }

    fn end_partition_mark(&self) {
        let mark = self.state.lock().partition.take();
        if let Some(mark) = mark {
            self.marks.close(mark);
        }
    }

    /// Enables the ends from server `i` to others, and theirs to it.
    fn connect(&self, state: &State<S>, i: usize, others: &[usize]) {
        self.enable(state, i, others, true);
    }

    /// Disables the ends from server `i` to others, and theirs to it.
    pub(super) fn disconnect(&self, state: &State<S>, i: usize, others: &[usize]) {
        self.enable(state, i, others, false);
    }

    fn enable(&self, state: &State<S>, i: usize, others: &[usize], works: bool) {
        let outgoing = others.iter().map(|&j| (i, j));
        let incoming = others.iter().map(|&j| (j, i));
        for (from, to) in outgoing.chain(incoming) {
            // A server that was never started has no ends.
            if let Some(end) = state.servers[from].ends.get(to) {
                self.net.enable(end, works);
            }
        }
    }

    /// Makes the network lose and delay messages (`true`), or not.
    pub fn set_unreliable(&self, unreliable: bool) {
        let mood = if unreliable { "unreliable" } else { "reliable" };
        dlog!(TEST, "makes the network {mood}");
        events::unreliable(unreliable);
        self.marks.instant(MarkKind::Network, format!("{mood} network"));
        self.net.reliable(!unreliable);
    }
}

/// `S0 S2`; a dash for nobody.
fn list(servers: &[usize]) -> String {
    if servers.is_empty() {
        return "-".to_owned();
    }
    servers.iter().map(|i| format!("S{i}")).collect::<Vec<_>>().join(" ")
}
