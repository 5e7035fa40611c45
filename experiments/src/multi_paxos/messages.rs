//! Ballots, values, and the two RPCs.

use labapi::Command;
use serde::{Deserialize, Serialize};

/// The number of an attempt to lead. Ballots are compared by their round first. Two servers never have the
/// same ballot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ballot {
    /// The round. It is 0 only in the ballot below all others, which no server uses.
    pub round: u64,
    /// The server that leads or wants to lead.
    pub server: usize,
}

/// What a slot can contain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A new leader fills a gap with this value. The service ignores it.
    NoOp,
    /// A command of the service.
    Command(Command),
}

/// Phase 1: a server asks for the promise to accept nothing in a lower ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareArgs {
    /// The ballot in which the server wants to lead.
    pub ballot: Ballot,
    /// The first slot that the server does not know to be chosen.
    pub from: u64,
}

/// The answer to [`PrepareArgs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareReply {
    /// The ballot to which the acceptor is bound. If it is the ballot of the request, this is a promise.
    pub promised: Ballot,
    /// Everything that the acceptor has accepted, from slot `from` on: the slot, the ballot and the value.
    /// It is empty if this is not a promise.
    pub accepted: Vec<(u64, Ballot, Value)>,
    /// The acceptor knows that all slots up to this one are chosen.
    pub chosen: u64,
}

/// Phase 2: the leader asks for acceptance. Without proposals, this message is a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptArgs {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// Slots and values.
    pub proposals: Vec<(u64, Value)>,
    /// The leader knows that all slots up to this one are chosen.
    pub chosen: u64,
}

/// The answer to [`AcceptArgs`]. It says which slots the acceptor *has*. An acceptor has a slot if it knows
/// that the slot is chosen, or if it has accepted the value of the slot in the ballot of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptReply {
    /// The ballot to which the acceptor is bound. If it is higher than the ballot of the request, the
    /// acceptor has refused, and the other fields have no meaning.
    pub promised: Ballot,
    /// The acceptor has all slots up to this one.
    pub up_to: u64,
    /// The later slots that it has.
    pub beyond: Vec<u64>,
}

/// A request from one server to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request to the handler `Paxos.Prepare`.
    Prepare(PrepareArgs),
    /// A request to the handler `Paxos.Accept`.
    Accept(AcceptArgs),
}
