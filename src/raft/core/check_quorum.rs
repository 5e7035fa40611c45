//! CheckQuorum (thesis, 6.2 and 4.2.3): a leader that hears from no majority steps down, and a server that
//! has a leader ignores candidates.
//!
//! # The leader
//!
//! The leader of Figure 2 stays leader until it sees a higher term, also if nobody hears it or nobody answers
//! it. Its clients wait in vain. If its heartbeats still reach some servers, these servers start no
//! election. With CheckQuorum, a leader becomes a follower in its own term if it has got no answer from a
//! majority for the longest election timeout. It keeps its vote, so the term still has at most one leader.
//!
//! There is another solution: the leader stays leader, but sends nothing of its own accord (openraft does
//! this since its change #2083). This project does not use it, for two reasons. First, the service learns of
//! the lost leadership only if the role changes, and then it answers the clients that wait. Second, a silent
//! leader may be the only server that can be elected, because its log is the most up-to-date one. A server
//! that has stepped down starts an election like any other server. A silent leader would need a rule of its
//! own for this.
//!
//! # The other servers
//!
//! A server that leads, or has heard from its leader within the shortest election timeout, refuses a
//! `RequestVote` of a higher term and does not take over that term (4.2.3). So a server that does not hear
//! the leader cannot depose it. There is an exception: if the leader itself has told the candidate to start
//! an election, nobody refuses for this reason (`core/transfer.rs`).
//!
//! The refusal alone does not protect against a server that comes back with a higher term: it refuses the
//! leader's entries, and the leader sees the higher term in the reply. So use CheckQuorum together with
//! PreVote.

use super::{Core, Standing};
use crate::raft::effects::Event;
use crate::raft::messages::{RequestVoteArgs, RequestVoteReply};
use crate::raft::progress::Sent;
use labapi::NO_QUORUM;
use std::time::Duration;

/// The answers that a server has got in one term.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    term: u64,
    /// For each server, the time of its last answer.
    at: Vec<Option<Duration>>,
    /// The time at which this server became the leader of the term.
    led_since: Duration,
}

impl Core {
    /// Notes that a server has answered a message of the current term.
    pub(super) fn note_answer(&mut self, sent: Sent, now: Duration) {
        if self.beyond.answers.term != self.current_term || self.beyond.answers.at.len() != self.n {
            let (term, at) = (self.current_term, vec![None; self.n]);
            self.beyond.answers = Answers { term, at, led_since: Duration::ZERO };
        }
        self.beyond.answers.at[sent.peer] = Some(now);
        self.note_heard(sent);
    }

    /// Notes that this server leads now. The votes of a majority count as answers of this moment, because
    /// some of them may have come long ago. So a new leader has the whole timeout to get answers.
    pub(super) fn note_leadership(&mut self) {
        let Answers { term, at, led_since } = &mut self.beyond.answers;
        if *term == self.current_term {
            // The last vote has just come.
            *led_since = at.iter().flatten().max().copied().unwrap_or_default();
        }
    }

    /// The time at which this leader steps down, if it gets no more answers. It is `None` without
    /// CheckQuorum.
    pub(super) fn quorum_deadline(&self) -> Option<Duration> {
        let others = self.majority() - 1;
        if !self.options.checks_quorum() || others == 0 {
            return None;
        }
        Some(self.answered_by(others) + self.options.election_timeout.end)
    }

    /// The last time until which `count` other servers have answered.
    fn answered_by(&self, count: usize) -> Duration {
        let Answers { term, at, led_since } = &self.beyond.answers;
        if *term != self.current_term {
            // A leader was elected with votes of this term, so only tests make a leader without answers.
            return Duration::ZERO;
        }
        let mut times: Vec<Duration> = at.iter().flatten().copied().collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.get(count - 1).copied().unwrap_or_default().max(*led_since)
    }

    /// The leader becomes a follower in its own term, because it has no majority. Its term, and its vote for
    /// itself, stay.
    pub(super) fn lose_quorum(&mut self, now: Duration) {
        self.enter(Standing::Follower, NO_QUORUM);
        // A leader does not use the election timer, so the deadline is out of date.
        self.reset_election_timer(now);
    }

    /// The refusal of a candidate because this server has a leader. It is `None` if the rules of Figure 2
    /// decide.
    pub(super) fn refuses_for_its_leader(
        &mut self,
        args: &RequestVoteArgs,
        now: Duration,
    ) -> Option<RequestVoteReply> {
        let may_be_refused = args.term > self.current_term || self.options.lease;
        if !self.options.checks_quorum() || !may_be_refused {
            return None;
        }
        let cause = self.reason_to_ignore_candidates(now)?;
        let (candidate, term) = (args.candidate_id, args.term);
        self.happened(Event::VoteRefused { candidate, term, cause });
        Some(RequestVoteReply { term: self.current_term, vote_granted: false })
    }
}
