//! The simulated network of the labs. Clients call servers over this network, and tests cause faults in it.
//!
//! A [`Network`] connects [`End`]s to [`Server`]s. An end is the side of a connection that sends requests.
//! The caller owns the end. A server has named [`Service`]s, and a service has handlers, which reply. The
//! network transports arguments and replies only as bytes, so caller and handler share no memory. The network
//! can lose messages, delay messages, and let calls fail. It counts the messages, but does not know their
//! meaning.
//!
//! ```
//! use labrpc::{Network, Server, Service};
//!
//! labrt::run(|| {
//!     let net = Network::new();
//!
//!     // One server with one service with one handler.
//!     let hello = |name: String| format!("hello {name}");
//!     let greeter = Service::new("Greeter").handler("Hello", hello);
//!     net.add_server("server-1", Server::new().service(greeter));
//!
//!     // An end starts disabled: until it is enabled, every call fails.
//!     let end = net.make_end(labrt::node::NodeId::NONE, "server-1");
//!     net.enable(&end, true);
//!
//!     let reply: Option<String> = end.call("Greeter.Hello", "world");
//!     assert_eq!(reply.as_deref(), Some("hello world"));
//!     assert_eq!(net.count("server-1"), 1);
//! });
//! ```
//!
//! # What a caller can rely on
//!
//! * If a call returns `Some(reply)`, the handler ran, and `reply` is its reply. If a call returns `None`, it
//!   is not known whether the handler ran.
//! * Several calls on one end may be made at the same time. They do not wait for each other, and may arrive
//!   in any order.
//! * Every call ends, with three exceptions. A call waits for ever if its handler never replies, and the
//!   server and the end do not change. A call also waits for ever if a [`Link`] holds its request or its
//!   reply, and the test never releases this message. The third exception is a call from or to a node whose
//!   [pause](Network::pause) never ends.
//!
//! # What the network does to a message
//!
//! | network is | request | reply | when the caller gets the failure |
//! |---|---|---|---|
//! | reliable (a new network) | passes at once | passes at once | |
//! | unreliable | waits 0..26 ms, then 10 % are lost | 10 % are lost | at once |
//! | long reordering | | two of three wait 200..2199 ms | |
//! | end disabled, unconnected, no such server | lost | | after 0..99 ms |
//! | the same under long delays | lost | | after 0..6999 ms |
//! | server deleted or replaced, or end disabled, while the handler runs | passed | lost | at once |
//!
//! One-way faults ([`Link`]) and [`NetworkOptions`] (latency, loss in one direction, reordered and duplicated
//! requests) are extensions of the course's network. The network decides at random what happens to a message.
//! For the n-th message of an end, these decisions depend only on the run's seed, on the end's number and on
//! n. So if one end sends one more message, the decisions about the messages of other ends stay the same.
//!
//! # Threads
//!
//! No thread distributes the messages. If a message has no delay, the thread of the caller does all the work.
//! But a message may lead to the next one, because a handler or an `on_reply` sends it. After 16 such steps
//! on one thread, the network's timer thread goes on, so that the stack does not become full. If a message is
//! delayed, it waits in the queue of the network and blocks no thread of the network. The service chooses on
//! which thread a handler runs (see [`Service`]). The caller chooses whether its thread waits for the reply
//! (see [`End`]).
//!
//! Inline handlers, deferred handlers and the `on_reply` of [`End::send`] may run on the network's timer
//! thread. Such code may lock a lock for a short time, but it must not sleep, and must not use [`End::call`].
//!
//! # Time
//!
//! In real time, a call over a reliable network takes only as long as the computation. In virtual time
//! (`--features sim`) a computation takes no time. So in virtual time each request has a [`Cost`]. The server
//! or the service sets this cost. With a [`Capacity`], a message also keeps its sender and its receiver busy,
//! and messages wait at a busy node.
//!
//! # The files
//!
//! Each file belongs to a layer, and uses only files of lower layers.
//!
//! | layer | file | what is in the file |
//! |---|---|---|
//! | 1 | `name.rs` | names of ends and servers |
//! | 1 | `faults.rs` | one-way faults, costs, and the random decisions |
//! | 1 | `completion.rs` | the ways in which a waiting sender gets the outcome |
//! | 1 | `timer.rs` | the queue of delayed tasks, and its thread |
//! | 2 | `queues.rs` | the messages that wait for busy nodes |
//! | 2 | `message.rs` | the data of one message |
//! | 3 | `events.rs` | the events that the network records in the trace |
//! | 3 | `responder.rs` | the object with which a deferred handler replies |
//! | 4 | `service.rs` | named handlers |
//! | 5 | `server.rs` | named services, and a count of requests |
//! | 6 | `state.rs` | the tables of ends, servers and waiting messages |
//! | 7 | `shared.rs` | the lock around these tables, the counters, the timer |
//! | 8 | `transit.rs` | the stages of one message, from its sender to the handler and back |
//! | 9 | `end.rs` | `call` and `send` |
//! | 10 | `network.rs` | the handle for a test's harness |

#![forbid(unsafe_code)]

mod completion;
mod end;
mod events;
mod faults;
mod message;
mod name;
mod network;
mod paused;
mod queues;
mod responder;
mod server;
mod service;
mod shared;
mod state;
mod timer;
mod transit;

pub use end::End;
pub use faults::{Capacity, Cost, Fate, Link, MessageEvent, MessageHook, NetworkOptions};
pub use name::Name;
pub use network::Network;
pub use queues::Load;
pub use responder::Responder;
pub use server::Server;
pub use service::Service;
