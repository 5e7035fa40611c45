//! Ends, and who can talk to whom.
//!
//! All ends that the harness makes work from the start, as in the course. Ours: a server can be cut off from the
//! other servers while it runs ([`Cluster::isolate`]).

use labapi::{MakeEnd, Sharded};
use labrpc::{End, Name, Network};
use labrt::dlog;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicBool, Ordering};

use super::place::Place;
use super::{Cluster, State};
use crate::events;
use crate::marks::MarkKind;

/// One life of one server: what an end that it makes belongs to.
pub(super) struct Life {
    pub(super) node: NodeId,
    over: AtomicBool,
}

impl Life {
    pub(super) fn new(node: NodeId) -> Life {
        Life { node, over: AtomicBool::new(false) }
    }

    /// From now on no end that this life makes will work.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// The `make_end` of a server: ends of its life to servers by name. After that life they are closed from the
/// start.
pub(super) fn make_end_of(net: &Network, life: &Arc<Life>) -> MakeEnd {
    let (net, life) = (net.clone(), Arc::clone(life));
    Arc::new(move |target| {
        let end = net.make_end(life.node, target);
        net.enable(&end, true);
        // Looked at after enabling: a life that ends in between closes what it has, or is seen here.
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
        let mut state = self.state.lock();
        state.clerks.push(ends.iter().map(|end| end.name().clone()).collect());
        let names = state.clerks.last().expect("just added");
        self.enable_to_ctrlers(&state, None, names);
        ends
    }

    /// Fresh ends of a clerk to the second controller, enabled.
    pub(super) fn make_ends_to_second(&self) -> Vec<End> {
        let ends = self.make_ends(NodeId::NONE, &self.group_of(Place::Second(0)));
        ends.iter().for_each(|end| self.net.enable(end, true));
        ends
    }

    /// Enables the ends of the server at `place`, which is about to start.
    pub(super) fn enable_new(&self, place: Place, peers: &[Name], ctrlers: &[Name]) {
        let state = self.state.lock();
        self.enable_to_group(&state, place, peers);
        self.enable_to_ctrlers(&state, Some(place), ctrlers);
    }

    /// Cuts the server at `place` off: it cannot talk to its group and not to the controllers, nor they to it.
    /// A controller is out of reach for clerks, too; a server of a group is not, and ends between groups work. It
    /// survives restarts.
    pub fn isolate(&self, place: Place) {
        dlog!(TEST, "cuts {place} off");
        events::isolate(self.life(place));
        self.marks.instant(MarkKind::Partition, format!("{place} cut off"));
        let mut state = self.state.lock();
        state.cut.insert(place);
        self.enable_all(&state);
    }

    /// Cuts the server at `place` off from its own group alone: everybody else reaches it. It survives restarts.
    pub fn isolate_from_group(&self, place: Place) {
        dlog!(TEST, "cuts {place} off from its group");
        events::isolate_from_group(self.life(place));
        self.marks.instant(MarkKind::Partition, format!("{place} cut off from its group"));
        let mut state = self.state.lock();
        state.cut_from_group.insert(place);
        self.enable_all(&state);
    }

    /// The newest life of the server at `place`; before its first, that one.
    fn life(&self, place: Place) -> NodeId {
        place.node(self.state.lock().slot(place).incarnation.max(1))
    }

    /// Ends all isolation.
    pub fn heal(&self) {
        dlog!(TEST, "heals the network");
        events::heal();
        self.marks.instant(MarkKind::Partition, "healed");
        let mut state = self.state.lock();
        state.cut.clear();
        state.cut_from_group.clear();
        self.enable_all(&state);
    }

    fn enable_all(&self, state: &State) {
        for (&place, slot) in &state.slots {
            let Some(living) = &slot.living else { continue };
            self.enable_to_group(state, place, &living.peers);
            self.enable_to_ctrlers(state, Some(place), &living.ctrlers);
        }
        state.clerks.iter().for_each(|names| self.enable_to_ctrlers(state, None, names));
    }

    /// Brings the ends of `owner` to its group in line with the state.
    fn enable_to_group(&self, state: &State, owner: Place, ends: &[Name]) {
        for (target, end) in self.group_of(owner).into_iter().zip(ends) {
            let cut =
                [owner, target].iter().any(|it| state.cut.contains(it) || state.cut_from_group.contains(it));
            self.net.enable(end, !cut);
        }
    }

    /// Brings the ends of `owner`, or of a clerk, to the controllers in line with the state.
    fn enable_to_ctrlers(&self, state: &State, owner: Option<Place>, ends: &[Name]) {
        for (i, end) in ends.iter().enumerate() {
            let owner_cut = owner.is_some_and(|owner| state.cut.contains(&owner));
            self.net.enable(end, !owner_cut && !state.cut.contains(&Place::Ctrler(i)));
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
