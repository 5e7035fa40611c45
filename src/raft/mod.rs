//! Lab 2: Raft, the consensus module.
//!
//! [`Core`] has the rules of the paper's Figure 2. A rule takes arguments and returns a reply and
//! [`Effects`]. A rule uses no clock, no channel and no lock. [`Raft`] puts the lock, the threads and the
//! RPCs around the core.
//!
//! Example: three servers agree on a command.
//!
//! ```
//! use labrpc::{Network, Server};
//! use labrt::node::{self, NodeId};
//! use labrt::{chan, sync::Arc, time};
//! use labapi::{ApplyMsg, Command, Persister};
//! use mit6824::raft::Raft;
//!
//! labrt::run(|| {
//!     let (net, (apply, applied)) = (Network::new(), chan::unbounded());
//!     let start = |me: usize| {
//!         let ends: Vec<_> = (0..3_usize).map(|peer| net.make_end(NodeId::first(me), peer)).collect();
//!         ends.iter().for_each(|end| net.enable(end, true));
//!         // Every thread that starts from here on belongs to server `me`.
//!         let _node = node::enter(NodeId::first(me));
//!         let raft = Raft::make(ends, me, Arc::new(Persister::new()), apply.clone());
//!         let raft = raft.expect("there is no saved state");
//!         net.add_server(me, Server::new().service(raft.service()));
//!         raft
//!     };
//!     let servers: Vec<Raft> = (0..3).map(start).collect();
//!
//!     // The first server that leads accepts the command.
//!     let command = Command::new(*b"hello");
//!     while !servers.iter().any(|raft| raft.start(command.clone()).is_some()) {
//!         time::sleep(time::Duration::from_millis(50));
//!     }
//!     for _ in 0..3 {
//!         let Ok(ApplyMsg::Command { index: 1, command, .. }) = applied.recv() else {
//!             panic!("expected the command at index 1")
//!         };
//!         assert_eq!(command.as_bytes(), b"hello");
//!     }
//! });
//! ```
//!
//! Next, read [`Core`] together with the paper to learn the rules, or [`Raft`] to learn the threads.
//!
//! | file | what is in it |
//! |---|---|
//! | `server` | a server: the rules, with the lock and the threads around them |
//! | `server/senders` | sending messages to peers |
//! | `server/applier` | delivering to the service: the applier, and threads that help it |
//! | `server/reads` | reads without the log |
//! | `server/tell` | writing the trace and the log lines |
//! | `options` | intervals and timeouts |
//! | `core` | the rules: elections, replication, commitment, snapshots |
//! | `core/beyond` | PreVote, CheckQuorum, the transfer of the leadership, and reads without the log; off by
//! default |
//! | `progress` | a leader's view of one follower: what to send next, and when |
//! | `log` | the log, and the index at which it begins after a snapshot |
//! | `effects` | what the caller of a rule must do after the call |
//! | `invariants` | the properties of Figure 3, checked where the state changes |
//! | `messages` | the RPCs |
//! | `apply_sink` | the interface through which Raft delivers commands and snapshots to its service |
//! | `peer` | the trait through which the suites of lab 2 use a server, also with options |

mod apply_sink;
mod core;
mod effects;
mod invariants;
mod log;
mod messages;
mod options;
mod peer;
mod progress;
mod server;

#[cfg(test)]
mod tests;

pub use self::apply_sink::ApplySink;
pub use self::core::{ApplyBatch, Core, ReadStart, RestoreError, SnapshotError, TransferError};
pub use self::effects::{Effects, Event, PersistDelta, ReadId, RoleChange};
pub use self::invariants::Invariant;
pub use self::log::RaftLog;
pub use self::messages::{
    AppendEntriesArgs, AppendEntriesReply, Conflict, Entry, InstallSnapshotArgs, InstallSnapshotReply,
    Message, RequestVoteArgs, RequestVoteReply, TimeoutNowArgs, TimeoutNowReply,
};
pub use self::options::Options;
pub use self::peer::Tuned;
pub use self::progress::{Outgoing, Progress, Resend, Sent, State};
pub use self::server::Raft;
