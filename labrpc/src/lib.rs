//! The simulated network of the labs. It has ends that call, servers that reply, and faults between them.
//!
//! A [`Network`] connects [`End`]s to [`Server`]s. The caller owns the end. A server has named [`Service`]s,
//! and a service has handlers, which reply. Arguments and replies cross the network only as bytes, so caller
//! and handler share no memory. The network can lose, delay, hold back and refuse messages, and it counts
//! them. The network does not know the meaning of messages.
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
//! * `Some(reply)` means that the handler ran, and this is its reply. `None` means that the handler may have
//!   run or not.
//! * Calls on one end do not wait for each other, and may arrive in any order.
//! * A call always ends, with one exception: if its handler never returns, and the server and the end do not
//!   change, the call waits for ever.
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
//! requests) are extensions of the course's network. The fate of the n-th message of an end depends only on
//! the run's seed, on the end's number and on n. So if one end sends one more message, the messages of other
//! ends have the same fate as before.
//!
//! # Threads
//!
//! There is no dispatcher thread. If a message has no delay, the thread of the caller does all the work. A
//! delayed message waits in the queue of the network and blocks no thread of the network. The service chooses
//! how a handler runs (see [`Service`]). The caller chooses how it waits (see [`End`]).
//!
//! Code that the network runs for others (inline and deferred handlers, the `on_reply` of [`End::send`]) may
//! run on the network's timer thread. Such code may lock a lock for a moment, but it must not sleep and must
//! not `call`.
//!
//! # Time
//!
//! On the real clock, a call over a reliable network takes only the time of its computation. In virtual time
//! (`--features sim`) a computation takes no time, so each request has a [`Cost`], which its server or
//! service sets.
//!
//! # The files
//!
//! A file imports only files of lower layers.
//!
//! | layer | file | what is in the file |
//! |---|---|---|
//! | 1 | `name.rs` | names of ends and servers |
//! | 1 | `faults.rs` | one-way faults, costs, and what the dice decide |
//! | 1 | `completion.rs` | how a sender that waits gets the outcome |
//! | 1 | `timer.rs` | the queue of delayed tasks, and its thread |
//! | 2 | `message.rs` | what the network stores about one message |
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
mod responder;
mod server;
mod service;
mod shared;
mod state;
mod timer;
mod transit;

pub use end::End;
pub use faults::{Cost, Link, NetworkOptions};
pub use name::Name;
pub use network::Network;
pub use responder::Responder;
pub use server::Server;
pub use service::Service;
