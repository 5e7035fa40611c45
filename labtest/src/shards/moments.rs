//! Crashes of servers at a moment that only the server knows, see [`moments`].

use labapi::{Persister, Replica, Sharded};
use labrpc::Network;
use labrt::node::NodeId;
use labrt::sync::Arc;

use super::Cluster;
use super::place::Place;
use crate::lives::Lives;
use crate::moments::{self, Victims};

pub use crate::moments::{Moment, Planned, Which};

/// An order for a crash of a server.
pub(super) type Plan = moments::Plan<Place>;

impl<S: Sharded> Cluster<S> {
    /// Orders a crash of the server at `place` at a moment of this server. The moments also count while the
    /// server starts. If the server does not run now, the moments of its next life count.
    ///
    /// A server has at most one order for a save, and at most one for a message. A new order replaces the
    /// earlier order of the same kind. If the server crashes for another reason, its order for a save ends.
    pub fn crash_at(self: &Arc<Self>, place: Place, moment: Moment, which: Which) -> Planned {
        self.crash_these_at(&[place], place, moment, which)
    }

    /// Orders a crash of all `victims` at a moment of the server at `place`, see
    /// [`crash_at`](Cluster::crash_at).
    pub fn crash_these_at(
        self: &Arc<Self>,
        victims: &[Place],
        place: Place,
        moment: Moment,
        which: Which,
    ) -> Planned {
        moments::crash_these_at(self, victims, place, moment, which)
    }

    /// Crashes all these servers at the same moment: no server sees that another one is down.
    pub fn crash_all(&self, places: &[Place]) {
        moments::crash_all(self, places);
    }
}

impl<S: Sharded> Victims for Cluster<S> {
    type Place = Place;
    type Server = dyn Replica;

    fn lives(&self, place: Place) -> Arc<Lives<dyn Replica>> {
        Cluster::lives(self, place)
    }

    fn network(&self) -> &Network {
        &self.net
    }

    fn cut_off(&self, place: Place, disk: Option<&Persister>) -> bool {
        let is_cut = Cluster::lives(self, place).cut_off(disk, || ());
        if is_cut {
            self.marks.down(place);
        }
        is_cut
    }

    fn kill(replica: &dyn Replica) {
        replica.kill();
    }

    fn set_plan(&self, place: Place, plan: Arc<Plan>) {
        self.state.lock().plans.insert(place, plan);
    }

    fn plan_of(&self, node: NodeId) -> Option<Arc<Plan>> {
        let state = self.state.lock();
        let (_, plan) = state.plans.iter().find(|(place, _)| state.servers[*place].node() == node)?;
        Some(Arc::clone(plan))
    }
}
