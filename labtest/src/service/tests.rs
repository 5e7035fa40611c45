//! Tests of the harness with a fake service. The servers of this service only answer with their number. The
//! tests show that the harness cuts links, stops servers and counts operations correctly.

use labapi::{Persister, Replicated, ServerStart, Strictness};
use std::marker::PhantomData;

use labrpc::{End, Responder, Service};
use labrt::Run;
use labrt::node;
use labrt::sync::{Arc, Mutex, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};

use super::{Client, Config, Moment, Setup, Which, make_config};
use crate::marks::MarkKind;
use crate::output::set_quiet;

/// The behaviour of a fake server. By default it does nothing, and server 2 leads.
trait Play: Send + Sync + 'static {
    const STRICTNESS: Strictness = Strictness::Fail;

    fn leads(me: usize) -> bool {
        me == 2
    }

    /// The code that the only thread of a server runs in one life of the server.
    fn live(_killed: Signal, _persister: Arc<Persister>) {}
}

/// A text that a server will save, and its caller. The caller gets a reply when the text is saved.
type Late = (String, Responder<()>);

/// A function to call when the network drops a server's handlers.
type Gone = Box<dyn FnOnce() + Send>;

/// Holds a [`Gone`] function. When this value is dropped, the function is called. A handler of a fake server
/// owns a `WhenGone`.
struct WhenGone(Arc<Mutex<Option<Gone>>>);

impl Drop for WhenGone {
    fn drop(&mut self) {
        let gone = self.0.lock().take();
        if let Some(gone) = gone {
            gone();
        }
    }
}

/// A fake server that behaves as `P` says.
struct Fake<P> {
    me: usize,
    ends: Vec<End>,
    persister: Arc<Persister>,
    killed: Signal,
    /// The texts to save when the server is killed, and their callers.
    late: Arc<Mutex<Vec<Late>>>,
    gone: Arc<Mutex<Option<Gone>>>,
    play: PhantomData<P>,
}

impl<P: Play> Replicated for Fake<P> {
    const STRICTNESS: Strictness = P::STRICTNESS;
    type Clerk = Vec<End>;

    fn start(start: ServerStart) -> Fake<P> {
        let ServerStart { ends, me, persister, .. } = start;
        let killed = Signal::new();
        let (signal, saved) = (killed.clone(), Arc::clone(&persister));
        thread::spawn_named(format!("fake-{me}"), move || P::live(signal, saved));
        Fake { me, ends, persister, killed, late: Arc::default(), gone: Arc::default(), play: PhantomData }
    }

    fn is_leader(&self) -> bool {
        P::leads(self.me)
    }

    fn kill(&self) {
        self.killed.raise();
        let late = std::mem::take(&mut *self.late.lock());
        for (text, caller) in late {
            self.persister.save_raft_state(text.as_bytes());
            caller.reply(());
            // If the network wrongly delivered the reply, it would arrive during this sleep.
            sleep(Duration::from_millis(10));
        }
    }

    fn services(self: &Arc<Self>) -> Vec<Service> {
        let who = (self.me, node::current().incarnation);
        let late = Arc::clone(&self.late);
        let when_gone = WhenGone(Arc::clone(&self.gone));
        let fake = Service::new("Fake")
            .inline("Who", move |_: ()| {
                let _held = &when_gone;
                who
            })
            .handler("WaitForAMinute", |_: ()| sleep(Duration::from_secs(60)))
            .deferred("SaveWhenKilled", move |text, caller| late.lock().push((text, caller)));
        vec![fake]
    }

    fn make_clerk(ends: Vec<End>) -> Vec<End> {
        ends
    }
}

struct Idle;
impl Play for Idle {}

/// Runs the body of a test. The body must fail. Returns the message of the failure.
#[track_caller]
fn failure(body: fn()) -> String {
    try_run(7, body).expect("the body must fail")
}

#[track_caller]
fn passes(body: fn()) {
    assert_eq!(try_run(7, body), None);
}

fn try_run(seed: u64, body: fn()) -> Option<String> {
    set_quiet(true);
    let run = Run { quiet: true, ..Run::default() };
    run.once(seed, body).failure.map(|failure| failure.message)
}

#[track_caller]
fn expect_start(message: &str, expected: &str) {
    assert!(message.starts_with(expected), "{message:?} does not begin with {expected:?}");
}

/// Returns the server to which an end leads, and the number of the server's life.
fn who(end: &End) -> Option<(usize, u32)> {
    end.call("Fake.Who", &())
}

/// Shows which servers can reach which servers. The rows are the callers, and the columns are the called
/// servers. A `+` means that the caller can reach the called server.
fn reached(cfg: &Config<Fake<Idle>>) -> Vec<String> {
    let row = |i: usize| {
        let Some(living) = cfg.living(i) else { return "down".to_owned() };
        let ends = living.server.ends.iter().enumerate();
        ends.map(|(j, end)| if who(end).is_some_and(|(me, _)| me == j) { '+' } else { '.' }).collect()
    };
    cfg.all().into_iter().map(row).collect()
}

/// The servers that a clerk can reach, in ascending order.
fn reached_by(clerk: &Client<Vec<End>>) -> Vec<usize> {
    let mut servers: Vec<usize> = clerk.iter().filter_map(|end| Some(who(end)?.0)).collect();
    servers.sort_unstable();
    servers
}

#[test]
fn a_partition_cuts_servers_and_no_clerk() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(4));
        let clerk = cfg.make_client(&cfg.all());
        assert_eq!(reached(&cfg), ["++++", "++++", "++++", "++++"]);
        cfg.partition(&[0, 1], &[2, 3]);
        assert_eq!(reached(&cfg), ["++..", "++..", "..++", "..++"]);
        assert_eq!(reached_by(&clerk), [0, 1, 2, 3]);

        // The ends of a server that is on no side do not change.
        cfg.partition(&[0], &[2]);
        assert_eq!(reached(&cfg), ["++..", "++..", "..++", "..++"]);
        cfg.partition(&[0, 2], &[1]);
        assert_eq!(reached(&cfg), ["+.+.", ".+..", "+.++", "..++"]);
        cfg.partition(&[0, 1, 2, 3], &[]);
        assert_eq!(reached(&cfg), ["++++", "++++", "++++", "++++"]);

        cfg.partition(&[], &[0, 1, 2, 3]);
        assert_eq!(reached(&cfg), ["++++", "++++", "++++", "++++"]);
        cfg.end();
    });
}

#[test]
fn a_restarted_server_is_reached_by_clerks_and_connected_by_the_test() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let clerk = cfg.make_client(&cfg.all());
        cfg.shutdown_server(1);
        assert_eq!(reached(&cfg), ["+.+", "down", "+.+"]);
        assert_eq!(reached_by(&clerk), [0, 2]);
        cfg.start_server(1);
        assert_eq!(reached(&cfg), ["+.+", "...", "+.+"]);
        assert_eq!(reached_by(&clerk), [0, 1, 2]);
        let lives: Vec<u32> =
            clerk.iter().filter_map(who).map(|(me, life)| life * (me == 1) as u32).collect();
        assert_eq!(lives.iter().sum::<u32>(), 2, "the second life of server 1 answers");
        cfg.connect_all();
        assert_eq!(reached(&cfg), ["+++", "+++", "+++"]);
        cfg.end();
    });
}

#[test]
fn the_ends_of_a_life_are_closed_with_it() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(2));
        let old = cfg.living(0).expect("the server runs");
        cfg.shutdown_server(0);
        cfg.start_server(0);
        cfg.connect_all();
        let start = Instant::now();
        assert_eq!(who(&old.server.ends[1]), None);
        if labrt::is_sim() {
            assert_eq!(
                start.elapsed(),
                Duration::ZERO,
                "the call fails at once, not after the delay of an unreachable server"
            );
        }
        cfg.end();
    });
}

#[test]
fn a_server_is_not_started_twice() {
    let message = failure(|| make_config::<Fake<Idle>>(Setup::of(3)).start_server(1));
    expect_start(&message, "server 1 is running: shut it down before it is started again");
}

#[test]
fn a_clerk_is_found_by_the_number_of_the_server() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(5));
        let clerk = cfg.make_client(&[1, 3]);
        assert_eq!(reached_by(&clerk), [1, 3]);
        cfg.connect_client(clerk.id(), &[0]);
        assert_eq!(reached_by(&clerk), [0, 1, 3]);
        cfg.disconnect_client(clerk.id(), &[3, 4]);
        assert_eq!(reached_by(&clerk), [0, 1]);
        let other = cfg.make_client(&cfg.all());
        assert_ne!(clerk.id(), other.id());
        cfg.delete_client(clerk);
        assert_eq!(reached_by(&other), [0, 1, 2, 3, 4]);
        cfg.end();
    });
}

#[test]
fn a_clerk_cannot_tell_which_end_leads_where() {
    // Makes twenty clerks. Returns for each clerk the servers to which its ends lead, in the order of the
    // ends.
    fn orders() -> Vec<Vec<usize>> {
        let cfg = make_config::<Fake<Idle>>(Setup::of(5));
        let order = |_| {
            let clerk = cfg.make_client(&cfg.all());
            clerk.iter().filter_map(|end| Some(who(end)?.0)).collect()
        };
        let orders = (0..20).map(order).collect();
        cfg.end();
        orders
    }
    passes(|| {
        let mut orders = orders();
        assert!(orders.iter().filter(|order| order.is_sorted()).count() < 5, "{orders:?}");
        for end in 0..5 {
            let first: Vec<usize> = orders.iter().map(|order| order[end]).collect();
            assert!(
                (0..5).all(|server| first.contains(&server)),
                "end {end} never leads to one of {first:?}"
            );
        }
        orders.sort_unstable();
        orders.dedup();
        assert!(orders.len() > 10, "{orders:?}");
    });
}

#[test]
fn the_leader_ends_up_in_the_minority() {
    struct AllLead;
    impl Play for AllLead {
        fn leads(_me: usize) -> bool {
            true
        }
    }
    struct NoServerLeads;
    impl Play for NoServerLeads {
        fn leads(_me: usize) -> bool {
            false
        }
    }
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(5));
        assert_eq!(cfg.leader(), Some(2));
        assert_eq!(cfg.make_partition(), (vec![0, 1, 3], vec![4, 2]));
        cfg.shutdown_server(2);
        assert_eq!(cfg.leader(), None, "a server that is down does not lead");
        cfg.end();

        let cfg = make_config::<Fake<AllLead>>(Setup::of(3));
        assert_eq!(cfg.leader(), Some(0), "the first of several leaders");
        assert_eq!(cfg.make_partition(), (vec![1, 2], vec![0]));
        cfg.shutdown_server(0);
        assert_eq!(cfg.leader(), Some(1));
        cfg.end();

        let cfg = make_config::<Fake<NoServerLeads>>(Setup::of(4));
        assert_eq!(cfg.leader(), None);
        assert_eq!(cfg.make_partition(), (vec![1, 2, 3], vec![0]));
        cfg.end();
    });
}

#[test]
fn what_is_saved_after_a_stop_is_lost() {
    struct SavesLate;
    impl Play for SavesLate {
        fn live(killed: Signal, persister: Arc<Persister>) {
            if !persister.read_raft_state().is_empty() {
                return;
            }
            persister.save_state_and_snapshot(b"before", b"snapshot");
            killed.wait();
            persister.save_state_and_snapshot(b"after the stop", b"a later snapshot");
        }
    }
    passes(|| {
        let cfg = make_config::<Fake<SavesLate>>(Setup::of(1));
        sleep(Duration::from_millis(100));
        assert_eq!((cfg.log_size(), cfg.snapshot_size()), (b"before".len(), b"snapshot".len()));
        cfg.shutdown_server(0);
        sleep(Duration::from_millis(100));
        assert_eq!((cfg.log_size(), cfg.snapshot_size()), (b"before".len(), b"snapshot".len()));
        cfg.start_server(0);
        let living = cfg.living(0).expect("the server runs");
        assert_eq!(living.server.persister.read_raft_state(), b"before");
        cfg.end();
    });
}

/// While a server is killed, it may still save something, and reply to the client that the data is saved. But
/// the disk was copied before this save, so the data is lost. Therefore the reply must not arrive.
#[test]
fn a_dying_server_acknowledges_nothing() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(1));
        let clerk = cfg.make_client(&[0]);
        let writer = thread::spawn(move || clerk[0].call::<_, ()>("Fake.SaveWhenKilled", &"too late"));
        sleep(Duration::from_millis(100));
        cfg.shutdown_server(0);
        assert_eq!(writer.join().expect("the call ends"), None);
        cfg.start_server(0);
        let living = cfg.living(0).expect("the server runs");
        assert_eq!(living.server.persister.read_raft_state(), b"");
        cfg.end();
    });
}

/// When a server is removed from the network, its handlers and all values in them are dropped. Code of the
/// server may run when its values are dropped. So the harness must not hold its lock when it removes a
/// server.
#[test]
fn a_server_that_leaves_the_network_may_ask_the_harness() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let living = cfg.living(0).expect("the server runs");
        let (cluster, asked) = (cfg.share(), Signal::new());
        let answered = asked.clone();
        *living.server.gone.lock() = Some(Box::new(move || {
            assert_eq!(cluster.leader(), Some(2));
            cluster.connect_all();
            answered.raise();
        }));
        cfg.shutdown_server(0);
        assert!(asked.is_raised());
        cfg.end();
    });
}

#[test]
fn the_sizes_are_those_of_the_largest() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        assert_eq!((cfg.log_size(), cfg.snapshot_size()), (0, 0));
        for (i, size) in [(0, 10), (1, 30), (2, 20)] {
            let living = cfg.living(i).expect("the server runs");
            living.server.persister.save_state_and_snapshot(&vec![0; size], &vec![0; 40 - size]);
        }
        assert_eq!((cfg.log_size(), cfg.snapshot_size()), (30, 30));
        cfg.shutdown_server(1);
        assert_eq!(cfg.log_size(), 30, "the largest state may be of a server that is down");
        cfg.end();
    });
}

#[test]
fn the_counters_start_anew_with_each_part() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let clerk = cfg.make_client(&cfg.all());
        cfg.begin("one");
        for _ in 0..4 {
            assert!(who(&clerk[0]).is_some());
            cfg.op();
        }
        let line = cfg.passed_line();
        assert!(line.ends_with("  3     4    4"), "{line:?}");
        cfg.part_passed();
        cfg.begin("two");
        assert!(who(&clerk[1]).is_some());
        let line = cfg.passed_line();
        assert!(line.ends_with("  3     1    0"), "{line:?}");
        cfg.end();
        let cfg = make_config::<Fake<Idle>>(Setup::of(3).without_columns());
        assert_eq!(cfg.passed_line(), "  ... Passed");
        cfg.end();
    });
}

/// In virtual time a client's request takes 16 to 28 ms, or 1 to 2 ms if the client is near.
#[test]
fn clients_are_far() {
    passes(|| {
        for (setup, ms) in [(Setup::of(1), 16..29), (Setup::of(1).near_clients(), 1..3)] {
            let cfg = make_config::<Fake<Idle>>(setup);
            let clerk = cfg.make_client(&[0]);
            let start = Instant::now();
            assert!(who(&clerk[0]).is_some());
            let taken = start.elapsed().as_millis();
            assert!(!labrt::is_sim() || ms.contains(&taken), "{taken} ms, not {ms:?}");
            cfg.end();
        }
    });
}

#[test]
fn what_the_test_did_is_remembered() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3).unreliable());
        let pause = || sleep(Duration::from_millis(10));
        pause();
        cfg.partition(&[0], &[1, 2]);
        pause();
        cfg.shutdown_server(1);
        pause();
        cfg.partition(&[0, 1, 2], &[]);
        pause();
        cfg.start_server(1);
        cfg.connect_all();
        pause();
        cfg.shutdown_server(2);
        pause();
        let marks = cfg.marks();
        let what: Vec<(MarkKind, &str)> = marks.iter().map(|mark| (mark.kind, mark.text.as_str())).collect();
        assert_eq!(
            what,
            [
                (MarkKind::Network, "unreliable network"),
                (MarkKind::Partition, "S0 | S1 S2"),
                (MarkKind::Crash, "S1 down"),
                (MarkKind::Partition, "S0 S1 S2 | -"),
                (MarkKind::Crash, "S2 down"),
            ]
        );
        assert_eq!(marks[0].to, None);
        let long = |i: usize| marks[i].to.expect("the mark lasts") - marks[i].from;
        assert!(long(1) >= 20_000_000 && long(2) >= 20_000_000, "two pauses: {marks:?}");
        assert!(long(3) >= 10_000_000 && long(4) >= 10_000_000, "one pause: {marks:?}");
        assert!(marks[1].to <= Some(marks[3].from), "the second partition ends the first: {marks:?}");
        cfg.end();
    });
}

#[test]
fn a_thread_left_behind_is_seen() {
    struct Lingers;
    impl Play for Lingers {
        fn live(killed: Signal, _persister: Arc<Persister>) {
            killed.wait();
            sleep(Duration::from_secs(60));
        }
    }
    struct LingersInPeace;
    impl Play for LingersInPeace {
        const STRICTNESS: Strictness = Strictness::Warn;
        fn live(killed: Signal, persister: Arc<Persister>) {
            Lingers::live(killed, persister);
        }
    }
    let message = failure(|| make_config::<Fake<Lingers>>(Setup::of(1)).end());
    expect_start(&message, "1 threads left behind after kill(): S0 fake-0");
    // The harness also notices a thread that an earlier life has left behind.
    let message = failure(|| {
        let cfg = make_config::<Fake<Lingers>>(Setup::of(1));
        cfg.shutdown_server(0);
        cfg.start_server(0);
        cfg.end();
    });
    expect_start(&message, "2 threads left behind after kill(): S0 fake-0");
    passes(|| make_config::<Fake<LingersInPeace>>(Setup::of(1)).end());
}

/// A handler of a dead server may wait for an operation that will never be applied. The harness must notice
/// the thread of this handler.
#[test]
fn a_handler_left_behind_is_seen() {
    let message = failure(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(1));
        let clerk = cfg.make_client(&[0]);
        thread::spawn(move || clerk[0].call::<_, ()>("Fake.WaitForAMinute", &()));
        sleep(Duration::from_millis(100));
        cfg.end();
    });
    expect_start(&message, "1 threads left behind after kill(): S0 ");
}

/// This test exists only in virtual time, because it would take two minutes in real time.
#[cfg(feature = "sim")]
#[test]
fn a_test_may_take_two_minutes() {
    let late: [fn(); 2] = [
        || {
            let cfg = make_config::<Fake<Idle>>(Setup::of(1));
            sleep(Duration::from_secs(121));
            cfg.end();
        },
        || {
            let cfg = make_config::<Fake<Idle>>(Setup::of(1));
            sleep(Duration::from_secs(121));
            cfg.part_passed();
        },
    ];
    for body in late {
        expect_start(&failure(body), "test took longer than 120 seconds");
    }
}

/// After the end of a test, a call must fail at once. It must not wait for a server, because no server will
/// be started again.
#[test]
fn the_network_ends_with_the_test() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let clerk = cfg.make_client(&cfg.all());
        cfg.end();
        let start = Instant::now();
        assert!(reached_by(&clerk).is_empty());
        if labrt::is_sim() {
            assert_eq!(start.elapsed(), Duration::ZERO);
        }
    });
}

/// A server that makes two saves each millisecond. First it saves only a Raft state, and then a Raft state
/// together with a snapshot.
struct Saver;
impl Play for Saver {
    fn live(killed: Signal, persister: Arc<Persister>) {
        for n in 1.. {
            if killed.wait_until(Instant::now() + Duration::from_millis(1)) {
                return;
            }
            persister.save_raft_state(&[n]);
            persister.save_state_and_snapshot(&[n], &[n]);
        }
    }
}

#[test]
fn a_crash_comes_before_or_after_the_save_of_a_snapshot() {
    passes(|| {
        for (moment, saved) in [(Moment::BeforeSnapshot, [3, 2]), (Moment::AfterSnapshot, [3, 3])] {
            let cfg = make_config::<Fake<Saver>>(Setup::of(3));
            let crash = cfg.crash_these_at(&[0, 1], 1, moment, Which::Nth(3));
            assert!(crash.wait(Duration::from_secs(1)), "the server saves");
            assert_eq!([0, 1, 2].map(|i| cfg.is_up(i)), [false, false, true]);
            let disk = cfg.servers[1].saved();
            assert_eq!([disk.read_raft_state()[0], disk.read_snapshot()[0]], saved);
            assert!(crash.cancel(), "the crash has come");
            let down = cfg.marks().into_iter().filter(|mark| mark.text.ends_with("down")).count();
            assert_eq!(down, 2, "each crash has a mark");
            cfg.start_server(1);
            assert!(cfg.is_up(1), "the server starts again with the copied disk");
            cfg.end();
        }
    });
}

#[test]
fn a_crash_comes_when_a_server_answers_a_clerk() {
    passes(|| {
        let cfg = make_config::<Fake<Idle>>(Setup::of(3));
        let clerk = cfg.make_client(&cfg.all());
        let crash = cfg.crash_at(1, Moment::ReplyOutside, Which::Nth(1));
        let living = cfg.living(0).expect("server 0 runs");
        let answer = {
            let _sender = node::enter(living.node);
            who(&living.server.ends[1])
        };
        assert_eq!(answer, Some((1, 1)), "another server has asked");
        assert!(cfg.is_up(1), "a reply to another server is no such moment");
        assert_eq!(reached_by(&clerk), [0, 1, 2], "the reply was on its way");
        assert!(crash.wait(Duration::from_secs(1)));
        assert!(crash.cancel());
        assert_eq!(reached_by(&clerk), [0, 2]);
        cfg.end();
    });
}
