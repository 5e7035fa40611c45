//! Tests with bytes that are not an operation, or not a snapshot. The error messages must say what is wrong.

use super::group::{Group, Op, SECOND, Words, failure, wait_until, word};
use crate::raft::{Options, Raft};
use crate::rsm::{Rsm, StartError};
use labapi::{ApplyMsg, Command, Persister, ServerStart};
use labrpc::{Network, Server};
use labrt::chan;
use labrt::node::{self, NodeId};
use labrt::sync::Arc;
use labrt::time::sleep;

/// A persister with a log whose second command cannot be decoded.
fn corrupt_log() -> Arc<Persister> {
    let net = Network::new();
    let persister = Arc::new(Persister::new());
    let (tx, applied) = chan::unbounded();
    let raft = Raft::make(vec![net.make_end(NodeId::NONE, 0usize)], 0, persister.clone(), tx);
    let raft = raft.expect("there is no saved state");
    wait_until("the server leads", || raft.get_state().1);
    let commands = [labgob::encode(&word("good")), b"\x00\x05rubb".to_vec(), labgob::encode(&word("good"))];
    for bytes in commands {
        raft.start(Command::new(bytes)).expect("the server leads");
    }
    wait_until("index 3 is applied", || matches!(applied.recv(), Ok(ApplyMsg::Command { index: 3, .. })));
    raft.kill();
    Arc::new(persister.copy())
}

fn start_alone(persister: Arc<Persister>) -> Result<Rsm<Words>, StartError> {
    let net = Network::new();
    let _node = node::enter(NodeId::first(0));
    let ends = vec![net.make_end(NodeId::first(0), 0usize)];
    let rsm = Rsm::make(ServerStart { ends, me: 0, persister, maxraftstate: None }, Words::default())?;
    net.add_server(0usize, Server::new().service(rsm.raft_service()));
    Ok(rsm)
}

/// No server can continue with a log that another version or another service has written.
#[test]
fn a_command_that_does_not_decode_ends_the_run_and_is_named() {
    let message = failure(|| {
        let rsm = start_alone(corrupt_log()).expect("the log itself is sound");
        // The new leader starts an operation of its own term. When it is committed, the other entries are
        // committed, too.
        sleep(10 * SECOND);
        drop(rsm);
    });
    let expected = "the log is corrupt: the command at index 2 (6 bytes: Command(\\x00\\x05rubb)) does not decode as \
                    mit6824::rsm::tests::group::Op: cannot decode";
    assert!(message.starts_with(expected), "{message}");
    assert!(message.contains("at byte 2 of 6: the bytes end here, at least 1 more expected"), "{message}");
}

#[test]
fn a_saved_snapshot_that_does_not_decode_is_refused_at_the_start() {
    labrt::run(|| {
        let persister = Arc::new(Persister::new());
        let state = corrupt_log().read_raft_state();
        persister.save_state_and_snapshot(&state, &[255; 5]);
        let error = start_alone(persister).err().expect("the server must not start");
        assert!(matches!(error, StartError::Snapshot { bytes: 5, .. }), "{error:?}");
        let message = error.to_string();
        let expected = "the saved snapshot (5 bytes) is not one of this service: cannot decode";
        assert!(message.starts_with(expected), "{message}");
        assert!(labrt::thread::alive(NodeId::first(0)).is_empty(), "nothing was started");
    });
}

#[test]
fn a_saved_raft_state_that_does_not_decode_is_refused_at_the_start() {
    labrt::run(|| {
        let persister = Arc::new(Persister::new());
        persister.save_raft_state(&[9, 9, 9]);
        let error = start_alone(persister).err().expect("the server must not start");
        assert!(matches!(error, StartError::Raft(_)), "{error:?}");
        assert!(!error.to_string().is_empty());
    });
}

#[test]
fn a_snapshot_from_the_leader_that_does_not_decode_ends_the_run_and_is_named() {
    let message = failure(|| {
        let group = Group::with(3, Some(200), |me| {
            let patience = if me == 0 { SECOND / 10 } else { 50 * SECOND };
            let options = Options { election_timeout: patience..2 * patience, ..Options::default() };
            (Words { writes_rubbish: true, ..Words::default() }, options)
        });
        let leader = group.leader(|_| true);
        group.connect(2, false);
        for _ in 0..50 {
            group.servers[leader].submit_and_wait(&word("something")).expect("the server leads");
        }
        group.connect(2, true);
        sleep(10 * SECOND);
    });
    let expected = "the leader's snapshot up to index ";
    assert!(message.starts_with(expected), "{message}");
    assert!(message.contains("(5 bytes) is not one of this service: cannot decode"), "{message}");
}

/// An operation of another service cannot be decoded.
#[test]
fn an_operation_of_another_service_does_not_pass() {
    assert!(labgob::decode::<Op>(&labgob::encode("a text")).is_err());
}
