//! Tests with clients, groups and a controller, in real time and in virtual time.

use super::cluster::{Cluster, SERVERS, wait_until};
use crate::kvraft::Kv;
use crate::shardkv::group::Group;
use crate::shardkv::messages::DeliverArgs;
use crate::shardkv::migration::Shard;
use crate::shardkv::{Clerk, ShardKv};
use labapi::{GroupStart, NSHARDS, ServerStart};
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};

const KEYS: usize = 10;

fn append_to_all(clerk: &mut Clerk, value: &str) {
    (0..KEYS).for_each(|key| clerk.append(&key.to_string(), value));
}

#[track_caller]
fn check_all(clerk: &mut Clerk, expected: &str) {
    (0..KEYS).for_each(|key| assert_eq!(clerk.get(&key.to_string()), expected, "key {key}"));
}

#[test]
fn put_append_and_get_while_shards_move() {
    labrt::run(|| {
        for maxraftstate in [None, Some(1), Some(1000)] {
            let mut cluster = Cluster::start(&[101, 102], maxraftstate);
            cluster.join(&[101]);
            let mut clerk = cluster.clerk();
            check_all(&mut clerk, "");
            append_to_all(&mut clerk, "a");
            cluster.join(&[102]);
            append_to_all(&mut clerk, "b");
            cluster.leave(&[101]);
            append_to_all(&mut clerk, "c");
            check_all(&mut cluster.clerk(), "abc");
            clerk.put("0", "d");
            assert_eq!(clerk.get("0"), "d");
            wait_until("group 101 has deleted all data", || cluster.bytes(101) == 0);
            // There are ten keys, each of one character. One key has the value "d", the others have "abc".
            wait_until("all servers of group 102 have all data", || {
                cluster.bytes(102) == SERVERS * (KEYS + 3 * (KEYS - 1) + 1)
            });
        }
    });
}

/// The shards move although no client makes calls and each group has lost one server.
#[test]
fn shards_move_on_their_own() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102], Some(100));
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.stop_server(101, 0);
        cluster.stop_server(102, 1);
        cluster.join(&[102]);
        cluster.leave(&[101]);
        wait_until("group 101 has deleted all data", || cluster.bytes(101) == 0);
        cluster.stop_group(101);
        check_all(&mut cluster.clerk(), "a");
    });
}

/// The new owner leaves before it has its shards. After a restart, the old owner must still know which shards
/// it must deliver, and to which servers.
#[test]
fn a_group_that_is_down_gets_its_shards_later() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102, 103], Some(1));
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.stop_group(102);
        cluster.join(&[102]);
        cluster.leave(&[101]);
        cluster.join(&[103]);
        cluster.leave(&[102]);
        wait_until("group 101 has taken configuration 5", || {
            cluster.servers(101).all(|server| server.read(|group| group.config().num == 5))
        });
        assert!(cluster.bytes(101) > 0, "no other group has the data");
        cluster.stop_group(101);
        cluster.start_group(101);
        cluster.start_group(102);
        check_all(&mut cluster.clerk(), "a");
        wait_until("groups 101 and 102 have deleted all data", || {
            cluster.bytes(101) + cluster.bytes(102) == 0
        });
    });
}

/// The old owner deletes the data when it gets the reply "taken". So a leader without a majority must not
/// reply "taken": the operations that it has started can get lost.
#[test]
fn a_delivery_is_not_taken_before_it_is_committed() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102], None);
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.stop_group(101);
        cluster.join(&[102]);
        wait_until("all servers of group 102 await their shards", || {
            let awaits = |group: &Group| group.shards().iter().any(Shard::is_awaiting);
            cluster.servers(102).all(|server| server.read(awaits))
        });

        let leader =
            cluster.servers(102).position(|server| server.get_state().1).expect("the group has a leader");
        let others: Vec<usize> = (0..SERVERS).filter(|&me| me != leader).collect();
        for &me in &others {
            cluster.stop_server(102, me);
        }
        let config = cluster.ctrler.query(None);
        let given = (0..NSHARDS).filter(|&shard| config.shards[shard] == 102);
        let shards = given.map(|shard| (shard, Arc::new(Kv::new()))).collect();
        let args = DeliverArgs { from: 101, num: config.num, shards };
        assert_eq!(cluster.deliver(102, leader, &args), None, "server {leader} is alone");

        // The other servers have not got this delivery. They get the shards from group 101.
        cluster.stop_server(102, leader);
        others.iter().for_each(|&me| cluster.start_server(102, me));
        cluster.start_group(101);
        check_all(&mut cluster.clerk(), "a");
    });
}

/// One of two new owners is dead. The old owner still serves the shards that it keeps, and still delivers
/// shards to the other new owner.
#[test]
fn a_dead_group_delays_no_other() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102, 103], None);
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.stop_group(102);
        cluster.join(&[102, 103]);
        let served = |cluster: &Cluster, gid| {
            let count = |group: &Group| {
                group.shards().iter().filter(|shard| matches!(shard, Shard::Serving(_))).count()
            };
            cluster.servers(gid).map(|server| server.read(count)).min().unwrap_or(0)
        };
        wait_until("groups 101 and 103 serve their shards", || {
            served(&cluster, 101) + served(&cluster, 103) >= NSHARDS - 4
        });
        let config = cluster.ctrler.query(None);
        let mut clerk = cluster.clerk();
        for key in (0..KEYS).map(|key| key.to_string()) {
            if config.shards[labapi::key2shard(&key)] != 102 {
                clerk.append(&key, "b");
                assert_eq!(clerk.get(&key), "ab", "key {key}");
            }
        }
    });
}

/// All groups have left, so the data stays in the last group until another group joins.
#[test]
fn all_groups_leave_and_another_one_joins() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102], Some(100));
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.leave(&[101]);
        let mut waiting = cluster.clerk();
        let get = thread::spawn(move || waiting.get("0"));
        sleep(Duration::from_millis(300));
        assert!(!get.is_finished(), "no group serves the key");
        cluster.join(&[102]);
        assert_eq!(get.join().expect("a clerk never fails"), "a");
        check_all(&mut cluster.clerk(), "a");
        wait_until("group 101 has deleted all data", || cluster.bytes(101) == 0);
    });
}

/// The threads of a killed server end at once, even if the server waits for the reply of another group.
#[test]
fn a_killed_server_leaves_no_thread() {
    labrt::run(|| {
        let mut cluster = Cluster::start(&[101, 102], None);
        cluster.join(&[101]);
        append_to_all(&mut cluster.clerk(), "a");
        cluster.net.long_delays(true);
        cluster.stop_group(102);
        cluster.join(&[102]);
        sleep(Duration::from_millis(300));
        let dead = cluster.stop_group(101);
        sleep(Duration::from_millis(100));
        for node in dead {
            let left = thread::alive(node);
            assert!(left.is_empty(), "{node}: {left:?}");
        }
    });
}

/// If a server starts with the snapshot of another group, it returns an error.
#[test]
fn the_snapshot_of_another_group_is_refused() {
    labrt::run(|| {
        use labapi::Persister;
        use labrpc::{End, Network};
        use labrt::node::NodeId;
        use labrt::sync::Arc;

        let net = Network::new();
        let ends = || -> Vec<End> { (0..SERVERS).map(|to| net.make_end(NodeId::NONE, to)).collect() };
        let persister = Arc::new(Persister::new());
        persister.save_state_and_snapshot(&persister.read_raft_state(), &Group::new(101).encode());
        let named = net.clone();
        let make_end = Arc::new(move |name: &str| named.make_end(NodeId::NONE, name));
        let refused = ShardKv::start(GroupStart {
            server: ServerStart { ends: ends(), me: 0, persister, maxraftstate: None },
            gid: 102,
            ctrlers: ends(),
            make_end,
        });
        let error = refused.map(drop).expect_err("the snapshot is of another group").to_string();
        assert!(error.contains("group 101") && error.contains("group 102"), "{error}");
    });
}
