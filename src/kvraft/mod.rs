//! Lab 3: a linearizable key/value service on Raft.
//!
//! A [`KvServer`] is a key/value store on top of an [`Rsm`](crate::rsm::Rsm). A [`Clerk`] asks one server
//! after the other until the leader replies. The service guarantees:
//!
//! * **Operations are linearizable**: an operation sees the effects of all operations that were complete
//!   before it began. A `Get` goes through the log like the other operations. So a server that is no longer
//!   the leader cannot reply to a `Get`, even if it still believes that it leads.
//! * **A write is done exactly once**: the client numbers each `Put` and `Append`. The servers remember the
//!   number of each client's last write. So a write is done once, even if it is sent several times. A `Get`
//!   may be done several times: every value that the key has between the call and the reply is a correct
//!   reply.
//! * **A call never gives up**: it returns soon after the clerk can reach a majority of the servers again.
//!
//! This program has three servers and a clerk:
//!
//! ```
//! use labrpc::{End, Network, Server};
//! use labrt::node::{self, NodeId};
//! use labrt::sync::Arc;
//! use labapi::{Persister, ServerStart};
//! use mit6824::kvraft::{Clerk, KvServer};
//!
//! labrt::run(|| {
//!     let net = Network::new();
//!     let ends = |owner: NodeId| -> Vec<End> {
//!         let ends: Vec<End> = (0..3_usize).map(|to| net.make_end(owner, to)).collect();
//!         ends.iter().for_each(|end| net.enable(end, true));
//!         ends
//!     };
//!     let start = |me: usize| {
//!         let _node = node::enter(NodeId::first(me));
//!         let (ends, persister) = (ends(NodeId::first(me)), Arc::new(Persister::new()));
//!         // The server takes a snapshot when the log has 1000 bytes.
//!         let start = ServerStart { ends, me, persister, maxraftstate: Some(1000) };
//!         let server = KvServer::start(start).expect("there is no saved state");
//!         net.add_server(me, server.services().into_iter().fold(Server::new(), Server::service));
//!         server
//!     };
//!     let _servers: Vec<KvServer> = (0..3).map(start).collect();
//!
//!     let mut clerk = Clerk::new(ends(NodeId::NONE));
//!     clerk.put("greeting", "hello");
//!     clerk.append("greeting", " world");
//!     assert_eq!(clerk.get("greeting"), "hello world");
//! });
//! ```
//!
//! | file | what is in it | in the Go labs |
//! |---|---|---|
//! | `messages` | the RPCs, the operations in the log, the errors | `common.go` |
//! | `machine` | the data, and what an operation does to it | |
//! | `server` | [`KvServer`]: the handlers | `server.go` |
//! | `client` | [`Clerk`] | `client.go` |
//! | `peer` | the trait through which the suites of lab 3 use the service | |

mod client;
mod machine;
mod messages;
mod peer;
mod server;

#[cfg(test)]
mod tests;

pub use client::Clerk;
pub(crate) use machine::Kv;
pub use messages::{GetArgs, KvError, PutAppendArgs, PutOrAppend, Reply, Value};
pub use server::KvServer;
