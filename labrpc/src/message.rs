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
    /// Where the call stands in its caller's source.
    pub place: &'static Location<'static>,
}

/// One message: a request and its reply.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub id: u64,
    /// The node that sends it, for the trace.
    pub from: NodeId,
    /// The node of the server that has the name to which the end is connected, or of the last one that
    /// had it. For the trace.
    pub to: NodeId,
    pub dice: Dice,
    /// The network's settings when the message started; a later change does not affect it.
    pub settings: Settings,
    /// The end's link when the message started.
    pub link: Link,
    /// Its cost in virtual time; [`Cost::Free`] on the real clock.
    pub cost: Cost,
    /// `None`: it reaches no server.
    pub route: Option<Route>,
    /// Where the call stands in its caller's source, for reports of mistakes in it.
    pub place: &'static Location<'static>,
}

/// The settings of a network that decide what happens to a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// Delay requests, and lose requests and replies.
    pub unreliable: bool,
    /// Hold replies back.
    pub long_reordering: bool,
    /// A call that reaches no server takes seconds to fail.
    pub long_delays: bool,
    /// See [`NetworkOptions`] for this and the following.
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

/// Which server object a message goes to.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// The index of the server's address.
    pub address: usize,
    /// The number of the server among all that were ever added.
    pub registration: u64,
    /// The network's epoch when the message started.
    pub epoch: u64,
}

/// What a message waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A delay in the network. The message goes on even if the server is lost.
    Travelling,
    /// Its handler, or the virtual time that it costs. If the server is lost, the message ends.
    Serving,
}
