//! A service: an object whose methods answer requests, registered one by one.
//!
//! The network sees a handler as bytes in, bytes out; the typed closure is wrapped here, where arguments that do
//! not decode are fatal with the method's name and the type that was expected.

use crate::responder::{Responder, Ticket};
use crate::server::Cost;
use labrt::node::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;

type Plain = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;
type Answering = Box<dyn Fn(&[u8], Ticket) + Send + Sync>;

/// A named set of handlers, all of one node. There are three kinds of handlers:
///
/// * [`handler`](Service::handler): the safe choice. Runs on a thread from a pool and may block as long as it
///   likes; the caller leaves when the server is deleted or replaced, or its end disabled.
/// * [`inline`](Service::inline): for handlers that only take their node's lock for microseconds. Runs on whatever
///   thread brings the request, which is the caller's own when nothing delayed it. Must not block.
/// * [`deferred`](Service::deferred): runs like an inline handler but answers later, once, from any thread, through
///   its [`Responder`]: no thread sits in a handler that waits for a commit.
///
/// While a handler runs, the thread's current node is the service's; a panic inside is charged to that node.
pub struct Service {
    name: String,
    node: NodeId,
    /// `None`: what its server charges.
    cost: Option<Cost>,
    handlers: Vec<Handler>,
}

pub(crate) struct Handler {
    name: String,
    pub kind: Kind,
}

pub(crate) enum Kind {
    Pooled(Plain),
    Inline(Plain),
    Deferred(Answering),
}

impl Service {
    /// A service of this name (`"Raft"` in `"Raft.AppendEntries"`) without handlers, of no node.
    pub fn new(name: impl Into<String>) -> Service {
        Service { name: name.into(), node: NodeId::NONE, cost: None, handlers: Vec::new() }
    }

    /// The node whose code the handlers are.
    pub fn node(mut self, node: NodeId) -> Service {
        self.node = node;
        self
    }

    /// What a request to this service costs in virtual time, instead of what its server charges
    /// ([`Server::cost`](crate::Server::cost)).
    pub fn cost(mut self, cost: Cost) -> Service {
        self.cost = Some(cost);
        self
    }

    /// A pooled handler: may block.
    pub fn handler<A, R>(self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let plain = self.plain(method, f);
        self.with(method, Kind::Pooled(plain))
    }

    /// An inline handler: must not block, sleep or `call`.
    pub fn inline<A, R>(self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let plain = self.plain(method, f);
        self.with(method, Kind::Inline(plain))
    }

    /// A deferred handler: returns at once and answers through the [`Responder`] when it can.
    pub fn deferred<A, R>(self, method: &str, f: impl Fn(A, Responder<R>) + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let full = self.full_name(method);
        let answering: Answering =
            Box::new(move |args, ticket| f(decode_args(&full, args), Responder::new(ticket)));
        self.with(method, Kind::Deferred(answering))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn owner(&self) -> NodeId {
        self.node
    }

    pub(crate) fn own_cost(&self) -> Option<Cost> {
        self.cost
    }

    pub(crate) fn find(&self, method: &str) -> Option<usize> {
        self.handlers.iter().position(|h| h.name == method)
    }

    pub(crate) fn get(&self, at: usize) -> &Handler {
        &self.handlers[at]
    }

    pub(crate) fn handler_names(&self) -> impl Iterator<Item = &str> {
        self.handlers.iter().map(|h| h.name.as_str())
    }

    fn full_name(&self, method: &str) -> String {
        format!("{}.{method}", self.name)
    }

    fn plain<A, R>(&self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Plain
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let full = self.full_name(method);
        Box::new(move |args| labgob::encode(&f(decode_args(&full, args))))
    }

    fn with(mut self, method: &str, kind: Kind) -> Service {
        self.handlers.retain(|h| h.name != method);
        self.handlers.push(Handler { name: method.to_string(), kind });
        self
    }
}

fn decode_args<A: DeserializeOwned>(method: &str, bytes: &[u8]) -> A {
    match labgob::decode(bytes) {
        Ok(args) => args,
        Err(error) => labrt::fatal(format!(
            "labrpc.Service.dispatch(): {method}: the arguments ({} bytes) do not decode as {}: {error}",
            bytes.len(),
            std::any::type_name::<A>()
        )),
    }
}
