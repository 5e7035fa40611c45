//! Tests the deliveries to the service: the applier, and the threads that help it.
//!
//! Messages take no time in these tests. So a thread that flushes learns at once that its entries are
//! committed, and it helps the applier, in virtual time and in real time.

use super::server::{SECOND, assert_ends, discard, group_with, server_0_leads};
use crate::raft::{ApplySink, Options, Raft, RoleChange};
use labapi::{ApplyMsg, Command};
use labrpc::Cost;
use labrt::chan::{self, Receiver, Sender};
use labrt::node;
use labrt::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use labrt::sync::{Arc, Mutex, Signal};
use labrt::thread;
use labrt::time::sleep;
use std::sync::OnceLock;

/// What a [`Probe`] has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Command(u64),
    Role { leads: bool },
}

/// A sink that tells a test what it hears. It calls `act` for each command, with the index.
struct Probe {
    tell: Sender<Heard>,
    act: Box<dyn FnMut(u64) + Send>,
    /// Is a thread delivering now?
    busy: Arc<AtomicBool>,
    /// Raised when the sink is dropped.
    dropped: Signal,
}

/// The other side of a [`Probe`].
struct Watch {
    heard: Receiver<Heard>,
    dropped: Signal,
}

impl Probe {
    fn new(act: impl FnMut(u64) + Send + 'static) -> (Probe, Watch) {
        let ((tell, heard), dropped) = (chan::unbounded(), Signal::new());
        let watch = Watch { heard, dropped: dropped.clone() };
        (Probe { tell, act: Box::new(act), busy: Arc::default(), dropped }, watch)
    }

    fn hear(&mut self, heard: Heard) {
        assert!(!self.busy.swap(true, SeqCst), "two threads deliver at the same time");
        // The receiver may be gone.
        let _ = self.tell.send(heard);
        if let Heard::Command(index) = heard {
            (self.act)(index);
        }
        self.busy.store(false, SeqCst);
    }
}

impl ApplySink for Probe {
    fn deliver(&mut self, message: ApplyMsg, stop: &Signal) -> bool {
        let (ApplyMsg::Command { index, .. } | ApplyMsg::Snapshot { index, .. }) = message;
        if !stop.is_raised() {
            self.hear(Heard::Command(index));
        }
        !stop.is_raised()
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn wants_roles(&self) -> bool {
        true
    }

    fn role_changed(&mut self, change: RoleChange) {
        self.hear(Heard::Role { leads: change.is_leader });
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.dropped.raise();
    }
}

/// Starts a group of `n` servers that server 0 leads. Calls `test` with this server, after `sink` has heard
/// that the server leads.
fn with_leader(n: usize, sink: Probe, watch: &Watch, test: impl FnOnce(&Arc<Raft>)) {
    let mut sink = Some(sink);
    let sink = |me: usize| -> Box<dyn ApplySink> {
        if me == 0 { Box::new(sink.take().expect("server 0 is made once")) } else { discard(me) }
    };
    let mut group = group_with(n, sink, options, Cost::Free);
    while watch.heard.recv_timeout(10 * SECOND) != Ok(Heard::Role { leads: true }) {}
    // The followers have answered the leader's first message.
    sleep(SECOND / 10);
    test(&Arc::new(group.rafts.swap_remove(0)));
}

/// No sender thread has something to send while a test runs.
fn options(me: usize) -> Options {
    Options { commit_interval: 100 * SECOND, ..server_0_leads(me) }
}

fn propose(leader: &Raft) {
    leader.start_unsent(Command::new(vec![7])).expect("the server leads");
}

/// Executes a test with several seeds in virtual time, and once in real time.
fn run(test: impl Fn() + Send + Sync + 'static) {
    let run = labrt::Run { runs: if labrt::is_sim() { 20 } else { 1 }, ..labrt::Run::default() };
    let test = Arc::new(test);
    for seed in 0..run.runs {
        let test = test.clone();
        let outcome = run.once(seed, move || test());
        if let Some(failure) = outcome.failure {
            panic!("seed {seed}, {}: {}", failure.thread, failure.message);
        }
    }
}

#[test]
fn the_thread_that_flushes_delivers() {
    run(|| {
        let (probe, watch) = Probe::new(|_| ());
        with_leader(3, probe, &watch, |leader| {
            for index in 1..=10 {
                propose(leader);
                leader.flush();
                assert_eq!(watch.heard.try_recv(), Ok(Heard::Command(index)), "`flush` has delivered");
            }
        });
    });
}

/// A sink that may block belongs to the applier alone. So `flush` returns, although nobody takes the message.
#[test]
fn a_sink_that_may_block_does_not_block_a_flush() {
    run(|| {
        let (tx, rx) = chan::rendezvous();
        let mut tx = Some(tx);
        let sink = |me: usize| -> Box<dyn ApplySink> {
            if me == 0 { Box::new(tx.take().expect("server 0 is made once")) } else { discard(me) }
        };
        let group = group_with(3, sink, options, Cost::Free);
        let leader = group.leader();
        for _ in 0..3 {
            propose(leader);
            leader.flush();
        }
        for expected in 1..=3 {
            let message = rx.recv_timeout(10 * SECOND);
            assert!(matches!(message, Ok(ApplyMsg::Command { index, .. }) if index == expected));
        }
    });
}

/// Many nodes depend on a thread of the network. So this thread does not help.
#[test]
fn a_shared_thread_does_not_help() {
    run(|| {
        let (probe, watch) = Probe::new(|_| assert!(!node::on_shared_thread()));
        with_leader(3, probe, &watch, |leader| {
            let leader = leader.clone();
            let shared = thread::spawn_named("shared", move || {
                node::shared_thread();
                propose(&leader);
                leader.flush();
            });
            shared.join().expect("the thread only proposes");
            assert_eq!(watch.heard.recv_timeout(10 * SECOND), Ok(Heard::Command(1)));
        });
    });
}

/// The commands are delivered in order, and never by two threads at the same time. No command waits for
/// another event.
#[test]
fn helpers_deliver_in_order() {
    run(|| {
        let (probe, watch) = Probe::new(|_| thread::yield_now());
        with_leader(3, probe, &watch, |leader| {
            let propose_often = |_| {
                let leader = leader.clone();
                thread::spawn(move || {
                    for _ in 0..20 {
                        propose(&leader);
                        leader.flush();
                    }
                })
            };
            let threads: Vec<_> = (0..6).map(propose_often).collect();
            for index in 1..=120 {
                assert_eq!(watch.heard.recv_timeout(10 * SECOND), Ok(Heard::Command(index)));
            }
            threads.into_iter().for_each(|thread| thread.join().expect("the thread only proposes"));
        });
    });
}

/// A service hears of a new role before it hears of the commands of this role, also if a helper delivers. The
/// only server of a group commits at once, so a helper may find the report and the command together.
#[test]
fn a_helper_reports_roles_first() {
    run(|| {
        let (probe, watch) = Probe::new(|_| ());
        let mut probe = Some(probe);
        let sink = |_| -> Box<dyn ApplySink> { Box::new(probe.take().expect("there is one server")) };
        let group = group_with(1, sink, options, Cost::Free);
        while group.rafts[0].start_unsent(Command::new(vec![7])).is_none() {
            thread::yield_now();
        }
        group.rafts[0].flush();
        let mut heard = Vec::new();
        while heard.last() != Some(&Heard::Command(1)) {
            heard.push(watch.heard.recv_timeout(10 * SECOND).expect("the command is delivered"));
        }
        assert_eq!(heard[heard.len() - 2], Heard::Role { leads: true }, "{heard:?}");
    });
}

/// The service has more and more to do. The thread that flushes does only a part of it.
#[test]
fn a_helper_does_not_deliver_for_ever() {
    run(|| {
        let raft = Arc::new(OnceLock::<Arc<Raft>>::new());
        let server = raft.clone();
        let (probe, watch) = Probe::new(move |_| {
            // The only server of a group commits at once. So each command brings the next one.
            server.get().and_then(|raft| raft.start(Command::new(vec![7])));
        });
        with_leader(1, probe, &watch, |leader| {
            raft.set(leader.clone()).ok().expect("set once");
            propose(leader);
            leader.flush();
            for index in 1..=100 {
                assert_eq!(watch.heard.recv_timeout(10 * SECOND), Ok(Heard::Command(index)));
            }
            leader.kill();
            assert!(watch.dropped.wait_until(labrt::time::Instant::now() + 10 * SECOND));
            assert_ends(0);
        });
    });
}

/// A sink may call its server. A flush in a delivery does not deliver, and a kill in a delivery ends the
/// deliveries.
#[test]
fn a_sink_may_call_its_server() {
    const LAST: u64 = 6;
    run(|| {
        let raft = Arc::new(OnceLock::<Arc<Raft>>::new());
        let (server, depth) = (raft.clone(), AtomicUsize::new(0));
        let (probe, watch) = Probe::new(move |index| {
            let raft = server.get().expect("set before the first command");
            assert_eq!(depth.fetch_add(1, SeqCst), 0, "a delivery in a delivery");
            assert!(raft.get_state().1);
            raft.snapshot(index, vec![1]).expect("the service has received the command");
            raft.read_index(|index| assert!(index.is_some()));
            propose(raft);
            raft.flush();
            raft.flush();
            assert_eq!(raft.status().last_applied, index, "the batch has one command");
            if index == LAST {
                raft.kill();
            }
            depth.fetch_sub(1, SeqCst);
        });
        with_leader(3, probe, &watch, |leader| {
            raft.set(leader.clone()).ok().expect("set once");
            propose(leader);
            leader.flush();
            assert!(watch.dropped.wait_until(labrt::time::Instant::now() + 10 * SECOND), "killed");
            assert_ends(0);
            let heard: Vec<_> = watch.heard.iter().collect();
            assert_eq!(heard, (1..=LAST).map(Heard::Command).collect::<Vec<_>>());
        });
    });
}

/// A server is killed during a delivery. Its own threads end at once. The helper ends when the sink returns,
/// and then the sink is dropped.
#[test]
fn kill_while_a_helper_delivers() {
    run(|| {
        let (inside, go_on) = (Signal::new(), Signal::new());
        let (enters, waits) = (inside.clone(), go_on.clone());
        let (probe, watch) = Probe::new(move |_| {
            enters.raise();
            waits.wait();
        });
        with_leader(3, probe, &watch, |leader| {
            let server = leader.clone();
            let helper = thread::spawn(move || {
                propose(&server);
                server.flush();
            });
            inside.wait();
            propose(leader);
            leader.flush();
            leader.kill();
            assert_ends(0);
            assert!(!watch.dropped.is_raised(), "the helper has the sink");
            go_on.raise();
            helper.join().expect("the helper returns");
            assert!(watch.dropped.is_raised(), "nobody needs the sink");
            let heard: Vec<_> = watch.heard.iter().collect();
            assert_eq!(heard, [Heard::Command(1)], "nothing is delivered after the kill");
        });
    });
}

/// The answers to a read and to its round arrive at once, so `read_index` itself calls the closure.
#[test]
fn the_thread_that_reads_gets_its_read_index() {
    run(|| {
        let (probe, watch) = Probe::new(|_| ());
        with_leader(3, probe, &watch, |leader| {
            propose(leader);
            leader.flush();
            let found = Arc::new(Mutex::new(None));
            let kept = found.clone();
            leader.read_index(move |index| *kept.lock() = index);
            assert_eq!(*found.lock(), Some(1));
        });
    });
}
