//! The transfer of the leadership (thesis, 3.10): a leader gives its leadership to a server of its choice.
//!
//! 1. The leader takes no new commands.
//! 2. It brings the target up to date, with the usual messages.
//! 3. When the target has the whole log, the leader sends `TimeoutNow`. It sends this message again in each
//!    heartbeat interval, because it may be lost.
//! 4. The target starts an election at once, without pre-votes. Its requests for votes are the message
//!    `TransferVote`, which a server does not refuse because it has a leader.
//! 5. The leader sees the higher term and becomes a follower. If the target wins, it leads the next term.
//!
//! If the leader still leads after the longest election timeout, it gives up and takes commands again. The
//! target may still get a late `TimeoutNow` and start an election. This is safe, but it can depose a good
//! leader, because no server refuses the request of such a candidate for having a leader.

use super::Core;
use crate::raft::effects::Event;
use crate::raft::messages::{Message, RequestVoteArgs, RequestVoteReply, TimeoutNowArgs, TimeoutNowReply};
use crate::raft::progress::{AT_ONCE, Outgoing, Progress, Sent, What};
use std::fmt;
use std::time::Duration;

/// A transfer that a leader has begun.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    /// The leader's term. In a later term, the transfer has ended.
    term: u64,
    target: usize,
    /// The time at which the leader gives up.
    deadline: Duration,
    /// The time at which the leader last sent `TimeoutNow`.
    told: Option<Duration>,
}

/// The error if a server cannot transfer the leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// This server does not lead.
    NotLeader,
    /// The target is no other server of the group.
    BadTarget {
        /// The target.
        target: usize,
        /// The number of servers.
        servers: usize,
    },
    /// This server already transfers its leadership.
    Busy {
        /// The target of that transfer.
        target: usize,
    },
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransferError::NotLeader => {
                f.write_str("this server does not lead, so it has no leadership to transfer")
            }
            TransferError::BadTarget { target, servers } => write!(
                f,
                "the target S{target} is not another server of the group, which has {servers} servers"
            ),
            TransferError::Busy { target } => {
                write!(f, "this server already transfers its leadership to S{target}")
            }
        }
    }
}

impl std::error::Error for TransferError {}

impl Core {
    /// Begins to transfer the leadership to `target`. The transfer has succeeded when this server becomes a
    /// follower in a higher term. If it still leads after the longest election timeout, it has given up.
    ///
    /// # Errors
    /// If this server does not lead or already transfers its leadership, or if `target` is no other server.
    pub fn transfer_leadership(&mut self, target: usize, now: Duration) -> Result<(), TransferError> {
        if !self.is_leader() {
            return Err(TransferError::NotLeader);
        }
        if target >= self.n || target == self.me {
            return Err(TransferError::BadTarget { target, servers: self.n });
        }
        if let Some(target) = self.transfers_to() {
            return Err(TransferError::Busy { target });
        }
        let deadline = now + self.options.election_timeout.end;
        self.beyond.transfer = Some(Transfer { term: self.current_term, target, deadline, told: None });
        self.end_lease();
        self.happened(Event::TransferBegan(target));
        Ok(())
    }

    /// The server to which this leader transfers its leadership now.
    pub fn transfers_to(&self) -> Option<usize> {
        self.transfer().map(|transfer| transfer.target)
    }

    fn transfer(&self) -> Option<&Transfer> {
        let transfer = self.beyond.transfer.as_ref();
        transfer.filter(|it| it.term == self.current_term && self.is_leader())
    }

    pub(super) fn transfer_deadline(&self) -> Option<Duration> {
        self.transfer().map(|transfer| transfer.deadline)
    }

    pub(super) fn give_up_transfer(&mut self) {
        if let Some(transfer) = self.beyond.transfer.take() {
            self.happened(Event::TransferEnded(transfer.target));
        }
    }

    /// The time at which the leader sends `TimeoutNow` to `peer`. It is `None` if `peer` is not the target,
    /// or does not have the whole log yet.
    pub(super) fn timeout_now_deadline(&self, peer: usize) -> Option<Duration> {
        let transfer = self.transfer().filter(|it| it.target == peer)?;
        let complete = self.progress(peer).map(Progress::match_index) == Some(self.log.last_index());
        let due = transfer.told.map_or(AT_ONCE, |told| told + self.options.heartbeat_interval);
        complete.then_some(due)
    }

    pub(super) fn next_timeout_now(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        self.timeout_now_deadline(peer).filter(|at| *at <= now)?;
        self.beyond.transfer.as_mut()?.told = Some(now);
        let message = Message::TimeoutNow(TimeoutNowArgs { term: self.current_term, leader_id: self.me });
        Some(Outgoing { sent: self.stamp(peer, What::TimeoutNow, now), message })
    }

    /// The handler of `TimeoutNow`: the leader tells this server to start an election at once.
    pub fn timeout_now(&mut self, args: &TimeoutNowArgs, now: Duration) -> TimeoutNowReply {
        if self.hear_leader(args.leader_id, args.term, now) {
            self.become_candidate(now);
            self.beyond.told_to_campaign = Some(self.current_term);
            self.count_votes();
        }
        TimeoutNowReply { term: self.current_term }
    }

    /// Handles the reply to a `TimeoutNow`. The target has started an election, so its term is higher.
    pub fn timeout_now_reply(&mut self, sent: Sent, reply: &TimeoutNowReply, now: Duration) {
        self.is_current(sent, reply.term, now);
    }

    /// The message with which a candidate asks for a vote. After a `TimeoutNow` it is a `TransferVote`.
    pub(super) fn vote_message(&self, args: RequestVoteArgs) -> Message {
        match self.beyond.told_to_campaign == Some(args.term) {
            true => Message::TransferVote(args),
            false => Message::RequestVote(args),
        }
    }

    /// The handler of `TransferVote`: a `RequestVote` of a candidate that the leader has told to start an
    /// election. A server does not refuse it because it has a leader.
    pub fn transfer_vote(&mut self, args: &RequestVoteArgs, now: Duration) -> RequestVoteReply {
        self.vote(args, now)
    }
}
