//! A thread that asks the peers for their state, so that the page of a failed run can show it.
//!
//! If a Raft records events of its own (`labapi::observe`), the page shows these events. But the page should
//! also show the roles and terms of a Raft that records no events. So this thread asks each peer for its
//! state every [`PERIOD`]. When an answer is different from the one before, it records an event. The thread
//! holds no lock of the harness while it asks, because the peer takes its own lock to answer.

use labapi::{RaftPeer, Role};
use labrt::collections::BTreeMap;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, Instant};
use labrt::trace::{self, Kind, Links};

use super::Cluster;

/// The pause between two rounds of questions.
const PERIOD: Duration = Duration::from_millis(10);

/// The kind of the event that records a new term or a new role of a peer.
const SEEN: Kind = Kind::new("seen.state");

impl<R: RaftPeer> Cluster<R> {
    /// Starts the thread. The thread ends when the test ends. If the run has no trace, this method starts no
    /// thread.
    pub(super) fn start_watch(self: &Arc<Self>) {
        if !trace::on() {
            return;
        }
        let cluster = Arc::clone(self);
        thread::spawn_named("watch", move || {
            let mut seen = BTreeMap::new();
            while !cluster.finished.wait_until(Instant::now() + PERIOD) {
                (0..cluster.servers()).for_each(|i| cluster.look_at(i, &mut seen));
            }
        });
    }

    fn look_at(&self, i: usize, seen: &mut BTreeMap<NodeId, (u64, bool)>) {
        let Some(peer) = self.peer(i) else { return };
        let state = peer.call(R::get_state);
        if seen.insert(peer.node, state) == Some(state) {
            return;
        }
        let (term, leads) = state;
        let role = if leads { Role::Leader } else { Role::Follower };
        trace::emit_of(peer.node, SEEN, Links::NONE, &[("role", role.name().into()), ("term", term.into())]);
    }
}
