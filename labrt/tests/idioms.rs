//! Tests of the Go idioms that the labs use, except plain channels and locks. Each test runs in virtual time
//! and in real time. In virtual time each test runs with many schedules.

use labrt::Run;
use labrt::chan::{Receiver, RecvError, Select, SendError, Sender, bounded, rendezvous, unbounded};
use labrt::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use labrt::sync::{Arc, Mutex, Once, RwLock, Signal, WaitGroup};
use labrt::thread;
use labrt::time::{Duration, Instant, Timer, sleep};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(20);

fn quiet() -> Run {
    Run { quiet: true, ..Run::default() }
}

/// Checks that `f` passes with many seeds. In virtual time this function also checks that two runs with the
/// same seed have the same trace.
fn always(f: impl Fn() + Send + Sync + 'static) {
    let runs = if labrt::is_sim() { 200 } else { 5 };
    let sum = Run { runs, check: true, ..quiet() }.execute(f);
    assert_eq!(sum.map(|sum| sum.runs), Ok(runs));
}

fn failure(f: impl Fn() + Send + Sync + 'static) -> String {
    quiet().once(1, f).failure.map(|f| f.message).unwrap_or_default()
}

fn receive<T>(rx: &Receiver<T>) -> T {
    rx.recv_timeout(LONG).expect("the message is sent")
}

// ---- select ------------------------------------------------------------------------------------

#[test]
fn a_select_takes_what_comes_first() {
    always(|| {
        let ((a, from_a), (b, from_b)) = (unbounded::<u32>(), unbounded::<&str>());
        let next = || {
            Select::new()
                .recv(&from_a, |m| m.map_or("a is closed".to_string(), |m| m.to_string()))
                .recv(&from_b, |m| m.map_or("b is closed".to_string(), str::to_string))
        };
        assert_eq!(next().try_now(), None);
        assert_eq!(next().wait_for(MS), None);
        let sender = thread::spawn(move || {
            sleep(2 * MS);
            a.send(1).expect("the receiver waits");
            sleep(10 * MS);
            b.send("two").expect("the receiver waits");
            sleep(10 * MS);
        });
        assert_eq!([next().wait(), next().wait()], ["1", "two"]);
        sender.join().expect("no panic");
        assert!(["a is closed", "b is closed"].contains(&next().wait().as_str()));
    });
}

#[test]
fn a_select_without_waiting() {
    always(|| {
        let (tx, rx) = bounded(1);
        let send = |m| Select::new().send(&tx, m, |sent| sent.is_ok()).try_now();
        assert_eq!(send(1), Some(true));
        assert_eq!(send(2), None, "the channel is full");
        assert_eq!(rx.try_recv(), Ok(1));
        let (tx, rx) = rendezvous::<u32>();
        assert_eq!(Select::new().send(&tx, 3, |_| ()).try_now(), None, "no receiver waits");
        let receiver = thread::spawn(move || receive(&rx));
        while Select::new().send(&tx, 4, |sent| sent.expect("a receiver waits")).try_now().is_none() {
            sleep(MS);
        }
        assert_eq!(receiver.join().expect("no panic"), 4);
        let lost = Select::new().send(&tx, 5, |sent| sent).wait();
        assert_eq!(lost, Err(SendError(5)), "the receiver is gone");
    });
}

/// If several cases are ready, the select chooses at random: in many selects, each case is chosen sometimes.
#[test]
fn a_select_draws_among_the_ready() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let seen = counts.clone();
    let outcome = quiet().once(1, move || {
        let ((a, from_a), (b, from_b)) = (unbounded(), unbounded());
        for _ in 0..400 {
            a.send(0).expect("the receiver is here");
            b.send(1).expect("the receiver is here");
        }
        for _ in 0..400 {
            let index: usize = Select::new()
                .recv(&from_a, |m| m.expect("the message was sent"))
                .recv(&from_b, |m| m.expect("the message was sent"))
                .wait();
            counts[index].fetch_add(1, SeqCst);
        }
    });
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert!(seen.iter().all(|count| count.load(SeqCst) > 100), "{seen:?}");
}

/// Some selects send and other selects receive. Each message arrives exactly once.
#[test]
fn selects_meet_on_rendezvous_channels() {
    always(|| {
        const EACH: u32 = 20;
        let ((a, from_a), (b, from_b)) = (rendezvous::<u32>(), rendezvous::<u32>());
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let (a, b) = (a.clone(), b.clone());
                thread::spawn(move || {
                    for n in 0..EACH {
                        let message = sender * EACH + n;
                        let sent =
                            Select::new().send(&a, message, |sent| sent).send(&b, message, |sent| sent);
                        sent.wait().expect("the receivers have not ended");
                    }
                })
            })
            .collect();
        drop((a, b));
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let (from_a, from_b) = (from_a.clone(), from_b.clone());
                thread::spawn(move || {
                    let mut got = Vec::new();
                    let mut open = [true; 2];
                    while open != [false; 2] {
                        let mut select = Select::new();
                        if open[0] {
                            select = select.recv(&from_a, |m| (0, m));
                        }
                        if open[1] {
                            select = select.recv(&from_b, |m| (1, m));
                        }
                        match select.wait() {
                            (_, Ok(message)) => got.push(message),
                            (closed, Err(RecvError)) => open[closed] = false,
                        }
                    }
                    got
                })
            })
            .collect();
        senders.into_iter().for_each(|h| h.join().expect("no panic"));
        let mut all: Vec<u32> = receivers.into_iter().flat_map(|h| h.join().expect("no panic")).collect();
        all.sort_unstable();
        assert_eq!(all, (0..3 * EACH).collect::<Vec<_>>());
    });
}

/// A channel wakes the thread of a select. Before this thread continues, a second channel becomes ready. The
/// select must receive the message of the first channel. The message of the second channel must stay for
/// other threads.
#[test]
fn a_select_takes_along_nothing_else() {
    always(|| {
        let ((a, from_a), (b, from_b)) = (bounded::<u32>(1), bounded::<u32>(1));
        let both = (from_a.clone(), from_b.clone());
        let selecting = thread::spawn(move || {
            Select::new()
                .recv(&both.0, |m| m.expect("the message was sent"))
                .recv(&both.1, |m| m.expect("the message was sent"))
                .wait()
        });
        let plain =
            thread::spawn(move || from_b.recv_timeout(LONG).expect("one message is left for this thread"));
        sleep(MS);
        let send = |tx: Sender<u32>, m: u32| {
            thread::spawn(move || {
                // This fails if the thread that receives has already ended.
                let _ = tx.send(m);
            })
        };
        send(a, 1);
        send(b.clone(), 2);
        let first = selecting.join().expect("no panic");
        if first == 2 {
            b.send(3).expect("a receiver waits");
        }
        assert_eq!(plain.join().expect("no panic"), if first == 2 { 3 } else { 2 });
    });
}

#[test]
fn a_select_sees_signals() {
    always(|| {
        let (_tx, rx) = unbounded::<()>();
        let killed = Signal::new();
        let (rx2, killed2) = (rx.clone(), killed.clone());
        let server = thread::spawn(move || {
            Select::new().recv(&rx2, |_| "message").signal(&killed2, || "killed").wait_for(LONG)
        });
        sleep(MS);
        killed.raise();
        assert_eq!(server.join().expect("no panic"), Some("killed"));
        assert_eq!(Select::new().signal(&killed, || 1).try_now(), Some(1));
    });
}

#[test]
fn a_select_is_unwound_with_its_run() {
    let message = failure(|| {
        let (tx, rx) = rendezvous::<u32>();
        let tx2 = tx.clone();
        thread::spawn(move || Select::new().send(&tx2, 1, |_| ()).wait());
        let rx2 = rx.clone();
        thread::spawn(move || Select::new().send(&tx, 1, |_| ()).recv(&rx2, |_| ()).wait());
        thread::spawn(|| Select::<()>::new().wait());
        sleep(MS);
        drop(rx);
        panic!("the end");
    });
    assert!(message.starts_with("the end"), "{message}");
}

// ---- timers ------------------------------------------------------------------------------------

#[test]
fn a_timer_fires_once_for_each_time_it_is_set() {
    always(|| {
        let began = Instant::now();
        let timer = Timer::after(5 * MS);
        timer.wait();
        assert!(began.elapsed() >= 5 * MS);
        let fires = |timer: &Timer, d| Select::new().timer(timer, || ()).wait_for(d).is_some();
        assert!(!fires(&timer, 20 * MS), "the timer has fired already");
        assert!(!timer.reset(5 * MS), "the timer was not running");
        assert!(timer.reset(10 * MS), "the timer was running");
        assert!(fires(&timer, LONG));
        timer.reset(MS);
        assert!(timer.stop());
        assert!(!fires(&timer, 10 * MS), "the timer is stopped");
    });
}

/// In a Raft peer, a thread waits for the election timer. During this wait, the handler of a heartbeat resets
/// the timer.
#[test]
fn a_timer_is_reset_while_others_wait_for_it() {
    always(|| {
        for (at_first, then) in [(20 * MS, 60 * MS), (LONG, 5 * MS)] {
            let timer = Timer::after(at_first);
            let began = Instant::now();
            let (waits, selects) = (timer.clone(), timer.clone());
            let threads = [
                thread::spawn(move || waits.wait()),
                thread::spawn(move || Select::new().timer(&selects, || ()).wait()),
            ];
            sleep(MS);
            timer.reset(then);
            let [one, other] = threads;
            while !one.is_finished() && !other.is_finished() {
                sleep(MS);
            }
            assert!((then..LONG).contains(&began.elapsed()), "{:?}", began.elapsed());
            assert!(!(one.is_finished() && other.is_finished()), "the timer fires only once");
            timer.reset(MS);
            one.join().expect("no panic");
            other.join().expect("no panic");
        }
    });
}

#[test]
fn a_ticker_ticks_and_loses_what_is_not_taken() {
    always(|| {
        let began = Instant::now();
        let ticker = Timer::every(10 * MS);
        for tick in 1..=3 {
            ticker.wait();
            assert!(began.elapsed() >= tick * 10 * MS);
        }
        sleep(100 * MS);
        let tick = || Select::new().timer(&ticker, || ()).try_now().is_some();
        assert!(tick(), "one tick is kept");
        assert!(!tick(), "the other ticks are lost");
        ticker.stop();
        sleep(30 * MS);
        assert!(!tick());
    });
    let message = failure(|| drop(Timer::every(Duration::ZERO)));
    assert!(message.contains("the period is zero; expected"), "{message}");
}

// ---- locks and groups --------------------------------------------------------------------------

#[test]
fn many_readers_or_one_writer() {
    always(|| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let readers_at_once = Arc::new(AtomicUsize::new(0));
        let group = WaitGroup::new();
        group.add(6);
        for i in 0..6 {
            let (lock, at_once, group) = (lock.clone(), readers_at_once.clone(), group.clone());
            thread::spawn(move || {
                for _ in 0..5 {
                    if i < 2 {
                        let mut pair = lock.write();
                        pair.0 += 1;
                        sleep(MS / 10);
                        pair.1 += 1;
                    } else {
                        let pair = lock.read();
                        assert_eq!(pair.0, pair.1, "a reader has seen an unfinished write");
                        at_once.fetch_add(1, SeqCst);
                        sleep(MS / 10);
                        at_once.fetch_sub(1, SeqCst);
                    }
                    sleep(MS / 10);
                }
                group.done();
            });
        }
        assert!(group.wait_for(LONG));
        assert_eq!(*lock.read(), (10, 10));

        let reads = lock.read();
        assert!(lock.try_write().is_none());
        let lock2 = lock.clone();
        let second = thread::spawn(move || *lock2.try_read().expect("several readers can hold the lock"));
        assert_eq!(second.join().expect("no panic"), (10, 10));
        let lock2 = lock.clone();
        let writer = thread::spawn(move || lock2.write().0 = 0);
        sleep(5 * MS);
        let lock2 = lock.clone();
        let behind = thread::spawn(move || lock2.try_read().is_none());
        assert!(behind.join().expect("no panic"), "a writer that waits keeps readers out");
        drop(reads);
        writer.join().expect("no panic");
        assert_eq!(Arc::into_inner(lock).expect("all threads have ended").into_inner(), (0, 10));
    });
}

#[test]
fn read_locks_are_watched_like_others() {
    let message = failure(|| {
        let (a, b) = (RwLock::new(1), Mutex::new(2));
        drop((a.read(), b.lock()));
        let _b = b.lock();
        let _a = a.write();
    });
    assert!(message.contains("locks are taken in both orders"), "{message}");
    let message = failure(|| {
        let a = RwLock::new(1);
        let _one = a.read();
        let _two = a.read();
    });
    assert!(message.contains("by a thread that has held it since"), "{message}");
}

#[test]
fn a_group_is_waited_for() {
    always(|| {
        let (group, done) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        group.wait();
        for i in 0..5 {
            group.add(1);
            let (group, done) = (group.clone(), done.clone());
            thread::spawn(move || {
                sleep(i * MS);
                done.fetch_add(1, SeqCst);
                group.done();
            });
        }
        let group2 = group.clone();
        let other = thread::spawn(move || group2.wait());
        group.wait();
        assert_eq!(done.load(SeqCst), 5);
        other.join().expect("no panic");
        group.add(1);
        assert!(!group.wait_for(MS) && !group.wait_until(Instant::now()));
    });
    assert!(failure(|| WaitGroup::new().done()).contains("more often than `add`"));
}

#[test]
fn once_is_once() {
    always(|| {
        let (once, calls) = (Arc::new(Once::new()), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (once, calls) = (once.clone(), calls.clone());
                thread::spawn(move || {
                    once.call_once(|| {
                        sleep(5 * MS);
                        calls.fetch_add(1, SeqCst);
                    });
                    assert!(once.is_completed());
                    assert_eq!(calls.load(SeqCst), 1, "every call has waited for the end of the first call");
                })
            })
            .collect();
        threads.into_iter().for_each(|h| h.join().expect("no panic"));
    });
}
