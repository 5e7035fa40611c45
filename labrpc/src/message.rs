//! The data of one message. It is small and `Copy`, and it does not change.

use crate::faults::{Cost, DROPPED_OF_1000, Dice, Latency, Link, NetworkOptions};
use labrt::node::NodeId;
use std::panic::Location;

/// A request that its end is about to send.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub id: u64,
    /// The number of the end.
    pub end: u64,
    pub method: &'a str,
    /// The place of the call in the caller's source.
    pub place: &'static Location<'static>,
}

/// One message: a request and its reply.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub id: u64,
    /// The node that sends the message, for the trace.
    pub from: NodeId,
    /// The node of the server, for the trace. This is the server that has the name to which the end is
    /// connected, or the last server that had this name.
    pub to: NodeId,
    pub dice: Dice,
    /// The network's settings at the start of the message. A later change of the settings does not affect the
    /// message.
    pub settings: Settings,
    /// The end's link at the start of the message.
    pub link: Link,
    /// The cost of the message in virtual time. On the real clock it is [`Cost::Free`].
    pub cost: Cost,
    /// The server that the message reaches. `None` means that it reaches no server.
    pub route: Option<Route>,
    /// The place of the call in the caller's source, for reports of mistakes in the call.
    pub place: &'static Location<'static>,
}

/// The settings of a network that decide what happens to a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// Whether requests are delayed, and requests and replies are lost.
    pub unreliable: bool,
    /// Whether replies are held back.
    pub long_reordering: bool,
    /// Whether a call that reaches no server fails only after seconds.
    pub long_delays: bool,
    /// [`NetworkOptions`] explains this field and the following fields.
    pub latency: Latency,
    lost_requests: Option<u16>,
    lost_replies: Option<u16>,
    pub reorder_requests: bool,
    pub duplicated_requests: u16,
}

impl Settings {
    pub fn set_options(&mut self, options: &NetworkOptions) {
        self.latency = Latency::from(&options.latency);
        self.lost_requests = options.lost_requests;
        self.lost_replies = options.lost_replies;
        self.reorder_requests = options.reorder_requests;
        self.duplicated_requests = options.duplicated_requests;
    }

    /// How many of 1000 requests are lost.
    pub fn lost_requests(&self) -> u16 {
        self.lost_requests.unwrap_or(self.lost_at_default())
    }

    /// How many of 1000 replies are lost.
    pub fn lost_replies(&self) -> u16 {
        self.lost_replies.unwrap_or(self.lost_at_default())
    }

    fn lost_at_default(&self) -> u16 {
        if self.unreliable { DROPPED_OF_1000 } else { 0 }
    }
}

/// The server object to which a message goes.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// The index of the server's address.
    pub address: usize,
    /// The number of the server among all servers that were ever added.
    pub registration: u64,
    /// The network's epoch at the start of the message.
    pub epoch: u64,
}

/// The reason why a message waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The message has a delay in the network. If the server is lost meanwhile, the message still continues.
    Travelling,
    /// The message waits for its handler, or for the virtual time that it costs. If the server is lost
    /// meanwhile, the message ends.
    Serving,
}
