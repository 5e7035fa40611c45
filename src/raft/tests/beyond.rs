//! PreVote, CheckQuorum and the transfer of the leadership.

use super::support::*;
use crate::raft::*;
use labapi::{NO_QUORUM, Role};
use std::time::Duration;

/// The shortest and the longest election timeout of [`Options::default`].
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_millis(600);
const MS: Duration = Duration::from_millis(1);

fn ask(term: u64, candidate_id: usize, last: (u64, u64)) -> RequestVoteArgs {
    RequestVoteArgs { term, candidate_id, last_log_index: last.0, last_log_term: last.1 }
}

fn yes(term: u64) -> RequestVoteReply {
    RequestVoteReply { term, vote_granted: true }
}

fn no(term: u64) -> RequestVoteReply {
    RequestVoteReply { term, vote_granted: false }
}

fn with_pre_vote(mut server: Server) -> Server {
    server.options.pre_vote = true;
    server
}

fn with_check_quorum(mut server: Server) -> Server {
    server.options.check_quorum = true;
    server
}

/// The next message to `peer`, which must be a PreVote.
fn next_pre_vote(core: &mut Server, peer: usize) -> (Sent, RequestVoteArgs) {
    match core.next_message(peer, AT_ONCE) {
        Some(Outgoing { sent, message: Message::PreVote(args) }) => (sent, args),
        other => panic!("expected a PreVote for S{peer}, got {other:?}"),
    }
}

// ---------------------------------------------------------------------- PreVote

/// A pre-vote is about the next term. So a vote in the current term does not matter, but the candidate must
/// be a server of the group.
#[test]
fn who_gets_a_pre_vote() {
    let mut core = follower(3, 3, &[]);
    assert_eq!(core.request_vote(&ask(3, 1, (0, 0))), yes(3));
    assert_eq!(core.pre_vote(&ask(4, 2, (0, 0))), yes(3));
    assert_eq!(core.pre_vote(&ask(4, 3, (0, 0))), no(3));
}

/// A server that times out asks first. Its term rises only when a majority has said yes.
#[test]
fn no_election_without_pre_votes_of_a_majority() {
    let mut core = with_pre_vote(follower(5, 3, &[1, 3]));
    core.election_timeout();
    let effects = core.take_effects();
    assert!(effects.persist.is_empty() && effects.role_changed.is_none(), "{effects:?}");
    assert!(effects.election_timer_reset);
    assert_eq!(effects.events, [Event::PreVotesAsked(4)]);
    assert_eq!((core.current_term(), core.role()), (3, Role::Follower));
    let asked: Vec<(Sent, RequestVoteArgs)> = (1..5).map(|peer| next_pre_vote(&mut core, peer)).collect();
    assert!(asked.iter().all(|(_, args)| *args == ask(4, 0, (2, 3))), "{asked:?}");
    // A peer that does not answer is asked again after a heartbeat interval.
    assert_eq!(core.due_in(1), Some(HEARTBEAT_INTERVAL));

    core.pre_vote_reply(asked[0].0, &yes(3));
    core.pre_vote_reply(asked[0].0, &yes(3));
    core.pre_vote_reply(asked[1].0, &no(3));
    assert_eq!((core.current_term(), core.role()), (3, Role::Follower), "one yes, and its own");
    core.pre_vote_reply(asked[2].0, &yes(2));
    assert_eq!((core.current_term(), core.role(), core.voted_for()), (4, Role::Candidate, Some(0)));
    let message = core.next_message(1, AT_ONCE).map(|outgoing| outgoing.message);
    assert_eq!(message, Some(Message::RequestVote(ask(4, 0, (2, 3)))));
}

/// To answer a pre-vote changes nothing: no term, no vote, no timer, and nothing to persist.
#[test]
fn a_pre_vote_changes_nothing() {
    let mut core = follower(3, 3, &[1, 3]);
    forget_effects(&mut core);
    core.now = SHORTEST;
    for candidate in [1, 2] {
        assert_eq!(core.pre_vote(&ask(9, candidate, (2, 3))), yes(3));
        assert_eq!(core.pre_vote(&ask(9, candidate, (1, 3))), no(3), "the log is behind");
    }
    let effects = core.take_effects();
    assert!(effects.persist.is_empty() && !effects.election_timer_reset, "{effects:?}");
    assert_eq!((core.current_term(), core.voted_for()), (3, None));
    assert_eq!(core.pre_vote(&ask(2, 1, (9, 9))), no(3), "an older term");
    assert_eq!(core.pre_vote(&ask(4, 7, (9, 9))), no(3), "not one of us");
    // In the server's own term, its vote counts.
    assert!(core.request_vote(&ask(4, 1, (2, 3))).vote_granted);
    assert_eq!(core.pre_vote(&ask(4, 2, (2, 3))), no(4));
    assert_eq!(core.pre_vote(&ask(4, 1, (2, 3))), yes(4));
}

/// A server that has heard from the leader of its term within the shortest election timeout says no, and so
/// does the leader. A pre-vote does not count as a message from the leader.
#[test]
fn a_server_with_a_leader_says_no() {
    let mut core = follower(3, 3, &[]);
    core.now = Duration::from_secs(5);
    core.append_entries(&append(1, 3, (0, 0), &[]));
    for _ in 0..5 {
        core.now += SHORTEST / 5 - MS;
        assert_eq!(core.pre_vote(&ask(4, 2, (0, 0))), no(3), "at {:?}", core.now);
    }
    core.now += 5 * MS;
    assert_eq!(core.pre_vote(&ask(4, 2, (0, 0))), yes(3));
    // The leader of an older term does not count.
    core.append_entries(&append(1, 3, (0, 0), &[]));
    assert!(core.request_vote(&ask(5, 2, (0, 0))).vote_granted);
    assert_eq!(core.pre_vote(&ask(6, 2, (0, 0))), yes(5));

    let mut core = leader(3, 3, &[]);
    core.now = Duration::from_secs(5);
    assert_eq!(core.pre_vote(&ask(4, 2, (0, 0))), no(3));
}

/// A server stops asking when it hears from a leader, gives its vote, or sees a higher term. Answers to an
/// earlier round do not count.
#[test]
fn a_server_stops_asking() {
    let begin = || {
        let mut core = with_pre_vote(follower(3, 3, &[]));
        core.election_timeout();
        let (sent, _) = next_pre_vote(&mut core, 1);
        (core, sent)
    };
    let (mut core, sent) = begin();
    core.append_entries(&append(2, 3, (0, 0), &[]));
    core.pre_vote_reply(sent, &yes(3));
    assert_eq!((core.current_term(), core.role(), core.due_in(2)), (3, Role::Follower, None));

    let (mut core, sent) = begin();
    assert!(core.request_vote(&ask(3, 2, (0, 0))).vote_granted);
    core.pre_vote_reply(sent, &yes(3));
    assert_eq!((core.current_term(), core.role()), (3, Role::Follower));

    let (mut core, sent) = begin();
    core.pre_vote_reply(sent, &no(7));
    assert_eq!((core.current_term(), core.role(), core.due_in(1)), (7, Role::Follower, None));
    core.pre_vote_reply(sent, &yes(3));
    assert_eq!((core.current_term(), core.role()), (7, Role::Follower));

    let (mut core, sent) = begin();
    core.election_timeout();
    core.pre_vote_reply(sent, &yes(3));
    assert_eq!((core.current_term(), core.role()), (3, Role::Follower), "an answer to the earlier round");
}

/// A candidate whose election had no winner asks for pre-votes, too. Votes that come late still count.
#[test]
fn a_candidate_asks_before_its_next_election() {
    let mut core = with_pre_vote(candidate(3, 3, &[]));
    let vote = core.next_message(1, AT_ONCE).expect("a candidate asks").sent;
    core.election_timeout();
    assert_eq!((core.current_term(), core.role()), (3, Role::Candidate));
    let (pre_vote, args) = next_pre_vote(&mut core, 2);
    assert_eq!(args.term, 4);
    core.vote_reply(vote, &yes(3));
    assert_eq!((core.current_term(), core.role()), (3, Role::Leader));
    // The leader does not ask any more. A late answer, and the loss of a request, change nothing.
    assert!(matches!(core.next_message(1, AT_ONCE).map(|it| it.message), Some(Message::AppendEntries(_))));
    core.pre_vote_reply(pre_vote, &yes(3));
    core.message_lost(pre_vote);
    assert_eq!((core.current_term(), core.role()), (3, Role::Leader));
}

#[test]
fn a_group_of_one_needs_no_pre_votes() {
    let mut core = with_pre_vote(Server::new(0, 1));
    core.election_timeout();
    assert_eq!((core.current_term(), core.role()), (1, Role::Leader));
}

// ---------------------------------------------------------------------- CheckQuorum

/// A leader of five servers that gets answers from only one other server steps down after the longest
/// election timeout. Its term and its vote stay.
#[test]
fn a_leader_without_a_majority_steps_down_in_its_term() {
    let mut core = with_check_quorum(leader(5, 3, &[]));
    assert_eq!(core.election_deadline(), Some(LONGEST));
    for _ in 0..5 {
        for peer in [1, 2] {
            let (sent, _) = next_append(&mut core, peer, HEARTBEAT_INTERVAL);
            success(&mut core, sent);
        }
        core.election_timeout();
        assert!(core.is_leader());
    }
    // S1 goes on answering, but S1 and the leader are only two of five.
    let last = core.now;
    for _ in 0..5 {
        let (sent, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
        success(&mut core, sent);
    }
    assert_eq!(core.election_deadline(), Some(last + LONGEST));
    core.now = last + LONGEST - MS;
    core.election_timeout();
    assert!(core.is_leader());
    core.now += MS;
    forget_effects(&mut core);
    core.election_timeout();
    assert_eq!((core.current_term(), core.role(), core.voted_for()), (3, Role::Follower, Some(0)));
    let effects = core.take_effects();
    assert!(effects.persist.is_empty() && effects.election_timer_reset, "{effects:?}");
    let event = Event::RoleChanged { role: Role::Follower, term: 3, cause: NO_QUORUM };
    assert_eq!(effects.events, [event]);
    // It votes for nobody else in its term, and it can stand for election again.
    assert!(!core.request_vote(&ask(3, 1, (9, 3))).vote_granted);
    core.election_timeout();
    assert_eq!((core.current_term(), core.role()), (4, Role::Candidate));
}

/// A vote may come long before the vote that completes the majority. The new leader still has the whole
/// timeout to get answers.
#[test]
fn a_new_leader_has_the_whole_timeout() {
    let mut core = with_check_quorum(follower(5, 3, &[]));
    core.election_timeout();
    let asked: Vec<Sent> =
        [1, 2].map(|peer| core.next_message(peer, AT_ONCE).expect("a RequestVote").sent).to_vec();
    core.vote_reply(asked[0], &yes(4));
    core.now += LONGEST - MS;
    core.vote_reply(asked[1], &yes(4));
    assert!(core.is_leader());
    assert_eq!(core.election_deadline(), Some(core.now + LONGEST));
    // One answer is not enough for five servers.
    let (sent, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    success(&mut core, sent);
    assert_eq!(core.election_deadline().map(|at| at < core.now + LONGEST), Some(true));
}

/// The second term of a leader: the answers of its first term are forgotten.
#[test]
fn a_leader_has_the_whole_timeout_in_each_of_its_terms() {
    let mut core = with_check_quorum(follower(3, 3, &[]));
    for term in [4, 5] {
        core.now += Duration::from_secs(1);
        core.election_timeout();
        give_vote(&mut core, 1);
        assert_eq!((core.current_term(), core.role()), (term, Role::Leader));
        assert_eq!(core.election_deadline(), Some(core.now + LONGEST));
        core.now += LONGEST;
        core.election_timeout();
        assert_eq!((core.current_term(), core.role()), (term, Role::Follower));
    }
}

/// Without the option, a leader that nobody answers stays leader.
#[test]
fn a_leader_of_figure_2_stays() {
    let mut core = leader(5, 3, &[]);
    assert_eq!(core.election_deadline(), None);
    core.now = Duration::from_secs(100);
    core.election_timeout();
    assert!(core.is_leader());
}

/// Answers of an earlier term do not count.
#[test]
fn answers_of_an_earlier_term_do_not_count() {
    let mut core = with_check_quorum(leader(3, 3, &[]));
    let (sent, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    let (late, _) = next_append(&mut core, 2, HEARTBEAT_INTERVAL);
    success(&mut core, sent);
    core.append_entries(&append(2, 4, (0, 0), &[]));
    core.election_timeout();
    give_vote(&mut core, 1);
    assert_eq!((core.current_term(), core.role()), (5, Role::Leader));
    let deadline = core.election_deadline();
    core.now += MS;
    success(&mut core, late);
    assert_eq!(core.election_deadline(), deadline);
}

/// A server that has a leader refuses a candidate of a higher term, and does not take over the term. When the
/// shortest election timeout has passed, it follows Figure 2 again.
#[test]
fn a_server_with_a_leader_ignores_candidates() {
    let mut core = with_check_quorum(follower(3, 3, &[]));
    core.now = Duration::from_secs(5);
    core.append_entries(&append(1, 3, (0, 0), &[]));
    forget_effects(&mut core);
    core.now += SHORTEST - MS;
    assert_eq!(core.request_vote(&ask(9, 2, (0, 0))), no(3));
    assert!(core.take_effects().persist.is_empty());
    core.now += MS;
    assert_eq!(core.request_vote(&ask(9, 2, (0, 0))), yes(9));

    // The rule is about higher terms. In its own term, a vote harms no leader, so Figure 2 decides.
    let mut core = with_check_quorum(follower(3, 3, &[]));
    core.append_entries(&append(1, 3, (0, 0), &[]));
    assert_eq!(core.request_vote(&ask(3, 2, (0, 0))), yes(3));

    let mut core = with_check_quorum(leader(3, 3, &[]));
    assert_eq!(core.request_vote(&ask(9, 2, (0, 0))), no(3));
    // In a reply, a higher term deposes the leader as in Figure 2.
    let (sent, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    core.append_reply(sent, &AppendEntriesReply { term: 9, success: false, conflict: None });
    assert_eq!((core.current_term(), core.role()), (9, Role::Follower));
}

// ---------------------------------------------------------------------- Transfer

/// The leader of three servers, with entries of its term that S1 and S2 have.
fn leader_in_operation() -> Server {
    let mut core = leader(3, 3, &[3, 3]);
    for peer in [1, 2] {
        catch_up(&mut core, peer);
    }
    core
}

/// The next message to `peer`, which must be a TimeoutNow.
fn next_timeout_now(core: &mut Server, peer: usize, passed: Duration) -> Sent {
    match core.next_message(peer, passed) {
        Some(Outgoing { sent, message: Message::TimeoutNow(args) }) => {
            assert_eq!(args, TimeoutNowArgs { term: core.current_term(), leader_id: 0 });
            sent
        }
        other => panic!("expected a TimeoutNow for S{peer}, got {other:?}"),
    }
}

/// The leader takes no new commands, and tells the target at once if the target has the whole log.
#[test]
fn the_target_is_told_at_once_if_it_is_up_to_date() {
    let mut core = leader_in_operation();
    assert_eq!(core.transfer_leadership(1), Ok(()));
    assert_eq!(core.transfers_to(), Some(1));
    assert_eq!(core.propose(command(3, 3)), None);
    assert_eq!(core.due_in(1), Some(Duration::ZERO));
    let sent = next_timeout_now(&mut core, 1, AT_ONCE);
    // The message may be lost, so it is sent again.
    core.message_lost(sent);
    let early = core.next_message(1, HEARTBEAT_INTERVAL - MS).map(|it| it.message);
    assert!(
        matches!(early, Some(Message::AppendEntries(_))),
        "a heartbeat is due, but no TimeoutNow: {early:?}"
    );
    let sent = next_timeout_now(&mut core, 1, MS);
    assert!(!matches!(
        core.next_message(2, HEARTBEAT_INTERVAL).map(|it| it.message),
        Some(Message::TimeoutNow(_))
    ));
    // The answer has the term of the election that the target has started.
    let now = core.now;
    core.timeout_now_reply(sent, &TimeoutNowReply { term: 4 }, now);
    assert_eq!((core.current_term(), core.role(), core.transfers_to()), (4, Role::Follower, None));
}

/// A target that is behind first gets the entries.
#[test]
fn the_target_is_brought_up_to_date_first() {
    let mut core = leader_in_operation();
    core.propose(command(3, 3)).expect("the server leads");
    assert_eq!(core.transfer_leadership(2), Ok(()));
    let (sent, args) = next_append(&mut core, 2, AT_ONCE);
    assert_eq!(args.entries.len(), 1);
    assert!(core.next_message(2, AT_ONCE).is_none());
    success(&mut core, sent);
    next_timeout_now(&mut core, 2, AT_ONCE);
}

/// The leader gives up after the longest election timeout, and takes commands again.
#[test]
fn a_leader_gives_up_a_transfer() {
    let mut core = leader_in_operation();
    assert_eq!(core.transfer_leadership(1), Ok(()));
    assert_eq!(core.transfer_leadership(2), Err(TransferError::Busy { target: 1 }));
    let deadline = core.now + LONGEST;
    assert_eq!(core.election_deadline(), Some(deadline));
    core.now = deadline - MS;
    core.election_timeout();
    assert_eq!(core.propose(command(3, 3)), None);
    core.now = deadline;
    core.election_timeout();
    assert_eq!((core.transfers_to(), core.election_deadline()), (None, None));
    assert!(core.is_leader() && core.propose(command(3, 3)).is_some());
    assert_eq!(core.transfer_leadership(2), Ok(()));
}

/// A transfer ends with the term in which it began. The same server may lead again later, and then it takes
/// commands.
#[test]
fn a_transfer_ends_with_its_term() {
    let mut core = leader_in_operation();
    assert_eq!(core.transfer_leadership(1), Ok(()));
    core.append_entries(&append(2, 4, (2, 3), &[]));
    core.election_timeout();
    give_vote(&mut core, 1);
    assert_eq!((core.current_term(), core.role()), (5, Role::Leader));
    assert_eq!(core.transfers_to(), None);
    assert!(core.propose(command(3, 5)).is_some());
}

#[test]
fn a_transfer_to_a_wrong_server_is_refused() {
    let mut core = leader_in_operation();
    for target in [0, 3] {
        let error = core.transfer_leadership(target).expect_err("not another server");
        assert_eq!(error, TransferError::BadTarget { target, servers: 3 });
        assert!(error.to_string().contains(&format!("the target S{target}")), "{error}");
    }
    assert_eq!(follower(3, 3, &[]).transfer_leadership(1), Err(TransferError::NotLeader));
}

/// The target starts an election at once, without pre-votes, and its requests for votes are not refused by
/// servers that have a leader.
#[test]
fn the_target_campaigns_at_once() {
    let mut target = with_check_quorum(with_pre_vote(follower(3, 3, &[3])));
    let told = TimeoutNowArgs { term: 3, leader_id: 1 };
    assert_eq!(target.timeout_now(&told), TimeoutNowReply { term: 4 });
    assert_eq!((target.current_term(), target.role()), (4, Role::Candidate));
    let message = target.next_message(1, AT_ONCE).map(|outgoing| outgoing.message);
    let Some(Message::TransferVote(args)) = message else { panic!("expected a TransferVote: {message:?}") };
    assert_eq!(args, ask(4, 0, (1, 3)));
    // A message of an older term changes nothing.
    assert_eq!(target.timeout_now(&told), TimeoutNowReply { term: 4 });
    assert_eq!((target.current_term(), target.role()), (4, Role::Candidate));

    let mut voter = with_check_quorum(follower(3, 3, &[3]));
    voter.append_entries(&append(1, 3, (1, 3), &[]));
    assert_eq!(voter.request_vote(&ask(4, 2, (1, 3))), no(3), "the server has a leader");
    assert_eq!(voter.transfer_vote(&ask(4, 2, (1, 3))), yes(4));

    // If nobody wins, the target goes on as any other server.
    target.election_timeout();
    assert_eq!(target.current_term(), 4);
    assert_eq!(next_pre_vote(&mut target, 1).1.term, 5);
}
