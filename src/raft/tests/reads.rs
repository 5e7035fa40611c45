//! Reads without the log: ReadIndex and leases.

use super::support::*;
use crate::raft::*;
use std::time::Duration;

/// The shortest election timeout of [`Options::default`], and the length of a lease.
const SHORTEST: Duration = Duration::from_millis(300);
const LEASE: Duration = Duration::from_millis(270);
const MS: Duration = Duration::from_millis(1);
/// The index of the last committed entry of [`leading`].
const COMMITTED: u64 = 2;

fn with_lease(mut server: Server) -> Server {
    server.options.lease = true;
    server
}

/// The leader of five servers in term 3. All its entries are committed, and the last one is of its term. It
/// has just heard from S1 and S2, and no message is due.
fn leading(lease: bool) -> Server {
    let mut core = leader(5, 3, &[1, 3]);
    core.options.lease = lease;
    core.now = Duration::from_secs(1);
    for peer in [1, 2] {
        catch_up(&mut core, peer);
    }
    accept_all(&mut core, 1, COMMIT_INTERVAL);
    for peer in [3, 4] {
        next_append(&mut core, peer, AT_ONCE);
    }
    assert_eq!(core.commit_index(), COMMITTED);
    forget_effects(&mut core);
    core
}

fn begin(core: &mut Server) -> ReadId {
    match core.begin_read() {
        Some(ReadStart::Waits(id)) => id,
        other => panic!("expected a read that waits, got {other:?}"),
    }
}

/// The reads that have ended since the last call.
fn ended(core: &mut Server) -> Vec<(ReadId, Option<u64>)> {
    core.take_effects().reads
}

/// The next message to `peer`, which must be a heartbeat that is due at once.
fn round(core: &mut Server, peer: usize) -> Sent {
    assert_eq!(core.due_in(peer), Some(Duration::ZERO), "a heartbeat to S{peer} is due");
    let (sent, args) = next_append(core, peer, AT_ONCE);
    assert!(args.entries.is_empty());
    sent
}

// ---------------------------------------------------------------------- ReadIndex

/// A read makes the leader send a heartbeat to each server at once. The answers of a majority end the read.
#[test]
fn a_read_waits_for_a_round() {
    let mut core = leading(false);
    assert!((1..5).all(|peer| core.next_message(peer, AT_ONCE).is_none()));
    let read = begin(&mut core);
    let sent: Vec<Sent> = (1..5).map(|peer| round(&mut core, peer)).collect();
    assert!((1..5).all(|peer| core.next_message(peer, AT_ONCE).is_none()), "one heartbeat each");
    success(&mut core, sent[0]);
    success(&mut core, sent[0]);
    assert_eq!(ended(&mut core), []);
    assert!((1..5).all(|peer| core.next_message(peer, AT_ONCE).is_none()), "the round is on its way");
    success(&mut core, sent[3]);
    assert_eq!(ended(&mut core), [(read, Some(COMMITTED))]);
    success(&mut core, sent[1]);
    assert_eq!(ended(&mut core), []);
}

/// The answer to a message that was sent before the read does not count.
#[test]
fn an_older_round_does_not_count() {
    let mut core = leading(false);
    let first = begin(&mut core);
    let older: Vec<Sent> = (1..5).map(|peer| round(&mut core, peer)).collect();
    let second = begin(&mut core);
    let third = begin(&mut core);
    assert!(first < second && second < third);
    assert!((1..5).all(|peer| core.next_message(peer, AT_ONCE).is_none()), "the first round comes first");
    older[0..2].iter().for_each(|&sent| success(&mut core, sent));
    assert_eq!(ended(&mut core), [(first, Some(COMMITTED))]);
    older[2..].iter().for_each(|&sent| success(&mut core, sent));
    assert_eq!(ended(&mut core), []);
    // The reads that have waited share the next round.
    let newer: Vec<Sent> = (1..5).map(|peer| round(&mut core, peer)).collect();
    newer[0..2].iter().for_each(|&sent| success(&mut core, sent));
    assert_eq!(ended(&mut core), [(second, Some(COMMITTED)), (third, Some(COMMITTED))]);
    assert!((1..5).all(|peer| core.next_message(peer, AT_ONCE).is_none()), "nobody waits");
}

/// Messages with entries count, too, and so do refusals: they are answers of the same term.
#[test]
fn every_answer_of_the_term_counts() {
    let mut core = leading(false);
    core.propose(command(3, 3)).expect("the server leads");
    let read = begin(&mut core);
    let (entries, args) = next_append(&mut core, 1, AT_ONCE);
    assert_eq!(args.entries.len(), 1);
    assert!(core.next_message(1, AT_ONCE).is_none(), "the entries are the round");
    let heartbeat = round(&mut core, 3);
    success(&mut core, entries);
    refusal(&mut core, heartbeat, 0, 0);
    assert_eq!(ended(&mut core), [(read, Some(COMMITTED))], "the index when the read arrived");
}

/// A leader that has not committed an entry of its own term does not know what is committed. So the read must
/// wait for the whole log.
#[test]
fn a_new_leader_reads_at_the_end_of_its_log() {
    let mut core = leader(3, 3, &[1, 2, 2]);
    assert_eq!(core.commit_index(), 0);
    let read = begin(&mut core);
    let sent = round(&mut core, 1);
    success(&mut core, sent);
    assert_eq!(ended(&mut core), [(read, Some(3))]);
}

/// When the leader becomes a follower, its reads end without an index. A follower begins no read.
#[test]
fn reads_end_with_the_leadership() {
    let mut core = leading(false);
    let read = begin(&mut core);
    let sent: Vec<Sent> = (1..5).map(|peer| round(&mut core, peer)).collect();
    success(&mut core, sent[0]);
    core.append_reply(sent[1], &AppendEntriesReply { term: 4, success: false, conflict: None });
    assert_eq!(ended(&mut core), [(read, None)]);
    assert_eq!(core.begin_read(), None);
}

#[test]
fn a_group_of_one_reads_at_once() {
    let mut core = Server::new(0, 1);
    core.election_timeout();
    core.propose(command(1, 1)).expect("the server leads");
    forget_effects(&mut core);
    let read = begin(&mut core);
    assert_eq!(ended(&mut core), [(read, Some(1))]);
    core.options.lease = true;
    assert_eq!(core.begin_read(), Some(ReadStart::Index(1)));
}

#[test]
fn a_server_knows_its_leader() {
    let mut core = follower(3, 3, &[]);
    assert_eq!(core.leader(), None);
    core.append_entries(&append(2, 3, (0, 0), &[]));
    assert_eq!(core.leader(), Some(2));
    core.request_vote(&RequestVoteArgs { term: 4, candidate_id: 1, last_log_index: 0, last_log_term: 0 });
    assert_eq!(core.leader(), None, "the leader of an older term");
    core.append_entries(&append(3, 4, (0, 0), &[]));
    assert_eq!(core.leader(), None, "a group of three has no server 3");
    assert_eq!(leader(3, 3, &[]).leader(), Some(0));
}

// ---------------------------------------------------------------------- Leases

/// A lease begins when the messages were sent, and not when the answers arrived.
#[test]
fn a_lease_begins_when_the_heartbeat_was_sent() {
    let mut core = leading(true);
    core.now += SHORTEST;
    assert!(!core.has_lease(core.now));
    let sent: Vec<Sent> = (1..5).map(|peer| next_append(&mut core, peer, AT_ONCE).0).collect();
    let start = core.now;
    core.now += LEASE / 2;
    success(&mut core, sent[0]);
    assert!(!core.has_lease(core.now), "one of four");
    success(&mut core, sent[1]);
    assert_eq!(core.begin_read(), Some(ReadStart::Index(COMMITTED)));
    core.now = start + LEASE - MS;
    assert!(core.has_lease(core.now));
    core.now += MS;
    assert!(!core.has_lease(core.now));
    // Without a lease, the read waits for a round.
    begin(&mut core);
    assert!(!leading(false).has_lease(Duration::from_secs(1)), "the option is off");
}

/// An answer that comes after a newer one does not shorten the lease, and votes give no lease.
#[test]
fn which_answers_give_a_lease() {
    let mut core = leading(true);
    let start = core.now;
    let older = next_append(&mut core, 1, HEARTBEAT_INTERVAL).0;
    let newer = next_append(&mut core, 1, HEARTBEAT_INTERVAL).0;
    let other = next_append(&mut core, 2, AT_ONCE).0;
    [newer, other, older].into_iter().for_each(|sent| success(&mut core, sent));
    core.now = start + 2 * HEARTBEAT_INTERVAL + LEASE - MS;
    assert!(core.has_lease(core.now));

    let mut core = with_lease(candidate(3, 3, &[]));
    core.now = Duration::from_secs(1);
    give_vote(&mut core, 1);
    assert!(core.is_leader() && !core.has_lease(core.now));

    // A vote that comes after the election gives no lease, either.
    let mut core = with_lease(candidate(3, 3, &[]));
    core.now = Duration::from_secs(1);
    let asked = [1, 2].map(|peer| core.next_message(peer, AT_ONCE).expect("a RequestVote").sent);
    asked.iter().for_each(|&sent| core.vote_reply(sent, &RequestVoteReply { term: 3, vote_granted: true }));
    assert!(core.is_leader() && !core.has_lease(core.now));
}

/// A `TimeoutNow` is no heartbeat: the target of a transfer gets a heartbeat for the read, too.
#[test]
fn a_timeout_now_is_not_part_of_a_round() {
    let mut core = leading(false);
    begin(&mut core);
    assert_eq!(core.transfer_leadership(1), Ok(()));
    let told = core.next_message(1, AT_ONCE).map(|outgoing| outgoing.message);
    assert!(matches!(told, Some(Message::TimeoutNow(_))), "{told:?}");
    round(&mut core, 1);
}

/// Without a committed entry of its own term, a leader does not know the read index, also if it has a lease.
#[test]
fn a_lease_is_not_enough_for_a_new_leader() {
    let mut core = with_lease(leader(3, 3, &[1, 2]));
    let (sent, _) = next_append(&mut core, 1, HEARTBEAT_INTERVAL);
    success(&mut core, sent);
    assert!(core.has_lease(core.now));
    let read = begin(&mut core);
    let sent = round(&mut core, 2);
    success(&mut core, sent);
    assert_eq!(ended(&mut core), [(read, Some(2))]);
}

/// A transfer ends the lease for the rest of the term, because the target may still start an election after
/// the leader has given up.
#[test]
fn a_transfer_ends_the_lease() {
    let mut core = leading(true);
    assert!(core.has_lease(core.now));
    assert_eq!(core.transfer_leadership(3), Ok(()));
    assert!(!core.has_lease(core.now));
    for peer in [1, 2, 1, 2, 1, 2, 1, 2] {
        catch_up(&mut core, peer);
    }
    core.election_timeout();
    for peer in [1, 2] {
        catch_up(&mut core, peer);
    }
    assert!(core.is_leader() && core.transfers_to().is_none());
    assert!(!core.has_lease(core.now));
}

/// A server that has heard from a leader refuses all votes for the shortest election timeout, also if its
/// term has risen since, and also after a restart.
#[test]
fn a_promise_outlives_the_term_and_a_restart() {
    let ask = |term| RequestVoteArgs { term, candidate_id: 2, last_log_index: 0, last_log_term: 0 };
    let heard = || {
        let mut core = with_lease(follower(3, 3, &[]));
        core.options.pre_vote = true;
        core.election_timeout();
        let sent = core.next_message(2, AT_ONCE).expect("a pre-vote").sent;
        core.now = Duration::from_secs(5);
        (core, sent)
    };
    let (mut core, _) = heard();
    core.append_entries(&append(1, 3, (0, 0), &[]));
    core.now += SHORTEST - MS;
    assert!(!core.request_vote(&ask(4)).vote_granted);
    core.now += MS;
    assert!(core.request_vote(&ask(4)).vote_granted);

    // A late answer raises the term.
    let (mut core, sent) = heard();
    core.append_entries(&append(1, 3, (0, 0), &[]));
    core.pre_vote_reply(sent, &RequestVoteReply { term: 7, vote_granted: false });
    assert_eq!(core.current_term(), 7);
    core.now += SHORTEST - MS;
    assert!(!core.request_vote(&ask(7)).vote_granted, "a vote in its own term");
    assert!(!core.request_vote(&ask(8)).vote_granted);
    core.now += MS;
    assert!(core.request_vote(&ask(7)).vote_granted);

    let mut core = with_lease(follower(3, 3, &[]));
    core.now = Duration::from_secs(5);
    let now = core.now;
    core.note_start(now);
    core.now += SHORTEST - MS;
    assert!(!core.request_vote(&ask(4)).vote_granted);
    core.now += MS;
    assert!(core.request_vote(&ask(4)).vote_granted);
}
