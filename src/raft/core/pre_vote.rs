//! PreVote (thesis, 9.6): before a server starts an election, it asks the others whether they would vote for
//! it. It starts the election only if a majority says yes.
//!
//! Without PreVote, a server that is cut off starts one election after the other. Each of them raises its
//! term. When the server is connected again, its high term deposes a good leader. With PreVote its term does
//! not rise, because it gets no majority of pre-votes.
//!
//! # The rules
//!
//! * A pre-vote changes nothing that is persistent: no term rises, and no vote is given. A server may say yes
//!   to several servers.
//! * A server says no if it leads, or if it has heard from the leader of its term within the shortest
//!   election timeout. Otherwise it says yes if it could vote for the other server in the next term (5.2,
//!   5.4.1).
//! * To answer with yes does not restart the election timer. Otherwise a server that can send, but receives
//!   nothing, could restart the timers of all others again and again.
//! * The answer has the term of the server that answers. If this term is higher than the term of the server
//!   that has asked, that server takes it over (5.1).
//! * A server stops asking when its election timer restarts, for example because it hears from a leader or
//!   gives its vote, and when its term changes.
//!
//! While a server asks for pre-votes, it keeps its role: it is a follower, or a candidate whose election had
//! no winner.

use super::Core;
use super::election::Ballot;
use crate::raft::effects::Event;
use crate::raft::messages::{Message, RequestVoteArgs, RequestVoteReply};
use crate::raft::progress::{Outgoing, Sent, What};
use std::time::Duration;

/// The pre-votes that a server asks for, from one election timeout to the next.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// The term of the server when it began to ask. It would start an election in the next term.
    term: u64,
    /// The number of the first message of this round. Answers to older messages do not count.
    first_seq: u64,
    ballots: Vec<Ballot>,
}

impl Core {
    /// An election timeout has passed. With PreVote, this server begins to ask for pre-votes, and this
    /// function returns true.
    pub(super) fn begins_pre_vote(&mut self, now: Duration) -> bool {
        if !self.options.pre_vote || self.n == 1 {
            return false;
        }
        self.reset_election_timer(now);
        let ballots = vec![Ballot::default(); self.n];
        let (term, first_seq) = (self.current_term, self.next_seq);
        self.beyond.round = Some(Round { term, first_seq, ballots });
        self.happened(Event::PreVotesAsked(term + 1));
        true
    }

    /// Stops asking for pre-votes.
    pub(super) fn end_pre_vote(&mut self) {
        self.beyond.round = None;
    }

    /// Does this server ask for pre-votes now?
    pub(super) fn asks_for_pre_votes(&self) -> bool {
        let current = self.beyond.round.as_ref().is_some_and(|round| round.term == self.current_term);
        current && !self.is_leader()
    }

    /// The time at which this server asks `peer` (again) for its pre-vote.
    pub(super) fn pre_vote_deadline(&self, peer: usize) -> Option<Duration> {
        self.beyond.round.as_ref().and_then(|round| round.ballots[peer].deadline(&self.options))
    }

    pub(super) fn next_pre_vote_request(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        self.pre_vote_deadline(peer).filter(|at| *at <= now)?;
        let round = self.beyond.round.as_mut()?;
        round.ballots[peer].asked = Some(now);
        let message = Message::PreVote(RequestVoteArgs {
            term: round.term + 1,
            candidate_id: self.me,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
        });
        Some(Outgoing { sent: self.stamp(peer, What::PreVote, now), message })
    }

    /// The handler of `PreVote`. The term of the request is the term in which the other server would start an
    /// election. This server also answers if its own option is off.
    pub fn pre_vote(&mut self, args: &RequestVoteArgs, now: Duration) -> RequestVoteReply {
        let refusal = self.reason_to_refuse_pre_vote(args, now);
        let (candidate, term) = (args.candidate_id, args.term);
        self.happened(Event::PreVoteAnswered { candidate, term, refusal });
        RequestVoteReply { term: self.current_term, vote_granted: refusal.is_none() }
    }

    fn reason_to_refuse_pre_vote(&self, args: &RequestVoteArgs, now: Duration) -> Option<&'static str> {
        if let Some(reason) = self.reason_to_ignore_candidates(now) {
            return Some(reason);
        }
        let would_vote_anew = args.term > self.current_term && args.candidate_id < self.n;
        match would_vote_anew {
            // In a new term this server has no vote yet, so only the logs count (5.4.1).
            true => self.reason_of_the_log(args),
            false => self.reason_to_refuse(args),
        }
    }

    /// Handles the reply to a `PreVote`.
    pub fn pre_vote_reply(&mut self, sent: Sent, reply: &RequestVoteReply, now: Duration) {
        if reply.term > self.current_term {
            self.become_follower(reply.term, "a reply of a higher term", now);
        }
        if !self.asks_for_pre_votes() {
            return;
        }
        let majority = self.majority();
        let Some(round) = &mut self.beyond.round else { return };
        if sent.seq < round.first_seq || sent.term != round.term {
            return;
        }
        round.ballots[sent.peer].answer = Some(reply.vote_granted);
        // The server would vote for itself, too.
        let granted = 1 + round.ballots.iter().filter(|ballot| ballot.has_granted()).count();
        if granted >= majority {
            self.become_candidate(now);
            self.count_votes();
        }
    }
}
