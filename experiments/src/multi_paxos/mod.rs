//! A small Multi-Paxos, for comparison with Raft. It chooses slots in any order, and applies them in order.
//!
//! The names are those of the papers ("Paxos Made Simple", and van Renesse and Altinbuken, "Paxos Made
//! Moderately Complex"). Each server is a proposer, an acceptor and a learner.
//!
//! * A **slot** has one command, as an index of Raft's log. A value is **chosen** if a majority of the
//!   acceptors has accepted it in the same ballot. In Raft's words: it is committed.
//! * **Phase 1**, once for all slots. A server that wants to lead takes a ballot that is higher than all
//!   ballots that it has seen, and sends `Prepare`. An acceptor promises to accept nothing in a lower ballot,
//!   and answers with all that it has accepted. With the promises of a majority, the server leads. In each
//!   slot that is not known to be chosen, it proposes the value that was accepted in the highest ballot. If
//!   no answer has a value for a slot, but a later slot has one, then this slot is a *gap*. The leader
//!   proposes a no-op there.
//! * **Phase 2**, for each slot. The leader sends `Accept`, and counts the acceptors that have accepted.
//!   Slots are independent of each other: a slot can be chosen although the slot before it is not.
//!
//! There is one more difference from Raft: any server can become the leader, also one that has fewer slots
//! than others. It gets what it needs in phase 1.
//!
//! What is left out: snapshots, changes of the group, and reads without a slot. So a promise contains every
//! slot from the first one that the new leader does not know to be chosen.
//!
//! # How messages are sent
//!
//! Sending is as in this project's Raft, so that a comparison shows the protocols and not the retries:
//!
//! * A new slot is sent at once, in a message of its own. At most [`WINDOW`] messages with slots are on their
//!   way to an acceptor. If there are more new slots, one message has several.
//! * Each answer says which slots the acceptor has. So one answer replaces all answers that were lost before
//!   it. (In Raft, a success acknowledges all entries up to its end.)
//! * If the answers to two later messages say that a slot is missing, the leader sends this slot again at
//!   once. (In Raft, a follower refuses the messages that come after the lost one. The leader ignores the
//!   first refusal, and acts on the second.)
//! * If the caller reports that a message is lost, its slots are sent again at once. After two losses without
//!   an answer between them, the leader waits for the next heartbeat.
//! * A message that sends a slot again has all slots that the acceptor may not have. (In Raft, it has all
//!   entries from the missing one on.)
//!
//! | file | what is in it |
//! |---|---|
//! | `messages` | ballots, values, and the two RPCs |
//! | `core` | the rules, as a state machine without clock, channel, lock or I/O |
//! | `core/acceptor` | promises, acceptances, and which slots are known to be chosen |
//! | `core/leader` | phase 1, and the leader of phase 2 |
//! | `core/view` | a leader's view of one acceptor: what to send next, and when |
//! | `core/storage` | what a server saves, and the restart from it |
//! | `server` | the lock and the threads around the core, on labrpc and labrt |

mod core;
mod messages;
mod server;

#[cfg(test)]
mod tests;

pub use self::core::{Core, Effects, Options, Outgoing, PersistDelta, RestoreError, Sent, WINDOW};
pub use self::messages::{AcceptArgs, AcceptReply, Ballot, Message, PrepareArgs, PrepareReply, Value};
pub use self::server::{Paxos, Sink};
