//! The replicated state machine: what the services of labs 3 and 4 share.
//!
//! A service is a [`StateMachine`]: its state, and what one operation does to it. An [`Rsm`] puts
//! operations into Raft's log and applies the committed ones to the machine, in the same order on
//! every server. It tells each waiter the outcome of its operation, takes snapshots when the log
//! has grown, and restores them.
//!
//! ```text
//! handler --submit--> Rsm --> Raft's log ... committed ... Raft --batch--> StateMachine::apply
//! caller <--reply-- handler's closure <--outcome----------------------------------+
//! ```
//!
//! Three words are used in a fixed sense. A **reply** is what a machine returns for an operation, and what a
//! handler sends to its caller. An **outcome** is what a waiter gets: the reply, or [`NotLeader`]. A
//! **response** is what a client learns about one request: the reply, a refusal, or nothing.
//!
//! A counter on one server:
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
//! | file | what it owns |
//! |---|---|
//! | `server` | [`Rsm`]: starting operations, applying them, snapshots |
//! | `waiters` | which waiter waits for which log entry; [`NotLeader`] |
//! | `sessions` | [`Sessions`]: exactly-once by client and sequence number |
//! | `retry` | the retry policy: which server to ask next, how long to wait, when to pause |
//! | `clerk` | [`Servers`]: the blocking client, which finds the leader and never gives up |
//!
//! # How long a waiter waits
//!
//! No thread waits for a commit. A handler registers a closure, which is called once with the outcome. The
//! outcome is the machine's reply when the entry was applied on this server. The outcome is [`NotLeader`] as
//! soon as this server learns that it no longer leads the term in which it started the operation. Raft
//! reports this with an event, in order with the applied entries; there is no timeout. A leader that is cut
//! off does not learn it: its callers wait, and after a while a [`Servers`] asks another server.
//!
//! [`NotLeader`] says nothing about the operation: it may still be applied later. Only a second try
//! with the same [`Stamp`] is safe.
//!
//! # Exactly once
//!
//! A client numbers its operations. It repeats an operation under the same number. The machine keeps
//! [`Sessions`]: for each client the last number and its reply. The sessions are part of its state, so they
//! are in every snapshot. They are a plain value. So a sharded service can keep one for each shard and send
//! it along when the shard moves.

mod clerk;
mod retry;
mod server;
mod sessions;
mod waiters;

#[cfg(test)]
mod tests;

pub use clerk::Servers;
pub(crate) use retry::{Backoff, Response, Retry};
pub use server::{Rsm, StartError, StateMachine};
pub use sessions::{ClientId, Session, Sessions, Stamp};
pub use waiters::NotLeader;
