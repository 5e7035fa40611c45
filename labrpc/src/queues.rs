//! The queues of busy nodes. With a [`Capacity`](crate::Capacity), a node handles one message at a time.
//!
//! Each node has two queues: the messages that it has to send, and the messages that have arrived. When the
//! node has finished a message, it takes the next one. It sends first, and takes an arrived message only if
//! it has nothing to send. A server with one thread works in this order: its handler sends the messages that
//! follow from a request before the thread looks at the next request.
//!
//! Without a capacity, the functions of this file are not called.

use crate::timer::{Task, Timer};
use labrt::collections::{BTreeMap, VecDeque};
use labrt::node::NodeId;
use labrt::sync::{Arc, Mutex};
use labrt::time::{Duration, Instant};

/// The messages that a node has sent or taken in under a [`Capacity`](crate::Capacity). Requests and replies
/// count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// The number of these messages.
    pub messages: u64,
    /// The number of bytes in them.
    pub bytes: u64,
    /// How long the node was busy with them.
    pub busy: Duration,
}

/// The direction of a message, as its node sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Out,
    In,
}

/// What a node has to do for one message.
pub(crate) struct Job {
    pub way: Way,
    pub bytes: usize,
    /// How long the node is busy with the message.
    pub takes: Duration,
}

/// A message in the queue of a node.
struct Queued {
    since: Instant,
    job: Job,
    /// The next step of the message, after the node has finished it.
    step: Task,
}

#[derive(Default)]
struct Node {
    /// The time at which the node finished its last message, or will finish its present one.
    free_at: Option<Instant>,
    /// Is there a task of the timer for the present message of the node?
    is_busy: bool,
    sends: VecDeque<Queued>,
    arrivals: VecDeque<Queued>,
    load: Load,
}

impl Node {
    /// The node begins with the next message. Returns the time at which the message is finished, and its next
    /// step. The time may have passed already, because the timer may have been late. So a late timer does not
    /// change how many messages a node handles in a second.
    fn begin(&mut self) -> Option<(Instant, Task)> {
        let Some(Queued { since, job, step }) = self.sends.pop_front().or_else(|| self.arrivals.pop_front())
        else {
            self.is_busy = false;
            return None;
        };
        self.is_busy = true;
        self.load.messages += 1;
        self.load.bytes += job.bytes as u64;
        self.load.busy += job.takes;
        let end = self.free_at.map_or(since, |free| free.max(since)) + job.takes;
        self.free_at = Some(end);
        Some((end, step))
    }
}

/// The queues of all nodes of a network.
pub(crate) struct Queues {
    timer: Arc<Timer>,
    nodes: Mutex<BTreeMap<NodeId, Node>>,
}

impl Queues {
    pub fn new(timer: Arc<Timer>) -> Arc<Queues> {
        Arc::new(Queues { timer, nodes: Mutex::default() })
    }

    /// Put a message into a queue of its node. `step` runs on the timer's thread when the node has finished
    /// the message.
    pub fn add(self: &Arc<Queues>, node: NodeId, job: Job, step: Task) {
        let queued = Queued { since: Instant::now(), job, step };
        let mut nodes = self.nodes.lock();
        let entry = nodes.entry(node).or_default();
        match queued.job.way {
            Way::Out => entry.sends.push_back(queued),
            Way::In => entry.arrivals.push_back(queued),
        }
        let begun = if entry.is_busy { None } else { entry.begin() };
        drop(nodes);
        self.finish_later(node, begun);
    }

    /// Returns what the node has done so far.
    pub fn load(&self, node: NodeId) -> Load {
        self.nodes.lock().get(&node).map_or(Load::default(), |node| node.load)
    }

    /// Empties all queues. Returns the steps that have waited.
    pub fn clear(&self) -> Vec<Task> {
        let nodes = std::mem::take(&mut *self.nodes.lock());
        nodes
            .into_values()
            .flat_map(|node| node.sends.into_iter().chain(node.arrivals))
            .map(|it| it.step)
            .collect()
    }

    /// A node has begun with a message. Runs the next step of the message at the time at which the node has
    /// finished it. Then the node begins with its next message.
    fn finish_later(self: &Arc<Queues>, node: NodeId, begun: Option<(Instant, Task)>) {
        let Some((end, step)) = begun else { return };
        let queues = Arc::clone(self);
        self.timer.run_at(end, move || {
            // The step comes first: the messages that it sends go before the messages that have arrived.
            step();
            let begun = queues.nodes.lock().get_mut(&node).and_then(Node::begin);
            queues.finish_later(node, begun);
        });
    }
}
