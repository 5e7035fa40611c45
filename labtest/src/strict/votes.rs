//! Who may become leader (5.2, 5.4.1).

use labapi::RaftPeer;
use labrpc::{Link, NetworkOptions};
use labrt::rng;
use labrt::time::{Duration, Instant, sleep};

use super::{SOON, others, restart, settled, state, throughout, until};
use crate::harness::Case;
use crate::raft::{Retry, Setup, make_config};
use crate::value::Value;

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::ours("voter_restarts_3", || voter_restarts::<R>(3)),
        Case::ours("voter_restarts_5", || voter_restarts::<R>(5)),
        Case::ours("candidate_restarts", candidate_restarts::<R>),
        Case::ours("voter_hears_the_leader", voter_hears_the_leader::<R>),
        Case::ours("votes_that_come_twice", votes_that_come_twice::<R>),
        Case::ours("votes_that_come_late", votes_that_come_late::<R>),
        Case::ours("long_log_of_an_old_term", long_log_of_an_old_term::<R>),
        Case::ours("candidate_that_cannot_win", candidate_that_cannot_win::<R>),
        Case::ours("deaf_old_leader", deaf_old_leader::<R>),
    ]
}

/// Figure 2 and 5.2: `votedFor` and `currentTerm` are on stable storage before a server answers, so a server
/// votes only once in a term, even if it restarts.
///
/// The group has two halves that cannot reach each other, and one server in the middle, the hub. Each half is
/// a majority together with the hub. So the vote of the hub decides each election. The hub restarts every few
/// milliseconds. If it forgets its vote, it soon votes for one server of each half in the same term. Then the
/// term has two leaders.
///
/// Finds: the vote is not saved; the vote is deleted when the server starts; the term is not saved.
fn voter_restarts<R: RaftPeer>(servers: usize) {
    let cfg = make_config::<R>(Setup::of(servers).strict());
    cfg.begin(&format!("Test (strict2): the voter who decides restarts ({servers} servers)"));
    for _ in 0..4 {
        let (hub, _) = settled(&cfg);
        let spokes = others(&cfg, &[hub]);
        let (left, right) = spokes.split_at(servers / 2);
        cfg.partition(&[&[left, &[hub]].concat(), &[right, &[hub]].concat()]);

        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500) {
            restart(&cfg, hub);
            sleep(Duration::from_millis(2 + rng::below(11)));
        }
        cfg.heal();
    }
    cfg.one(Value::random(), servers, Retry::Yes);
    cfg.end();
}

/// Figure 2 and 5.2: a candidate votes for itself, and this vote is on stable storage, too.
///
/// A candidate wins an election with the vote of one of two other servers, and crashes. Then it restarts. The
/// third server has not heard of the election. It stands for election in the same term, and asks the
/// restarted server for its vote. If the restarted server has forgotten its vote for itself, the term gets a
/// second leader.
///
/// Finds: a candidate's vote for itself is not saved.
fn candidate_restarts<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): the winner of an election restarts");
    for _ in 0..6 {
        // A new leader may have added an entry to its log. After this command, all logs are equal again.
        cfg.one(Value::random(), 3, Retry::Yes);
        let (old, _) = settled(&cfg);
        let [winner, late] = others(&cfg, &[old])[..] else { unreachable!("three servers without one") };

        // The winner hears no leader any more, so it stands for election. The late server hears the old
        // leader until the old leader has voted for the winner. The late server does not hear of the winner.
        cfg.partition(&[&[old, winner], &[old, late]]);
        cfg.set_link(late, old, Link::RequestsLost);
        cfg.set_link(old, winner, Link::RequestsLost);
        until(&cfg, SOON, "the server that hears no leader wins an election", || state(&cfg, winner).1);
        let (term, _) = state(&cfg, winner);

        // Now the late server can reach only the winner, which has just restarted.
        cfg.crash1(winner);
        cfg.partition(&[&[winner, late]]);
        restart(&cfg, winner);
        until(&cfg, SOON, "one of the two connected servers wins an election in a later term", || {
            [winner, late].iter().any(|&i| matches!(state(&cfg, i), (later, true) if later >= term))
        });
        // The thread of the strict setup looks for two leaders of a term. But the winner has led so briefly
        // that this thread may have missed it. So the test checks this itself.
        assert_ne!(
            state(&cfg, late),
            (term, true),
            "server {winner} has led term {term} before server {late}"
        );
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.2 and Figure 2: a server forgets its vote only when its term rises.
///
/// A server votes for the winner of an election, and then hears the heartbeats of this winner. A third server
/// does not hear of the election. It stands for election in the same term, and asks the voter. The voter must
/// refuse, although it has become the winner's follower since its vote.
///
/// Finds: a server that becomes a follower, or hears a leader, forgets its vote even if its term stays the
/// same.
fn voter_hears_the_leader<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): the voter hears the leader");
    for _ in 0..6 {
        // A new leader may have added an entry to its log. After this command, all logs are equal again.
        cfg.one(Value::random(), 3, Retry::Yes);
        let (voter, _) = settled(&cfg);
        let [winner, late] = others(&cfg, &[voter])[..] else { unreachable!("three servers without one") };

        // The old leader is the voter. The winner hears nothing from the voter, and so stands for election.
        // The late server hears the voter until the voter has voted for the winner.
        cfg.partition(&[&[voter, winner], &[voter, late]]);
        cfg.set_link(voter, winner, Link::RequestsLost);
        until(&cfg, SOON, "the server that hears no leader wins an election", || state(&cfg, winner).1);
        let (term, _) = state(&cfg, winner);
        until(&cfg, SOON, "the third server wins an election in a later term", || {
            let (now, leads) = state(&cfg, late);
            assert!(!leads || now != term, "server {late} leads term {term}, and so does server {winner}");
            leads || state(&cfg, winner).0 > term
        });
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.2: a candidate needs the votes of a majority of the servers, not a number of replies.
///
/// Two of five servers are connected. Each request arrives twice, and messages take so long that a candidate
/// may ask again before the first answer arrives. So a candidate can get several votes from the same server.
/// Two servers are no majority, so there must be no leader.
///
/// Finds: a candidate counts the replies, and not the servers that have voted for it.
fn votes_that_come_twice<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): votes that come twice");
    (2..5).for_each(|i| cfg.disconnect(i));
    for shortest in [5, 55, 75, 110] {
        let least = shortest + rng::below(20);
        cfg.set_network(NetworkOptions {
            latency: Duration::from_millis(least)..=Duration::from_millis(least + 30),
            duplicated_requests: 1000,
            ..NetworkOptions::default()
        });
        throughout(Duration::from_secs(4), || {
            (0..5).for_each(|i| {
                let (term, leads) = state(&cfg, i);
                assert!(!leads, "server {i} leads term {term}, but only two of five servers are connected");
            });
        });
    }

    cfg.set_network(NetworkOptions::default());
    (2..5).for_each(|i| cfg.connect(i));
    settled(&cfg);
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}

/// 5.2: a candidate counts the votes of its own term only.
///
/// A candidate asks one of two other servers for its vote, and gets the vote late: most replies wait for 0.2
/// to 2.2 s in the network. Meanwhile the candidate stands for election again, in later terms, but no request
/// of these terms arrives. So the candidate may lead the term of its first request, and no later term.
///
/// Finds: a candidate counts votes that were given in an earlier term.
fn votes_that_come_late<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): votes that come late");
    for _ in 0..8 {
        let (leader, term) = settled(&cfg);
        let [candidate, voter] = others(&cfg, &[leader])[..] else { unreachable!("three servers") };
        cfg.set_long_reordering(true);
        cfg.partition(&[&[leader, voter], &[candidate, voter]]);
        until(&cfg, SOON, "the voter hears of a later term", || state(&cfg, voter).0 > term);

        // The vote is on its way. From now on, nothing else reaches the candidate or comes from it.
        cfg.set_link(candidate, voter, Link::RequestsLost);
        cfg.set_link(voter, candidate, Link::RequestsLost);
        cfg.set_long_reordering(false);
        let (asked, _) = state(&cfg, candidate);
        throughout(Duration::from_millis(2500), || {
            let (now, leads) = state(&cfg, candidate);
            assert!(
                !leads || now <= asked,
                "server {candidate} leads term {now}, but its last request that arrived was of term {asked}"
            );
        });
        cfg.heal();
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.4.1: of two logs, the log whose last entry has the later term is more up to date. The length matters
/// only if the terms are the same.
///
/// A leader that is cut off has a long log. The entries of its own term are not committed. Another server has
/// a short log that ends with committed entries of a later term. When only these two of three servers are
/// connected, the server with the short log must win.
///
/// Finds: only the lengths are compared; a vote is granted only to a log that is better in both the term and
/// the length; a vote is refused only to a log that is worse in both.
fn long_log_of_an_old_term<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a long log of an old term");
    for _ in 0..4 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (old, _) = settled(&cfg);
        cfg.disconnect(old);
        for _ in 0..8 {
            assert!(cfg.start(old, Value::random()).is_some(), "server {old} leads its term");
        }

        // The other two servers elect a leader and commit two entries of a later term.
        cfg.one(Value::random(), 2, Retry::Yes);
        let last = cfg.one(Value::random(), 2, Retry::Yes);
        let [short, gone] = others(&cfg, &[old])[..] else { unreachable!("three servers without one") };
        let value = cfg.applied(short, last);

        cfg.disconnect(gone);
        restart(&cfg, short);
        cfg.connect(old);
        let leader = cfg.check_one_leader();
        assert_eq!(leader, short, "server {old} must not win: it does not have the committed entry {last}");
        cfg.connect(gone);
        cfg.one(Value::random(), 3, Retry::Yes);
        assert_eq!(cfg.applied(old, last), value, "the entry {last} was committed");
    }
    cfg.end();
}

/// 5.2 and Figure 2: the election timer starts again when a server grants a vote. A request that a server
/// refuses does not start the timer again.
///
/// One server lacks committed entries, so it cannot win. It asks for votes again and again, because no answer
/// reaches it. The other server would win, but its election timer must end first.
///
/// Finds: a refused request for a vote starts the election timer again.
fn candidate_that_cannot_win<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3).strict());
    cfg.begin("Test (strict2): a candidate that cannot win");
    for _ in 0..3 {
        cfg.one(Value::random(), 3, Retry::Yes);
        let (leader, _) = settled(&cfg);
        let [behind, best] = others(&cfg, &[leader])[..] else { unreachable!("three servers without one") };
        cfg.disconnect(behind);
        for _ in 0..3 {
            cfg.one(Value::random(), 2, Retry::Yes);
        }

        cfg.crash1(leader);
        cfg.set_link(behind, best, Link::RepliesLost);
        cfg.connect(behind);
        let new = cfg.check_one_leader();
        assert_eq!(new, best, "server {behind} must not win: it lacks committed entries");
        cfg.heal();
        restart(&cfg, leader);
    }
    cfg.one(Value::random(), 3, Retry::Yes);
    cfg.end();
}

/// 5.1 and 5.2: a server refuses the messages of a leader of an older term. Such a message does not start the
/// election timer again.
///
/// The leader of an old term can send but not receive. So it never hears of the later term, and sends
/// heartbeats for ever. When the leader of the later term crashes, the other three of five servers must elect
/// a new leader.
///
/// Finds: the heartbeats of a leader of an older term start the election timer again.
fn deaf_old_leader<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(5).strict());
    cfg.begin("Test (strict2): heartbeats of an old leader");
    for _ in 0..2 {
        let (old, term) = settled(&cfg);
        cfg.disconnect(old);
        let (new, new_term) = settled(&cfg);
        assert!(new_term > term, "server {new} was elected in term {new_term}, after term {term}");
        let others = others(&cfg, &[old]);
        others.iter().for_each(|&i| cfg.mute(i, old));
        cfg.connect(old);
        sleep(Duration::from_millis(500));
        assert_eq!(state(&cfg, old), (term, true), "server {old} hears nothing of a later term");

        cfg.crash1(new);
        let rest: Vec<usize> = others.into_iter().filter(|&i| i != new).collect();
        cfg.check_one_leader_among(&rest);
        cfg.heal();
        restart(&cfg, new);
    }
    cfg.one(Value::random(), 5, Retry::Yes);
    cfg.end();
}
