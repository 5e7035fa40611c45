//! Tests of the behaviour on which the labs rely, in virtual time and in real time. The tests that are only
//! for virtual time are in `virtual_time.rs`.

use labrt::chan::{self, RecvTimeoutError, TryRecvError, TrySendError, bounded, rendezvous, unbounded};
use labrt::node::{self, NodeId};
use labrt::rng::{self, Label, RngExt};
use labrt::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::thread;
use labrt::time::{Duration, Instant, sleep};
use labrt::{Run, locks, trace};

const MS: Duration = Duration::from_millis(1);

/// The settings of a run that prints nothing about its failures. The tests expect these failures.
fn quiet() -> Run {
    Run { quiet: true, ..Run::default() }
}

/// Executes `f` in a run. Returns the failure of the run as `thread: message`, or an empty text if the run
/// passes.
fn failure(f: impl Fn() + Send + Sync + 'static) -> String {
    let outcome = quiet().once(1, f);
    outcome.failure.map(|f| format!("{}: {}", f.thread, f.message)).unwrap_or_default()
}

#[test]
fn sleeping_takes_time() {
    labrt::run(|| {
        let t0 = Instant::now();
        sleep(20 * MS);
        assert!(t0.elapsed() >= 20 * MS);
        assert!(labrt::time::since_start() >= 20 * MS);
    });
}

#[test]
fn unbounded_channels() {
    labrt::run(|| {
        let (tx, rx) = unbounded::<u32>();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(rx.recv_timeout(5 * MS), Err(RecvTimeoutError::Timeout));
        let tx2 = tx.clone();
        let h = thread::spawn(move || {
            sleep(10 * MS);
            tx2.send(7).expect("the receiver waits");
            3
        });
        assert_eq!(rx.recv_deadline(Instant::now() + Duration::from_secs(5)), Ok(7));
        assert_eq!(h.join().expect("no panic"), 3);
        tx.send(8).expect("the receiver is here");
        drop(tx);
        assert_eq!(rx.iter().collect::<Vec<_>>(), [8]);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert!(rx.recv().is_err());
    });
}

#[test]
fn bounded_channels_hold_so_many() {
    labrt::run(|| {
        let (tx, rx) = bounded(2);
        assert_eq!((tx.try_send(1), tx.try_send(2)), (Ok(()), Ok(())));
        assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
        let sent = Arc::new(AtomicUsize::new(0));
        let (tx2, sent2) = (tx.clone(), sent.clone());
        let h = thread::spawn(move || {
            for i in 3..=10 {
                tx2.send(i).expect("the receiver is here");
                sent2.fetch_add(1, SeqCst);
            }
        });
        sleep(20 * MS);
        assert_eq!(sent.load(SeqCst), 0, "the channel is full");
        for want in 1..=10 {
            assert_eq!(rx.recv(), Ok(want));
        }
        h.join().expect("no panic");
        drop(rx);
        assert!(tx.send(11).is_err());
    });
}

#[test]
fn a_rendezvous_waits_for_the_taker() {
    labrt::run(|| {
        let (tx, rx) = rendezvous();
        assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
        let taken = Arc::new(AtomicUsize::new(0));
        let (tx2, taken2) = (tx.clone(), taken.clone());
        let h = thread::spawn(move || {
            for i in 1..=3 {
                tx2.send(i).expect("a receiver will take the message");
                taken2.store(i, SeqCst);
            }
        });
        for i in 1..=3 {
            sleep(10 * MS);
            assert_eq!(taken.load(SeqCst), i - 1, "send {i} waits for its receiver");
            assert_eq!(rx.recv(), Ok(i));
        }
        h.join().expect("no panic");
        let h = thread::spawn(move || tx.send(9));
        sleep(5 * MS);
        drop(rx);
        assert!(
            h.join().expect("no panic").is_err(),
            "a waiting sender gets an error when the last receiver is gone"
        );
    });
}

#[test]
fn many_senders_and_receivers_of_a_rendezvous() {
    labrt::run(|| {
        let (tx, rx) = rendezvous::<u64>();
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || rx.iter().sum::<u64>())
            })
            .collect();
        drop(rx);
        let givers: Vec<_> = (0..4u64)
            .map(|g| {
                let tx = tx.clone();
                thread::spawn(move || (0..50).for_each(|i| tx.send(g * 50 + i).expect("receivers exist")))
            })
            .collect();
        drop(tx);
        givers.into_iter().for_each(|h| h.join().expect("no panic"));
        let sum: u64 = takers.into_iter().map(|h| h.join().expect("no panic")).sum();
        assert_eq!(sum, (0..200).sum());
    });
}

#[test]
fn a_signal_ends_a_blocked_send() {
    labrt::run(|| {
        for (tx, _rx) in [rendezvous(), bounded(1)] {
            let stop = Signal::new();
            let stop2 = stop.clone();
            let h = thread::spawn(move || {
                let _ = tx.try_send(0);
                tx.send_unless(1, &stop2)
            });
            sleep(5 * MS);
            assert!(!h.is_finished());
            stop.raise();
            assert_eq!(h.join().expect("no panic"), Err(chan::SendError(1)));
        }
    });
}

#[test]
fn a_signal_ends_a_blocked_receive() {
    labrt::run(|| {
        for (tx, rx) in [rendezvous::<u32>(), bounded(1), unbounded()] {
            let stop = Signal::new();
            let (rx2, stop2) = (rx.clone(), stop.clone());
            let all = thread::spawn(move || rx2.iter_unless(&stop2).collect::<Vec<_>>());
            tx.send(7).expect("a receiver waits");
            sleep(5 * MS);
            assert!(!all.is_finished());
            stop.raise();
            assert_eq!(all.join().expect("no panic"), [7]);
            assert_eq!(rx.recv_unless(&stop), Err(chan::RecvError), "the signal is raised already");

            let stop = Signal::new();
            let late = thread::spawn(move || rx.recv_unless(&stop));
            sleep(5 * MS);
            drop(tx);
            assert_eq!(late.join().expect("no panic"), Err(chan::RecvError), "the senders are gone");
        }
    });
}

/// A thread is woken because there is a message, or room for a message. If this thread then gives up its
/// wait, another thread must get the message or the room.
#[test]
fn giving_up_leaves_the_turn_to_another() {
    for seed in 0..if labrt::is_sim() { 300 } else { 20 } {
        let outcome = quiet().once(seed, || {
            let (tx, rx) = bounded(1);
            tx.send(0).expect("there is room");
            let stop = Signal::new();
            for i in 1..=2 {
                let (tx, stop) = (tx.clone(), if i == 1 { stop.clone() } else { Signal::new() });
                thread::spawn(move || tx.send_unless(i, &stop));
                sleep(MS);
            }
            let stop2 = stop.clone();
            thread::spawn(move || stop2.raise());
            rx.recv().expect("the message was sent");
            while rx.recv_timeout(Duration::from_secs(1)).expect("the second sender sends, too") != 2 {}

            // Now the same with receivers.
            let stop = Signal::new();
            let first = (rx.clone(), stop.clone());
            let first = thread::spawn(move || first.0.recv_unless(&first.1));
            sleep(MS);
            let second = thread::spawn(move || rx.recv_timeout(Duration::from_secs(1)));
            sleep(MS);
            thread::spawn(move || stop.raise());
            tx.send(9).expect("receivers wait");
            let got = (first.join().expect("no panic"), second.join().expect("no panic"));
            assert!(got.0 == Ok(9) || got.1 == Ok(9), "{got:?}");
        });
        assert!(outcome.failure.is_none(), "seed {seed}: {:?}", outcome.failure);
    }
}

#[test]
fn signals() {
    labrt::run(|| {
        let s = Signal::new();
        assert!(!s.is_raised());
        assert!(!s.wait_until(Instant::now() + 2 * MS));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let s = s.clone();
                thread::spawn(move || s.wait())
            })
            .collect();
        s.raise();
        s.raise();
        waiting.into_iter().for_each(|h| h.join().expect("no panic"));
        assert!(s.is_raised() && s.wait_until(Instant::now()));
    });
}

#[test]
fn condition_variables() {
    labrt::run(|| {
        let m = Arc::new((Mutex::new(0), Condvar::new()));
        let mut g = m.0.lock();
        assert!(m.1.wait_for(&mut g, 5 * MS).timed_out());
        let m2 = m.clone();
        let h = thread::spawn(move || {
            sleep(5 * MS);
            *m2.0.lock() = 1;
            m2.1.notify_one();
        });
        while *g == 0 {
            assert!(!m.1.wait_until(&mut g, Instant::now() + Duration::from_secs(5)).timed_out());
        }
        drop(g);
        h.join().expect("no panic");
    });
}

#[test]
fn locks_exclude() {
    labrt::run(|| {
        let n = Arc::new(Mutex::new(0u64));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let n = n.clone();
                thread::spawn(move || {
                    for _ in 0..200 {
                        let mut g = n.lock();
                        let v = *g;
                        let (tx, _rx) = unbounded(); // labrt may switch threads here
                        tx.send(()).expect("the receiver is here");
                        *g = v + 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|h| h.join().expect("no panic"));
        assert_eq!(*n.lock(), 1600);
    });
}

#[test]
fn a_panic_of_a_thread_nobody_joins_fails_the_run() {
    let message = failure(|| {
        let _node = node::enter(NodeId::first(2));
        thread::spawn_named("ticker", || panic!("boom {}", 42));
        sleep(Duration::from_secs(100));
    });
    assert!(message.starts_with("S2 ticker: boom 42 (at labrt/tests/behaviour.rs"), "{message}");
}

#[test]
fn a_failure_ends_the_run_soon() {
    let t0 = labrt::offload::real_time();
    let message = failure(|| {
        let (_tx, rx) = unbounded::<()>();
        let lock = Arc::new((Mutex::new(()), Condvar::new()));
        let lock2 = lock.clone();
        thread::spawn(move || rx.recv());
        thread::spawn(move || lock2.1.wait(&mut lock2.0.lock()));
        thread::spawn(|| Signal::new().wait());
        thread::spawn(|| sleep(Duration::from_secs(1000)));
        let (tx, _rx2) = rendezvous();
        thread::spawn(move || tx.send(1));
        thread::spawn_named("bad", || {
            sleep(5 * MS);
            panic!("seen");
        });
        let never = thread::spawn(|| sleep(Duration::from_secs(2000)));
        let _ = never.join();
    });
    assert!(message.starts_with("bad: seen"), "{message}");
    assert!(
        labrt::offload::real_time() - t0 < Duration::from_secs(10),
        "threads in every kind of wait have been unwound"
    );
}

#[test]
fn a_panic_that_is_caught_is_no_failure() {
    let message = failure(|| {
        let caught = std::panic::catch_unwind(|| panic!("expected"));
        assert!(caught.is_err());
        sleep(MS);
    });
    assert_eq!(message, "");
}

#[test]
fn runs_nest() {
    labrt::run(|| {
        sleep(MS);
        let inner = quiet().once(3, || {
            let h = thread::spawn(|| sleep(MS));
            h.join().expect("no panic");
            panic!("inside");
        });
        assert!(inner.failure.expect("the inner run panics").message.starts_with("inside"));
        let t0 = Instant::now();
        thread::spawn(|| sleep(2 * MS)).join().expect("the outer run continues");
        assert!(t0.elapsed() >= 2 * MS);
    });
}

#[test]
fn destructors_run_when_a_run_ends() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Blocky(Arc<Mutex<u32>>, chan::Sender<u32>);
    impl Drop for Blocky {
        fn drop(&mut self) {
            *self.0.lock() += 1; // this may wait for a thread that holds the lock
            let _ = self.1.send(1);
            sleep(MS);
            DROPS.fetch_add(1, SeqCst);
        }
    }
    let outcome = quiet().once(3, || {
        let m = Arc::new(Mutex::new(0));
        let (tx, rx) = unbounded();
        for i in 0..30u32 {
            let b = Blocky(m.clone(), tx.clone());
            let rx = rx.clone();
            thread::spawn(move || {
                let b = b;
                match i % 3 {
                    0 => drop(rx.recv()),
                    1 => loop {
                        sleep((i + 1) * MS)
                    },
                    _ => drop(b.1.send(0)),
                }
            });
        }
        sleep(30 * MS);
    });
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert_eq!((outcome.stats.leaked, DROPS.load(SeqCst)), (0, 30));
}

#[test]
fn threads_belong_to_nodes() {
    labrt::run(|| {
        let (a, b) = (NodeId::first(1), NodeId { incarnation: 2, ..NodeId::first(1) });
        let stop = Signal::new();
        for (n, name) in [(a, "raft-ticker"), (b, "raft-applier")] {
            let _in = node::enter(n);
            let stop = stop.clone();
            thread::spawn_named(name, move || {
                assert_eq!(node::current(), n);
                let _elsewhere = node::enter(NodeId::first(7)); // this does not change the owner
                stop.wait();
            });
        }
        sleep(5 * MS);
        let of_a = thread::alive(a);
        assert_eq!(of_a.len(), 1);
        assert!(
            of_a[0].what.contains("raft-ticker: in Signal::wait at labrt/tests/behaviour.rs"),
            "{of_a:?}"
        );
        stop.raise();
        sleep(20 * MS);
        assert!(thread::alive(a).is_empty() && thread::alive(b).is_empty());
    });
}

/// The places in a report are in the user's code, even if a function of labrt calls another function of
/// labrt. The other tests of places are in `places.rs`.
#[test]
fn places_are_those_of_the_user() {
    let run = Run { limit: 200 * MS, ..quiet() };
    let outcome = run.once(1, || {
        let (_tx, rx) = unbounded::<()>();
        thread::spawn_named("iterates", move || rx.iter().count());
        thread::spawn_named("joins", || thread::spawn(|| sleep(Duration::from_secs(5000))).join());
        sleep(Duration::from_secs(5000));
    });
    let message = outcome.failure.expect("the run reaches its time limit").message;
    for thread in ["iterates: in Receiver::recv at", "joins: in "] {
        let line = message
            .lines()
            .find(|line| line.contains(thread))
            .expect("the report has a line for each thread");
        assert!(line.contains(" at labrt/tests/behaviour.rs"), "{message}");
    }
    let message = failure(|| {
        let pair = (Mutex::new(()), Condvar::new());
        let mut guard = pair.0.lock();
        pair.1.wait_for(&mut guard, MS);
        locks::blocking("an RPC");
    });
    assert_eq!(message.matches("labrt/tests/behaviour.rs").count(), 4, "{message}");
}

#[test]
fn a_run_over_its_limit_says_who_waits_where() {
    let run = Run { limit: Duration::from_secs(1), ..quiet() };
    let outcome = run.once(1, || {
        thread::spawn_named("other", || sleep(Duration::from_secs(5000)));
        sleep(Duration::from_secs(5000));
    });
    let message = outcome.failure.expect("the run reaches its time limit").message;
    assert!(message.contains("more than 1 s"), "{message}");
    assert!(message.contains("other: in sleep at labrt/tests/behaviour.rs"), "{message}");
}

#[test]
fn streams_do_not_shift_each_other() {
    labrt::run(|| {
        const DROP: Label = Label::new("drop");
        let first = (rng::draw(DROP, 1, 2), rng::stream("x", 1).random::<u64>());
        for _ in 0..10 {
            rng::below(6);
        }
        assert_eq!(first, (rng::draw(DROP, 1, 2), rng::stream("x", 1).random::<u64>()));
        assert_ne!(rng::draw(DROP, 1, 2), rng::draw(DROP, 2, 1));
        assert!((0..1000).all(|_| rng::below(6) < 6));
    });
}

/// The random numbers of a node do not depend on the draws of other nodes.
#[test]
fn each_node_has_its_own_stream() {
    let numbers = |extra: usize| {
        let out = Arc::new(Mutex::new(Vec::new()));
        let sink = out.clone();
        let outcome = quiet().once(77, move || {
            (0..extra).for_each(|_| assert!(rng::below(9) < 9));
            let _in = node::enter(NodeId::first(3));
            sink.lock().extend((0..5).map(|_| rng::below(1 << 40)));
        });
        assert!(outcome.failure.is_none());
        Arc::try_unwrap(out).ok().expect("the run is over").into_inner()
    };
    assert_eq!(numbers(0), numbers(17));
}

#[test]
fn lock_order_is_watched() {
    let message = failure(|| {
        let (a, b) = (Mutex::new(1), Mutex::new(2));
        {
            let _a = a.lock();
            let _b = b.lock();
        }
        let _b = b.lock();
        let _a = a.lock();
    });
    assert!(message.contains("locks are taken in both orders"), "{message}");
    assert_eq!(message.matches("labrt/tests/behaviour.rs").count(), 9, "{message}");
}

#[test]
fn a_longer_cycle_of_locks_is_seen() {
    let message = failure(|| {
        let l: Vec<_> = (0..3).map(Mutex::new).collect();
        for i in 0..3 {
            let _one = l[i].lock();
            let _two = l[(i + 1) % 3].lock();
        }
    });
    assert!(message.contains("locks are taken in both orders"), "{message}");
}

#[test]
fn taking_a_lock_twice_is_reported() {
    let message = failure(|| {
        let a = Mutex::new(1);
        let _one = a.lock();
        let _two = a.lock();
    });
    assert!(message.contains("by a thread that has held it since"), "{message}");
}

#[test]
fn blocking_under_a_lock_is_reported() {
    let message = failure(|| {
        let m = Mutex::new(());
        let (tx, _rx) = bounded(1);
        let _g = m.lock();
        let _ = tx.send(1);
    });
    assert!(message.contains("a send on a bounded channel"), "{message}");
    let message = failure(|| {
        let m = Mutex::new(());
        let (tx, rx) = unbounded();
        {
            let _g = m.lock();
            sleep(MS);
            tx.send(1).expect("an unbounded send does not block");
        }
        drop(rx);
        locks::blocking("an RPC"); // this thread holds no lock any more
        let _g = m.lock();
        locks::blocking("an RPC");
    });
    assert!(message.contains("an RPC at") && message.contains("behaviour.rs"), "{message}");
}

#[test]
fn a_condition_variable_gives_its_lock_back() {
    labrt::run(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let pair2 = pair.clone();
        let h = thread::spawn(move || {
            let mut g = pair2.0.lock();
            while !*g {
                pair2.1.wait(&mut g);
            }
            drop(g);
            locks::blocking("nothing is held");
        });
        sleep(2 * MS);
        *pair.0.lock() = true;
        pair.1.notify_all();
        h.join().expect("no panic");
    });
}

#[test]
fn warnings_do_not_fail_a_run() {
    let run = Run { discipline: locks::Discipline::Warn, ..quiet() };
    let outcome = run.once(1, || {
        let m = Mutex::new(());
        let _g = m.lock();
        locks::blocking("an RPC");
        labrt::warning("a second one");
    });
    assert!(outcome.failure.is_none());
    assert_eq!(outcome.stats.warnings, 2);
    let sum = Run { runs: 3, ..run }.execute(|| labrt::warning("one in each run"));
    assert_eq!(sum.map(|sum| sum.warnings), Ok(3));
}

#[test]
fn the_report_counts_warnings() {
    let path = std::env::temp_dir().join(format!("labrt-warnings-{}", std::process::id()));
    let run = Run { runs: 2, report: Some(path.clone()), ..quiet() };
    run.execute(|| (0..2).for_each(labrt::warning)).expect("a warning does not fail the run");
    let text = std::fs::read_to_string(&path).expect("the run has written this file");
    std::fs::remove_file(&path).expect("the test has made this file");
    let counts = text.lines().filter(|line| line.starts_with("end")).map(|line| line.split('\t').nth(9));
    assert_eq!(counts.collect::<Vec<_>>(), [Some("2"); 2], "{text}");
}

#[test]
fn offloaded_work_runs_on_real_threads() {
    labrt::run(|| {
        let t0 = Instant::now();
        let sum: u64 = labrt::offload(|| {
            labrt::offload::scope(|s| {
                let parts: Vec<_> =
                    (0..2u64).map(|i| s.spawn(move || (0..1000).map(|x| x * i).sum::<u64>())).collect();
                parts.into_iter().map(|p| p.join().expect("no panic")).sum()
            })
        });
        assert_eq!(sum, 499_500);
        if labrt::is_sim() {
            assert_eq!(t0.elapsed(), Duration::ZERO, "computing takes no virtual time");
        }
    });
}

/// A program can cheaply start a thread for each call, because threads are pooled.
#[test]
fn many_short_threads() {
    labrt::run(|| {
        let n = Arc::new(AtomicUsize::new(0));
        for _ in 0..2000 {
            let n = n.clone();
            thread::spawn(move || n.fetch_add(1, SeqCst)).join().expect("no panic");
        }
        assert_eq!(n.load(SeqCst), 2000);
    });
}

#[test]
fn a_thread_works_for_a_message() {
    labrt::run(|| {
        assert_eq!(trace::parent(), 0);
        let id = trace::next_id();
        {
            let _outer = trace::under(id);
            {
                let _inner = trace::under(id + 1);
                assert_eq!(trace::parent(), id + 1);
            }
            assert_eq!(trace::parent(), id, "guards nest");
            let seen = |thread: thread::JoinHandle<u64>| thread.join().expect("no panic");
            assert_eq!(seen(thread::spawn(trace::parent)), id, "a pooled thread has the same parent");
            assert_eq!(seen(thread::spawn_named("other", trace::parent)), 0, "a named thread has no parent");
        }
        assert_eq!(trace::parent(), 0);
        let fresh = thread::spawn(trace::parent).join().expect("no panic");
        assert_eq!(fresh, 0, "an OS thread that is used again has no parent");
    });
}

/// Counts events, and does not accept the event `last`.
#[derive(Default)]
struct Counter(usize);

impl trace::Observer for Counter {
    fn see(&mut self, event: &trace::LiveEvent<'_>) -> Result<(), String> {
        self.0 += usize::from(["one", "last"].contains(&event.kind.name()));
        if event.kind.name() == "last" { Err("this event is wrong".into()) } else { Ok(()) }
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{} events", self.0)]
    }
}

#[test]
fn a_failure_contains_what_the_observer_knew() {
    const ONE: trace::Kind = trace::Kind::new("one");
    const LAST: trace::Kind = trace::Kind::new("last");
    let observed = Run { observer: Some(|| Box::<Counter>::default()), ..quiet() };
    let failure = |body: fn()| observed.once(1, body).failure.expect("the run fails");
    let own = failure(|| {
        trace::emit(ONE, trace::Links::NONE, &[]);
        panic!("on its own");
    });
    assert_eq!((own.message.starts_with("on its own"), own.known), (true, vec!["1 events".to_owned()]));
    let wrong = failure(|| {
        trace::emit(ONE, trace::Links::NONE, &[]);
        trace::emit(LAST, trace::Links::NONE, &[]);
    });
    assert!(wrong.message.starts_with("this event is wrong"), "{}", wrong.message);
    assert_eq!(wrong.known, ["2 events"]);
    assert!(quiet().once(1, || panic!("no observer")).failure.expect("the run fails").known.is_empty());
}
