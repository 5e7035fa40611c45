//! Go's idioms, and how to write them with labrt. This module has only documentation.
//!
//! All examples have the same meaning in virtual time and in real time. In virtual time their result depends
//! only on the seed. A run must *not* use the threads, locks, channels and sleeps of `std`, and it must not
//! wait in a loop that does not call labrt.
//!
//! # Goroutines and locks
//!
//! The example shows `go f()`, `mu.Lock()` with `defer mu.Unlock()`, `sync.RWMutex` and `sync.Cond`. A guard
//! unlocks its lock when the guard is dropped: at the end of the block, or by `drop(guard)`.
//!
//! ```
//! use labrt::sync::{Arc, Condvar, Mutex, RwLock};
//! use labrt::{thread, time::Duration};
//!
//! labrt::run(|| {
//!     let (mu, cond) = (Arc::new(Mutex::new(0)), Arc::new(Condvar::new()));
//!     let (mu2, cond2) = (mu.clone(), cond.clone());
//!     let f = move || {
//!         let mut votes = mu2.lock();
//!         *votes += 1;
//!         cond2.notify_all();
//!     };
//!     thread::spawn(f);
//!     let mut votes = mu.lock();
//!     while *votes == 0 {
//!         cond.wait(&mut votes);
//!     }
//!     let d = Duration::from_millis(5);
//!     assert!(cond.wait_for(&mut votes, d).timed_out());
//!
//!     let lock = RwLock::new(1);
//!     *lock.write() += 1;
//!     assert_eq!(*lock.read(), 2);
//! });
//! ```
//!
//! # Channels
//!
//! Go's `make(chan T)` makes a rendezvous channel, which has no room for a message. Go's `make(chan T, n)`
//! makes a channel with room for n messages. A channel is closed when all its senders are dropped.
//!
//! ```
//! use labrt::chan::{bounded, rendezvous, unbounded};
//! use labrt::sync::Signal;
//! use labrt::{thread, time::Duration};
//!
//! labrt::run(|| {
//!     let (tx, rx) = rendezvous();
//!     thread::spawn(move || {
//!         for v in 1..=3 {
//!             tx.send(v).expect("a receiver");
//!         }
//!         drop(tx);
//!     });
//!     assert_eq!(rx.recv(), Ok(1));
//!     let mut sum = 0;
//!     for v in rx.iter() {
//!         sum += v;
//!     }
//!     assert_eq!(sum, 5);
//!
//!     let (n, d) = (2, Duration::from_millis(5));
//!     let (tx, rx) = bounded(n);
//!     assert!(rx.try_recv().is_err(), "select with a default");
//!     assert!(rx.recv_timeout(d).is_err(), "select with time.After");
//!     tx.send('a').expect("there is room");
//!     assert_eq!(rx.len(), 1);
//!
//!     // `for m := range applyCh` in a server that can be killed.
//!     let (apply, applied) = unbounded();
//!     let killed = Signal::new();
//!     let killed2 = killed.clone();
//!     let applier = thread::spawn(move || {
//!         let mut last = 0;
//!         for m in applied.iter_unless(&killed2) {
//!             last = m;
//!         }
//!         last
//!     });
//!     apply.send(7).expect("the applier");
//!     labrt::time::sleep(d);
//!     killed.raise();
//!     assert_eq!(applier.join().expect("no panic"), 7);
//! });
//! ```
//!
//! # Select
//!
//! Each case returns a value, and the code after the select uses this value.
//!
//! ```
//! use labrt::chan::{Select, bounded};
//! use labrt::sync::Signal;
//! use labrt::time::{Duration, Timer};
//!
//! #[derive(Debug, PartialEq)]
//! enum Event {
//!     Got(u32),
//!     Sent,
//!     Killed,
//!     Tick,
//! }
//!
//! labrt::run(|| {
//!     let ((to_a, a), (b, _from_b)) = (bounded(1), bounded(1));
//!     let (killed, timer) = (Signal::new(), Timer::after(Duration::from_secs(9)));
//!     let d = Duration::from_millis(5);
//!     let select = || {
//!         Select::new()
//!             .recv(&a, |v| Event::Got(v.expect("open")))
//!             .signal(&killed, || Event::Killed)
//!             .timer(&timer, || Event::Tick)
//!     };
//!     assert_eq!(select().try_now(), None);
//!     assert_eq!(select().wait_for(d), None);
//!     assert_eq!(select().send(&b, 'x', |_| Event::Sent).wait(), Event::Sent);
//!     to_a.send(8).expect("there is room");
//!     assert_eq!(select().wait(), Event::Got(8));
//!     assert_eq!(select().wait(), Event::Tick);
//!     killed.raise();
//!     assert_eq!(select().wait(), Event::Killed);
//! });
//! ```
//!
//! # Time
//!
//! ```
//! use labrt::sync::Signal;
//! use labrt::thread;
//! use labrt::time::{Duration, Instant, Timer, sleep};
//!
//! labrt::run(|| {
//!     let d = Duration::from_millis(5);
//!     let t0 = Instant::now();
//!     sleep(d);
//!     assert!(t0.elapsed() >= d);
//!
//!     let timer = Timer::after(d);
//!     timer.reset(2 * d);
//!     timer.wait();
//!     timer.stop();
//!     let ticker = Timer::every(d);
//!     ticker.wait();
//!
//!     // A function that runs later, unless it is stopped.
//!     let (stop, f) = (Signal::new(), || ());
//!     let (stop2, at) = (stop.clone(), Instant::now() + d);
//!     thread::spawn(move || if !stop2.wait_until(at) { f() });
//!     stop.raise();
//! });
//! ```
//!
//! # Killed servers, groups, random numbers, maps
//!
//! Suppose that a loop sleeps, and then checks whether its server is killed. This loop ends only after the
//! sleep. A loop that waits for a signal ends as soon as the signal is raised.
//!
//! ```
//! use labrt::collections::HashMap;
//! use labrt::rng;
//! use labrt::sync::atomic::{AtomicI32, Ordering::SeqCst};
//! use labrt::sync::{Arc, Once, Signal, WaitGroup};
//! use labrt::thread;
//! use labrt::time::{Duration, Instant};
//!
//! labrt::run(|| {
//!     let (killed, d) = (Signal::new(), Duration::from_millis(5));
//!     let killed2 = killed.clone();
//!     let ticker = thread::spawn(move || while !killed2.wait_until(Instant::now() + d) {});
//!     assert!(!killed.is_raised());
//!     killed.raise();
//!     ticker.join().expect("no panic");
//!
//!     let dead = Arc::new(AtomicI32::new(0));
//!     dead.store(1, SeqCst);
//!     assert_eq!(dead.load(SeqCst), 1);
//!
//!     let (group, once) = (WaitGroup::new(), Arc::new(Once::new()));
//!     for _ in 0..3 {
//!         group.add(1);
//!         let (group, once) = (group.clone(), once.clone());
//!         thread::spawn(move || {
//!             once.call_once(|| labrt::dlog!(INFO, "the first"));
//!             group.done();
//!         });
//!     }
//!     group.wait();
//!
//!     let n = 6;
//!     assert!(rng::below(n) < n);
//!     let map: HashMap<&str, u32> = [("x", 1), ("y", 2)].into_iter().collect();
//!     for (k, v) in &map {
//!         assert!(k.len() == 1 && *v > 0, "the same order in each run of a seed");
//!     }
//! });
//! ```
