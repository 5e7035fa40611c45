//! Lab 3: a linearizable key/value service on Raft.
//!
//! A [`KvServer`] is a [`Kv`] behind an [`Rsm`](crate::rsm::Rsm); a [`Clerk`] asks one server after the other until
//! the leader answers. What a client may expect:
//!
//! * **Linearizable**: an operation sees everything that was complete before it began. A `Get` goes through the log like
//!   the others, so a leader that has been deposed without knowing it cannot answer one.
//! * **Exactly once**: `Put` and `Append` are numbered by their client, and done once however often they are sent.
//!   A `Get` may be done again: until the client has its answer, any later moment is as good.
//! * **A call never gives up.** It returns as soon as a majority of the servers can be reached.
//!
//! | file | what it owns | in the Go labs |
//! |---|---|---|
//! | `messages` | the RPCs, the operations in the log, the errors | `common.go` |
//! | `machine` | [`Kv`]: the data, and what an operation does to it | |
//! | `server` | [`KvServer`]: the handlers, snapshots | `server.go` |
//! | `client` | [`Clerk`] | `client.go` |

mod client;
mod machine;
mod messages;
mod server;

#[cfg(test)]
mod tests;

pub use client::Clerk;
pub use machine::Kv;
pub use messages::{GetArgs, KvError, Op, PutAppendArgs, PutOrAppend, Reply, Value};
pub use server::KvServer;
