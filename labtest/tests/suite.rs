//! The test binary that `tests/harness.rs` runs. Its suite is not in the course. The Raft under test leaves a
//! thread behind after `kill`, and the cases have parameters. The case `three_messages_fail` fails unless a
//! message is lost.

use std::process::ExitCode;

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started};
use labrpc::{End, Service};
use labrt::chan::Sender;
use labrt::sync::Arc;
use labrt::sync::atomic::{AtomicU64, Ordering};
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

/// Peer 0 claims to lead, and sends three messages to peer 1. When peer 1 has got all three messages, it also
/// claims to lead. Then the term has two leaders.
struct ThreePings {
    me: usize,
    pings: Arc<AtomicU64>,
}

impl RaftPeer for ThreePings {
    fn make(peers: Vec<End>, me: usize, _persister: Arc<Persister>, _apply: Sender<ApplyMsg>) -> ThreePings {
        if me == 0 {
            thread::spawn(move || {
                for ping in 1..=3u64 {
                    sleep(Duration::from_millis(100));
                    let _ = peers[1].call::<u64, u64>("Raft.Ping", &ping);
                }
            });
        }
        ThreePings { me, pings: Arc::new(AtomicU64::new(0)) }
    }

    fn start(&self, _command: Command) -> Option<Started> {
        None
    }

    fn get_state(&self) -> (u64, bool) {
        (1, self.me == 0 || self.pings.load(Ordering::SeqCst) == 3)
    }

    fn snapshot(&self, _index: u64, _snapshot: Vec<u8>) {}

    fn kill(&self) {}

    fn service(self: &Arc<Self>) -> Service {
        let pings = Arc::clone(&self.pings);
        Service::new("Raft").inline("Ping", move |_: u64| pings.fetch_add(1, Ordering::SeqCst))
    }
}

fn three_pings() {
    let cfg = make_config::<ThreePings>(Setup::of(3));
    cfg.begin("Test: three messages");
    sleep(Duration::from_secs(1));
    assert_eq!(cfg.check_one_leader(), 0);
    cfg.end();
}

fn main() -> ExitCode {
    let case = |servers| Case::ours(format!("one_leader_of_{servers}"), move || one_leader(servers));
    let ignored = Case::ours("an_ignored_case", || {}).ignored();
    let fails = Case::ours("three_messages_fail", three_pings).ignored();
    let cases = [[3, 5, 7].map(case).to_vec(), vec![ignored, fails]].concat();
    let here = labrt::here!().with_feature("wide", true).with_feature("narrow", false);
    harness::main(here, Lingers::STRICTNESS, &cases)
}
