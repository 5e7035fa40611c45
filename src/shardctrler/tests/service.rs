//! Tests with clients and servers, in real time and in virtual time.

use super::group::Group;
use super::groups;
use crate::shardctrler::{Clerk, ConfigError};
use labapi::Config;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

#[test]
fn join_leave_move_and_query() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let mut clerk = group.clerk();
        assert_eq!(clerk.query(None), Config::default());
        let joined = clerk.join(groups(&[1, 2])).expect("new groups can join");
        assert_eq!(group.clerk().query(None), joined);
        let moved = clerk.move_shard(0, 2).expect("the shard and the group exist");
        assert_eq!(moved.shards[0], 2);
        let left = clerk.leave(&[2]).expect("the group exists");
        assert_eq!(left.groups, groups(&[1]));
        let history = [0, 1, 2, 3].map(|num| group.clerk().query(Some(num)));
        assert_eq!(history, [Config::default(), joined, moved, left]);
    });
}

#[test]
fn a_client_hears_why_its_change_is_refused() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let mut clerk = group.clerk();
        assert_eq!(clerk.leave(&[3]), Err(ConfigError::UnknownGroup { gid: 3, known: vec![] }));
        assert_eq!(clerk.move_shard(10, 3), Err(ConfigError::UnknownShard { shard: 10 }));
        assert_eq!(clerk.join(groups(&[0])), Err(ConfigError::InvalidGid));
        assert_eq!(clerk.query(None), Config::default());
    });
}

/// Makes some changes and returns the history of configurations.
fn changes(clerk: &mut Clerk) -> Vec<Config> {
    let mut history = vec![clerk.query(None)];
    for gid in 1..=12 {
        history.push(clerk.join(groups(&[gid])).expect("a new group can join"));
    }
    for gid in [3, 12, 7] {
        history.push(clerk.move_shard(0, gid).expect("the shard and the group exist"));
        history.push(clerk.leave(&[gid]).expect("the group exists"));
    }
    history
}

fn assert_history(clerk: &mut Clerk, expected: &[Config]) {
    for (num, config) in (0..).zip(expected) {
        assert_eq!(clerk.query(Some(num)), *config);
    }
    assert_eq!(Some(&clerk.query(None)), expected.last());
}

/// The servers restart from the log alone, or from a snapshot and the log after it.
#[test]
fn restarted_servers_have_all_configurations() {
    labrt::run(|| {
        for maxraftstate in [None, Some(1), Some(200)] {
            let mut group = Group::start(3, maxraftstate);
            let mut clerk = group.clerk();
            let history = changes(&mut clerk);
            group.restart();
            assert_history(&mut clerk, &history);
            let next = clerk.join(groups(&[99])).expect("a new group can join");
            assert_eq!(next.num, history.len() as u64, "the numbers continue");
            let saved = (0..3).any(|me| group.saved(me).is_some());
            assert_eq!(saved, maxraftstate.is_some());
        }
    });
}

/// A server was stopped. After its restart it gets the missed configurations as a snapshot.
#[test]
fn a_server_catches_up_by_a_snapshot() {
    labrt::run(|| {
        let mut group = Group::start(3, Some(1));
        let mut clerk = group.clerk();
        clerk.query(None);
        group.stop_server(0);
        let history = changes(&mut clerk);
        group.start_server(0);
        // The other servers no longer have the missed log entries, so they must send a snapshot.
        let last = history.last();
        wait_for("the others' snapshot", || group.saved(0).filter(|saved| Some(&*saved.query(None)) == last));
        group.stop_server(1);
        assert_history(&mut clerk, &history);
    });
}

/// The next leader has the same configurations as the leader before it.
#[test]
fn leaders_agree() {
    labrt::run(|| {
        let mut group = Group::start(3, None);
        let mut clerk = group.clerk();
        let mut history = changes(&mut clerk);
        for gid in 100..105 {
            let leader = wait_for("a leader", || group.leader());
            group.stop_server(leader);
            assert_history(&mut clerk, &history);
            history.push(clerk.join(groups(&[gid])).expect("a new group can join"));
            group.start_server(leader);
        }
    });
}

/// Requests and replies get lost, so clerks send changes again. Each change makes one configuration. When a
/// `Join` is repeated, its groups may already be in the configuration. Nevertheless it must not be refused.
#[test]
fn changes_are_made_once_on_a_bad_network() {
    const CLERKS: u64 = 5;
    const ROUNDS: u64 = 6;
    labrt::run(|| {
        let group = Group::start(3, Some(2000));
        group.net.reliable(false);
        let clients: Vec<_> = (1..=CLERKS).map(|client| (client, group.clerk())).map(spawn_client).collect();
        clients.into_iter().for_each(|client| client.join().expect("no change of the client is refused"));
        let last = group.clerk().query(None);
        assert_eq!(last.num, CLERKS * ROUNDS * 3);
        assert_eq!(last.groups, groups(&(1..=CLERKS).map(|client| client * 100).collect::<Vec<_>>()));
    });

    fn spawn_client((client, mut clerk): (u64, Clerk)) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            for round in 0..ROUNDS {
                let (stays, goes) = (client * 100, client * 100 + 1 + round);
                clerk.join(groups(&[goes])).expect("a new group can join");
                match round {
                    0 => clerk.join(groups(&[stays])).expect("a new group can join"),
                    _ => clerk.move_shard(round as usize, goes).expect("the shard and the group exist"),
                };
                let left = clerk.leave(&[goes]).expect("the group exists");
                assert!(!left.groups.contains_key(&goes) && left.groups.contains_key(&stays));
            }
        })
    }
}

/// The threads of a stopped server end at once, because no handler waits for a commit.
#[test]
fn a_stopped_server_leaves_no_thread_behind() {
    labrt::run(|| {
        let mut group = Group::start(3, None);
        changes(&mut group.clerk());
        for me in 0..3 {
            let node = group.stop_server(me);
            wait_for("the end of its threads", || thread::alive(node).is_empty().then_some(()));
        }
    });
}

/// Waits until `look` returns something. The limit is long, because the machine may be busy.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        sleep(Duration::from_millis(10));
    }
}
