//! Part 2A: leader election.

use labapi::RaftPeer;
use labrt::rng;
use labrt::time::{Duration, sleep};

use crate::harness::Case;
use crate::raft::{ELECTION_TIMEOUT, Setup, make_config, note};

pub(super) fn cases<R: RaftPeer>() -> Vec<Case> {
    vec![
        Case::of_course("initial_election_2a", "TestInitialElection2A", initial_election_2a::<R>),
        Case::of_course("re_election_2a", "TestReElection2A", re_election_2a::<R>),
        Case::of_course("many_elections_2a", "TestManyElections2A", many_elections_2a::<R>),
    ]
}

fn initial_election_2a<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2A): initial election");

    // A leader must be elected.
    cfg.check_one_leader();

    // The followers get some time to learn of the election. Then all servers must agree on the term.
    sleep(Duration::from_millis(50));
    let term = cfg.check_terms();
    assert!(term >= 1, "term is {term}, but should be at least 1");

    // Without a failure, the leader and the term should stay the same. If the term changes, the test only
    // prints a warning.
    sleep(2 * ELECTION_TIMEOUT);
    let later = cfg.check_terms();
    if later != term {
        note(&format!("warning: term changed even though there were no failures: {term}, then {later}"));
    }

    // There must still be a leader.
    cfg.check_one_leader();
    cfg.end();
}

fn re_election_2a<R: RaftPeer>() {
    let cfg = make_config::<R>(Setup::of(3));
    cfg.begin("Test (2A): election after network failure");
    let leader1 = cfg.check_one_leader();

    // The leader is disconnected. The other servers must elect a new leader.
    cfg.disconnect(leader1);
    cfg.check_one_leader();

    // The old leader is connected again. It must become a follower and must not disturb the new leader.
    cfg.connect(leader1);
    let leader2 = cfg.check_one_leader();

    // When no majority is connected, there must be no leader.
    cfg.disconnect(leader2);
    cfg.disconnect(cfg.after(leader2, 1));
    sleep(2 * ELECTION_TIMEOUT);
    cfg.check_no_leader();

    // When a majority is connected, there must be a leader again.
    cfg.connect(cfg.after(leader2, 1));
    cfg.check_one_leader();

    // The last server is connected again. There must still be a leader.
    cfg.connect(leader2);
    cfg.check_one_leader();
    cfg.end();
}

fn many_elections_2a<R: RaftPeer>() {
    const SERVERS: usize = 7;
    let cfg = make_config::<R>(Setup::of(SERVERS));
    cfg.begin("Test (2A): multiple elections");
    cfg.check_one_leader();

    for _round in 1..10 {
        // Up to three of the seven servers are disconnected, so at least four are still connected. If the
        // leader is not among these, they must elect a new leader.
        let gone: [usize; 3] = std::array::from_fn(|_| rng::below(SERVERS as u64) as usize);
        gone.iter().for_each(|&i| cfg.disconnect(i));
        cfg.check_one_leader();
        gone.iter().for_each(|&i| cfg.connect(i));
    }

    cfg.check_one_leader();
    cfg.end();
}
