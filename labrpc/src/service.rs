//! A service: a named set of handlers, which are added one by one.
//!
//! For the network, a handler is a function from bytes to bytes. A user's handler takes and returns values
//! with types. This file makes a handler for the network from the user's handler. If the arguments cannot be
//! decoded, the run fails, and the report names the method and the type.

use crate::events;
use crate::faults::Cost;
use crate::responder::{Responder, Ticket};
use labrt::node::NodeId;
use labrt::trace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::panic::Location;

/// A handler that returns its reply.
type Replying = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;
/// A handler that replies through a ticket.
type ReplyingLater = Box<dyn Fn(&[u8], Ticket) + Send + Sync>;

/// A named set of handlers that belong to one node. There are three kinds of handlers:
///
/// * [`handler`](Service::handler): such a handler runs on a thread of a pool and may block for any time. If
///   you do not know which kind you need, use this kind. If the server is deleted or replaced during the
///   call, or if the end is disabled, the call fails.
/// * [`inline`](Service::inline): this kind is for handlers that take only microseconds. Such a handler runs
///   on the thread that brings the request. If nothing has delayed the request, this is the thread of the
///   caller. The handler may lock a lock of its node, but must not block in any other way.
/// * [`deferred`](Service::deferred): such a handler runs like an inline handler, but may reply later. It
///   replies once, from any thread, with its [`Responder`]. So no thread is blocked while a reply has to wait
///   for a commit.
///
/// During the call of a handler, the current node of the thread is the node of the service. A report of a
/// panic in the handler names this node.
pub struct Service {
    name: String,
    node: NodeId,
    /// The cost of a request to this service. With `None`, the cost of the server is used.
    cost: Option<Cost>,
    handlers: Vec<Handler>,
}

pub(crate) struct Handler {
    name: String,
    pub kind: HandlerKind,
}

pub(crate) enum HandlerKind {
    Pooled(Replying),
    Inline(Replying),
    Deferred(ReplyingLater),
}

impl Service {
    /// Make a service with this name (`"Raft"` in `"Raft.AppendEntries"`). It has no handlers and belongs to
    /// no node.
    pub fn new(name: impl Into<String>) -> Service {
        Service { name: name.into(), node: NodeId::NONE, cost: None, handlers: Vec::new() }
    }

    /// Set the node to which the handlers belong.
    pub fn node(mut self, node: NodeId) -> Service {
        self.node = node;
        self
    }

    /// Set how much virtual time a request to this service takes. This replaces the server's cost
    /// ([`Server::cost`](crate::Server::cost)).
    pub fn cost(mut self, cost: Cost) -> Service {
        self.cost = Some(cost);
        self
    }

    /// Add a handler that runs on a thread of a pool. The handler may block.
    #[track_caller]
    pub fn handler<A, R>(self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let run = self.replying(method, f);
        self.with(method, HandlerKind::Pooled(run))
    }

    /// Add an inline handler. The handler must not block or sleep, and must not use
    /// [`End::call`](crate::End::call).
    #[track_caller]
    pub fn inline<A, R>(self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let run = self.replying(method, f);
        self.with(method, HandlerKind::Inline(run))
    }

    /// Add a deferred handler. The handler must return at once. It replies with the [`Responder`], at once or
    /// later.
    #[track_caller]
    pub fn deferred<A, R>(self, method: &str, f: impl Fn(A, Responder<R>) + Send + Sync + 'static) -> Service
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let (full, place) = (self.full_name(method), Location::caller());
        let run: ReplyingLater =
            Box::new(move |args, ticket| f(decode_args(&full, args, place), Responder::new(ticket, &full)));
        self.with(method, HandlerKind::Deferred(run))
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

    #[track_caller]
    fn replying<A, R>(&self, method: &str, f: impl Fn(A) -> R + Send + Sync + 'static) -> Replying
    where
        A: DeserializeOwned,
        R: Serialize,
    {
        let (full, place) = (self.full_name(method), Location::caller());
        Box::new(move |args| {
            let reply = f(decode_args(&full, args, place));
            if events::tells_replies(&full) {
                events::reply_says(trace::parent(), &reply);
            }
            labgob::encode(&reply)
        })
    }

    fn with(mut self, method: &str, kind: HandlerKind) -> Service {
        self.handlers.retain(|h| h.name != method);
        self.handlers.push(Handler { name: method.to_string(), kind });
        self
    }
}

/// Decode the arguments for the handler of `method`. The handler was added at `place`.
fn decode_args<A: DeserializeOwned>(method: &str, bytes: &[u8], place: &'static Location<'static>) -> A {
    match labgob::decode(bytes) {
        Ok(args) => args,
        Err(error) => {
            let text = format!(
                "labrpc.Service.dispatch(): {method}: the arguments ({} bytes) do not decode as {}: {error}",
                bytes.len(),
                std::any::type_name::<A>()
            );
            labrt::fatal_at(place, text)
        }
    }
}
