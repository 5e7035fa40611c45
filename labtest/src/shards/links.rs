//! The ends of servers and clerks, and which servers can send messages to each other.
//!
//! In the course, all ends of running servers and of clerks are enabled. In this harness a test can also cut
//! a running server off from the other servers ([`Cluster::isolate`]).

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

/// Returns the `make_end` function of a server for one life. The function makes ends that belong to this
/// life. If the life is already over, the function closes the new end.
pub(super) fn make_end_of(net: &Network, life: &Arc<Life>) -> MakeEnd {
    let (net, life) = (net.clone(), Arc::clone(life));
    Arc::new(move |target| {
        let end = net.make_end(life.node, target);
        life.add_end(&end);
        net.enable(&end, true);
        // The end must be enabled before this check. If the life ends at the same time, either its crash
        // closes the end, or this code closes the end.
        if life.is_over() {
            end.close();
        }
        end
    })
}

/// Returns the `make_end` function of a clerk. The function makes ends that always work.
pub(super) fn make_end_of_clerk(net: &Network) -> MakeEnd {
    let net = net.clone();
    Arc::new(move |target| {
        let end = net.make_end(NodeId::NONE, target);
        net.enable(&end, true);
        end
    })
}

impl<S: Sharded> Cluster<S> {
    /// Makes new ends to the servers at `targets`. The ends are disabled.
    pub(super) fn make_ends(&self, owner: NodeId, targets: &[Place]) -> Vec<End> {
        targets.iter().map(|target| self.net.make_end(owner, target.on_network())).collect()
    }

    /// Makes new ends of a clerk to the controllers. An end is enabled unless its controller is cut off. The
    /// harness keeps the names of the ends, so that it can disable an end when its controller is cut off
    /// later.
    pub(super) fn make_clerk_ends(&self) -> Vec<End> {
        let ends = self.make_ends(NodeId::NONE, &self.group_of(Place::Ctrler(0)));
        let names = ends.iter().map(|end| end.name().clone()).collect();
        self.state.lock().clerks.push(names);
        self.bring_ends_in_line();
        ends
    }

    /// Makes new ends of a clerk to the second controller. The ends are enabled.
    pub(super) fn make_ends_to_second(&self) -> Vec<End> {
        let ends = self.make_ends(NodeId::NONE, &self.group_of(Place::Second(0)));
        ends.iter().for_each(|end| self.net.enable(end, true));
        ends
    }

    /// Cuts the server at `place` off from the other servers of its group and from the controllers. If this
    /// server is a controller, no group and no clerk can reach it either. If it is a server of a group,
    /// clerks and other groups can still reach it, and it can still reach other groups. After a restart the
    /// server is still cut off.
    pub fn isolate(&self, place: Place) {
        dlog!(TEST, "cuts {place} off");
        events::isolate(self.lives(place).node());
        self.marks.instant(MarkKind::Partition, format!("{place} cut off"));
        self.state.lock().cut.insert(place);
        self.bring_ends_in_line();
    }

    /// Cuts the server at `place` off only from its own group. All other servers and all clerks can still
    /// reach it. After a restart the server is still cut off.
    pub fn isolate_from_group(&self, place: Place) {
        dlog!(TEST, "cuts {place} off from its group");
        events::isolate_from_group(self.lives(place).node());
        self.marks.instant(MarkKind::Partition, format!("{place} cut off from its group"));
        self.state.lock().cut_from_group.insert(place);
        self.bring_ends_in_line();
    }

    /// Connects again all servers that were cut off.
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

    /// The servers to which the server at `place` gets ends when it starts: the servers of its own group. A
    /// server that is not a controller also gets ends to the controllers.
    pub(super) fn targets(&self, place: Place) -> Vec<Place> {
        let mut targets = self.group_of(place);
        if let Place::Server(..) = place {
            targets.extend(self.group_of(Place::Ctrler(0)));
        }
        targets
    }

    /// Enables and disables the ends that the harness has made, according to the state of the harness.
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

    /// Makes the network lose and delay messages (`true`), or makes it reliable again (`false`).
    pub fn set_unreliable(&self, unreliable: bool) {
        self.marks.unreliable(unreliable);
        network::set_unreliable(&self.net, unreliable);
    }
}

impl State {
    /// Returns true if an end from `owner` to `target` may work. It must not work if `owner` or `target` is
    /// cut off. For an end of a clerk, `owner` is `None`. The harness has only ends inside one group and ends
    /// to controllers. So `owner` and `target` are in the same group, or `target` is a controller.
    fn reaches(&self, owner: Option<Place>, target: Place) -> bool {
        let is_cut = |place: Place| {
            let in_group = owner.is_some_and(|owner| owner.group() == target.group());
            self.cut.contains(&place) || (in_group && self.cut_from_group.contains(&place))
        };
        !is_cut(target) && !owner.is_some_and(is_cut)
    }
}
