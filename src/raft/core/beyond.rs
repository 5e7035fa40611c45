//! What goes beyond Figure 2: PreVote, CheckQuorum, the transfer of the leadership, and reads without the
//! log.
//!
//! The rules of Figure 2 call the functions of this file and of these four files:
//!
//! * `core/pre_vote.rs`: before a server starts an election, it asks whether it could win (thesis, 9.6)
//! * `core/check_quorum.rs`: a leader without a majority steps down, and a server that has a leader ignores
//!   candidates (thesis, 6.2 and 4.2.3)
//! * `core/transfer.rs`: a leader gives its leadership to another server (thesis, 3.10)
//! * `core/reads.rs`: a leader answers reads without the log (thesis, 6.4)
//!
//! "Thesis" is Diego Ongaro's dissertation, "Consensus: Bridging Theory and Practice". If the options are
//! off, no leadership is transferred and no read begins, these functions change nothing that a rule reads.

use super::Core;
use super::check_quorum::Answers;
use super::pre_vote::Round;
use super::reads::Reads;
use super::transfer::Transfer;
use labapi::{HAS_A_LEADER, PROMISED};
use std::time::Duration;

/// The state of what goes beyond Figure 2. Nothing of it is persistent.
#[derive(Clone, Debug, Default)]
pub(super) struct Beyond {
    /// The last message from a leader: the leader's term, and the time at which the message arrived.
    pub(super) leader_heard: Option<(u64, Duration)>,
    /// With leases: the time at which this server has last promised to vote for nobody.
    pub(super) promised: Option<Duration>,
    /// The last leader from which this server has heard: its term and its number.
    pub(super) leader: Option<(u64, usize)>,
    /// The pre-votes that this server asks for.
    pub(super) round: Option<Round>,
    /// The answers that this server got as the leader.
    pub(super) answers: Answers,
    /// The leadership that this server gives away.
    pub(super) transfer: Option<Transfer>,
    /// The term of the election that this server has started because a leader has told it to.
    pub(super) told_to_campaign: Option<u64>,
    /// The reads at this server as the leader.
    pub(super) reads: Reads,
}

impl Core {
    /// Notes that a message from the leader of the current term has arrived.
    pub(super) fn note_leader(&mut self, leader: usize, now: Duration) {
        self.beyond.leader_heard = Some((self.current_term, now));
        self.beyond.leader = Some((self.current_term, leader));
        self.note_promise(now);
    }

    /// The leader of the current term, if this server leads or has heard from it.
    pub fn leader(&self) -> Option<usize> {
        let heard = || self.beyond.leader.filter(|(term, _)| *term == self.current_term).map(|(_, it)| it);
        if self.is_leader() { Some(self.me) } else { heard().filter(|&it| it < self.n) }
    }

    /// Thesis, 4.2.3: does this server lead, or has it heard from the leader of its term within the shortest
    /// election timeout? A server that has just started, or whose term has risen since, has no leader.
    pub(super) fn has_a_leader(&self, now: Duration) -> bool {
        let recent = |&(term, at): &(u64, Duration)| {
            term == self.current_term && now < at + self.options.election_timeout.start
        };
        self.is_leader() || self.beyond.leader_heard.as_ref().is_some_and(recent)
    }

    /// The reason why this server refuses candidates for a while, whatever they ask.
    pub(super) fn reason_to_ignore_candidates(&self, now: Duration) -> Option<&'static str> {
        match self.has_a_leader(now) {
            true => Some(HAS_A_LEADER),
            false => self.has_promised(now).then_some(PROMISED),
        }
    }

    /// A leader has no election timeout. But it has a deadline with CheckQuorum, and during a transfer of the
    /// leadership.
    pub(super) fn leader_deadline(&self) -> Option<Duration> {
        self.quorum_deadline().into_iter().chain(self.transfer_deadline()).min()
    }

    /// The leader's deadline has passed.
    pub(super) fn leader_timeout(&mut self, now: Duration) {
        if self.transfer_deadline().is_some_and(|at| at <= now) {
            self.give_up_transfer();
        }
        if self.quorum_deadline().is_some_and(|at| at <= now) {
            self.lose_quorum(now);
        }
    }
}
