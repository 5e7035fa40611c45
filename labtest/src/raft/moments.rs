//! Crashes of peers at a moment that only the peer knows, see [`moments`].

use labapi::{Persister, RaftPeer};
use labrpc::Network;
use labrt::node::NodeId;
use labrt::sync::Arc;

use super::Cluster;
use crate::lives::Lives;
use crate::moments::{self, Victims};

pub use crate::moments::{Moment, Planned, Which};

/// An order for a crash of a peer.
pub(super) type Plan = moments::Plan<usize>;

impl<R: RaftPeer> Cluster<R> {
    /// Orders a crash of server `i` at a moment of this server. The moments also count while the server
    /// starts. If the server does not run now, the moments of its next life count.
    ///
    /// A server has at most one order for a save, and at most one for a message. A new order replaces the
    /// earlier order of the same kind. If the server crashes for another reason, its order for a save ends:
    /// the order belongs to the old disk, and the next life gets a copy of this disk, without the order.
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
        for &i in servers {
            self.ask(i);
        }
        moments::crash_all(self, servers);
    }
}

impl<R: RaftPeer> Victims for Cluster<R> {
    type Place = usize;
    type Server = R;

    fn lives(&self, i: usize) -> Arc<Lives<R>> {
        Cluster::lives(self, i)
    }

    fn network(&self) -> &Network {
        &self.net
    }

    fn cut_off(&self, i: usize, disk: Option<&Persister>) -> bool {
        self.lives(i).cut_off(disk, || self.disconnect(i))
    }

    fn kill(peer: &R) {
        peer.kill();
    }

    fn set_plan(&self, i: usize, plan: Arc<Plan>) {
        self.state.lock().servers[i].plan = Some(plan);
    }

    fn plan_of(&self, node: NodeId) -> Option<Arc<Plan>> {
        let state = self.state.lock();
        let slot = state.servers.get(usize::from(node.index)).filter(|slot| slot.lives.node() == node);
        slot.and_then(|slot| slot.plan.clone())
    }
}
