//! The replicated state machine: the code that the services of labs 3 and 4 share.
//!
//! A service is a [`StateMachine`]: its state, and what one operation does to this state. An [`Rsm`] puts
//! operations into Raft's log and applies the committed ones to the machine, in the same order on every
//! server. It passes the outcome of each operation to the closure that waits for this outcome. It takes a
//! snapshot when the log has become too long, and restores the machine from a snapshot.
//!
//! ```text
//! handler --submit--> Rsm --> Raft's log ... committed ... Raft --batch--> StateMachine::apply
//! caller <--reply-- handler's closure <--outcome----------------------------------+
//! ```
//!
//! Four words have a fixed meaning in this module. A **waiter** is a closure that waits for the outcome of
//! one operation. A **reply** is the value that a machine returns for an operation. A handler sends this
//! value to its caller. An **outcome** is the value that a waiter gets: the reply, or [`NotLeader`]. A
//! **response** is the result of one request of a client: the reply, a refusal, or a report that a message
//! was lost.
//!
//! Example: a counter on one server.
//!
//! ```
//! use labgob::DecodeError;
//! use labrpc::{Network, Server};
//! use labrt::{node::{self, NodeId}, sync::Arc, time};
//! use labapi::{Persister, ServerStart};
//! use mit6824::rsm::{Rsm, StateMachine};
//!
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Op = u64;
//!     type Reply = u64;
//!
//!     fn apply(&mut self, more: u64) -> u64 {
//!         self.0 += more;
//!         self.0
//!     }
//!
//!     fn snapshot(&self) -> Vec<u8> {
//!         labgob::encode(&self.0)
//!     }
//!
//!     fn restore(&mut self, snapshot: &[u8]) -> Result<(), DecodeError> {
//!         self.0 = labgob::decode(snapshot)?;
//!         Ok(())
//!     }
//! }
//!
//! labrt::run(|| {
//!     let net = Network::new();
//!     let _node = node::enter(NodeId::first(0));
//!     let ends = vec![net.make_end(NodeId::first(0), "counter")];
//!     let persister = Arc::new(Persister::new());
//!     let start = ServerStart { ends, me: 0, persister, maxraftstate: None };
//!     let counter = Rsm::make(start, Counter(40)).expect("there is no saved state");
//!     net.add_server("counter", Server::new().service(counter.raft_service()));
//!     while !counter.get_state().1 {
//!         time::sleep(time::Duration::from_millis(50));
//!     }
//!     assert_eq!(counter.submit_and_wait(&2), Ok(42));
//! });
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `server` | [`Rsm`]: starting operations, applying them, snapshots |
//! | `reads` | [`Reads`]: how a service reads without the log; it does so only if it asks for it |
//! | `server/reads` | [`Rsm::read_now`]: reading without the log |
//! | `waiters` | which waiter waits for which log entry; [`NotLeader`] |
//! | `sessions` | [`Sessions`]: an operation is done exactly once, because clients number their operations |
//! | `retry` | the retry policy: which server a client asks next, how long it waits, when it pauses |
//! | `clerk` | [`Servers`]: the blocking client, which finds the leader and never gives up |
//!
//! # How long a waiter waits
//!
//! No thread waits for a commit. A handler registers a closure, which is called once with the outcome. If the
//! entry was applied on this server, the outcome is the machine's reply. A server starts an operation in a
//! term that it leads. As soon as it learns that it no longer leads this term, the outcome is [`NotLeader`].
//! Raft reports such a change of role on the thread that delivers the committed entries. There is no timeout.
//! A leader that is cut off does not learn of a new leader. So its callers wait, and after a while each
//! client asks another server (see [`Servers`]).
//!
//! [`NotLeader`] does not mean that the operation has failed: it may still be applied later. So a client must
//! repeat the operation with the same [`Stamp`].
//!
//! # Exactly once
//!
//! A client numbers its operations. If it repeats an operation, it uses the same number. The machine has
//! [`Sessions`]: for each client the number of the last operation, and the reply. The sessions are part of
//! the machine's state, so they are in every snapshot. `Sessions` is an ordinary value. So a sharded service
//! can have one `Sessions` value for each shard, and send it together with the shard when the shard moves.

mod clerk;
mod reads;
mod retry;
mod server;
mod sessions;
mod waiters;

#[cfg(test)]
mod tests;

pub use clerk::Servers;
pub use reads::Reads;
pub(crate) use retry::{Backoff, Response, Retry};
pub use server::{Rsm, StartError, StateMachine};
pub use sessions::{ClientId, Session, Sessions, Stamp};
pub use waiters::NotLeader;
