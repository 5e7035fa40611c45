//! The replicated state machine: what the services of labs 3 and 4 share.
//!
//! A service is a [`StateMachine`]: its state, and what one operation does to it. An [`Rsm`] puts operations into
//! Raft's log and feeds the machine with what comes out, the same on every server; it answers whoever
//! submitted an operation, takes snapshots when the log has grown, and restores them.
//!
//! ```text
//! handler --submit--> Rsm --start--> Raft ... committed ... Raft --batch--> StateMachine::apply --reply--> handler's caller
//! ```
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
//!     let start = ServerStart { ends, me: 0, persister: Arc::new(Persister::new()), maxraftstate: None };
//!     let counter = Rsm::start(start, Counter(40)).expect("a first start");
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
//! | `server` | [`Rsm`]: submitting, applying, answering, snapshots |
//! | `waiters` | who waits for which log entry |
//! | `sessions` | [`Sessions`]: exactly-once by client and sequence number |
//! | `clerk` | [`Servers`]: the client's side, which finds the leader and never gives up |
//!
//! # Who waits, and for how long
//!
//! No thread waits for a commit. Whoever submits leaves a closure, which is called once: with the machine's reply when
//! the entry was applied on this server, or with [`NotLeader`] as soon as this server hears that it no longer leads
//! the term in which it took the operation in. That is an event from Raft, in order with the applied entries, not a
//! timeout. A leader that is cut off hears nothing; its callers wait, and a [`Servers`] tries elsewhere after a while.
//!
//! [`NotLeader`] says nothing about the operation: it may still be applied later. Only a second try with the same
//! [`Stamp`] is safe.
//!
//! # Exactly once
//!
//! A client numbers its operations, and repeats one under the same number. The machine keeps [`Sessions`]: per
//! client the last number and its reply. They are part of its state, so they are in every snapshot; and they are a
//! plain value, so that a sharded service keeps one per shard and sends it along when the shard moves.

mod clerk;
mod server;
mod sessions;
mod waiters;

#[cfg(test)]
mod tests;

pub use clerk::{PATIENCE, Servers};
pub use server::{NotLeader, Rsm, StartError, StateMachine};
pub use sessions::{ClientId, Session, Sessions, Stamp};
