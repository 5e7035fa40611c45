//! A report of labrt names places: file and line. These places are in the code that uses labrt, and never in
//! labrt itself. This is tested for each kind of report, in virtual time and in real time.

use labrt::Run;
use labrt::chan::{Select, bounded, rendezvous, unbounded};
use labrt::sync::{Arc, Condvar, Mutex, Once, RwLock, Signal, WaitGroup};
use labrt::time::{Duration, Instant, Timer, sleep};
use labrt::{locks, thread};

const AGES: Duration = Duration::from_secs(5000);
const HERE: &str = "labrt/tests/places.rs:";

fn quiet() -> Run {
    Run { quiet: true, ..Run::default() }
}

fn failure(run: &Run, f: impl Fn() + Send + Sync + 'static) -> String {
    run.once(1, f).failure.expect("the run fails").message
}

/// Checks that no place in the text is in labrt's source or in the standard library.
fn names_only_this_file(text: &str) {
    assert!(text.contains(HERE), "{text}");
    for word in text.split_whitespace().filter(|word| word.contains(".rs:")) {
        assert!(word.contains(HERE), "{word} in {text}");
    }
}

fn ignore<T>(_: T) {}

/// The line of a wait in this file, and a function that waits for ever in this line.
type Wait = (u32, fn());

macro_rules! wait {
    ($(let $name:pat = $value:expr;)* $wait:expr) => {
        (line!(), || {
            $(let $name = $value;)*
            let _ = $wait;
        })
    };
}

fn waits() -> Vec<Wait> {
    fn later() -> Instant {
        Instant::now() + AGES
    }
    fn held() -> Arc<Mutex<u32>> {
        let lock = Arc::new(Mutex::new(0));
        let lock2 = lock.clone();
        let taken = Signal::new();
        let taken2 = taken.clone();
        thread::spawn(move || {
            let _held = lock2.lock();
            taken2.raise();
            sleep(AGES);
        });
        taken.wait();
        lock
    }
    fn read() -> Arc<RwLock<u32>> {
        let lock = Arc::new(RwLock::new(0));
        let lock2 = lock.clone();
        let taken = Signal::new();
        let taken2 = taken.clone();
        thread::spawn(move || {
            let _held = lock2.write();
            taken2.raise();
            sleep(AGES);
        });
        taken.wait();
        lock
    }
    fn one() -> WaitGroup {
        let group = WaitGroup::new();
        group.add(1);
        group
    }
    vec![
        wait!(sleep(AGES)),
        wait!(let lock = held(); *lock.lock()),
        wait!(let lock = read(); *lock.read()),
        wait!(let lock = read(); *lock.write()),
        wait!(let (m, c) = (Mutex::new(()), Condvar::new()); c.wait(&mut m.lock())),
        wait!(let (m, c) = (Mutex::new(()), Condvar::new()); c.wait_for(&mut m.lock(), AGES)),
        wait!(let (m, c) = (Mutex::new(()), Condvar::new()); c.wait_until(&mut m.lock(), later())),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.recv()),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.recv_timeout(AGES)),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.recv_deadline(later())),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.recv_unless(&Signal::new())),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.iter().next()),
        wait!(let (_tx, rx) = unbounded::<u8>(); rx.iter_unless(&Signal::new()).next()),
        wait!(let (tx, _rx) = rendezvous(); tx.send(1)),
        wait!(let (tx, _rx) = rendezvous(); tx.send_unless(1, &Signal::new())),
        wait!(let (tx, _rx) = bounded(1); [tx.send(1), tx.send(2)]),
        wait!(Signal::new().wait()),
        wait!(Signal::new().wait_until(later())),
        wait!(Select::<()>::new().wait()),
        wait!(Select::<()>::new().wait_for(AGES)),
        wait!(let (_tx, rx) = unbounded::<u8>(); Select::new().recv(&rx, |_| ()).wait()),
        wait!(let timer = Timer::after(AGES); Select::new().timer(&timer, || ()).wait_until(later())),
        wait!(Timer::after(AGES).wait()),
        wait!(one().wait()),
        wait!(one().wait_for(AGES)),
        wait!(let once = Once::new(); once.call_once(|| once.call_once(|| ()))),
        wait!(let thread = thread::spawn(|| sleep(AGES)); thread.join()),
    ]
}

#[test]
fn a_run_that_hangs() {
    let run = Run { limit: Duration::from_millis(500), ..quiet() };
    let message = failure(&run, || {
        for (line, wait) in waits() {
            thread::spawn_named(format!("line-{line}"), wait);
        }
        sleep(AGES);
    });
    names_only_this_file(&message);
    for (line, _) in waits() {
        let thread = format!("line-{line}: in ");
        let text = message
            .lines()
            .find(|text| text.contains(&thread))
            .expect("the report has a line for each thread");
        assert!(text.contains(&format!("{HERE}{line}:")), "{text}");
    }
}

#[test]
fn locks_in_both_orders() {
    let message = failure(&quiet(), || {
        let (a, b, c) = (Mutex::new(1), Mutex::new(2), Condvar::new());
        {
            let mut a = a.lock();
            c.wait_for(&mut a, Duration::from_millis(1));
            let _b = b.lock();
        }
        let _b = b.lock();
        let _a = a.lock();
    });
    assert!(message.contains("both orders"), "{message}");
    names_only_this_file(&message);
    let message = failure(&quiet(), || {
        let (a, b) = (RwLock::new(1), RwLock::new(2));
        drop((a.read(), b.write()));
        let _b = b.read();
        let _a = a.read();
    });
    assert!(message.contains("both orders"), "{message}");
    names_only_this_file(&message);
}

#[test]
fn a_wait_under_a_lock() {
    let cases: [fn(); 4] = [
        || ignore(bounded(1).0.send(1)),
        || ignore(bounded(1).0.send_unless(1, &Signal::new())),
        || Select::new().send(&bounded(1).0, 1, |_| ()).wait(),
        || locks::blocking("an RPC"),
    ];
    for case in cases {
        let message = failure(&quiet(), move || {
            let lock = Mutex::new(());
            let _held = lock.lock();
            case();
        });
        assert!(message.contains("under the lock made at"), "{message}");
        names_only_this_file(&message);
    }
}

#[test]
fn mistakes() {
    let cases: [fn(); 5] = [
        || labrt::fatal("this is wrong"),
        || labrt::fatal_at(std::panic::Location::caller(), "this is wrong"),
        || WaitGroup::new().done(),
        || drop(Timer::every(Duration::ZERO)),
        || ignore(Instant::now() + Duration::MAX),
    ];
    for case in cases {
        names_only_this_file(&failure(&quiet(), case));
    }
}

/// [`labrt::fatal_at`] sets the place in the report of its own panic. The report of the thread's next panic
/// does not use this place.
#[test]
fn one_blame_is_for_one_panic() {
    let message = failure(&quiet(), || {
        let caught = std::panic::catch_unwind(|| labrt::fatal_at(std::panic::Location::caller(), "first"));
        assert!(caught.is_err());
        panic!("second");
    });
    assert!(message.contains(&format!("second (at {HERE}{})", line!() - 2)), "{message}");
}
