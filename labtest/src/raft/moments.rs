//! Crashes at a moment that only the server knows: when it saves, sends a request, or answers one.
//!
//! A test orders such a crash with [`Cluster::crash_at`]. The crash happens inside the call in which the
//! server saves or sends. At this moment, the server is cut off from the network, and its disk is copied. The
//! thread of the server then goes on, but nobody sees what it saves, sends or applies. Another thread calls
//! `kill`, because the server may hold its own lock at this moment. The test then starts the server again,
//! with the copied disk.

use labapi::{Persister, RaftPeer, SaveStep};
use labrpc::MessageEvent;
use labrt::node::{self, NodeId};
use labrt::rng;
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use labrt::sync::{Arc, Signal, Weak};
use labrt::thread;
use labrt::time::{Duration, Instant};

use super::Cluster;

/// What a server does at the moment of the crash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// The server begins to save. The crash comes first, so the disk does not have what the server wants to
    /// save.
    BeforeSave,
    /// The server has saved, and does nothing afterwards.
    AfterSave,
    /// The server has sent a request, which is on its way.
    Request,
    /// The server has answered a request. The reply is on its way.
    Reply,
}

/// How often a [`Moment`] passes before the crash.
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
pub struct Planned(Arc<Plan>);

pub(super) struct Plan {
    server: usize,
    moment: Moment,
    which: Which,
    /// The servers that crash.
    victims: Vec<usize>,
    /// How many of these moments there were. They are counted only for [`Which::Nth`].
    seen: AtomicU64,
    /// True if the crash has begun, or was given up.
    is_over: AtomicBool,
    /// Raised when all victims are cut off.
    crashed: Signal,
}

impl Planned {
    /// Waits for the crash. Returns false if it does not come within `limit`. It can still come later.
    pub fn wait(&self, limit: Duration) -> bool {
        self.0.crashed.wait_until(Instant::now() + limit)
    }

    /// Gives the crash up, if it has not come yet. Returns true if it has come.
    pub fn cancel(self) -> bool {
        let Planned(plan) = &self;
        if !plan.is_over.swap(true, Ordering::SeqCst) {
            return false;
        }
        plan.crashed.wait();
        true
    }
}

impl Plan {
    /// Returns true if the crash comes now. The answer is true only once.
    fn is_due(&self, server: usize, moment: Moment) -> bool {
        if (server, moment) != (self.server, self.moment) || self.is_over.load(Ordering::SeqCst) {
            return false;
        }
        let is_now = match self.which {
            Which::Nth(n) => self.seen.fetch_add(1, Ordering::SeqCst) + 1 == n,
            Which::Of1000(chance) => rng::below(1000) < chance,
        };
        is_now && !self.is_over.swap(true, Ordering::SeqCst)
    }
}

impl<R: RaftPeer> Cluster<R> {
    /// Orders a crash of server `i` at a moment of this server. The moments while the server starts count,
    /// too. If the server does not run now, the moments of its next life count.
    ///
    /// A server has at most one order for a save, and at most one for a message. A new order replaces the
    /// earlier order of the same kind. If the server crashes for another reason, its order for a save ends,
    /// because the order belongs to the disk and the next life gets a copy of the disk.
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
        let plan = Arc::new(Plan {
            server: i,
            moment,
            which,
            victims: victims.to_vec(),
            seen: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            crashed: Signal::new(),
        });
        let cluster = Arc::downgrade(self);
        match moment {
            Moment::BeforeSave | Moment::AfterSave => {
                let plan = Arc::clone(&plan);
                self.lives(i).saved().on_save(move |disk, step| at_save(&cluster, &plan, disk, step));
            }
            Moment::Request | Moment::Reply => {
                self.state.lock().servers[i].plan = Some(Arc::clone(&plan));
                let hook = move |node, event| at_message(&cluster, node, event);
                self.net.on_message(Some(Arc::new(hook)));
            }
        }
        Planned(plan)
    }

    /// Crashes all these servers at the same moment: no server sees that another one is down.
    pub fn crash_all(&self, servers: &[usize]) {
        for &i in servers {
            self.ask(i);
        }
        for &i in servers {
            self.cut_off(i, None);
        }
        for &i in servers {
            self.lives(i).finish_cut(R::kill);
        }
    }

    /// Cuts a server off, see [`Lives::cut_off`](crate::lives::Lives::cut_off).
    fn cut_off(&self, i: usize, disk: Option<&Persister>) -> bool {
        self.lives(i).cut_off(disk, || self.disconnect(i))
    }

    /// Cuts the victims of a plan off. Another thread calls their `kill`.
    fn carry_out(self: &Arc<Self>, plan: &Plan, disk: Option<&Persister>) -> bool {
        // The code of the crash belongs to the harness, although a thread of the server runs it.
        let _harness = node::enter(NodeId::NONE);
        let mut has_crashed = true;
        if plan.victims.contains(&plan.server) {
            has_crashed = self.cut_off(plan.server, disk);
        }
        for &i in plan.victims.iter().filter(|&&i| i != plan.server) {
            self.cut_off(i, None);
        }
        let cluster = Arc::clone(self);
        let victims = plan.victims.clone();
        thread::spawn(move || victims.into_iter().for_each(|i| cluster.lives(i).finish_cut(R::kill)));
        plan.crashed.raise();
        has_crashed
    }
}

fn at_save<R: RaftPeer>(cluster: &Weak<Cluster<R>>, plan: &Plan, disk: &Persister, step: SaveStep) {
    let moment = match step {
        SaveStep::Before => Moment::BeforeSave,
        SaveStep::After => Moment::AfterSave,
    };
    let Some(cluster) = cluster.upgrade() else { return };
    if cluster.lives(plan.server).is_disk_of_newest(disk) && plan.is_due(plan.server, moment) {
        cluster.carry_out(plan, Some(disk));
    }
}

/// Returns true if the ordered crash comes at this message. If the message is a reply, the network then still
/// delivers it.
fn at_message<R: RaftPeer>(cluster: &Weak<Cluster<R>>, node: NodeId, event: MessageEvent) -> bool {
    let moment = match event {
        MessageEvent::Sent => Moment::Request,
        MessageEvent::Replied => Moment::Reply,
    };
    let Some(cluster) = cluster.upgrade() else { return false };
    let i = usize::from(node.index);
    let plan = {
        let state = cluster.state.lock();
        let slot = state.servers.get(i).filter(|slot| !node.is_none() && slot.lives.node() == node);
        slot.and_then(|slot| slot.plan.clone())
    };
    plan.is_some_and(|plan| plan.is_due(i, moment) && cluster.carry_out(&plan, None))
}
