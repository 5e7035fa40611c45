//! Leader election (5.2) and the election restriction (5.4.1).

use super::{Core, Standing};
use crate::raft::effects::Event;
use crate::raft::messages::{RequestVoteArgs, RequestVoteReply};
use crate::raft::options::Options;
use crate::raft::progress::{AT_ONCE, Outgoing, Sent, What};
use std::time::Duration;

/// What a candidate knows about one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ballot {
    /// The time at which the candidate last asked this peer.
    pub(super) asked: Option<Duration>,
    pub(super) answer: Option<bool>,
}

impl Ballot {
    /// A vote for the candidate, for tests.
    #[cfg(test)]
    pub(super) fn granted() -> Ballot {
        Ballot { asked: None, answer: Some(true) }
    }

    /// Has the peer voted for the candidate?
    pub(super) fn has_granted(self) -> bool {
        self.answer == Some(true)
    }

    /// The time at which the candidate asks the peer (again). The candidate asks at once, and then once in
    /// each heartbeat interval until the peer answers. The time is `None` if the peer has answered.
    pub(super) fn deadline(self, options: &Options) -> Option<Duration> {
        let due = self.asked.map_or(AT_ONCE, |asked| asked + options.heartbeat_interval);
        self.answer.is_none().then_some(due)
    }
}

impl Core {
    /// Handles an election timeout (5.2): this server has heard from no leader for too long. So it starts an
    /// election, unless it is the leader.
    pub fn election_timeout(&mut self, now: Duration) {
        if self.is_leader() {
            return self.leader_timeout(now);
        }
        if self.begins_pre_vote(now) {
            return;
        }
        self.become_candidate(now);
        self.count_votes();
    }

    /// The handler of `RequestVote` (Figure 2).
    pub fn request_vote(&mut self, args: &RequestVoteArgs, now: Duration) -> RequestVoteReply {
        match self.refuses_for_its_leader(args, now) {
            Some(refusal) => refusal,
            None => self.vote(args, now),
        }
    }

    /// Gives the candidate the vote, or refuses it, as in Figure 2.
    pub(super) fn vote(&mut self, args: &RequestVoteArgs, now: Duration) -> RequestVoteReply {
        if args.term > self.current_term {
            self.become_follower(args.term, "a candidate of a higher term", now);
        }
        let (candidate, term) = (args.candidate_id, args.term);
        let refusal = self.reason_to_refuse(args);
        match refusal {
            None => {
                self.set_vote(candidate);
                self.reset_election_timer(now);
            }
            Some(cause) => self.happened(Event::VoteRefused { candidate, term, cause }),
        }
        RequestVoteReply { term: self.current_term, vote_granted: refusal.is_none() }
    }

    /// Handles the reply to a `RequestVote`.
    pub fn vote_reply(&mut self, sent: Sent, reply: &RequestVoteReply, now: Duration) {
        if !self.is_current(sent, reply.term, now) {
            return;
        }
        if let Standing::Candidate(ballots) = &mut self.standing {
            ballots[sent.peer].answer = Some(reply.vote_granted);
            self.count_votes();
        }
    }

    /// The reason why the candidate does not get the vote, or `None` if it gets the vote.
    pub(super) fn reason_to_refuse(&self, args: &RequestVoteArgs) -> Option<&'static str> {
        if args.term < self.current_term {
            return Some("stale term");
        }
        if args.candidate_id >= self.n {
            return Some("not one of us");
        }
        if self.voted_for.is_some_and(|voted| voted != args.candidate_id) {
            return Some("voted for another");
        }
        self.reason_of_the_log(args)
    }

    /// The election restriction (5.4.1).
    pub(super) fn reason_of_the_log(&self, args: &RequestVoteArgs) -> Option<&'static str> {
        let up_to_date = self.log.is_up_to_date(args.last_log_index, args.last_log_term);
        (!up_to_date).then_some("log behind ours")
    }

    pub(super) fn count_votes(&mut self) {
        let Standing::Candidate(ballots) = &self.standing else { return };
        // The candidate does not ask itself, so its own ballot has no answer. The 1 counts its own vote.
        let granted = 1 + ballots.iter().filter(|ballot| ballot.answer == Some(true)).count();
        if granted >= self.majority() {
            self.become_leader();
        }
    }

    pub(super) fn next_vote_request(&mut self, peer: usize, now: Duration) -> Option<Outgoing> {
        let Standing::Candidate(ballots) = &mut self.standing else { return None };
        ballots[peer].deadline(&self.options).filter(|at| *at <= now)?;
        ballots[peer].asked = Some(now);
        let message = self.vote_message(RequestVoteArgs {
            term: self.current_term,
            candidate_id: self.me,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
        });
        Some(Outgoing { sent: self.stamp(peer, What::Vote, now), message })
    }
}
