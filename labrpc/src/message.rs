//! The data of one message. This data is small and can be copied. Only the fields `to` and `route` can
//! change: they change when a held request is released.

use crate::faults::{Capacity, Cost, DROPPED_OF_1000, Dice, Fate, Latency, Link, NetworkOptions};
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
    /// For the readers of the trace: what is in the arguments. It is empty if the sender records its own
    /// events about the message, or if nobody reads the trace.
    pub says: &'a str,
    /// Is the stack of this thread already deep, because one message has led to the next? Then another thread
    /// must bring this message to its server.
    pub is_deep: bool,
}

/// One message: a request and its reply.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub id: u64,
    /// The node that sends the message, for the trace.
    pub from: NodeId,
    /// The node of the receiving server, for the trace. An end is connected to a name. The receiving server
    /// is the one that had this name when the message was sent. If no server had the name then, it is the
    /// last server that had the name before.
    pub to: NodeId,
    pub dice: Dice,
    /// What happens to the message, if a test has chosen this. `None` means that the dice decide.
    pub fate: Option<Fate>,
    /// The network's settings when the message was sent. A later change of the settings does not affect the
    /// message.
    pub settings: Settings,
    /// The end's link when the message was sent.
    pub link: Link,
    /// The cost of the message in virtual time. In real time it is [`Cost::Free`].
    pub cost: Cost,
    /// The server that the message reaches. `None` means that the message reaches no server.
    pub route: Option<Route>,
    /// The place of the call in the caller's source, for reports of mistakes in the call.
    pub place: &'static Location<'static>,
}

/// The settings of a network that decide what happens to a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// True if requests are delayed, and some requests and replies are lost.
    pub unreliable: bool,
    /// True if two of three replies are held back.
    pub long_reordering: bool,
    /// True if a call that reaches no server takes up to 7 s to fail.
    pub long_delays: bool,
    /// The fields from `latency` to `duplicated_requests` come from [`NetworkOptions`]. But an end can have a
    /// latency of its own.
    pub latency: Latency,
    pub duplicate_delay: Option<Latency>,
    lost_requests: Option<u16>,
    lost_replies: Option<u16>,
    pub reorder_requests: bool,
    pub duplicated_requests: u16,
    /// How long the message keeps its sender and its receiver busy. `None` means: no time.
    pub capacity: Option<Capacity>,
    /// True if the network has a function that is called at each request and reply. See
    /// [`Network::on_message`](crate::Network::on_message).
    pub is_watched: bool,
}

impl Settings {
    pub fn set_options(&mut self, options: &NetworkOptions) {
        self.latency = Latency::from(&options.latency);
        self.duplicate_delay = options.duplicate_delay.as_ref().map(Latency::from);
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
    /// The index of the server's entry in the table of addresses (see `state.rs`).
    pub address: usize,
    /// The number of the change that gave the server its name.
    pub registration: u64,
    /// The network's epoch when the message was sent. See `shared.rs`.
    pub epoch: u64,
}

/// The reason why a message waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The message is delayed in the network. If its server is removed during this time, the message still
    /// continues.
    Travelling,
    /// The message waits for its handler, or for the virtual time that it costs. If its server is removed
    /// during this time, the message ends.
    Serving,
}
