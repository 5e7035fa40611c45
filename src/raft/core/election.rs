//! Leader election (5.2) and the election restriction (5.4.1).

use super::*;
use crate::raft::messages::{RequestVoteArgs, RequestVoteReply};

/// What a candidate knows of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ballot {
    asked: bool,
    answer: Option<bool>,
}

impl Ballot {
    pub(super) fn due(self) -> Due {
        let open = self.answer.is_none();
        Due { now: open && !self.asked, heartbeat: open, ..Due::default() }
    }
}

impl Core {
    /// 5.2: no leader was heard for an election timeout. Starts an election, unless this server leads.
    pub fn election_timeout(&mut self) {
        if self.is_leader() {
            return;
        }
        self.become_candidate();
        self.count_votes();
    }

    /// The handler of `RequestVote` (Figure 2).
    pub fn request_vote(&mut self, args: &RequestVoteArgs) -> RequestVoteReply {
        if args.term > self.current_term {
            self.become_follower(args.term, "a candidate of a higher term");
        }
        let (candidate, term) = (args.candidate_id, args.term);
        let refusal = self.reason_to_refuse(args);
        match refusal {
            None => {
                self.set_vote(candidate);
                self.effects.reset_election_timer = true;
            }
            Some(cause) => self.happened(Event::VoteRefused { candidate, term, cause }),
        }
        RequestVoteReply { term: self.current_term, vote_granted: refusal.is_none() }
    }

    /// The answer to a request for a vote.
    pub fn vote_reply(&mut self, sent: Sent, reply: &RequestVoteReply) {
        if !self.is_current(sent, reply.term) {
            return;
        }
        if let Standing::Candidate(ballots) = &mut self.standing {
            ballots[sent.peer].answer = Some(reply.vote_granted);
            self.count_votes();
        }
    }

    /// Why a candidate does not get the vote; `None` if it does.
    fn reason_to_refuse(&self, args: &RequestVoteArgs) -> Option<&'static str> {
        if args.term < self.current_term {
            return Some("stale term");
        }
        if args.candidate_id >= self.n {
            return Some("not one of us");
        }
        if self.voted_for.is_some_and(|voted| voted != args.candidate_id) {
            return Some("voted for another");
        }
        let up_to_date = self.log.is_up_to_date(args.last_log_index, args.last_log_term);
        (!up_to_date).then_some("log behind ours")
    }

    fn count_votes(&mut self) {
        let Standing::Candidate(ballots) = &self.standing else { return };
        // Its own ballot is never answered: it has voted for itself.
        let granted = 1 + ballots.iter().filter(|ballot| ballot.answer == Some(true)).count();
        if granted >= self.majority() {
            self.become_leader();
        }
    }

    /// A candidate asks each peer at once, and again every heartbeat interval until it answers.
    pub(super) fn next_vote_request(&mut self, peer: usize, tick: Tick) -> Option<Outgoing> {
        let Standing::Candidate(ballots) = &mut self.standing else { return None };
        let due = ballots[peer].due();
        if !(due.now || (due.heartbeat && tick.heartbeat)) {
            return None;
        }
        ballots[peer].asked = true;
        let message = Message::RequestVote(RequestVoteArgs {
            term: self.current_term,
            candidate_id: self.me,
            last_log_index: self.log.last_index(),
            last_log_term: self.log.last_term(),
        });
        Some(Outgoing { sent: self.stamp(peer, What::Vote), message })
    }
}
