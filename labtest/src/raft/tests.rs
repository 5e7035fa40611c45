//! Tests of the harness with fake peers. A fake peer has the methods of a Raft peer, but it does not use the
//! Raft protocol. The tests show that the harness notices the faults of these peers.

use labapi::{ApplyMsg, Command, Persister, RaftPeer, Started, Strictness};
use labrpc::{End, Link, Service};
use labrt::Run;
use labrt::chan::Sender;
use labrt::sync::{Arc, Signal};
use labrt::thread;
use labrt::time::{Duration, sleep};

use super::{Moment, Retry, Setup, Which, make_config};
use crate::output::set_quiet;
use crate::value::Value;
use labview::spacetime::{Event, Trace};

/// The behaviour of a fake peer. By default peer 0 leads in term 1, and no peer accepts or applies a command.
trait Play: Send + Sync + 'static {
    const STRICTNESS: Strictness = Strictness::Fail;

    /// The term of peer `me`, and whether this peer leads.
    fn state(me: usize) -> (u64, bool) {
        (1, me == 0)
    }

    /// The code that the only thread of a peer runs in one life of the peer.
    fn live(_life: Life) {}
}

/// The values that the code of a fake peer's thread can use.
struct Life {
    me: usize,
    persister: Arc<Persister>,
    apply: Sender<ApplyMsg>,
    killed: Signal,
}

impl Life {
    fn apply(&self, index: u64, value: impl Into<Value>) {
        let command = value.into().to_command();
        // If the harness has ended, nobody receives the message, and the send fails. This error is ignored.
        let _ = self.apply.send(ApplyMsg::Command { index, term: 1, command });
    }
}

/// A fake peer that behaves as `P` says.
struct Fake<P> {
    me: usize,
    ends: Vec<End>,
    killed: Signal,
    play: std::marker::PhantomData<P>,
}

impl<P: Play> RaftPeer for Fake<P> {
    const STRICTNESS: Strictness = P::STRICTNESS;

    fn make(ends: Vec<End>, me: usize, persister: Arc<Persister>, apply: Sender<ApplyMsg>) -> Fake<P> {
        let killed = Signal::new();
        let life = Life { me, persister, apply, killed: killed.clone() };
        thread::spawn_named(format!("fake-{me}"), move || P::live(life));
        Fake { me, ends, killed, play: std::marker::PhantomData }
    }

    fn start(&self, _command: Command) -> Option<Started> {
        P::state(self.me).1.then_some(Started { index: 1, term: 1 })
    }

    fn get_state(&self) -> (u64, bool) {
        P::state(self.me)
    }

    fn snapshot(&self, _index: u64, _snapshot: Vec<u8>) {}

    fn kill(&self) {
        self.killed.raise();
    }

    fn service(self: &Arc<Self>) -> Service {
        let me = self.me;
        Service::new("Raft").inline("Who", move |_: ()| me)
    }
}

/// Runs the body of a test. The body must fail. Returns the message of the failure.
#[track_caller]
fn failure(body: fn()) -> String {
    try_run(body).expect("the body must fail")
}

fn passes(body: fn()) {
    assert_eq!(try_run(body), None);
}

fn try_run(body: fn()) -> Option<String> {
    set_quiet(true);
    let run = Run { quiet: true, ..Run::default() };
    run.once(7, body).failure.map(|failure| failure.message)
}

#[track_caller]
fn expect_start(message: &str, expected: &str) {
    assert!(message.starts_with(expected), "{message:?} does not begin with {expected:?}");
}

struct Idle;
impl Play for Idle {}

#[test]
fn one_leader_is_found() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        assert_eq!(cfg.check_one_leader(), 0);
        assert_eq!(cfg.check_terms(), 1);
        cfg.disconnect(0);
        cfg.check_no_leader();
        cfg.end();
    });
}

#[test]
fn two_leaders_of_one_term_are_seen() {
    struct AllLead;
    impl Play for AllLead {
        fn state(_me: usize) -> (u64, bool) {
            (3, true)
        }
    }
    let message = failure(|| {
        make_config::<Fake<AllLead>>(Setup::of(3)).check_one_leader();
    });
    expect_start(&message, "term 3 has 2 (>1) leaders: S1 claims to lead it, and S0 claimed it");
}

#[test]
fn leaders_of_old_terms_are_tolerated() {
    struct EachItsTerm;
    impl Play for EachItsTerm {
        fn state(me: usize) -> (u64, bool) {
            (me as u64, true)
        }
    }
    passes(|| {
        let cfg = make_config::<Fake<EachItsTerm>>(Setup::of(3));
        assert_eq!(cfg.check_one_leader(), 2);
        assert_eq!(cfg.check_one_leader_among(&[0, 1]), 1);
        cfg.end();
    });
    let message = failure(|| {
        make_config::<Fake<EachItsTerm>>(Setup::of(3)).check_terms();
    });
    expect_start(&message, "servers disagree on term");
    let message = failure(|| make_config::<Fake<EachItsTerm>>(Setup::of(3)).check_no_leader());
    expect_start(&message, "expected no leader among connected servers, but 0 claims to be leader");
}

#[test]
fn a_missing_leader_is_missed() {
    let message = failure(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        cfg.disconnect(0);
        cfg.check_one_leader();
    });
    expect_start(
        &message,
        "expected one leader, got none; S0 leader of term 1, disconnected (applied up to 0",
    );
}

#[test]
fn a_command_that_does_not_commit_fails_the_agreement() {
    let message = failure(|| {
        make_config::<Fake<Idle>>(Setup::of(3)).one(5, 3, Retry::No);
    });
    expect_start(&message, "one(5) failed to reach agreement: server 0 accepted it in term 1 at index 1");
}

/// This test exists only in virtual time, because it would take half a minute in real time.
#[cfg(feature = "sim")]
#[test]
fn waiting_ends() {
    let message = failure(|| {
        make_config::<Fake<Idle>>(Setup::of(3)).wait(1, 2, None);
    });
    expect_start(&message, "only 0 decided for index 1; wanted 2; at index 1: S0 nothing");
}

#[test]
fn different_commands_at_one_index_are_seen() {
    struct OwnIdeas;
    impl Play for OwnIdeas {
        fn live(life: Life) {
            life.apply(1, 7);
            sleep(Duration::from_millis(100 * (1 + life.me as u64)));
            life.apply(2, life.me as i64);
        }
    }
    let message = failure(|| {
        let _cfg = make_config::<Fake<OwnIdeas>>(Setup::of(3));
        sleep(Duration::from_secs(5));
    });
    expect_start(&message, "apply error: commit index=2 server=1 1 != server=0 0 (of term 1, and term 1)");
    assert!(message.contains("server 1 has applied [1:7], server 0 [1:7 2:0]"), "{message}");
}

#[test]
fn a_gap_is_seen() {
    struct Skips;
    impl Play for Skips {
        fn live(life: Life) {
            life.apply(2, 2);
        }
    }
    fn body(setup: Setup) {
        let _cfg = make_config::<Fake<Skips>>(setup);
        sleep(Duration::from_secs(1));
    }
    let message = failure(|| body(Setup::of(1)));
    expect_start(&message, "apply error: server 0 apply out of order 2");
    let message = failure(|| body(Setup::of(1).with_snapshots()));
    expect_start(&message, "apply error: server 0 apply out of order, expected index 1, got 2");
}

#[test]
fn a_snapshot_must_be_what_it_says() {
    struct WrongIndex;
    impl Play for WrongIndex {
        fn live(life: Life) {
            let snapshot = [labgob::encode(&9u64), labgob::encode(&vec![None::<Value>; 10])].concat();
            let _ = life.apply.send(ApplyMsg::Snapshot { index: 8, term: 1, data: snapshot.into() });
        }
    }
    let message = failure(|| {
        let _cfg = make_config::<Fake<WrongIndex>>(Setup::of(1).with_snapshots());
        sleep(Duration::from_secs(1));
    });
    expect_start(&message, "apply error: server 0 snapshot doesn't match m.SnapshotIndex");
}

#[test]
fn what_is_saved_or_applied_after_a_crash_is_lost() {
    struct TalksOn;
    impl Play for TalksOn {
        fn live(life: Life) {
            if !life.persister.read_raft_state().is_empty() {
                return;
            }
            life.persister.save_raft_state(b"before");
            life.apply(1, 1);
            life.killed.wait();
            life.persister.save_raft_state(b"after the crash");
            life.apply(2, 2);
        }
    }
    passes(|| {
        let cfg = make_config::<Fake<TalksOn>>(Setup::of(1));
        sleep(Duration::from_millis(100));
        assert_eq!(cfg.n_committed(1).count, 1);
        cfg.start1(0);
        sleep(Duration::from_millis(100));
        assert_eq!(cfg.n_committed(2).count, 0);
        assert_eq!(cfg.log_size(), b"before".len());
        cfg.end();
    });
}

#[test]
fn a_thread_left_behind_is_seen() {
    struct Lingers;
    impl Play for Lingers {
        fn live(life: Life) {
            life.killed.wait();
            sleep(Duration::from_secs(60));
        }
    }
    struct LingersInPeace;
    impl Play for LingersInPeace {
        const STRICTNESS: Strictness = Strictness::Warn;
        fn live(life: Life) {
            Lingers::live(life);
        }
    }
    let message = failure(|| make_config::<Fake<Lingers>>(Setup::of(1)).end());
    expect_start(&message, "1 threads left behind after kill(): S0 fake-0");
    passes(|| make_config::<Fake<LingersInPeace>>(Setup::of(1)).end());
}

/// This test exists only in virtual time, because it would take two minutes in real time.
#[cfg(feature = "sim")]
#[test]
fn a_test_may_take_two_minutes() {
    let message = failure(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(1));
        sleep(Duration::from_secs(121));
        cfg.end();
    });
    expect_start(&message, "test took longer than 120 seconds");
}

/// Shows which peers can reach which peers. The rows are the callers, and the columns are the called peers. A
/// `+` means that the caller can reach the called peer.
fn reached(cfg: &super::Cluster<Fake<Idle>>) -> Vec<String> {
    let reaches = |i: usize, j: usize| {
        let peer = cfg.peer(i).expect("all peers run");
        peer.server.ends[j].call::<_, usize>("Raft.Who", &()) == Some(j)
    };
    let row = |i| (0..cfg.servers()).map(|j| if reaches(i, j) { '+' } else { '.' }).collect();
    (0..cfg.servers()).map(row).collect()
}

#[test]
fn links_follow_the_faults() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(4));
        cfg.net.long_delays(false);
        assert_eq!(reached(&cfg), ["++++", "++++", "++++", "++++"]);
        cfg.disconnect(1);
        assert_eq!(reached(&cfg), ["+.++", "....", "+.++", "+.++"]);
        cfg.disconnect(2);
        cfg.connect(1);
        assert_eq!(reached(&cfg), ["++.+", "++.+", "....", "++.+"]);
        cfg.connect(2);

        // Only the peers of the same side can reach each other. A restart of a peer does not end the
        // partition.
        cfg.partition(&[&[0, 1], &[2, 3]]);
        cfg.start1(1);
        cfg.connect(1);
        assert_eq!(reached(&cfg), ["++..", "++..", "..++", "..++"]);
        cfg.heal();
        assert_eq!(reached(&cfg), ["++++", "++++", "++++", "++++"]);

        // All messages that peer 0 sends to peer 1 are lost: its requests, and its replies to the requests of
        // peer 1.
        cfg.mute(0, 1);
        cfg.start1(0);
        cfg.connect(0);
        assert_eq!(reached(&cfg), ["+.++", ".+++", "++++", "++++"]);
        assert_eq!((cfg.rpc_count(1), cfg.rpc_count(0)), (9, 4), "the requests of peer 1 arrive");
        cfg.set_link(0, 1, Link::Both);
        assert_eq!(reached(&cfg), ["++++", ".+++", "++++", "++++"]);
        cfg.end();
    });
}

#[test]
fn the_network_has_three_more_shapes() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(4));
        cfg.star(2);
        assert_eq!(reached(&cfg), ["+.+.", ".++.", "++++", "..++"]);
        cfg.chain(&[3, 0, 1, 2]);
        assert_eq!(reached(&cfg), ["++.+", "+++.", ".++.", "+..+"]);
        cfg.bridge(&[0], 1, &[2, 3]);
        assert_eq!(reached(&cfg), ["++..", "++++", ".+++", ".+++"]);
        cfg.end();
    });
}

/// A peer that saves one byte each millisecond: 1, 2, 3 and so on.
struct Saver;
impl Play for Saver {
    fn live(life: Life) {
        for n in 1.. {
            if life.killed.wait_until(labrt::time::Instant::now() + Duration::from_millis(1)) {
                return;
            }
            life.persister.save_raft_state(&[n]);
        }
    }
}

#[test]
fn a_crash_comes_before_or_after_a_save() {
    passes(|| {
        for (moment, more) in [(Moment::BeforeSave, 2), (Moment::AfterSave, 3)] {
            let cfg = make_config::<Fake<Saver>>(Setup::of(3));
            sleep(Duration::from_millis(5));
            let saved = |i| cfg.lives(i).saved().read_raft_state();
            let start = saved(1)[0];
            let crash = cfg.crash_these_at(&[0, 1], 1, moment, Which::Nth(3));
            assert!(crash.wait(Duration::from_secs(1)), "the peer saves");
            assert_eq!([0, 1, 2].map(|i| cfg.is_up(i)), [false, false, true]);
            assert_eq!(saved(1), [start + more]);
            let other = saved(0);
            sleep(Duration::from_millis(5));
            assert_eq!((saved(0), saved(1)), (other, vec![start + more]), "nothing is saved after the crash");
            assert!(crash.cancel(), "the crash has come");
            cfg.start1(1);
            assert_eq!(saved(1), [start + more], "the next life begins with this disk");
            let crash = cfg.crash_at(2, moment, Which::Of1000(0));
            assert!(!crash.wait(Duration::from_millis(50)), "the probability is 0");
            assert!(!crash.cancel());
            cfg.end();
        }
    });
}

#[test]
fn all_peers_crash_at_once() {
    passes(|| {
        let cfg = make_config::<Fake<Saver>>(Setup::of(3));
        sleep(Duration::from_millis(5));
        cfg.crash_all(&[0, 1, 2]);
        assert_eq!([0, 1, 2].map(|i| cfg.is_up(i)), [false; 3]);
        (0..3).for_each(|i| cfg.start1(i));
        assert_eq!([0, 1, 2].map(|i| cfg.is_up(i)), [true; 3]);
        cfg.end();
    });
}

#[test]
fn helpers_are_told_that_the_test_is_over() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let cluster = cfg.share();
        let helper = thread::spawn(move || cluster.one(1, 3, Retry::Yes));
        sleep(Duration::from_secs(1));
        cfg.end();
        assert_eq!(helper.join().expect("the thread returns without a panic"), 0);
    });
}

/// If a Raft records no events of its own, the page can still show which peer leads, and which entries were
/// applied in which term.
#[test]
fn a_peer_that_tells_nothing_is_seen_from_outside() {
    struct AppliesOne;
    impl Play for AppliesOne {
        fn live(life: Life) {
            if life.me == 0 {
                life.apply(1, 100);
            }
            life.killed.wait();
        }
    }
    set_quiet(true);
    let file = std::env::temp_dir().join(format!("mit6824-seen-{}.jsonl", std::process::id()));
    let run = Run { quiet: true, trace_file: Some(file.clone()), ..Run::default() };
    let outcome = run.once(7, || {
        let cfg = make_config::<Fake<AppliesOne>>(Setup::of(3));
        sleep(Duration::from_millis(200));
        cfg.crash1(0);
        sleep(Duration::from_millis(200));
        cfg.end();
    });
    assert_eq!(outcome.failure.map(|failure| failure.message), None);
    let trace = Trace::open(&file).expect("a trace");
    std::fs::remove_file(&file).expect("the run has made this file");
    let of = |kind: &str| {
        let events = trace.events.iter().filter(|event| event.kind == kind);
        let name = |event: &Event| event.node.as_ref().map(|node| node.name.clone()).unwrap_or_default();
        events
            .map(|event| (name(event), event.number("term"), event.text("role").map(str::to_owned)))
            .collect::<Vec<_>>()
    };
    let seen = |name: &str, role: &str| (name.to_owned(), Some(1), Some(role.to_owned()));
    // Each state is recorded once, because only changes are recorded. A peer that has crashed is not asked.
    assert_eq!(of("seen.state"), [seen("S0", "leader"), seen("S1", "follower"), seen("S2", "follower")]);
    assert_eq!(of("apply"), [("S0".to_owned(), Some(1), None)]);
}

/// If a dead peer saves something after its crash, the saved data is lost. So no other peer may learn of this
/// data.
#[test]
fn the_ends_of_a_dead_life_stay_disabled() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let works = || cfg.state.lock().wanted(0, 1).is_some_and(|wanted| wanted.works);
        assert!(works());
        cfg.crash1(0);
        cfg.connect(0);
        assert!(!works());
        cfg.start1(0);
        cfg.connect(0);
        assert!(works());
        cfg.end();
    });
}

/// Peer 0 applies a command every 10 ms.
#[cfg(feature = "sim")]
struct Applies;
#[cfg(feature = "sim")]
impl Play for Applies {
    fn live(life: Life) {
        let mut index = 0;
        while life.me == 0 && !life.killed.wait_until(labrt::time::Instant::now() + Duration::from_millis(10))
        {
            index += 1;
            life.apply(index, index.cast_signed());
        }
    }
}

/// A paused peer applies nothing and answers nothing, neither to the test nor to other peers. Afterwards it
/// goes on, and its messages arrive.
#[cfg(feature = "sim")]
#[test]
fn a_paused_peer_stops() {
    passes(|| {
        let cfg = make_config::<Fake<Applies>>(Setup::of(2));
        let who = |from: usize, to: usize| {
            let peer = cfg.lives(from).living().expect("the peer runs");
            let answered = Signal::new();
            let raised = answered.clone();
            peer.call(|peer| peer.ends[to].send::<_, usize>("Raft.Who", &(), move |_| raised.raise()));
            answered
        };
        let in_time =
            |signal: &Signal| signal.wait_until(labrt::time::Instant::now() + Duration::from_millis(50));
        sleep(Duration::from_millis(100));
        cfg.pause(0);
        let applied = cfg.state.lock().servers[0].last_applied;
        assert!(applied > 5, "{applied}");
        assert_eq!((cfg.get_state(0), cfg.start(0, 1), cfg.is_up(0)), (None, None, true));
        assert_eq!(cfg.get_state(1), Some((1, false)));
        let (request, reply) = (who(1, 0), who(0, 1));
        assert!(!in_time(&request), "a request to a paused peer waits");
        assert!(!in_time(&reply), "a reply to a paused peer waits");
        sleep(Duration::from_secs(1));
        let now = cfg.state.lock().servers[0].last_applied;
        assert!(now <= applied + 1, "applied {applied} before the pause, {now} in it");

        cfg.resume(0);
        assert!(in_time(&request) && in_time(&reply), "the messages go on");
        sleep(Duration::from_millis(100));
        assert!(cfg.state.lock().servers[0].last_applied > now + 5);
        assert_eq!(cfg.get_state(0), Some((1, true)));

        // A crash ends the pause, and so does the end of the test.
        cfg.pause(0);
        cfg.crash1(0);
        assert!(!cfg.is_paused(0));
        cfg.start1(0);
        assert_eq!(cfg.get_state(0), Some((1, true)));
        cfg.pause(0);
        cfg.end();
    });
}
