//! Tests that are only for virtual time: runs are deterministic, races are found with some of the seeds, and
//! runs that hang are reported.
#![cfg(feature = "sim")]

use labrt::chan::unbounded;
use labrt::node::{self, NodeId};
use labrt::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::time::{Duration, Instant, sleep};
use labrt::trace::{self, Kind, Links};
use labrt::{Run, thread};

const MS: Duration = Duration::from_millis(1);

fn quiet() -> Run {
    Run { quiet: true, ..Run::default() }
}

fn failure(f: impl Fn() + Send + Sync + 'static) -> String {
    let outcome = quiet().once(1, f);
    outcome.failure.map(|f| format!("{}: {}", f.thread, f.message)).unwrap_or_default()
}

/// Five threads send messages. This is enough to use each kind of scheduling decision.
fn chatter() {
    let (tx, rx) = unbounded();
    let n = Arc::new(Mutex::new(0u64));
    for i in 0..5u64 {
        let (tx, n) = (tx.clone(), n.clone());
        thread::spawn(move || {
            for j in 0..20 {
                sleep(Duration::from_micros(labrt::rng::below(3000)));
                *n.lock() += 1;
                tx.send(i * 100 + j).expect("the receiver is here");
            }
        });
    }
    drop(tx);
    rx.iter().for_each(|v| trace::emit(Kind::new("test.got"), Links::NONE, &[("v", v.into())]));
}

#[test]
fn a_seed_is_a_run() {
    let traces: Vec<_> = (0..50).map(|seed| quiet().once(seed, chatter).trace).collect();
    let again: Vec<_> = (0..50).map(|seed| quiet().once(seed, chatter).trace).collect();
    assert_eq!(traces, again);
    let mut different = traces.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), traces.len(), "seeds give different runs");
}

/// A long sleep takes almost no real time. In virtual time it takes at least as long as was asked for, and
/// only a little longer.
#[test]
fn the_clock_jumps() {
    let outcome = quiet().once(1, || {
        let t0 = Instant::now();
        sleep(Duration::from_secs(3000));
        assert!(t0.elapsed() < Duration::from_secs(3001));
    });
    assert!(outcome.failure.is_none());
    assert!(outcome.stats.time_ns >= 3_000_000_000_000);
}

/// A race happens only if the scheduler switches tasks between two critical sections. With some of the seeds,
/// this race must happen.
#[test]
fn races_are_found() {
    let lost_update = || {
        let n = Arc::new(Mutex::new(0));
        let increment = |n: Arc<Mutex<i32>>| {
            move || {
                let v = *n.lock();
                *n.lock() = v + 1;
            }
        };
        let (a, b) = (thread::spawn(increment(n.clone())), thread::spawn(increment(n.clone())));
        a.join().expect("no panic");
        b.join().expect("no panic");
        assert_eq!(*n.lock(), 2);
    };
    let found = (0..100).filter(|seed| quiet().once(*seed, lost_update).failure.is_some()).count();
    assert!(found > 5, "the lost update shows in {found} of 100 seeds");
}

#[test]
fn a_deadlock_is_reported_with_its_waits() {
    let run = Run { discipline: labrt::locks::Discipline::Off, ..quiet() };
    let outcome = run.once(1, || {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (a2, b2) = (a.clone(), b.clone());
        let h = thread::spawn_named("other", move || {
            let _b = b2.lock();
            sleep(5 * MS);
            let _a = a2.lock();
        });
        let _a = a.lock();
        sleep(5 * MS);
        let _b = b.lock();
        h.join().expect("no panic");
    });
    let message = outcome.failure.expect("the run deadlocks").message;
    assert!(message.contains("deadlock"), "{message}");
    assert!(message.contains("other: in Mutex::lock at labrt/tests/virtual_time.rs"), "{message}");
}

#[test]
fn a_livelock_is_reported() {
    let message = failure(|| {
        let m = Arc::new(Mutex::new(false));
        let m2 = m.clone();
        thread::spawn(move || while !*m2.lock() {});
        while !*m.lock() {}
    });
    assert!(message.contains("livelock"), "{message}");
}

/// A loop that only reads the clock never ends, because a computation takes no virtual time, and so the clock
/// does not move.
#[test]
fn waiting_for_the_clock_in_a_loop_is_reported() {
    let message = failure(|| {
        let end = Instant::now() + MS;
        while Instant::now() < end {}
    });
    assert!(message.contains("livelock"), "{message}");
    assert!(message.contains("running since Instant::now at labrt/tests/virtual_time.rs"), "{message}");
}

/// In a loop that calls `yield_now`, the clock moves, so the loop ends.
#[test]
fn yielding_moves_the_clock() {
    let message = failure(|| {
        let m = Arc::new(Mutex::new(false));
        let m2 = m.clone();
        thread::spawn(move || {
            sleep(10 * MS);
            *m2.lock() = true
        });
        while !*m.lock() {
            thread::yield_now()
        }
    });
    assert_eq!(message, "");
}

/// The run ends even if a task catches its cancellation again and again.
#[test]
fn stubborn_tasks_are_given_up() {
    let outcome = quiet().once(1, || {
        thread::spawn(|| {
            loop {
                let _ = std::panic::catch_unwind(|| sleep(MS));
            }
        });
        sleep(10 * MS);
    });
    assert!(outcome.failure.is_none());
    assert_eq!(outcome.stats.leaked, 1);
}

#[test]
fn every_destructor_runs_after_a_panic() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Count;
    impl Drop for Count {
        fn drop(&mut self) {
            DROPS.fetch_add(1, SeqCst);
        }
    }
    let message = failure(|| {
        let m = Arc::new(Mutex::new(Count));
        for _ in 0..10 {
            let (m, c) = (m.clone(), Count);
            thread::spawn(move || {
                let _c = c;
                let _g = m.lock(); // the lock is held while the task is unwound
                sleep(Duration::from_secs(100));
            });
        }
        thread::spawn_named("bad", || {
            sleep(5 * MS);
            panic!("boom");
        });
        sleep(Duration::from_secs(1000));
    });
    assert!(message.starts_with("bad: boom"), "{message}");
    assert_eq!(DROPS.load(SeqCst), 11);
}

/// If a message comes before its timeout, the timer is not needed any more. Such timers must not fill the
/// memory.
#[test]
fn many_unused_timeouts() {
    let outcome = quiet().once(1, || {
        let (tx, rx) = unbounded();
        let h = thread::spawn(move || (0..20_000).for_each(|i| tx.send(i).expect("the receiver is here")));
        for _ in 0..20_000 {
            rx.recv_timeout(Duration::from_secs(3600)).expect("the message is sent");
        }
        h.join().expect("no panic");
    });
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
}

#[test]
fn map_order_is_a_function_of_the_run() {
    let f = || {
        let m: labrt::collections::HashMap<u64, u64> = (0..100).map(|i| (i, i)).collect();
        m.keys().for_each(|k| trace::emit(Kind::new("test.key"), Links::NONE, &[("k", (*k).into())]));
    };
    assert_eq!(quiet().once(1, f).trace, quiet().once(1, f).trace);
}

#[test]
#[allow(clippy::disallowed_types, reason = "the test is about std's map")]
fn std_maps_are_caught_by_comparing_traces() {
    let f = || {
        let m: std::collections::HashMap<u64, u64> = (0..100).map(|i| (i, i)).collect();
        m.keys().for_each(|k| trace::emit(Kind::new("test.key"), Links::NONE, &[("k", (*k).into())]));
    };
    assert_ne!(quiet().once(1, f).trace, quiet().once(1, f).trace);
    let run = Run { check: true, ..quiet() };
    assert!(run.execute(f).expect_err("the traces differ").contains("not deterministic"));
}

#[test]
fn an_expected_trace_is_checked() {
    let trace = quiet().once(5, chatter).trace;
    let right = Run { seed: 5, expect: Some(trace), ..quiet() };
    assert!(right.execute(chatter).is_ok());
    let wrong = Run { seed: 5, expect: Some(trace ^ 1), ..quiet() };
    assert!(wrong.execute(chatter).expect_err("another hash").contains("instead of"));
}

/// The report file has lines for all runs. A failure does not stop the other seeds.
#[test]
fn the_report_names_every_run() {
    let path = std::env::temp_dir().join(format!("labrt-report-{}", std::process::id()));
    let run = Run { seed: 10, runs: 4, report: Some(path.clone()), ..quiet() };
    let failed = run.execute(|| {
        if labrt::rng::below(2) == 0 {
            panic!("tails");
        }
    });
    let text = std::fs::read_to_string(&path).expect("the run has written this file");
    std::fs::remove_file(&path).expect("the test has made this file");
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split('\t').collect()).collect();
    assert_eq!(lines.len(), 8, "{text}");
    for (i, pair) in lines.chunks(2).enumerate() {
        let seed = format!("{:#x}", 10 + i);
        assert_eq!((pair[0][0], pair[0][2]), ("start", seed.as_str()));
        assert_eq!((pair[1][0], pair[1][2], pair[1].len()), ("end", seed.as_str(), 10));
        assert_eq!(pair[1][3] == "FAIL", pair[1][7].contains("tails"), "{text}");
    }
    assert_eq!(failed.is_err(), text.contains("FAIL"));
}

/// The function `on_failure` can repeat the failed run to get its events, which were not kept the first time.
#[test]
fn the_first_failure_is_told_and_can_be_run_again() {
    static TOLD: AtomicUsize = AtomicUsize::new(0);
    let path = std::env::temp_dir().join(format!("labrt-again-{}", std::process::id()));
    let (report, events) = (path.with_extension("report"), path.with_extension("jsonl"));
    fn told(failed: &labrt::Failed<'_>) {
        TOLD.fetch_add(1, SeqCst);
        let events =
            failed.run.report.as_ref().expect("the settings have a report file").with_extension("jsonl");
        let again = Run { trace_file: Some(events.clone()), trace_most: 100, ..failed.run.clone() };
        let outcome = failed.again(&again);
        assert_eq!(outcome.trace, failed.outcome.trace, "the repeated run is the same as the failed run");
        assert_eq!(outcome.events, Some(events));
        assert!(failed.outcome.events.is_none(), "the settings had no trace file");
    }
    fn hints(test: &str, message: &str) -> Vec<String> {
        assert!(message.starts_with("in the end"), "{test}: {message}");
        vec!["first hint".to_owned(), "second".to_owned()]
    }
    let on_failure: Option<fn(&labrt::Failed<'_>)> = Some(told);
    let run =
        Run { seed: 3, runs: 3, report: Some(report.clone()), on_failure, hints: Some(hints), ..quiet() };
    let failed = run.execute(|| {
        chatter();
        panic!("in the end");
    });
    assert!(failed.is_err());
    assert_eq!(TOLD.load(SeqCst), 1, "only the first of three failures is reported");
    let text = std::fs::read_to_string(&events).expect("the run has written this file");
    [report, events].iter().for_each(|file| std::fs::remove_file(file).expect("the test has made this file"));
    let lines: Vec<&str> = text.lines().collect();
    assert!((101..=201).contains(&lines.len()), "{} lines of the last events", lines.len());
    assert!(lines[0].contains("run.begin") && !lines[0].contains("\"f.lost\":0"), "{}", lines[0]);
    assert!(lines[0].contains(r#""f.replay":"LAB_SEED=0x3 "#), "{}", lines[0]);
    assert!(lines[0].contains(r#""f.hints":"first hint\nsecond""#), "{}", lines[0]);
    assert!(text.contains("in the end"), "the failure is among the last events");
}

/// The memory does not grow with the number of runs, because stacks are used again, and the data of each run
/// is dropped.
#[test]
fn memory_is_flat_over_many_runs() {
    let resident = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/statm").expect("Linux has this file");
        status
            .split_whitespace()
            .nth(1)
            .and_then(|v| v.parse().ok())
            .expect("the second field is a number of pages")
    };
    (0..500).for_each(|seed| drop(quiet().once(seed, chatter)));
    let before = resident();
    (0..3000).for_each(|seed| drop(quiet().once(seed, chatter)));
    let grown = resident().saturating_sub(before) * 4096;
    assert!(grown < 8 << 20, "{grown} bytes more after 3000 runs");
}

/// Coroutines and threads use the same kernel, so both give the same traces.
#[test]
fn both_back_ends_give_the_same_traces() {
    let exe = std::env::current_exe().expect("the path of the test's own binary");
    let traces = |backend: &str| {
        let out = std::process::Command::new(&exe)
            .args(["--exact", "prints_traces", "--ignored", "--nocapture"])
            .env("LAB_BACKEND", backend)
            .output()
            .expect("the test binary can be started");
        let text = String::from_utf8_lossy(&out.stdout).to_string();
        text.lines().filter(|l| l.starts_with("trace ")).map(String::from).collect::<Vec<_>>()
    };
    let coroutines = traces("coroutines");
    assert_eq!(coroutines.len(), 20);
    assert_eq!(coroutines, traces("threads"));
}

/// This test is for the child processes that `both_back_ends_give_the_same_traces` starts.
#[test]
#[ignore = "run by another test"]
fn prints_traces() {
    (0..20).for_each(|seed| println!("trace {:016x}", quiet().once(seed, chatter).trace));
}

/// Outside a run there is no virtual time, so labrt panics. The message of the panic says what to do.
#[test]
#[should_panic(expected = "put the code into `labrt::run(|| ...)`")]
fn outside_a_run() {
    sleep(MS);
}

/// Starts a thread that belongs to this node.
fn spawn_on(node: NodeId, f: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    let _node = node::enter(node);
    thread::spawn(f)
}

fn passes(f: impl Fn() + Send + Sync + Copy + 'static) {
    for seed in 0..50 {
        let outcome = quiet().once(seed, f);
        assert!(outcome.failure.is_none(), "seed {seed}: {:?}", outcome.failure);
    }
}

/// A sleep that ends during a pause has no effect until the end of the pause. Threads of other nodes go on.
#[test]
fn a_paused_node_stops() {
    passes(|| {
        let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        for (index, count) in counts.iter().enumerate() {
            let count = Arc::clone(count);
            spawn_on(NodeId::first(index), move || {
                for _ in 0..1000 {
                    sleep(MS);
                    count.fetch_add(1, SeqCst);
                }
            });
        }
        let seen = || [counts[0].load(SeqCst), counts[1].load(SeqCst)];
        sleep(10 * MS);
        node::pause(NodeId::first(0));
        let [first, other] = seen();
        sleep(500 * MS);
        let [now, others_now] = seen();
        // The thread may have been between its sleep and the addition.
        assert!(now <= first + 1, "{first} before the pause, {now} in it");
        assert!(others_now > other + 400, "the other node goes on");
        node::resume(NodeId::first(0));
        sleep(2000 * MS);
        assert_eq!(seen(), [1000, 1000]);
    });
}

/// If a wait ends during a pause, its result is not lost: the thread gets the message, or learns that the
/// time limit was reached.
#[test]
fn a_wait_that_ends_in_a_pause_keeps_its_result() {
    passes(|| {
        let ((tx, rx), (got, results)) = (unbounded(), unbounded());
        let thread = spawn_on(NodeId::first(0), move || {
            got.send(rx.recv().expect("the sender is here")).expect("the body waits");
            let (lock, condvar) = (Mutex::new(()), Condvar::new());
            let timed_out = condvar.wait_for(&mut lock.lock(), 10 * MS).timed_out();
            got.send(u32::from(timed_out)).expect("the body waits");
        });
        sleep(MS);
        node::pause(NodeId::first(0));
        tx.send(7).expect("the thread has the receiver");
        sleep(100 * MS);
        assert!(results.try_recv().is_err(), "the node is paused");
        node::resume(NodeId::first(0));
        assert_eq!(results.recv(), Ok(7));
        node::pause(NodeId::first(0));
        sleep(100 * MS);
        node::resume(NodeId::first(0));
        assert_eq!(results.recv(), Ok(1));
        thread.join().expect("the thread has not failed");
    });
}

/// A thread of a paused node does not keep a lock that others need. This is also true if the thread waits for
/// the lock when the pause begins.
#[test]
fn nobody_waits_for_a_lock_of_a_paused_node() {
    passes(|| {
        let n = Arc::new(Mutex::new(0));
        let add = |n: &Arc<Mutex<u64>>| {
            let n = Arc::clone(n);
            move || loop {
                let mut n = n.lock();
                *n += 1;
                // These calls of labrt happen under the lock.
                sleep(Duration::from_micros(labrt::rng::below(50)));
                drop(n);
                sleep(Duration::from_micros(labrt::rng::below(50)));
            }
        };
        for _ in 0..3 {
            spawn_on(NodeId::first(0), add(&n));
        }
        thread::spawn(add(&n));
        for _ in 0..20 {
            sleep(Duration::from_micros(labrt::rng::below(500)));
            node::pause(NodeId::first(0));
            let before = *n.lock();
            sleep(10 * MS);
            assert!(*n.lock() > before, "the thread of no node goes on");
            node::resume(NodeId::first(0));
        }
    });
}

/// The end of a run also ends the threads of a paused node.
#[test]
fn a_run_ends_although_a_node_is_paused() {
    let outcome = quiet().once(1, || {
        spawn_on(NodeId::first(0), || {
            loop {
                sleep(MS);
            }
        });
        sleep(5 * MS);
        node::pause(NodeId::first(0));
        sleep(5 * MS);
    });
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert_eq!(outcome.stats.leaked, 0);
}
