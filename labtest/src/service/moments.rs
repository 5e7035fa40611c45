//! Crashes of servers at a moment that only the server knows, see [`moments`].

use labapi::{Persister, Replicated};
use labrpc::Network;
use labrt::node::NodeId;
use labrt::sync::Arc;

use super::Cluster;
use crate::lives::Lives;
use crate::moments::{self, Victims};

pub use crate::moments::{Moment, Planned, Which};

/// An order for a crash of a server.
pub(super) type Plan = moments::Plan<usize>;

impl<S: Replicated> Cluster<S> {
    /// Orders a crash of server `i` at a moment of this server. The moments also count while the server
    /// starts. If the server does not run now, the moments of its next life count.
    ///
    /// A server has at most one order for a save, and at most one for a message. A new order replaces the
    /// earlier order of the same kind. If the server crashes for another reason, its order for a save ends.
    pub fn crash_at(self: &Arc<Self>, i: usize, moment: Moment, which: Which) -> Planned {
        self.crash_these_at(&[i], i, moment, which)
    }

    /// Orders a crash of all `victims` at a moment of server `i`, see [`crash_at`](Cluster::crash_at).
    pub fn crash_these_at(
        self: &Arc<Self>,
        victims: &[usize],
        i: usize,
        moment: Moment,
        which: Which,
    ) -> Planned {
        moments::crash_these_at(self, victims, i, moment, which)
    }

    /// Crashes all these servers at the same moment: no server sees that another one is down.
    pub fn crash_all(&self, servers: &[usize]) {
        moments::crash_all(self, servers);
    }
}

impl<S: Replicated> Victims for Cluster<S> {
    type Place = usize;
    type Server = S;

    fn lives(&self, i: usize) -> Arc<Lives<S>> {
        Arc::clone(&self.servers[i])
    }

    fn network(&self) -> &Network {
        &self.net
    }

    fn cut_off(&self, i: usize, disk: Option<&Persister>) -> bool {
        let lives = &self.servers[i];
        let node = lives.node();
        let is_cut = lives.cut_off(disk, || self.disconnect(i));
        if is_cut {
            self.marks.down(node);
        }
        is_cut
    }

    fn kill(server: &S) {
        server.kill();
    }

    fn set_plan(&self, i: usize, plan: Arc<Plan>) {
        self.state.lock().plans.insert(i, plan);
    }

    fn plan_of(&self, node: NodeId) -> Option<Arc<Plan>> {
        let i = usize::from(node.index);
        let is_newest = self.servers.get(i).is_some_and(|lives| lives.node() == node);
        if !is_newest {
            return None;
        }
        self.state.lock().plans.get(&i).cloned()
    }
}
