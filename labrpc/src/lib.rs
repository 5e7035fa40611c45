//! The simulated network of the labs: ends that call, servers that answer, and the faults between them.
//!
//! A [`Network`] joins [`End`]s (whoever calls) to [`Server`]s (whoever answers; a bundle of named [`Service`]s).
//! Arguments and replies cross it only as bytes, so caller and handler share no memory. The network can lose,
//! delay, hold back and refuse messages, and it counts them; it knows nothing of what they say.
//!
//! ```
//! use labrpc::{Network, Server, Service};
//!
//! labrt::run(|| {
//!     let net = Network::new();
//!
//!     // One server with one service with one handler.
//!     let greeter = Service::new("Greeter").handler("Hello", |name: String| format!("hello {name}"));
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
//! # What a call may expect
//!
//! * `Some(reply)`: the handler ran, and this is its reply. `None` says nothing about whether it ran.
//! * Calls on one end do not wait for one another and may arrive in any order.
//! * A call ends always, except when its handler never returns *and* server and end stay as they are.
//!
//! # What the network does to a message
//!
//! | network is | request | reply | the caller learns of a failure |
//! |---|---|---|---|
//! | reliable (at first) | passes at once | passes at once | |
//! | unreliable | waits 0..26 ms, then 10 % are lost | 10 % are lost | at once |
//! | long reordering | | two of three wait 200..2199 ms | |
//! | end disabled, unconnected, no such server | lost | | after 0..99 ms |
//! | the same under long delays | lost | | after 0..6999 ms |
//! | server deleted or replaced, end disabled, while the handler runs | passed | thrown away | at once |
//!
//! One-way faults ([`Link`]) are an extension of the course's network. What is drawn for the n-th message of an end
//! depends on the run's seed, on that end's number and on n, and on nothing else: a message more on one end moves
//! no other end's luck.
//!
//! # Threads
//!
//! There is no dispatcher. A message travels on its caller's thread as long as nothing delays it; a delayed one
//! waits in the network's one queue and holds no thread. How a handler runs is the service's choice, see
//! [`Service`]; how a caller waits is the caller's, see [`End`].
//!
//! Code that the network runs for others (inline and deferred handlers, the `on_reply` of [`End::send`]) may run on
//! the network's one timer thread: it may take a lock for a moment, but it must not sleep and must not `call`.
//!
//! # Time
//!
//! On the real clock a reliable call takes as long as it takes. On virtual time (`--features sim`) computing takes
//! no time, so a server, or a service, charges each request its [`Cost`].

#![forbid(unsafe_code)]

mod completion;
mod core;
mod end;
mod events;
mod faults;
mod journey;
mod name;
mod network;
mod responder;
mod server;
mod service;
mod timer;

pub use end::End;
pub use faults::Link;
pub use name::Name;
pub use network::Network;
pub use responder::Responder;
pub use server::{Cost, Server};
pub use service::Service;
