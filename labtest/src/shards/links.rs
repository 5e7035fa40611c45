//! Ends, and who can talk to whom.
//!
//! All ends that the harness makes work from the start, as in the course. Ours: a server can be cut
//! off from the other servers while it runs ([`Cluster::isolate`]).

use labapi::{MakeEnd, Sharded};
use labrpc::{End, Network};
use labrt::dlog;
use labrt::node::NodeId;
use labrt::sync::Arc;

use super::place::Place;
use super::{Cluster, State};
use crate::events;
use crate::lives::Life;
use crate::marks::MarkKind;
use crate::network::{self, Wanted};

/// The `make_end` of a server: ends of its life to servers by name. When that life is over they are
/// closed from the start.
pub(super) fn make_end_of(net: &Network, life: &Arc<Life>) -> MakeEnd {
    let (net, life) = (net.clone(), Arc::clone(life));
    Arc::new(move |target| {
        let end = net.make_end(life.node, target);
        net.enable(&end, true);
        // Looked at after enabling: a life that ends in between closes what it has, or is seen
        // here.
        if life.is_over() {
            end.close();
        }
        end
    })
}

/// The `make_end` of a clerk: its ends always work.
pub(super) fn make_end_of_clerk(net: &Network) -> MakeEnd {
    let net = net.clone();
    Arc::new(move |target| {
        let end = net.make_end(NodeId::NONE, target);
        net.enable(&end, true);
        end
    })
}

impl<S: Sharded> Cluster<S> {
    /// Fresh ends to the servers at `targets`, disabled.
    pub(super) fn make_ends(&self, owner: NodeId, targets: &[Place]) -> Vec<End> {
        targets.iter().map(|target| self.net.make_end(owner, target.on_network())).collect()
    }

    /// Fresh ends of a clerk to the controllers, enabled and remembered.
    pub(super) fn make_clerk_ends(&self) -> Vec<End> {
        let ends = self.make_ends(NodeId::NONE, &self.group_of(Place::Ctrler(0)));
        let names = ends.iter().map(|end| end.name().clone()).collect();
        self.state.lock().clerks.push(names);
        self.bring_ends_in_line();
        ends
    }

    /// Fresh ends of a clerk to the second controller, enabled.
    pub(super) fn make_ends_to_second(&self) -> Vec<End> {
        let ends = self.make_ends(NodeId::NONE, &self.group_of(Place::Second(0)));
        ends.iter().for_each(|end| self.net.enable(end, true));
        ends
    }

    /// Cuts the server at `place` off: it cannot talk to its group and not to the controllers, nor
    /// they to it. A controller is out of reach for clerks, too; a server of a group is not, and
    /// ends between groups work. It survives restarts.
    pub fn isolate(&self, place: Place) {
        dlog!(TEST, "cuts {place} off");
        events::isolate(self.lives(place).node());
        self.marks.instant(MarkKind::Partition, format!("{place} cut off"));
        self.state.lock().cut.insert(place);
        self.bring_ends_in_line();
    }

    /// Cuts the server at `place` off from its own group alone: everybody else reaches it. It
    /// survives restarts.
    pub fn isolate_from_group(&self, place: Place) {
        dlog!(TEST, "cuts {place} off from its group");
        events::isolate_from_group(self.lives(place).node());
        self.marks.instant(MarkKind::Partition, format!("{place} cut off from its group"));
        self.state.lock().cut_from_group.insert(place);
        self.bring_ends_in_line();
    }

    /// Ends all isolation.
    pub fn heal(&self) {
        dlog!(TEST, "heals the network");
        events::heal();
        self.marks.instant(MarkKind::Partition, "healed");
        {
            let mut state = self.state.lock();
            state.cut.clear();
            state.cut_from_group.clear();
        }
        self.bring_ends_in_line();
    }

    /// To whom a server is given ends: its group, and from a server of a group to the controllers.
    pub(super) fn targets(&self, place: Place) -> Vec<Place> {
        let mut targets = self.group_of(place);
        if let Place::Server(..) = place {
            targets.extend(self.group_of(Place::Ctrler(0)));
        }
        targets
    }

    /// Brings all ends that the harness has made in line with the state.
    pub(super) fn bring_ends_in_line(&self) {
        network::bring_in_line(&self.net, || self.wanted());
    }

    fn wanted(&self) -> Vec<Wanted> {
        let state = self.state.lock();
        let mut wanted = Vec::new();
        for (&place, lives) in &state.servers {
            let over = lives.is_over();
            let ends = self.targets(place).into_iter().zip(lives.ends());
            wanted.extend(
                ends.map(|(target, end)| Wanted::new(end, !over && state.reaches(Some(place), target))),
            );
        }
        for names in &state.clerks {
            let ends = (0..).map(Place::Ctrler).zip(names);
            wanted.extend(ends.map(|(target, end)| Wanted::new(end.clone(), state.reaches(None, target))));
        }
        wanted
    }

    /// Makes the network lose and delay messages (`true`), or not.
    pub fn set_unreliable(&self, unreliable: bool) {
        self.marks.unreliable(unreliable);
        network::set_unreliable(&self.net, unreliable);
    }
}

impl State {
    /// Whether isolation leaves an end from `owner`, or from a clerk, to `target` alone. Both are
    /// of one group, or the target is a controller.
    fn reaches(&self, owner: Option<Place>, target: Place) -> bool {
        let is_cut = |place: Place| {
            let in_group = owner.is_some_and(|owner| owner.group() == target.group());
            self.cut.contains(&place) || (in_group && self.cut_from_group.contains(&place))
        };
        !is_cut(target) && !owner.is_some_and(is_cut)
    }
}
