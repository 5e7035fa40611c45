//! The data that all handles of one network share: its state under one lock, its counters, and its timer.
//!
//! The lock is held only for short accesses to the tables. No handler and no other code of a user is called
//! or dropped under the lock. If an end or a server changes in a way that can stop messages, `epoch` rises by
//! one. A message stores the value that `epoch` had when the message was sent. Later this value is compared
//! with the present `epoch`. If the two are equal, nothing has stopped the message, and the lock does not
//! have to be locked again.
//!
//! A message that has to wait is *enlisted*: its completion moves into the table of waiting messages. Three
//! things can end the message: its last stage (see `transit.rs`), a change of its server or of its end, or
//! the end of the network. The one that comes first removes the completion from the table, and ends the
//! message. So each message ends exactly once.

use crate::completion::{Callback, Completion, Outcome};
use crate::events::{self, Cause, cause};
use crate::faults::{Fate, Latency, Link, MessageEvent, MessageHook};
use crate::message::{Message, Outgoing, Phase, Settings};
use crate::name::Name;
use crate::paused::Paused;
use crate::queues::{Load, Queues};
use crate::server::{Server, SharedServer};
use crate::state::{Ended, NetworkState, Start, Waiting};
use crate::timer::Timer;
use labrt::collections::BTreeMap;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use labrt::sync::{Arc, Mutex};

pub(crate) struct SharedNetwork {
    state: Mutex<NetworkState>,
    pub timer: Arc<Timer>,
    pub paused: Arc<Paused>,
    /// The messages that wait for a busy node. Without a [`Capacity`](crate::Capacity) there are none.
    pub queues: Arc<Queues>,
    /// True if the network is cleaned up or gone. Then later calls fail at once.
    is_done: AtomicBool,
    /// The number of changes so far that could stop a message.
    epoch: AtomicU64,
    rpcs: AtomicU64,
    bytes: AtomicU64,
}

impl SharedNetwork {
    pub fn new(fates: BTreeMap<(u64, u64), Fate>) -> Arc<SharedNetwork> {
        let timer = Timer::new();
        Arc::new(SharedNetwork {
            state: Mutex::new(NetworkState::with_fates(fates)),
            queues: Queues::new(Arc::clone(&timer)),
            timer,
            paused: Arc::default(),
            is_done: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            rpcs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    // ---- the whole network ----------------------------------------------------------------------

    pub fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    pub fn settings(&self) -> Settings {
        self.state.lock().settings
    }

    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.lock().settings);
    }

    pub fn set_hook(&self, hook: Option<MessageHook>) {
        let mut state = self.state.lock();
        state.settings.is_watched = hook.is_some();
        state.hook = hook;
    }

    /// Call the function of [`Network::on_message`](crate::Network::on_message), if there is one.
    pub fn call_hook(&self, node: NodeId, event: MessageEvent) -> bool {
        let hook = self.state.lock().hook.clone();
        hook.is_some_and(|hook| hook(node, event))
    }

    /// Keep the next step of a message until [`release`](SharedNetwork::release).
    pub fn hold(&self, message: &Message, step: impl FnOnce() + Send + 'static) {
        self.state.lock().hold(message, Box::new(step));
    }

    pub fn release(&self, end: &Name) {
        let held = self.state.lock().release(end);
        held.into_iter().for_each(|step| self.timer.run_soon(step));
    }

    /// End the pause of a node, and let its messages go on.
    pub fn resume(&self, node: NodeId) {
        self.paused.resume(node).into_iter().for_each(|step| self.timer.run_soon(step));
    }

    /// This message was sent to a name. Let the message go on to the server that has this name now. Returns
    /// the server, or the reason why the message reaches no server.
    pub fn route_again(&self, message: &mut Message) -> Result<Arc<SharedServer>, Cause> {
        self.state.lock().route_again(message, self.epoch.load(Ordering::Relaxed))
    }

    pub fn total_count(&self) -> u64 {
        self.rpcs.load(Ordering::Relaxed)
    }

    pub fn total_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns what a node has done under a capacity.
    pub fn load(&self, node: NodeId) -> Load {
        self.queues.load(node)
    }

    pub fn clean_up(&self) {
        self.is_done.store(true, Ordering::Release);
        self.timer.end_when_empty();
    }

    /// End all messages that wait, and drop the servers. This is called when the last handle is gone.
    pub fn shut_down(&self) {
        self.is_done.store(true, Ordering::Release);
        let (old, ended) = {
            let mut state = self.state.lock();
            self.begin_epoch();
            state.end()
        };
        self.fail_all(ended, cause::NETWORK_GONE);
        drop(self.paused.clear());
        drop(self.queues.clear());
        self.timer.close();
        drop(old);
    }

    // ---- messages -------------------------------------------------------------------------------

    /// Count a request, and read all data that it needs. The lock is locked only once. Returns `None` if the
    /// end is closed.
    pub fn start(&self, request: Outgoing<'_>, args: &[u8]) -> Option<Start> {
        let from = node::current();
        let start = self.state.lock().start(request, from, self.epoch.load(Ordering::Relaxed))?;
        self.rpcs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(args.len() as u64, Ordering::Relaxed);
        events::sent(&start.message, start.target.as_ref(), request.method, args, request.says);
        Some(start)
    }

    pub fn count_reply(&self, reply: &[u8]) {
        self.bytes.fetch_add(reply.len() as u64, Ordering::Relaxed);
    }

    /// This message was sent to a name. Returns the server that has this name now. Returns `None` if no
    /// server has the name, or if the network is cleaned up or gone.
    pub fn present_server(&self, message: &Message) -> Option<Arc<SharedServer>> {
        if self.is_done() {
            return None;
        }
        self.state.lock().present_server(message)
    }

    /// Returns the reason why this message cannot reach its server any more. Returns `None` if the message
    /// can still reach its server.
    pub fn why_server_lost(&self, message: &Message) -> Option<Cause> {
        let route = message.route?;
        if self.epoch.load(Ordering::Acquire) == route.epoch {
            return None;
        }
        self.state.lock().why_server_lost(message)
    }

    /// Add a message to the waiting messages. If there is a reason why the message cannot continue, it ends
    /// now.
    pub fn enlist(&self, message: &Message, phase: Phase, completion: Completion) {
        let waiting = Waiting { message: *message, phase, completion };
        let mut state = self.state.lock();
        let Some(cause) = state.why_ended(message, phase) else { return state.add_waiting(waiting) };
        drop(state);
        self.fail_all(vec![waiting], cause);
    }

    /// Change the phase of a waiting message. If there is a reason why the message cannot continue in the new
    /// phase, it ends now.
    pub fn set_phase(&self, message: &Message, phase: Phase) {
        let mut state = self.state.lock();
        let Some(cause) = state.why_ended(message, phase) else { return state.set_phase(message.id, phase) };
        let ended = state.take_waiting(message.id);
        drop(state);
        self.fail_all(ended, cause);
    }

    /// Remove the completion of a waiting message, in order to end the message. Returns `None` if the message
    /// has ended already.
    pub fn claim(&self, id: u64) -> Option<Completion> {
        self.state.lock().take_waiting(id).map(|waiting| waiting.completion)
    }

    /// End a waiting message without a reply. If the sender has a callback, the callback does not run on this
    /// thread.
    pub fn fail(&self, id: u64, cause: Cause) {
        let ended = self.state.lock().take_waiting(id);
        self.fail_all(ended, cause);
    }

    /// Run the callback of message `id` on the timer's thread. If the node of the callback is paused, the
    /// callback waits until the pause ends.
    pub fn call_back(&self, id: u64, callback: Callback, outcome: Outcome) {
        let paused = Arc::clone(&self.paused);
        self.timer.run_soon(move || {
            let node = callback.node();
            if !paused.has(node) {
                return callback.run(id, outcome);
            }
            if let Some(step) = paused.keep(node, Box::new(move || callback.run(id, outcome))) {
                step();
            }
        });
    }

    fn fail_all(&self, ended: impl IntoIterator<Item = Waiting>, cause: Cause) {
        let _goes_on = node::without_pause();
        for Waiting { message, completion, .. } in ended {
            events::failed(&message, cause);
            match completion {
                Completion::Slot(slot) => slot.fill(None),
                Completion::Callback(callback) => self.call_back(message.id, callback, None),
            }
        }
    }

    // ---- ends -----------------------------------------------------------------------------------

    /// Add an end that is disabled and not connected. Returns `None` if another end has the name.
    pub fn add_end(&self, name: Name, owner: NodeId) -> Option<u64> {
        self.state.lock().add_end(name, owner)
    }

    /// Add a disabled end with a new name. The end is connected to `target`.
    pub fn add_fresh_end(&self, owner: NodeId, target: Name) -> (u64, Name) {
        let mut state = self.state.lock();
        let name = state.fresh_end_name(owner, &target);
        let id = state.add_end(name.clone(), owner).expect("no end has a fresh name");
        state.connect(&name, target);
        (id, name)
    }

    pub fn connect(&self, end: &Name, server: Name) {
        self.state.lock().connect(end, server);
    }

    pub fn enable(&self, end: &Name, enabled: bool) {
        self.change_reach(cause::DISABLED, |state| state.enable(end, enabled));
    }

    pub fn set_link(&self, end: &Name, link: Link) {
        self.state.lock().set_link(end, link);
    }

    pub fn set_latency(&self, end: &Name, latency: Option<Latency>) {
        self.state.lock().set_latency(end, latency);
    }

    /// Delete an end, so that its name is free. Later calls on the end's handle reach no server. Returns
    /// `false` if there is no such end.
    pub fn delete_end(&self, end: &Name) -> bool {
        self.change_reach(cause::DISABLED, |state| state.delete_end(end)).is_some()
    }

    /// Close an end. The calls that wait on the end fail at once, and every later call also fails at once.
    pub fn close_end(&self, end: u64) {
        self.change_reach(cause::END_CLOSED, |state| state.close_end(end));
    }

    /// Close all ends of a node.
    pub fn close_ends_of(&self, owner: NodeId) {
        self.change_reach(cause::END_CLOSED, |state| state.close_ends_of(owner));
    }

    /// Remove an end, because its handle is dropped.
    pub fn remove_end(&self, end: u64) {
        self.change_reach(cause::END_CLOSED, |state| state.remove_end(end));
    }

    // ---- servers --------------------------------------------------------------------------------

    /// Give the name to `server`. If `server` is `None`, no server has the name any more. An earlier server
    /// with this name is removed.
    pub fn set_server(&self, name: Name, server: Option<Server>) {
        let server = server.map(|server| server.shared);
        let old = self.change_reach(cause::SERVER_GONE, |state| state.set_server(name, server));
        // The services of the old server are dropped here. This may run code of a user, so the lock must be
        // free.
        drop(old);
    }

    pub fn count(&self, name: &Name) -> u64 {
        self.state.lock().server(name).map_or(0, |server| server.count())
    }

    // ---- changes of ends and servers ------------------------------------------------------------

    /// Change an end or a server, and end the messages that cannot continue because of this change. If
    /// `change` returns `None`, nothing has changed.
    fn change_reach<T>(
        &self,
        cause: Cause,
        change: impl FnOnce(&mut NetworkState) -> Option<T>,
    ) -> Option<T> {
        let _goes_on = node::without_pause();
        let (result, ended): (T, Ended) = {
            let mut state = self.state.lock();
            let result = change(&mut state)?;
            self.begin_epoch();
            (result, state.take_lost())
        };
        self.fail_all(ended, cause);
        Some(result)
    }

    /// Must be called under the lock at each change that can stop a message.
    fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }
}
