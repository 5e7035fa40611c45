//! The test binary that `tests/harness.rs` runs. Its suite is not in the course. The Raft under test leaves a
//! thread behind after `kill`, and the cases have parameters.

use std::process::ExitCode;

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;
use labrt::thread;
use labrt::time::{Duration, sleep};
use labtest::harness::{self, Case};
use labtest::raft::{Setup, make_config};

/// Peer 0 leads. Each peer has a thread that ends a minute after it has started, even if the peer is killed
/// earlier.
struct Lingers {
    me: usize,
    _apply: Sender<ApplyMsg>,
}

impl RaftPeer for Lingers {
    fn make(_peers: Vec<End>, me: usize, _persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Lingers {
        thread::spawn_named(format!("lingers-{me}"), || sleep(Duration::from_secs(60)));
        Lingers { me, _apply: apply }
    }

    fn start(&self, _command: Command) -> Option<Started> {
        None
    }

    fn get_state(&self) -> (u64, bool) {
        (1, self.me == 0)
    }

    fn snapshot(&self, _index: u64, _snapshot: Vec<u8>) {}

    fn kill(&self) {}

    fn service(self: &Arc<Self>) -> Service {
        Service::new("Raft")
    }
}

fn one_leader(servers: usize) {
    let cfg = make_config::<Lingers>(Setup::of(servers));
    cfg.begin(&format!("Test: one leader of {servers}"));
    assert_eq!(cfg.check_one_leader(), 0);
    cfg.end();
}

fn main() -> ExitCode {
    let case = |servers| Case::ours(format!("one_leader_of_{servers}"), move || one_leader(servers));
    let ignored = Case::ours("an_ignored_case", || {}).ignored();
    let cases = [[3, 5, 7].map(case).to_vec(), vec![ignored]].concat();
    let here = labrt::here!().with_feature("wide", true).with_feature("narrow", false);
    harness::main(here, Lingers::STRICTNESS, &cases)
}
