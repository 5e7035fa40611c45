//! The handle to a network. The harness of a test uses this handle.

use crate::end::End;
use crate::faults::{Capacity, Fate, Latency, Link, MessageHook, NetworkOptions, complaint_about_range};
use crate::name::Name;
use crate::queues::Load;
use crate::server::Server;
use crate::shared::SharedNetwork;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::time::Duration;
use std::ops::RangeInclusive;

/// One simulated network. Clones are handles to the same network.
///
/// A new network is reliable, without long delays and without reordering. When its last handle is dropped,
/// the network is gone, and all messages that have not ended fail at once. Ends do not count as handles.
///
/// Many methods have an argument that names an end. You can pass everything that can be converted to a
/// [`Name`]: an `&End`, an `&Name`, a text or a number. If there is no such end, the method does nothing.
/// Only [`Network::delete_end`] then fails the run.
///
/// No method blocks. No method calls the callback of a sender on the calling thread: the callbacks run on a
/// thread of the network.
#[derive(Clone)]
pub struct Network {
    handle: Arc<Handle>,
}

/// The data that all clones share. It is dropped with the last clone.
struct Handle {
    shared: Arc<SharedNetwork>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.shut_down();
    }
}

impl Network {
    /// Make a network without ends and servers.
    pub fn new() -> Network {
        Network::with_fates([])
    }

    /// Make a network without ends and servers, and choose what happens to single messages. Each key of
    /// `fates` names a message by two numbers: the number of its end, and its own number among the messages
    /// of this end. The event `rpc.sent` has both numbers, as `end` and `nth`. Two kinds of messages are lost
    /// whatever their fate is: those that reach no server, and those that a one-way link loses.
    ///
    /// In virtual time, a run is the same as without the chosen fates, up to the first message with a fate.
    pub fn with_fates(fates: impl IntoIterator<Item = ((u64, u64), Fate)>) -> Network {
        Network { handle: Arc::new(Handle { shared: SharedNetwork::new(fates.into_iter().collect()) }) }
    }

    /// End the network: later calls fail at once and are not counted. Messages that were sent before are not
    /// affected.
    pub fn cleanup(&self) {
        self.shared().clean_up();
    }

    /// Set whether the network is reliable. An unreliable network delays requests by 0..26 ms, and loses 10 %
    /// of the requests and 10 % of the replies.
    pub fn reliable(&self, reliable: bool) {
        self.shared().change_settings(|settings| settings.unreliable = !reliable);
    }

    /// Set whether replies are held back. If so, two of three replies wait 200..2199 ms.
    pub fn long_reordering(&self, reordering: bool) {
        self.shared().change_settings(|settings| settings.long_reordering = reordering);
    }

    /// Set how long a call takes to fail if it reaches no server. With long delays, the time is up to 7 s.
    /// Otherwise it is up to 100 ms.
    pub fn long_delays(&self, long: bool) {
        self.shared().change_settings(|settings| settings.long_delays = long);
    }

    /// Set the options of the network. Messages that were sent before are not affected. The run fails if the
    /// options are not valid.
    #[track_caller]
    pub fn set_options(&self, options: NetworkOptions) {
        if let Some(complaint) = options.complaint() {
            labrt::fatal(format!("labrpc.Network.set_options(): {complaint}"));
        }
        self.shared().change_settings(|settings| settings.set_options(&options));
    }

    /// Set how long each message keeps the node busy that sends it, and the node that gets it. A node handles
    /// one message at a time. So messages wait at a busy node, before they leave it or before they reach
    /// their handler. With `None`, the default, a node handles any number of messages at the same moment.
    ///
    /// Use it to measure how much a server can do, and how the load is distributed: servers in one process
    /// share the cores of one machine, so a measurement in real time cannot show this. The time is in
    /// addition to the [`Cost`](crate::Cost) and the latency of a message, during which no node is busy.
    ///
    /// The requests and the replies of [`NodeId::NONE`] keep only the other node busy: code that belongs to
    /// no node stands for clients on machines of their own. A node that sends a message is busy with it also
    /// if the message is lost later. The report that a message is lost keeps nobody busy. Messages that were
    /// sent before this call are not affected. The trace has no event for the wait at a busy node. In real
    /// time this method has no effect.
    pub fn set_capacity(&self, capacity: Option<Capacity>) {
        let capacity = capacity.filter(|_| labrt::is_sim());
        self.shared().change_settings(|settings| settings.capacity = capacity);
    }

    /// Returns the messages that a node has sent or taken in under a [`Capacity`] so far. A message counts
    /// when the node begins with it.
    pub fn load(&self, node: NodeId) -> Load {
        self.shared().load(node)
    }

    /// Returns whether the network is reliable.
    pub fn is_reliable(&self) -> bool {
        !self.shared().settings().unreliable
    }

    /// Returns whether long delays are on.
    pub fn is_long_delays(&self) -> bool {
        self.shared().settings().long_delays
    }

    /// Make a disabled end with a new name. The end belongs to `owner`, and is connected to the server
    /// `target`. This server does not have to exist yet.
    pub fn make_end(&self, owner: NodeId, target: impl Into<Name>) -> End {
        let (id, name) = self.shared().add_fresh_end(owner, target.into());
        End::new(self.shared(), id, name)
    }

    /// Make a disabled end with this name. The end has no owner and is not connected to a server. The run
    /// fails if another end has this name.
    #[track_caller]
    pub fn make_named_end(&self, name: impl Into<Name>) -> End {
        let name = name.into();
        match self.shared().add_end(name.clone(), NodeId::NONE) {
            Some(id) => End::new(self.shared(), id, name),
            None => labrt::fatal(format!("MakeEnd: {name} already exists")),
        }
    }

    /// Connect an end to the server with this name. The server does not have to exist yet. This connection
    /// replaces an earlier connection of the end.
    pub fn connect(&self, end: impl Into<Name>, server: impl Into<Name>) {
        self.shared().connect(&end.into(), server.into());
    }

    /// Enable or disable an end. When an end is disabled, the calls on this end fail if their handlers run at
    /// this moment.
    pub fn enable(&self, end: impl Into<Name>, enabled: bool) {
        self.shared().enable(&end.into(), enabled);
    }

    /// Set or repair a one-way fault of an end. Messages that were sent before are not affected.
    pub fn set_link(&self, end: impl Into<Name>, link: Link) {
        self.shared().set_link(&end.into(), link);
    }

    /// Set how long each request and each reply of this end takes. With `None`, they take as long as the
    /// messages of other ends (see [`NetworkOptions::latency`]). Messages that were sent before are not
    /// affected. The run fails if the latency is not valid.
    #[track_caller]
    pub fn set_latency(&self, end: impl Into<Name>, latency: Option<RangeInclusive<Duration>>) {
        if let Some(complaint) = latency.as_ref().and_then(|it| complaint_about_range("latency", it)) {
            labrt::fatal(format!("labrpc.Network.set_latency(): {complaint}"));
        }
        self.shared().set_latency(&end.into(), latency.as_ref().map(Latency::from));
    }

    /// Call `hook` at each request that leaves its node, and at each reply of a handler. With the hook a
    /// harness can crash a server at the very moment at which the server sends a message. A new hook replaces
    /// an earlier one. `None` removes the hook.
    ///
    /// The arguments of the hook are the node that sends the message, and the kind of the message. The result
    /// matters only for a reply: if it is true, the reply has left the server. Then the reply is delivered,
    /// also if the hook has removed the server or has disabled the end.
    ///
    /// The hook may run on a thread of the node, and this thread may hold a lock of the node. So the hook
    /// must not wait, must not call the node, and must not send a message. It may change the network.
    pub fn on_message(&self, hook: Option<MessageHook>) {
        self.shared().set_hook(hook);
    }

    /// Release the messages of an end that [`Link::RequestsHeld`] or [`Link::RepliesHeld`] holds. They arrive
    /// in the order in which they began to wait. The link does not change, so later messages still wait.
    pub fn release(&self, end: impl Into<Name>) {
        self.shared().release(&end.into());
    }

    /// Let the messages of a node wait. If the node gets a request, the request waits before its handler
    /// runs. If the node has sent a request, the outcome waits before the node gets it. The messages of a
    /// process that the operating system has stopped wait in the same way. [`labrt::node::pause`] stops the
    /// threads of the node.
    pub fn pause(&self, node: NodeId) {
        self.shared().paused.pause(node);
    }

    /// End the [pause](Network::pause) of a node. Its messages go on, in the order in which they began to
    /// wait.
    pub fn resume(&self, node: NodeId) {
        self.shared().resume(node);
    }

    /// Delete an end. Later calls on its [`End`] reach no server. A new end can have the same name. The run
    /// fails if there is no such end.
    #[track_caller]
    pub fn delete_end(&self, end: impl Into<Name>) {
        let end = end.into();
        if !self.shared().delete_end(&end) {
            labrt::fatal(format!("MakeEnd: {end} doesn't exists"));
        }
    }

    /// Close all ends of a node. The calls that wait on these ends fail at once, and every later call also
    /// fails at once.
    pub fn close_ends_of(&self, owner: NodeId) {
        self.shared().close_ends_of(owner);
    }

    /// Add a server with this name. If another server has this name, the new server replaces it. If handlers
    /// of the old server run at this moment, their calls fail at once.
    pub fn add_server(&self, name: impl Into<Name>, server: Server) {
        self.shared().set_server(name.into(), Some(server));
    }

    /// Remove the server with this name. If handlers of the server run at this moment, their calls fail at
    /// once. The handlers are not stopped, but their replies are dropped.
    pub fn delete_server(&self, name: impl Into<Name>) {
        self.shared().set_server(name.into(), None);
    }

    /// Returns how many requests have reached the server that now has this name. Returns 0 if there is no
    /// such server.
    pub fn count(&self, server: impl Into<Name>) -> u64 {
        self.shared().count(&server.into())
    }

    /// Returns how many requests were sent. Lost requests count, too.
    pub fn total_count(&self) -> u64 {
        self.shared().total_count()
    }

    /// Returns the number of bytes of all arguments that were sent, plus the bytes of all replies that were
    /// delivered.
    pub fn total_bytes(&self) -> u64 {
        self.shared().total_bytes()
    }

    fn shared(&self) -> &Arc<SharedNetwork> {
        &self.handle.shared
    }
}

impl Default for Network {
    fn default() -> Network {
        Network::new()
    }
}
