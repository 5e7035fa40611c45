//! Tests of foreign threads, which labrt did not start. Each case runs in a process of its own. The reason is
//! that labrt cannot see to which run a foreign thread belongs, so it fails all runs of the process.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests are about such uses")]

mod common;

use common::{Child, alone, back_ends};
use labrt::chan::{bounded, unbounded};
use labrt::locks::Discipline;
use labrt::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use labrt::sync::{Arc, Condvar, Mutex, Signal};
use labrt::time::{Duration, Instant, sleep};
use labrt::trace::{self, Kind, Links};
use labrt::{Run, thread};

const MS: Duration = Duration::from_millis(1);

/// Checks that the test `test` passes in a child process, with each back end.
fn holds(test: &str) {
    for back_end in back_ends() {
        let Child { code, text } = alone(test, &[("LAB_BACKEND", back_end)]);
        assert_eq!(code, Some(0), "{back_end}: {text}");
        assert!(text.contains("1 passed"), "{back_end}: {text}");
    }
}

fn quiet() -> Run {
    Run { quiet: true, ..Run::default() }
}

/// Executes `f` in a run with the settings `run`. Returns the failure of the run as `thread: message`, or an
/// empty text if the run passes.
fn failure(run: &Run, f: impl Fn() + Send + Sync + 'static) -> String {
    let outcome = run.once(1, f);
    outcome.failure.map(|f| format!("{}: {}", f.thread, f.message)).unwrap_or_default()
}

/// Runs `f` on a foreign thread and waits until the thread has ended.
fn elsewhere(f: impl FnOnce() + Send + 'static) {
    // The result is ignored. In most cases it is an error, because the thread panics.
    let _ = std::thread::spawn(f).join();
}

type Body = Box<dyn FnOnce() + Send>;

/// Makes one case from a use of labrt, `$use`. The case has the line of the use in this file. It also has a
/// function that runs the code before `$use`, and returns the use itself as a closure.
macro_rules! case {
    ($(let $name:pat = $value:expr;)* $use:expr) => {
        (line!(), || {
            $(let $name = $value;)*
            Box::new(move || { let _ = $use; }) as Body
        })
    };
}

/// Returns all kinds of uses of labrt. Each use is prepared on a thread of the run, and happens on a foreign
/// thread.
fn uses() -> Vec<(u32, fn() -> Body)> {
    vec![
        case!(let m = Arc::new(Mutex::new(0)); *m.lock() += 1),
        case!(let m = Arc::new(Mutex::new(0)); m.try_lock().is_some()),
        case!(let c = Condvar::new(); c.notify_one()),
        case!(let c = Condvar::new(); c.notify_all()),
        case!(let (tx, _) = unbounded(); tx.send(1)),
        case!(let (tx, _) = bounded(1); tx.send(1)),
        case!(let (tx, _) = bounded(1); tx.try_send(1)),
        case!(let (_, rx) = unbounded::<u8>(); rx.try_recv()),
        case!(let (_, rx) = unbounded::<u8>(); rx.recv()),
        case!(let (_, rx) = unbounded::<u8>(); rx.iter().next()),
        case!(let (_, rx) = unbounded::<u8>(); rx.is_empty()),
        case!(let s = Signal::new(); s.raise()),
        case!(let s = Signal::new(); s.is_raised()),
        case!(let s = Signal::new(); s.wait()),
        case!(sleep(MS)),
        case!(Instant::now()),
        case!(labrt::time::since_start()),
        case!(thread::spawn(|| ())),
        case!(thread::spawn_named("x", || ())),
        case!(let h = thread::spawn(|| ()); h.join()),
        case!(let h = thread::spawn(|| ()); h.is_finished()),
        case!(thread::yield_now()),
        case!(labrt::rng::below(6)),
        case!(labrt::rng::rng()),
        case!(labrt::rng::draw(labrt::rng::Label::new("x"), 1, 2)),
        case!(labrt::rng::stream("x", 1)),
        case!(trace::emit(Kind::new("test.x"), Links::NONE, &[])),
        case!(trace::next_id()),
        case!(labrt::locks::blocking("an RPC")),
    ]
}

#[test]
fn a_panic_fails_the_run() {
    holds("panics_elsewhere");
}

#[test]
#[ignore = "run by another test"]
fn panics_elsewhere() {
    for discipline in [Discipline::Fail, Discipline::Warn, Discipline::Off] {
        let run = Run { discipline, ..quiet() };
        let message = failure(&run, || {
            elsewhere(|| panic!("boom {}", 42));
            sleep(Duration::from_secs(100));
        });
        assert!(
            message.starts_with("a foreign thread without a name: boom 42 (at labrt/tests/foreign.rs:"),
            "{message}"
        );
    }
    let message = failure(&quiet(), || {
        let named = std::thread::Builder::new().name("ticker".into());
        // This thread is started by a foreign thread, and not directly by a thread of the run.
        elsewhere(move || drop(named.spawn(|| panic!("deep")).map(|thread| thread.join())));
    });
    assert!(message.starts_with("foreign thread \"ticker\": deep (at "), "{message}");
    assert_eq!(failure(&quiet(), || sleep(MS)), "", "the next run does not fail");
}

#[test]
fn a_use_of_labrt_fails_the_run() {
    holds("uses_labrt_elsewhere");
}

#[test]
#[ignore = "run by another test"]
fn uses_labrt_elsewhere() {
    for (line, case) in uses() {
        let message = failure(&quiet(), move || {
            elsewhere(case());
            sleep(Duration::from_secs(100));
        });
        let start = "a foreign thread without a name: labrt is used at labrt/tests/foreign.rs:";
        assert!(message.starts_with(&format!("{start}{line}:")), "line {line}: {message}");
        assert!(message.contains("labrt::thread::spawn"), "{message}");
    }
}

/// With [`Discipline::Warn`], a foreign thread may use labrt on real threads, but there is a warning. In
/// virtual time the run fails.
#[test]
fn a_warning_is_given_once_for_a_thread() {
    let Child { code, text } = alone("uses_labrt_twice", &[]);
    if labrt::is_sim() {
        assert!(code == Some(101) && text.contains("start threads with labrt::thread::spawn"), "{text}");
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let warning = "[lab] warning: a foreign thread without a name: labrt is used at labrt/tests/foreign.rs";
    assert_eq!(text.matches(warning).count(), 2, "a warning for each thread: {text}");
}

#[test]
#[ignore = "run by another test"]
fn uses_labrt_twice() {
    let run = Run { discipline: Discipline::Warn, ..quiet() };
    let message = failure(&run, || {
        let n = Arc::new(Mutex::new(0));
        for _ in 0..2 {
            let n = n.clone();
            elsewhere(move || (0..3).for_each(|_| *n.lock() += 1));
        }
        assert_eq!(*n.lock(), 6, "a warning changes nothing");
    });
    assert_eq!(message, "");
}

/// If a run has started another run, a foreign thread fails only this other run.
#[test]
fn the_innermost_run_fails() {
    holds("panics_in_an_inner_run");
}

#[test]
#[ignore = "run by another test"]
fn panics_in_an_inner_run() {
    labrt::run(|| {
        let inner = failure(&quiet(), || {
            elsewhere(|| panic!("inside"));
            sleep(Duration::from_secs(100));
        });
        assert!(inner.contains("inside"), "{inner}");
        let inner = failure(&quiet(), || {
            elsewhere(|| assert!(Instant::now() >= Instant::now()));
            sleep(Duration::from_secs(100));
        });
        assert!(inner.contains("labrt is used"), "{inner}");
        thread::spawn(|| sleep(MS)).join().expect("the outer run continues");
    });
}

/// Threads that no thread of a run has started, such as those of libtest, are not foreign.
#[test]
fn threads_that_come_from_no_run_are_left_alone() {
    holds("others_beside_a_run");
}

#[test]
#[ignore = "run by another test"]
fn others_beside_a_run() {
    let began = Arc::new(std::sync::Barrier::new(2));
    let ended = Arc::new(std::sync::Barrier::new(2));
    let (began2, ended2) = (began.clone(), ended.clone());
    let other = std::thread::spawn(move || {
        began2.wait();
        elsewhere(|| panic!("nobody's business"));
        let lock = Mutex::new(1);
        *lock.lock() += 1;
        if !labrt::is_sim() {
            thread::spawn(|| sleep(MS)).join().expect("no panic");
        }
        ended2.wait();
    });
    let message = failure(&quiet(), move || {
        labrt::offload(|| {
            began.wait();
            ended.wait();
        });
        sleep(MS);
    });
    assert_eq!(message, "");
    other.join().expect("labrt can be used outside runs");
}

#[test]
fn a_thread_that_does_without_labrt_is_left_alone() {
    holds("computes_elsewhere");
}

#[test]
#[ignore = "run by another test"]
fn computes_elsewhere() {
    let message = failure(&quiet(), || {
        let done = Arc::new(AtomicUsize::new(0));
        let seen = done.clone();
        elsewhere(move || done.store(1, SeqCst));
        assert_eq!(seen.load(SeqCst), 1);
    });
    assert_eq!(message, "");
}

/// An offloaded computation must not use labrt. If it panics, the run fails.
#[test]
fn offloaded_work_is_no_part_of_the_run() {
    holds("offloads");
}

#[test]
#[ignore = "run by another test"]
fn offloads() {
    let message = failure(&quiet(), || labrt::offload(|| panic!("in the check")));
    assert!(message.contains("in the check (at labrt/tests/foreign.rs:"), "{message}");
    if labrt::is_sim() {
        let message = failure(&quiet(), || {
            let lock = Mutex::new(1);
            labrt::offload(|| *lock.lock() += 1);
        });
        assert!(message.contains("use nothing of labrt in labrt::offload"), "{message}");
    }
}
