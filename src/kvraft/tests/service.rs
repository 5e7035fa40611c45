//! Tests with clients and servers: what a call guarantees, and when it returns.

use super::group::Group;
use crate::kvraft::{Clerk, GetArgs, KvError, PutAppendArgs, PutOrAppend, Reply};
use crate::rsm::Session;
use labrpc::End;
use labrt::chan;
use labrt::node::NodeId;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn put_append_and_get() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let mut clerk = group.clerk();
        assert_eq!(clerk.get("key"), "", "the key has no value yet");
        clerk.append("key", "a");
        clerk.append("key", "b");
        assert_eq!(clerk.get("key"), "ab");
        clerk.put("key", "c");
        assert_eq!(group.clerk().get("key"), "c");
    });
}

#[test]
fn restarted_servers_have_their_old_state() {
    labrt::run(|| {
        for maxraftstate in [None, Some(1), Some(1000)] {
            let group = Group::start(3, maxraftstate);
            let mut clerk = group.clerk();
            (0..50).for_each(|i| clerk.append("key", &format!("{i} ")));
            let expected = clerk.get("key");
            let saved = group.persisters.iter().map(|p| Arc::new(p.copy())).collect();
            drop(group);
            assert_eq!(Group::restart(saved, maxraftstate).clerk().get("key"), expected);
        }
    });
}

/// A fifth of the calls get no reply, so each clerk repeats some operations. Some of the repeated operations
/// were done before, and some were not.
#[test]
fn a_repeated_operation_is_done_once() {
    labrt::run(|| {
        let group = Group::start(3, Some(300));
        group.net.reliable(false);
        let work = |me: usize| {
            let mut clerk = group.clerk();
            thread::spawn(move || (0..30).for_each(|i| clerk.append("key", &format!("{me}.{i} "))))
        };
        (0..4).map(work).collect::<Vec<_>>().into_iter().for_each(|t| t.join().expect("a clerk never fails"));
        let value = group.clerk().get("key");
        for me in 0..4 {
            let own: Vec<&str> = value.split(' ').filter(|w| w.starts_with(&format!("{me}."))).collect();
            let expected: Vec<String> = (0..30).map(|i| format!("{me}.{i}")).collect();
            assert_eq!(own, expected, "each append of clerk {me} was done once, in order");
        }
    });
}

/// Ends to the servers, for calls that a clerk would not make.
fn ends(group: &Group) -> Vec<End> {
    let ends: Vec<_> = (0..group.servers.len()).map(|to| group.net.make_end(NodeId::NONE, to)).collect();
    ends.iter().for_each(|end| group.net.enable(end, true));
    ends
}

fn get_key() -> GetArgs {
    GetArgs { key: "key".to_owned() }
}

fn leader(group: &Group) -> usize {
    loop {
        if let Some(leader) = group.servers.iter().position(|server| server.get_state().1) {
            return leader;
        }
        sleep(SECOND / 100);
    }
}

/// A server gets several copies of one write at the same time. Each copy gets a reply, but the write is done
/// only once.
#[test]
fn copies_at_the_same_time_all_get_a_reply() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let (leader, ends) = (leader(&group), Arc::new(ends(&group)));
        let stamp = Session::new().next_stamp();
        let args = PutAppendArgs { op: PutOrAppend::Append, key: "key".into(), value: "once".into(), stamp };
        let (tx, replies) = chan::unbounded();
        for _ in 0..5 {
            let tx = tx.clone();
            ends[leader].send("KVServer.PutAppend", &args, move |reply: Option<Reply>| {
                tx.send(reply).expect("the test still receives");
            });
        }
        for _ in 0..5 {
            let reply = replies.recv_deadline(Instant::now() + 10 * SECOND).expect("a reply arrives");
            assert!(matches!(reply, Some(Ok(_))), "{reply:?}");
        }
        assert_eq!(group.clerk().get("key"), "once");
    });
}

#[test]
fn followers_refuse() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let (leader, ends) = (leader(&group), ends(&group));
        for (_, end) in ends.iter().enumerate().filter(|(i, _)| *i != leader) {
            let reply: Option<Reply> = end.call("KVServer.Get", &get_key());
            assert_eq!(reply, Some(Err(KvError::ErrWrongLeader)));
        }
        let reply: Option<Reply> = ends[leader].call("KVServer.Get", &get_key());
        assert_eq!(reply, Some(Err(KvError::ErrNoKey)));
    });
}

/// If a server is killed, the calls that wait in it fail at once. So a clerk can ask another server.
#[test]
fn a_kill_fails_the_calls_that_wait() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let (leader, ends) = (leader(&group), ends(&group));
        // A leader that is alone cannot commit anything.
        (0..3).filter(|&i| i != leader).for_each(|i| group.net.close_ends_of(NodeId::first(i)));
        group.net.close_ends_of(NodeId::first(leader));
        let (tx, replies) = chan::unbounded();
        let start = Instant::now();
        ends[leader].send("KVServer.Get", &get_key(), move |reply: Option<Reply>| {
            tx.send((reply, Instant::now())).expect("the test still receives");
        });
        sleep(SECOND / 10);
        assert!(replies.try_recv().is_err(), "the call waits");
        group.servers[leader].kill();
        let (reply, at) = replies.recv_deadline(start + 10 * SECOND).expect("a reply arrives");
        assert_eq!(reply, None);
        assert!(!labrt::is_sim() || at - start < SECOND / 9, "{:?}", at - start);
        let reply: Option<Reply> = ends[leader].call("KVServer.Get", &get_key());
        assert_eq!(reply, Some(Err(KvError::ErrWrongLeader)), "a killed server does not lead");
    });
}

#[test]
fn kill_ends_all_threads() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let mut clerk = group.clerk();
        clerk.put("key", "value");
        group.servers.iter().for_each(|server| server.kill());
        let deadline = Instant::now() + if labrt::is_sim() { SECOND / 10 } else { 5 * SECOND };
        let alive =
            || (0..3).flat_map(|i| thread::alive(NodeId::first(i))).map(|t| t.what).collect::<Vec<_>>();
        while !alive().is_empty() {
            assert!(Instant::now() < deadline, "these threads still run: {:?}", alive());
            sleep(SECOND / 200);
        }
    });
}

/// No server can be reached for some time. A clerk does not give up, and it makes pauses between its tries.
#[test]
fn a_clerk_never_gives_up() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let clerk_ends = ends(&group);
        clerk_ends.iter().for_each(|end| group.net.enable(end, false));
        let names: Vec<_> = clerk_ends.iter().map(|end| end.name().clone()).collect();
        let mut clerk = Clerk::new(clerk_ends);
        let (tx, done) = chan::unbounded();
        let before = group.net.total_count();
        thread::spawn(move || {
            clerk.put("key", "at last");
            tx.send(()).expect("the test still receives");
        });
        sleep(10 * SECOND);
        assert!(done.try_recv().is_err());
        // The leader sends a heartbeat to each of its two followers every 100 ms. One try of the clerk takes
        // about 50 ms: after this time the network reports that it cannot reach the server.
        let calls = group.net.total_count() - before;
        assert!(calls < 1000, "{calls} calls in ten seconds");
        names.into_iter().for_each(|name| group.net.enable(name, true));
        done.recv_deadline(Instant::now() + 2 * SECOND).expect("the put ends within two seconds");
        assert_eq!(group.clerk().get("key"), "at last");
    });
}
