//! Tests of submitted operations, changes of the leader, the end of a server, and snapshots. They run in real
//! time and in virtual time.

use super::group::{Group, MS, SECOND, Words, assert_ends, outcome, wait_until, word};
use crate::raft::{Options, RoleChange};
use crate::rsm::NotLeader;
use labrt::chan::{self, RecvTimeoutError, TryRecvError};
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

#[test]
fn a_submitted_operation_is_applied_everywhere_and_has_an_outcome() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let leader = group.leader(|_| true);
        let heard: Vec<_> = ["a", "b", "c"].iter().map(|text| group.submit(leader, &word(text))).collect();
        let outcomes: Vec<_> = heard.iter().map(outcome).collect();
        assert_eq!(outcomes, [Some(Ok(1)), Some(Ok(2)), Some(Ok(3))]);
        assert_eq!(group.servers[leader].submit_and_wait(&word("d")), Ok(4));
        for i in 0..3 {
            group.has_words(i, 4);
            assert_eq!(group.words(i), ["a", "b", "c", "d"]);
        }
    });
}

#[test]
fn a_server_that_does_not_lead_says_so_at_once() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let leader = group.leader(|_| true);
        let start = Instant::now();
        for i in (0..3).filter(|&i| i != leader) {
            let heard = group.submit(i, &word("never"));
            assert!(matches!(heard.try_recv(), Ok((Err(NotLeader), _))), "before submit returns");
            assert_eq!(group.servers[i].submit_and_wait(&word("never")), Err(NotLeader));
            assert_eq!(group.servers[i].start(&word("never")), None);
        }
        if labrt::is_sim() {
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
    });
}

/// The report that a server is a candidate may arrive after the server has won the election and has started
/// an operation. This report must not dismiss the operation's waiter. A report of the next term must dismiss
/// the waiter.
#[test]
fn a_late_report_of_a_candidacy_dismisses_no_waiter() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let leader = group.leader(|_| true);
        let (term, _) = group.servers[leader].get_state();
        group.connect(leader, false);
        let heard = group.submit(leader, &word("first"));
        group.servers[leader].hear_role(RoleChange { term, is_leader: false });
        assert_eq!(heard.try_recv().err(), Some(TryRecvError::Empty), "the waiter still waits");
        group.servers[leader].hear_role(RoleChange { term: term + 1, is_leader: false });
        assert_eq!(outcome(&heard), Some(Err(NotLeader)));
    });
}

/// A leader is cut off while operations wait for their commit. When the leader is connected again, the first
/// message of the new term dismisses the waiters. There is no timeout.
#[test]
fn waiters_hear_of_a_lost_leadership_with_the_message_that_ends_it() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let old = group.leader(|_| true);
        group.connect(old, false);
        let heard: Vec<_> = (0..10).map(|_| group.submit(old, &word("lost"))).collect();
        let new = group.leader(|i| i != old);
        assert_eq!(group.servers[new].submit_and_wait(&word("kept")), Ok(1));
        sleep(2 * SECOND);
        assert!(group.servers[old].get_state().1, "the old leader has received no message");
        assert!(heard.iter().all(|heard| heard.try_recv().is_err()), "its waiters still wait");

        group.connect(old, true);
        let deposed = loop {
            if !group.servers[old].get_state().1 {
                break Instant::now();
            }
            sleep(MS / 20);
        };
        for heard in &heard {
            let deadline = deposed + 10 * SECOND;
            let (outcome, at) = heard.recv_deadline(deadline).expect("an outcome arrives within ten seconds");
            assert_eq!(outcome, Err(NotLeader));
            // A message takes 100 to 250 microseconds.
            let late = at.saturating_duration_since(deposed);
            assert!(!labrt::is_sim() || late < MS / 4, "{late:?} after the leadership was lost");
            // The closure is dropped after it was called. In real time, the outcome may arrive a moment
            // before the closure is dropped.
            let more = heard.recv_deadline(deadline).map(|(outcome, _)| outcome);
            assert_eq!(more, Err(RecvTimeoutError::Disconnected), "the closure is called only once");
        }
        group.has_words(old, 1);
        assert_eq!(group.words(old), ["kept"]);
    });
}

/// The deposed leader gets the missed entries as a snapshot. From the snapshot it cannot see which operations
/// were applied.
#[test]
fn waiters_at_a_server_that_gets_a_snapshot_are_dismissed() {
    labrt::run(|| {
        let group = Group::start(3, Some(500));
        let old = group.leader(|_| true);
        assert_eq!(group.servers[old].submit_and_wait(&word("before")), Ok(1));
        group.connect(old, false);
        let heard: Vec<_> = (0..5).map(|_| group.submit(old, &word("lost"))).collect();
        let new = group.leader(|i| i != old);
        for i in 2..=100 {
            assert_eq!(group.servers[new].submit_and_wait(&word("kept")), Ok(i));
        }
        assert!(group.persisters[new].snapshot_size() > 0);
        group.connect(old, true);
        assert!(heard.iter().all(|heard| outcome(heard) == Some(Err(NotLeader))));
        group.has_words(old, 100);
        assert!(!group.words(old).contains(&"lost".to_owned()));
        // Without the leader `new`, the other two servers continue. One of them is the deposed leader.
        group.connect(new, false);
        let next = group.leader(|i| i != new);
        assert_eq!(group.servers[next].submit_and_wait(&word("after")), Ok(101));
    });
}

#[test]
fn kill_drops_the_closures_and_ends_all_threads() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let leader = group.leader(|_| true);
        group.connect(leader, false);
        let heard: Vec<_> = (0..10).map(|_| group.submit(leader, &word("never"))).collect();
        let servers = Arc::new(group.servers);
        let (tx, blocked) = chan::unbounded();
        let shared = servers.clone();
        thread::spawn(move || tx.send(shared[leader].submit_and_wait(&word("never"))));
        sleep(SECOND / 10);
        assert!(blocked.try_recv().is_err(), "the thread waits");

        servers[leader].kill();
        let gone = |heard: &_| matches!(chan::Receiver::try_recv(heard), Err(TryRecvError::Disconnected));
        assert!(heard.iter().all(gone), "the closures were dropped without a call");
        assert_eq!(blocked.recv(), Ok(Err(NotLeader)), "the blocked thread continues");
        assert_ends(leader);
        servers[leader].kill();
        assert_eq!(servers[leader].submit_and_wait(&word("never")), Err(NotLeader));
        for i in (0..3).filter(|&i| i != leader) {
            servers[i].kill();
            assert_ends(i);
        }
    });
}

#[test]
fn dropping_a_server_kills_it() {
    labrt::run(|| {
        let mut group = Group::start(1, None);
        group.leader(|_| true);
        // The network still has Raft's handlers. Nevertheless, when the servers are dropped, their threads
        // must end.
        group.servers.clear();
        assert_ends(0);
    });
}

/// The machine gets the reports of all roles in order. The operation of a new leader goes through the log.
#[test]
fn a_new_leader_starts_an_operation_of_its_term() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let old = group.leader(|_| true);
        group.connect(old, false);
        let new = group.leader(|i| i != old);
        group.connect(old, true);
        let (term, _) = group.servers[new].get_state();
        let terms = |i: usize| group.servers[i].read(|machine: &Words| machine.terms.clone());
        // The test has submitted no operation. So only the new leader can have started this one.
        wait_until("all have the new leader's operation", || (0..3).all(|i| terms(i).contains(&term)));
        for i in 0..3 {
            let roles = group.servers[i].read(|machine| machine.roles.clone());
            assert!(roles.is_sorted_by_key(|role| role.term), "S{i}: {roles:?}");
            let (term, leads) = group.servers[i].get_state();
            assert!(
                roles.last().is_some_and(|last| (last.term, last.is_leader) == (term, leads)),
                "S{i}: {roles:?}"
            );
        }
    });
}

/// The log stays short, even if the group does many operations.
#[test]
fn snapshots_keep_the_log_short() {
    labrt::run(|| {
        const LIMIT: usize = 1000;
        let group = Group::start(3, Some(LIMIT));
        let leader = group.leader(|_| true);
        for i in 1..=300 {
            assert_eq!(group.servers[leader].submit_and_wait(&word("some more words")), Ok(i));
            let size = group.persisters[leader].raft_state_size();
            assert!(size < 2 * LIMIT, "{size} bytes after {i} operations");
        }
        (0..3).for_each(|i| group.has_words(i, 300));
        let long = Group::start(3, None);
        let leader = long.leader(|_| true);
        (1..=300).for_each(|i| assert_eq!(long.servers[leader].submit_and_wait(&word("more words")), Ok(i)));
        assert!(long.persisters[leader].raft_state_size() > 2 * LIMIT, "without a limit the log is longer");
        assert_eq!(long.persisters[leader].snapshot_size(), 0, "without a limit there is no snapshot");
    });
}

/// Many threads submit to a leader at the same time. Each thread gets the replies to its own operations.
#[test]
fn many_submit_at_once() {
    labrt::run(|| {
        let patient = Options { election_timeout: 3 * SECOND..5 * SECOND, ..Options::default() };
        let group = Group::with(3, Some(500), |_| (Words::default(), patient.clone()));
        let leader = group.leader(|_| true);
        let servers = Arc::new(group.servers);
        let submit = |_| {
            let servers = servers.clone();
            thread::spawn(move || {
                let submit = || servers[leader].submit_and_wait(&word("w")).expect("the server leads");
                (0..20).map(|_| submit()).collect::<Vec<usize>>()
            })
        };
        let threads: Vec<_> = (0..10).map(submit).collect();
        let mut all = Vec::new();
        for thread in threads {
            let replies = thread.join().expect("the thread only submits");
            assert!(replies.is_sorted(), "{replies:?}");
            all.extend(replies);
        }
        all.sort_unstable();
        assert_eq!(all, (1..=200).collect::<Vec<_>>());
    });
}
