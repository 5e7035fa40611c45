//! Crashes at a moment that only the server knows: when it saves, sends a request, or answers one.
//!
//! A test orders such a crash with the method `crash_at` of its harness. The crash happens inside the call in
//! which the server saves or sends. At this moment, the server is cut off from the network, and its disk is
//! copied. The thread of the server then goes on, but nobody sees what it saves, sends or applies. This
//! thread must not call `kill`, because it may hold a lock of the server that `kill` needs. So another thread
//! calls `kill`. The test then starts the server again, with the copied disk.
//!
//! All three harnesses use this code. A harness implements [`Victims`]: it says which servers it has, and how
//! it cuts one of them off.

use labapi::{Persister, SaveStep};
use labrpc::{MessageEvent, Network};
use labrt::node::{self, NodeId};
use labrt::rng;
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use labrt::sync::{Arc, Signal, Weak};
use labrt::thread;
use labrt::time::{Duration, Instant};

use super::lives::Lives;

/// What a server does at the moment of the crash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// The server begins to save. The crash comes first, so the disk does not have what the server wants to
    /// save.
    BeforeSave,
    /// The server has saved, and does nothing afterwards.
    AfterSave,
    /// The server begins to save a snapshot. The crash comes first.
    BeforeSnapshot,
    /// The server has saved a snapshot, and does nothing afterwards.
    AfterSnapshot,
    /// The server has sent a request, which is on its way.
    Request,
    /// The server has answered a request. The reply is on its way.
    Reply,
    /// The server has answered a request of a client or of another group. The reply is on its way.
    ReplyOutside,
}

impl Moment {
    /// Returns true if this is a moment of a save. The other moments are those of messages.
    fn is_save(self) -> bool {
        use Moment::{AfterSave, AfterSnapshot, BeforeSave, BeforeSnapshot};
        matches!(self, BeforeSave | AfterSave | BeforeSnapshot | AfterSnapshot)
    }

    /// Returns true if this moment comes at `step` of a save.
    fn is_step(self, step: SaveStep) -> bool {
        match step {
            SaveStep::Before { snapshot } => {
                self == Moment::BeforeSave || (snapshot && self == Moment::BeforeSnapshot)
            }
            SaveStep::After { snapshot } => {
                self == Moment::AfterSave || (snapshot && self == Moment::AfterSnapshot)
            }
        }
    }

    /// Returns true if this moment comes at `event`, which is an event of a message of `node`.
    fn is_event(self, node: NodeId, event: MessageEvent) -> bool {
        match event {
            MessageEvent::Sent => self == Moment::Request,
            MessageEvent::Replied { to } => {
                let is_outside = to.is_none() || to.group != node.group;
                self == Moment::Reply || (is_outside && self == Moment::ReplyOutside)
            }
        }
    }
}

/// The same [`Moment`] can come many times. This says at which of these times the server crashes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// The crash comes at the n-th of these moments. The next moment is number 1.
    Nth(u64),
    /// At each of these moments, the crash comes with this probability, in thousandths. The random numbers
    /// depend on the seed of the run.
    Of1000(u64),
}

/// A crash that a test has ordered.
#[must_use = "wait for the crash with `Planned::wait`, or give it up with `Planned::cancel`"]
pub struct Planned(Arc<Progress>);

/// The progress of an order for a crash.
struct Progress {
    /// True if the crash has begun, or was given up.
    is_over: AtomicBool,
    /// Raised when all victims are cut off.
    crashed: Signal,
}

/// An order for a crash. `P` names a server in the harness.
pub(crate) struct Plan<P> {
    server: P,
    moment: Moment,
    which: Which,
    /// The servers that crash.
    victims: Vec<P>,
    /// How many of these moments there were. They are counted only for [`Which::Nth`].
    seen: AtomicU64,
    progress: Arc<Progress>,
}

impl Planned {
    /// Waits for the crash. Returns false if it does not come within `limit`. It can still come later.
    pub fn wait(&self, limit: Duration) -> bool {
        self.0.crashed.wait_until(Instant::now() + limit)
    }

    /// Gives up the crash, if it has not come yet. Returns true if it has come.
    pub fn cancel(self) -> bool {
        let Planned(progress) = &self;
        if !progress.is_over.swap(true, Ordering::SeqCst) {
            return false;
        }
        progress.crashed.wait();
        true
    }
}

impl<P> Plan<P> {
    /// This method is called at each moment of the plan. Returns true if the crash comes now. It returns true
    /// only once.
    fn is_due(&self) -> bool {
        let is_over = &self.progress.is_over;
        if is_over.load(Ordering::SeqCst) {
            return false;
        }
        let is_now = match self.which {
            Which::Nth(n) => self.seen.fetch_add(1, Ordering::SeqCst) + 1 == n,
            Which::Of1000(chance) => rng::below(1000) < chance,
        };
        is_now && !is_over.swap(true, Ordering::SeqCst)
    }
}

/// A harness. Its servers can crash at a [`Moment`].
pub(crate) trait Victims: Send + Sync + 'static {
    /// Names a server.
    type Place: Copy + Eq + Send + Sync + 'static;
    /// A running server.
    type Server: ?Sized + Send + Sync + 'static;

    /// The lives of a server.
    fn lives(&self, place: Self::Place) -> Arc<Lives<Self::Server>>;

    /// The network of all servers.
    fn network(&self) -> &Network;

    /// Cuts a server off, see [`Lives::cut_off`].
    fn cut_off(&self, place: Self::Place, disk: Option<&Persister>) -> bool;

    /// Calls the server's `kill`.
    fn kill(server: &Self::Server);

    /// Keeps the order for a crash at a message of this server. It replaces an earlier order.
    fn set_plan(&self, place: Self::Place, plan: Arc<Plan<Self::Place>>);

    /// The order for a crash at a message of the server whose newest life is `node`.
    fn plan_of(&self, node: NodeId) -> Option<Arc<Plan<Self::Place>>>;
}

/// Orders a crash of all `victims` at a moment of the server at `place`.
pub(crate) fn crash_these_at<V: Victims>(
    cluster: &Arc<V>,
    victims: &[V::Place],
    place: V::Place,
    moment: Moment,
    which: Which,
) -> Planned {
    let progress = Arc::new(Progress { is_over: AtomicBool::new(false), crashed: Signal::new() });
    let victims = victims.to_vec();
    let seen = AtomicU64::new(0);
    let plan =
        Arc::new(Plan { server: place, moment, which, victims, seen, progress: Arc::clone(&progress) });
    let weak = Arc::downgrade(cluster);
    if moment.is_save() {
        cluster.lives(place).saved().on_save(move |disk, step| at_save(&weak, &plan, disk, step));
    } else {
        cluster.set_plan(place, plan);
        let hook = move |node, event| at_message(&weak, node, event);
        cluster.network().on_message(Some(Arc::new(hook)));
    }
    Planned(progress)
}

/// Crashes all these servers at the same moment: no server sees that another one is down.
pub(crate) fn crash_all<V: Victims>(cluster: &V, places: &[V::Place]) {
    for &place in places {
        cluster.cut_off(place, None);
    }
    for &place in places {
        cluster.lives(place).finish_cut(V::kill);
    }
}

/// Cuts off the victims of a plan. Another thread calls their `kill`.
fn carry_out<V: Victims>(cluster: &Arc<V>, plan: &Plan<V::Place>, disk: Option<&Persister>) -> bool {
    // The code of the crash belongs to the harness, although a thread of the server runs it.
    let _harness = node::enter(NodeId::NONE);
    let mut has_crashed = true;
    if plan.victims.contains(&plan.server) {
        has_crashed = cluster.cut_off(plan.server, disk);
    }
    for &place in plan.victims.iter().filter(|&&place| place != plan.server) {
        cluster.cut_off(place, None);
    }
    let harness = Arc::clone(cluster);
    let victims = plan.victims.clone();
    thread::spawn(move || victims.into_iter().for_each(|place| harness.lives(place).finish_cut(V::kill)));
    plan.progress.crashed.raise();
    has_crashed
}

fn at_save<V: Victims>(cluster: &Weak<V>, plan: &Plan<V::Place>, disk: &Persister, step: SaveStep) {
    let Some(cluster) = cluster.upgrade() else { return };
    let is_moment = plan.moment.is_step(step) && cluster.lives(plan.server).is_disk_of_newest(disk);
    if is_moment && plan.is_due() {
        carry_out(&cluster, plan, Some(disk));
    }
}

/// Returns true if the ordered crash comes at this message. If the message is a reply, the network then still
/// delivers it.
fn at_message<V: Victims>(cluster: &Weak<V>, node: NodeId, event: MessageEvent) -> bool {
    if node.is_none() {
        return false;
    }
    let Some(cluster) = cluster.upgrade() else { return false };
    let plan = cluster.plan_of(node);
    plan.is_some_and(|plan| {
        plan.moment.is_event(node, event) && plan.is_due() && carry_out(&cluster, &plan, None)
    })
}
