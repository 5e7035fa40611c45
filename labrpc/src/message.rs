//! What the network remembers of one message: small, `Copy`, and the same from its start to its
//! end.

use crate::faults::{Cost, Dice, Link};
use labrt::node::NodeId;

/// One message: a request and what becomes of it.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    pub id: u64,
    /// Who sends it, for the trace.
    pub from: NodeId,
    /// Whose server has, or last had, the name that the end is connected to. For the trace.
    pub to: NodeId,
    pub dice: Dice,
    /// The network's settings when the message started; a later change does not affect it.
    pub settings: Settings,
    /// The end's link when the message started.
    pub link: Link,
    /// What the server charges for it; [`Cost::Free`] on the real clock.
    pub cost: Cost,
    /// `None`: it reaches nobody.
    pub route: Option<Route>,
}

/// The settings of a network that decide what happens to a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// Delay requests, and lose requests and replies.
    pub unreliable: bool,
    /// Hold replies back.
    pub long_reordering: bool,
    /// A call that reaches nobody takes seconds to fail.
    pub long_delays: bool,
}

/// Which server object a message goes to.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// The index of the server's address.
    pub address: usize,
    /// Which of the servers that this address has had.
    pub registration: u64,
    /// The network's epoch when the message started.
    pub epoch: u64,
}

/// What a message waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The end of a delay in the network. The loss of the server does not end the message.
    Travelling,
    /// Its handler, or the virtual time that the handler's turn costs. The loss of the server ends
    /// it.
    Serving,
}
