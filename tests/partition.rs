//! Partitions that the course's tests do not make: long partitions, and links that work in only one
//! direction.
//!
//! The first tests expect the behaviour of Figure 2. A leader becomes a follower only when it sees a higher
//! term. If a leader is cut off from its majority, it stays the leader of its term and commits nothing. When
//! it receives a message of a newer term, it becomes a follower. The last tests are twins of these tests, for
//! a Raft with PreVote and CheckQuorum.

use labapi::{RaftPeer, Started, Strictness};
use std::process::ExitCode;

use labrpc::Link;
use labrt::time::{Duration, Instant, sleep};
use labtest::Value;
use labtest::harness::{self, Case};
use labtest::raft::{Cluster, Retry, Setup, make_config, note};
use mit6824::raft::{Raft, Tuned};

fn main() -> ExitCode {
    let cases = [
        Case::ours("leader_cut_off_alone", leader_cut_off_alone),
        Case::ours("follower_cut_off_alone", follower_cut_off_alone),
        Case::ours("minority_with_the_leader", minority_with_the_leader),
        Case::ours("one_way_leader_to_follower", one_way_leader_to_follower),
        Case::ours("one_way_follower_to_leader", one_way_follower_to_leader),
        Case::ours("one_way_links_that_are_not_needed", one_way_links_that_are_not_needed),
        Case::ours("leader_that_can_only_send", leader_that_can_only_send),
        Case::ours("leader_cut_off_alone_with_options", leader_cut_off_alone_with_options),
        Case::ours("follower_cut_off_alone_with_options", follower_cut_off_alone_with_options),
        Case::ours("one_way_leader_to_follower_with_options", one_way_leader_to_follower_with_options),
        Case::ours("leader_that_can_only_send_with_options", leader_that_can_only_send_with_options),
    ];
    harness::main(labrt::here!(), Strictness::Fail, &cases)
}

/// How long the long partitions last.
const LONG: Duration = Duration::from_secs(30);
/// If nothing changes for this long, the test regards the cluster as stable.
const CALM: Duration = Duration::from_secs(3);

/// The leader of five servers is cut off from all others for 30 s. It stays the leader of its term and
/// commits nothing. The other servers elect a new leader. When the old leader is connected again, it becomes
/// a follower within a second, and there is no election.
fn leader_cut_off_alone() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): a leader cut off alone for 30 s");
    cfg.one(1, 5, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);

    // The old leader is cut off now. It accepts a command that it cannot commit.
    cfg.disconnect(old);
    let Some(Started { index: 2, .. }) = cfg.start(old, 100) else {
        panic!("the old leader must take index 2")
    };

    // The other servers elect a leader of a later term and commit a command.
    let new = cfg.check_one_leader();
    let new_term = cfg.check_terms();
    assert!(new_term > old_term, "the new leader was elected in term {new_term}, after term {old_term}");
    assert_eq!(cfg.one(2, 4, Retry::No), 2);

    every_second_for(LONG, || {
        assert_eq!(state(&cfg, old), (old_term, true), "server {old} must stay the leader of its term");
        assert_eq!(cfg.applied(old, 2), None, "server {old} has committed without a majority");
        assert_eq!(state(&cfg, new), (new_term, true), "server {new} must stay the leader of its term");
    });

    // When the old leader is connected again, it becomes a follower. The command that the others have
    // committed replaces its own command.
    cfg.connect(old);
    sleep(Duration::from_secs(1));
    assert_eq!(state(&cfg, old), (new_term, false), "server {old} must follow after a second");
    assert_eq!(cfg.applied(old, 2), Some(Value::from(2)));

    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// A follower is cut off from all others for 30 s. It starts elections without success, and each election
/// raises its term. The other servers do not notice this. When the follower is connected again, its high term
/// deposes the leader. Then there is an election, and all servers agree again.
fn follower_cut_off_alone() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): a follower cut off alone for 30 s");
    cfg.one(1, 5, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let follower = cfg.after(leader, 1);

    cfg.disconnect(follower);
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, leader), (term, true), "server {leader} must stay the leader of its term");
        assert!(!state(&cfg, follower).1, "server {follower} cannot lead alone");
    });
    assert_eq!(cfg.one(2, 4, Retry::No), 2);
    let (ran_to, _) = state(&cfg, follower);
    assert!(ran_to > term, "server {follower} must have started elections");

    // Normally there is one election after the follower is connected again. There may be more elections if
    // the votes are split, or if another server becomes a candidate at the same time. Two more elections must
    // be enough.
    cfg.connect(follower);
    let elected = leaders_seen(&cfg, term, Duration::from_secs(5));
    let (new_term, new) = *elected.last().expect("the follower's term must depose the leader");
    assert!(elected.len() <= 3, "{} elections after the healing: {elected:?}", elected.len());
    assert!(new_term > ran_to, "elected in term {new_term}, but server {follower} was in {ran_to} already");
    note(&format!(
        "in {} s alone the follower's term went from {term} to {ran_to}; healing cost {} election(s), \
         the last in term {new_term}",
        LONG.as_secs(),
        elected.len()
    ));

    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The leader and one of four followers are cut off from the others, but not from each other. These two
/// servers cannot commit anything. The other three servers elect a leader and commit commands. When the
/// partition is healed, the two servers drop their commands.
fn minority_with_the_leader() {
    let cfg = make_config::<Raft>(Setup::of(5));
    cfg.begin("Test (ours): the leader is in the minority");
    cfg.one(1, 5, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);
    let [mate, third, fourth, fifth] = [1, 2, 3, 4].map(|n| cfg.after(old, n));

    cfg.partition(&[&[old, mate], &[third, fourth, fifth]]);
    let Some(Started { index: 2, .. }) = cfg.start(old, 100) else {
        panic!("the old leader must take index 2")
    };
    let new = cfg.check_one_leader_among(&[third, fourth, fifth]);
    let (new_term, _) = state(&cfg, new);

    // In the minority nothing changes: the leader stays the leader, the follower stays its follower, and
    // neither of them commits.
    every_second_for(Duration::from_secs(5), || {
        assert_eq!(state(&cfg, old), (old_term, true));
        assert_eq!(state(&cfg, mate), (old_term, false));
        assert_eq!(
            (cfg.applied(old, 2), cfg.applied(mate, 2)),
            (None, None),
            "a server has committed without a majority"
        );
    });
    assert!(cfg.start(new, 2).is_some(), "server {new} leads the majority");
    assert_eq!(cfg.wait(2, 3, Some(new_term)), Some(Value::from(2)));

    cfg.heal();
    assert_eq!(cfg.wait(2, 5, Some(new_term)), Some(Value::from(2)));
    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The leader's messages do not reach one follower. In the first case only the leader's requests are lost. In
/// the second case the leader's replies are lost, too. In both cases the follower gets no heartbeats, so it
/// becomes a candidate and deposes the leader. This repeats until a leader is elected that can reach all
/// servers.
fn one_way_leader_to_follower() {
    for replies_too in [false, true] {
        let cfg = make_config::<Raft>(Setup::of(3));
        let what = if replies_too { "nothing the leader sends" } else { "no request of the leader" };
        cfg.begin(&format!("Test (ours): {what} reaches a follower"));
        cfg.one(1, 3, Retry::No);
        let old = cfg.check_one_leader();
        let (old_term, _) = state(&cfg, old);
        let deaf = cfg.after(old, 1);
        match replies_too {
            true => cfg.mute(old, deaf),
            false => cfg.set_link(old, deaf, Link::RequestsLost),
        }

        // The old leader may win again, and then it is deposed again. After some time another server wins.
        let (new, new_term) = wait_for_other_leader(&cfg, old);
        assert!(new_term > old_term);
        expect_calm(&cfg, new, new_term);

        // The new leader can reach all servers. But in the second case, the new leader may be the server
        // `deaf`. Then it does not get the replies of the old leader, so it cannot learn which entries the
        // old leader needs. In this case the new leader commits with the third server.
        let expected = if replies_too && new == deaf { 2 } else { 3 };
        cfg.one(2, expected, Retry::No);
        cfg.heal();
        cfg.one(3, 3, Retry::Yes);
        cfg.end();
    }
}

/// In the first case, the answers of one follower do not reach the leader. In the second case, the follower's
/// requests do not reach the leader either. The follower gets the leader's messages, so there is no election.
/// The follower gets every command. But the leader does not learn that the follower has the commands. So the
/// leader commits the commands with the other follower. When the links are healed, nothing changes.
fn one_way_follower_to_leader() {
    for requests_too in [false, true] {
        let cfg = make_config::<Raft>(Setup::of(3));
        let what = if requests_too { "nothing a follower sends" } else { "no reply of a follower" };
        cfg.begin(&format!("Test (ours): {what} reaches the leader"));
        cfg.one(1, 3, Retry::No);
        let leader = cfg.check_one_leader();
        let (term, _) = state(&cfg, leader);
        let silent = cfg.after(leader, 1);
        match requests_too {
            true => cfg.mute(silent, leader),
            false => cfg.set_link(leader, silent, Link::RepliesLost),
        }

        for index in 2..=6_u64 {
            assert_eq!(cfg.one(index.cast_signed(), 2, Retry::No), index);
        }
        every_second_for(Duration::from_secs(8), || {
            assert_eq!(state(&cfg, leader), (term, true), "no server has a reason for an election");
            assert_eq!(state(&cfg, silent), (term, false), "server {silent} gets the leader's messages");
        });
        let applied = (2..=6).filter(|&index| cfg.applied(silent, index).is_some()).count();
        assert_eq!(applied, 5, "commands that server {silent} has applied");

        cfg.heal();
        assert_eq!(cfg.wait(6, 3, Some(term)), Some(Value::from(6)));
        expect_calm(&cfg, leader, term);
        cfg.end();
    }
}

/// Some links are not needed as long as there is a leader. Followers send no requests. So the links for their
/// requests to the leader, and for the leader's replies to these requests, may be broken. All messages
/// between two followers can be lost, too. Nothing changes without these links.
fn one_way_links_that_are_not_needed() {
    let cfg = make_config::<Raft>(Setup::of(3));
    cfg.begin("Test (ours): one-way links that are not needed");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let [first, second] = [1, 2].map(|n| cfg.after(leader, n));

    cfg.set_link(first, leader, Link::RequestsLost);
    cfg.set_link(second, leader, Link::RepliesLost);
    cfg.mute(first, second);
    for index in 2..=6_u64 {
        assert_eq!(cfg.one(index.cast_signed(), 3, Retry::No), index);
    }
    expect_calm(&cfg, leader, term);
    cfg.end();
}

/// For 30 s the leader can send but not receive. Its heartbeats prevent every election. Without answers, the
/// leader commits nothing. So the whole group makes no progress. This is a known weakness of Raft as the
/// paper describes it. (Some versions of Raft have a leader that checks whether it hears from a majority.
/// Such a leader would step down.) Nothing is lost: the accepted commands are committed when the replies
/// arrive again.
fn leader_that_can_only_send() {
    let cfg = make_config::<Raft>(Setup::of(3));
    cfg.begin("Test (ours): a leader that can send but not receive");
    cfg.one(1, 3, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let followers = [1, 2].map(|n| cfg.after(leader, n));

    followers.iter().for_each(|&follower| cfg.mute(follower, leader));
    for index in 2..=4_u64 {
        let started = cfg.start(leader, index.cast_signed()).map(|started| started.index);
        assert_eq!(started, Some(index), "the leader accepts commands");
    }
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, leader), (term, true), "no server has deposed the leader");
        assert_eq!(cfg.terms(), [term; 3], "the leader's heartbeats prevent elections");
        (2..=4).for_each(|index| cfg.check_no_agreement(index));
    });

    // When the links are healed, the same leader commits the accepted commands in order.
    cfg.heal();
    let healed = Instant::now();
    for index in 2..=4_u64 {
        assert_eq!(cfg.wait(index, 3, Some(term)), Some(Value::from(index.cast_signed())));
    }
    note(&format!(
        "after the healing it took {:.1} s to commit what had been accepted",
        healed.elapsed().as_secs_f64()
    ));
    expect_calm(&cfg, leader, term);
    assert_eq!(cfg.one(5, 3, Retry::No), 5);
    cfg.end();
}

/// A Raft with PreVote and CheckQuorum.
type WithOptions = Tuned<true, true>;

/// The twin of [`leader_cut_off_alone`]. The leader becomes a follower in its own term, because it gets no
/// answer. Alone it gets no pre-votes, so its term does not rise.
fn leader_cut_off_alone_with_options() {
    let cfg = make_config::<WithOptions>(Setup::of(5));
    cfg.begin("Test (ours): a leader cut off alone for 30 s, with PreVote and CheckQuorum");
    cfg.one(1, 5, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);

    cfg.disconnect(old);
    let Some(Started { index: 2, .. }) = cfg.start(old, 100) else {
        panic!("the old leader must take index 2")
    };
    sleep(Duration::from_secs(1));
    assert_eq!(state(&cfg, old), (old_term, false), "server {old} must have stepped down");
    let new = cfg.check_one_leader();
    let (new_term, _) = state(&cfg, new);
    assert_eq!(cfg.one(2, 4, Retry::No), 2);
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, old), (old_term, false), "the term of server {old} must not rise");
        assert_eq!(cfg.applied(old, 2), None, "server {old} has committed without a majority");
        assert_eq!(state(&cfg, new), (new_term, true), "server {new} must stay the leader of its term");
    });

    cfg.connect(old);
    sleep(Duration::from_secs(1));
    assert_eq!(state(&cfg, old), (new_term, false), "server {old} must follow after a second");
    assert_eq!(cfg.applied(old, 2), Some(Value::from(2)));
    expect_calm(&cfg, new, new_term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The twin of [`follower_cut_off_alone`]. The term of the follower does not rise. When it is connected
/// again, there is no election.
fn follower_cut_off_alone_with_options() {
    let cfg = make_config::<WithOptions>(Setup::of(5));
    cfg.begin("Test (ours): a follower cut off alone for 30 s, with PreVote and CheckQuorum");
    cfg.one(1, 5, Retry::No);
    let leader = cfg.check_one_leader();
    let (term, _) = state(&cfg, leader);
    let follower = cfg.after(leader, 1);

    cfg.disconnect(follower);
    every_second_for(LONG, || {
        assert_eq!(cfg.terms(), [term; 5], "no term rises");
        assert!(state(&cfg, leader).1, "server {leader} must stay the leader");
    });
    assert_eq!(cfg.one(2, 4, Retry::No), 2);
    cfg.connect(follower);
    let elected = leaders_seen(&cfg, term, Duration::from_secs(5));
    assert!(elected.is_empty(), "nobody is elected after the healing: {elected:?}");
    expect_calm(&cfg, leader, term);
    assert_eq!(cfg.one(3, 5, Retry::No), 3);
    cfg.end();
}

/// The twin of [`one_way_leader_to_follower`]. The follower hears nothing and asks for pre-votes again and
/// again. The others refuse, so the leader stays.
fn one_way_leader_to_follower_with_options() {
    for replies_too in [false, true] {
        let cfg = make_config::<WithOptions>(Setup::of(3));
        let what = if replies_too { "nothing the leader sends" } else { "no request of the leader" };
        cfg.begin(&format!("Test (ours): {what} reaches a follower, with PreVote and CheckQuorum"));
        cfg.one(1, 3, Retry::No);
        let leader = cfg.check_one_leader();
        let (term, _) = state(&cfg, leader);
        let deaf = cfg.after(leader, 1);
        match replies_too {
            true => cfg.mute(leader, deaf),
            false => cfg.set_link(leader, deaf, Link::RequestsLost),
        }
        for value in 2..=4_u64 {
            expect_calm(&cfg, leader, term);
            assert_eq!(cfg.one(value.cast_signed(), 2, Retry::No), value);
        }
        cfg.heal();
        assert_eq!(cfg.wait(4, 3, Some(term)), Some(Value::from(4)));
        cfg.end();
    }
}

/// The twin of [`leader_that_can_only_send`]. The leader steps down, and then the others elect another
/// leader, which commits commands.
fn leader_that_can_only_send_with_options() {
    let cfg = make_config::<WithOptions>(Setup::of(3));
    cfg.begin("Test (ours): a leader that can send but not receive, with PreVote and CheckQuorum");
    cfg.one(1, 3, Retry::No);
    let old = cfg.check_one_leader();
    let (old_term, _) = state(&cfg, old);
    let others = [1, 2].map(|n| cfg.after(old, n));

    others.iter().for_each(|&other| cfg.mute(other, old));
    sleep(Duration::from_secs(1));
    assert_eq!(state(&cfg, old), (old_term, false), "server {old} must have stepped down");
    let new = cfg.check_one_leader_among(&others);
    let (new_term, _) = state(&cfg, new);
    assert!(cfg.start(new, 2).is_some(), "server {new} leads the majority");
    assert_eq!(cfg.wait(2, 2, Some(new_term)), Some(Value::from(2)));
    every_second_for(LONG, || {
        assert_eq!(state(&cfg, new), (new_term, true), "server {new} must stay the leader of its term");
        assert_eq!(state(&cfg, old), (old_term, false), "server {old} hears of no later term");
    });

    cfg.heal();
    assert_eq!(cfg.wait(2, 3, Some(new_term)), Some(Value::from(2)));
    expect_calm(&cfg, new, new_term);
    cfg.end();
}

/// The term of a server, and whether it believes that it leads.
#[track_caller]
fn state<R: RaftPeer>(cfg: &Cluster<R>, i: usize) -> (u64, bool) {
    cfg.get_state(i).expect("no server crashes in these tests")
}

fn every_second_for(time: Duration, check: impl Fn()) {
    let start = Instant::now();
    while start.elapsed() < time {
        check();
        sleep(Duration::from_secs(1));
    }
    check();
}

/// Checks that this server leads, that all servers are in this term, and that nothing changes for a few
/// seconds.
#[track_caller]
fn expect_calm<R: RaftPeer>(cfg: &Cluster<R>, leader: usize, term: u64) {
    for _ in 0..CALM.as_secs() {
        sleep(Duration::from_secs(1));
        assert_eq!(state(cfg, leader), (term, true), "server {leader} must stay the leader");
        assert!(
            cfg.terms().iter().all(|other| *other == term),
            "the terms are {:?}, but all must be {term}",
            cfg.terms()
        );
    }
}

/// Watches the servers for the duration `time`. Returns the servers that were leaders in a term after `term`,
/// each with its term, in the order of the terms.
fn leaders_seen<R: RaftPeer>(cfg: &Cluster<R>, term: u64, time: Duration) -> Vec<(u64, usize)> {
    let mut seen = labrt::collections::BTreeSet::new();
    let start = Instant::now();
    while start.elapsed() < time {
        let states = (0..cfg.servers()).map(|i| (i, state(cfg, i)));
        seen.extend(states.filter(|(_, (of, leads))| *leads && *of > term).map(|(i, (of, _))| (of, i)));
        sleep(Duration::from_millis(5));
    }
    seen.into_iter().collect()
}

/// Waits until a server other than `old` has led for two seconds. Returns the server and its term.
#[track_caller]
fn wait_for_other_leader(cfg: &Cluster<Raft>, old: usize) -> (usize, u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let leader = cfg.check_one_leader();
        let (term, _) = state(cfg, leader);
        sleep(Duration::from_secs(2));
        if leader != old && state(cfg, leader) == (term, true) {
            return (leader, term);
        }
    }
    panic!("in 30 s no server other than {old} has become the leader");
}
