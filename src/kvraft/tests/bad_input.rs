//! Tests with unusual keys and values, and with wrong bytes in place of arguments, a log or a snapshot.

use super::group::Group;
use crate::kvraft::{Clerk, KvServer};
use crate::raft::Raft;
use crate::rsm::StartError;
use labapi::{ApplyMsg, Command, Persister, ServerStart};
use labrpc::{Network, Server};
use labrt::Run;
use labrt::chan;
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::time::{Duration, sleep};

/// Does `work` and then `check`, in groups with and without snapshots. Does `check` again after a restart.
#[track_caller]
fn survives(work: impl Fn(&mut Clerk), check: impl Fn(&mut Clerk)) {
    for maxraftstate in [None, Some(1000)] {
        let group = Group::start(3, maxraftstate);
        let mut clerk = group.clerk();
        work(&mut clerk);
        check(&mut clerk);
        let saved = group.persisters.iter().map(|persister| Arc::new(persister.copy())).collect();
        drop(group);
        let group = Group::restart(saved, maxraftstate);
        check(&mut group.clerk());
    }
}

#[test]
fn empty_keys_and_values() {
    labrt::run(|| {
        let work = |clerk: &mut Clerk| {
            clerk.append("", "of the empty key");
            clerk.append("", "");
            clerk.put("empty", "");
            clerk.append("appended to nothing", "");
        };
        survives(work, |clerk| {
            assert_eq!(clerk.get(""), "of the empty key");
            assert_eq!(clerk.get("empty"), "");
            assert_eq!(clerk.get("appended to nothing"), "");
        });
    });
}

#[test]
fn keys_that_are_hard_to_print() {
    labrt::run(|| {
        let keys = [
            "\0",
            "\n",
            "a\tb",
            "\u{1b}[31m",
            "\u{7f}",
            "ключ",
            "\u{1f600}",
            "e\u{301}",
            "\u{e9}",
            "/",
            "KVServer.Get",
        ];
        let work = |clerk: &mut Clerk| keys.iter().for_each(|key| clerk.append(key, &format!("of {key:?}")));
        survives(work, |clerk| keys.iter().for_each(|key| assert_eq!(clerk.get(key), format!("of {key:?}"))));
    });
}

#[test]
fn a_key_and_a_value_of_a_megabyte() {
    labrt::run(|| {
        let long = |c: &str| c.repeat(1 << 20);
        let work = |clerk: &mut Clerk| {
            clerk.put(&long("k"), "short");
            clerk.put("short", &long("v"));
            clerk.append("short", &long("w"));
        };
        survives(work, |clerk| {
            assert_eq!(clerk.get(&long("k")), "short");
            assert!(clerk.get("short") == long("v") + &long("w"));
        });
    });
}

#[test]
fn ten_thousand_keys() {
    labrt::run(|| {
        // With a smaller limit the servers would take more snapshots of so many keys. The test would take
        // long and show nothing more.
        let group = Group::start(3, Some(100_000));
        let mut clerk = group.clerk();
        (0..10_000).for_each(|i| clerk.put(&format!("key {i}"), &i.to_string()));
        let saved: Vec<_> = group.persisters.iter().map(|persister| Arc::new(persister.copy())).collect();
        assert!(saved.iter().any(|persister| persister.snapshot_size() > 100_000));
        drop(group);
        let group = Group::restart(saved, Some(100_000));
        let mut clerk = group.clerk();
        for i in (0..10_000).step_by(7) {
            assert_eq!(clerk.get(&format!("key {i}")), i.to_string());
        }
    });
}

/// A client sends bytes that are not valid arguments.
#[test]
fn arguments_of_another_type_end_the_run_and_are_named() {
    let run = Run { quiet: true, ..Run::default() };
    let outcome = run.once(7, || {
        let group = Group::start(1, None);
        let end = group.net.make_end(NodeId::NONE, 0usize);
        group.net.enable(&end, true);
        let _: Option<u64> = end.call("KVServer.PutAppend", &(77_u8, "key"));
    });
    let message = outcome.failure.expect("the server must fail").message;
    assert!(message.contains("KVServer.PutAppend"), "{message}");
    assert!(message.contains("cannot decode mit6824::kvraft::messages::PutAppendArgs"), "{message}");
}

/// Starts a single server with the saved state.
fn start_alone(persister: Arc<Persister>) -> Result<KvServer, StartError> {
    let net = Network::new();
    let _node = node::enter(NodeId::first(0));
    let ends = vec![net.make_end(NodeId::first(0), 0usize)];
    let server = KvServer::start(ServerStart { ends, me: 0, persister, maxraftstate: None })?;
    net.add_server(0usize, server.services().into_iter().fold(Server::new(), Server::service));
    Ok(server)
}

#[test]
fn a_snapshot_of_something_else_is_refused_at_the_start() {
    labrt::run(|| {
        let snapshots =
            [b"rubbish".to_vec(), labgob::encode(&("one", "two", "three")), vec![0], vec![255; 100]];
        for snapshot in snapshots {
            let persister = Arc::new(Persister::new());
            persister.save_state_and_snapshot(&[], &snapshot);
            let message = start_alone(persister).err().expect("the server must not start").to_string();
            let expected =
                format!("the saved snapshot ({} bytes) is not one of this service", snapshot.len());
            assert!(message.starts_with(&expected), "{message}");
        }
    });
}

#[test]
fn a_log_of_something_else_ends_the_run_and_is_named() {
    let run = Run { quiet: true, ..Run::default() };
    let outcome = run.once(7, || {
        let net = Network::new();
        let persister = Arc::new(Persister::new());
        let (tx, applied) = chan::unbounded();
        let ends = || vec![net.make_end(NodeId::NONE, 0usize)];
        let raft = Raft::make(ends(), 0, persister.clone(), tx).expect("there is no saved state");
        while !raft.get_state().1 {
            sleep(Duration::from_millis(10));
        }
        raft.start(Command::new(b"hello, world".to_vec())).expect("the server leads");
        assert!(matches!(applied.recv(), Ok(ApplyMsg::Command { index: 1, .. })));
        raft.kill();
        let server = start_alone(Arc::new(persister.copy())).expect("Raft's part of the state can be read");
        // The new server can commit the old entries only after it has an entry of its own term.
        let end = net.make_end(NodeId::NONE, "server");
        net.add_server("server", server.services().into_iter().fold(Server::new(), Server::service));
        net.enable(&end, true);
        Clerk::new(vec![end]).put("key", "value");
    });
    let message = outcome.failure.expect("the server must fail").message;
    let expected = "the log is corrupt: the command at index 1 (12 bytes: Command(hello, world)) does not decode as \
                    mit6824::kvraft::messages::Op: cannot decode";
    assert!(message.starts_with(expected), "{message}");
}
