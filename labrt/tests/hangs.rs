//! Tests of runs that cannot be ended. In such a case the process prints the reason and exits. The user must
//! see the reason, although libtest captures what a test prints. Each case runs in a process of its own.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests are about such uses")]

mod common;

use common::{Child, alone, back_ends};
use labrt::sync::atomic::{AtomicBool, Ordering::SeqCst};
use labrt::sync::{Arc, Mutex};
use labrt::time::{Duration, sleep};
use labrt::{Run, thread};

const MS: Duration = Duration::from_millis(1);

/// A time that is longer than all time limits in this file.
const AGES: Duration = Duration::from_secs(3600);

/// Runs the test `test` in a child process. Checks that the process exits with code 101, and that its output
/// contains all `parts`.
fn ends(test: &str, parts: &[&str]) {
    for back_end in back_ends() {
        let Child { code, text } = alone(test, &[("LAB_BACKEND", back_end), ("LAB_WATCHDOG_S", "1")]);
        assert_eq!(code, Some(101), "{back_end}: {text}");
        for part in parts {
            assert!(text.contains(part), "{back_end}: no {part:?} in {text}");
        }
    }
}

/// Checks that the watchdog of the virtual clock ends the test `test` in a child process. The watchdog must
/// report `last` as the thread's last call of labrt.
fn the_watchdog_ends(test: &str, last: &str) {
    if !labrt::is_sim() {
        return;
    }
    let test_name = format!("the process exits: {test} seed 0x");
    let stuck = "[lab] stuck: the virtual clock has not moved for 1 s of real time";
    ends(test, &[stuck, &test_name, last, "use labrt::time::sleep", "LAB_WATCHDOG_S"]);
}

/// This is a typical mistake of beginners: the ticker sleeps with `std::thread::sleep`. The ticker locks a
/// mutex of labrt again and again, but the virtual clock never moves.
#[test]
fn a_real_sleep_beside_locks() {
    the_watchdog_ends("ticks_with_std", "ticker: running since Mutex::lock at labrt/tests/hangs.rs:");
}

#[test]
#[ignore = "run by another test"]
fn ticks_with_std() {
    labrt::run(|| {
        let state = Arc::new(Mutex::new(0));
        thread::spawn_named("ticker", move || {
            loop {
                std::thread::sleep(10 * MS);
                *state.lock() += 1;
            }
        });
        sleep(Duration::from_secs(5));
    });
}

#[test]
fn a_real_sleep_for_ages() {
    the_watchdog_ends("sleeps_with_std", "sleeper: running, spawned at labrt/tests/hangs.rs:");
}

#[test]
#[ignore = "run by another test"]
fn sleeps_with_std() {
    labrt::run(|| {
        thread::spawn_named("sleeper", || std::thread::sleep(AGES));
        sleep(Duration::from_secs(5));
    });
}

#[test]
fn a_real_lock() {
    the_watchdog_ends("locks_with_std", "body: running since sleep at labrt/tests/hangs.rs:");
}

#[test]
#[ignore = "run by another test"]
fn locks_with_std() {
    labrt::run(|| {
        let lock = Arc::new(std::sync::Mutex::new(()));
        let lock2 = lock.clone();
        thread::spawn_named("holder", move || {
            let _held = lock2.lock();
            sleep(AGES);
        });
        sleep(MS);
        let _never = lock.lock();
    });
}

#[test]
fn a_busy_loop() {
    the_watchdog_ends("waits_busily", "body: running since thread::spawn at labrt/tests/hangs.rs:");
}

#[test]
#[ignore = "run by another test"]
fn waits_busily() {
    labrt::run(|| {
        let done = Arc::new(AtomicBool::new(false));
        let done2 = done.clone();
        thread::spawn(move || {
            sleep(MS);
            done2.store(true, SeqCst);
        });
        while !done.load(SeqCst) {
            std::hint::spin_loop();
        }
    });
}

/// The watchdog does not end a run during a long offloaded computation or a long inner run.
#[test]
fn what_is_offloaded_may_take_long() {
    for test in ["offloads_for_long", "runs_others_for_long"] {
        let Child { code, text } = alone(test, &[("LAB_WATCHDOG_S", "1")]);
        assert_eq!(code, Some(0), "{test}: {text}");
    }
}

#[test]
#[ignore = "run by another test"]
fn offloads_for_long() {
    labrt::run(|| labrt::offload(|| std::thread::sleep(2500 * MS)));
}

/// The clock of the outer run does not move during the inner runs.
#[test]
#[ignore = "run by another test"]
fn runs_others_for_long() {
    labrt::run(|| {
        for seed in 0..3 {
            let inner = Run::default().once(seed, || labrt::offload(|| std::thread::sleep(900 * MS)));
            assert!(inner.failure.is_none());
        }
    });
}

/// On real threads, labrt cannot end a thread that blocks outside labrt. If such a thread is left after the
/// end of the run, the process exits.
#[test]
fn a_thread_that_outlives_its_run() {
    if labrt::is_sim() {
        return;
    }
    let stuck = "1 threads have not ended 2 s after the end of the run; the process exits:\n    stubborn: ";
    ends("outlives_its_run", &[stuck]);
    let late = "failed at t=1.0";
    ends("outlives_its_limit", &[late, "the run has taken more than 1 s; its threads:", stuck]);
    let message = "the run has taken more than 1 s; not finished:\n    get(\"k\") of client 3, since t=0.";
    ends("leaves_a_task_unfinished", &[message, "\n  its threads:", stuck]);
}

#[test]
#[ignore = "run by another test"]
fn outlives_its_run() {
    labrt::run(|| {
        let (began, begins) = labrt::chan::unbounded();
        thread::spawn_named("stubborn", move || {
            began.send(()).expect("the body waits for this message");
            std::thread::sleep(AGES)
        });
        begins.recv().expect("the thread begins");
    });
}

#[test]
#[ignore = "run by another test"]
fn leaves_a_task_unfinished() {
    let run = Run { limit: Duration::from_secs(1), ..Run::default() };
    run.once(1, || {
        drop(labrt::unfinished("put(\"k\") of client 3"));
        let _get = labrt::unfinished("get(\"k\") of client 3");
        thread::spawn_named("stubborn", || std::thread::sleep(AGES));
        sleep(AGES);
    });
}

/// In virtual time, labrt can unwind the threads of a run that has failed. So this test can read the
/// failure's message, and needs no child process.
#[test]
fn a_late_run_and_a_deadlock_tell_what_was_not_finished() {
    if !labrt::is_sim() {
        return;
    }
    let quick = Run { limit: Duration::from_secs(1), quiet: true, ..Run::default() };
    let failure = |body: fn()| quick.once(1, body).failure.expect("the run fails").message;
    let late = failure(|| {
        drop(labrt::unfinished("put"));
        sleep(MS);
        let _get = labrt::unfinished("get");
        sleep(AGES);
    });
    let expected = "the run has taken more than 1 s of virtual time; not finished:\n    get, since t=0.00";
    assert!(late.starts_with(expected) && late.contains("\n  its threads:\n    body: "), "{late}");
    let dead = failure(|| {
        let _gets: Vec<_> = (0..22).map(|i| labrt::unfinished(format!("get {i}"))).collect();
        let (_sender, receiver) = labrt::chan::unbounded::<()>();
        let _ = receiver.recv();
    });
    assert!(dead.starts_with("deadlock: every thread waits and no timer is set; not finished:"), "{dead}");
    assert!(
        dead.contains("\n    get 19, since t=") && dead.contains("\n    and 2 more\n  the threads:"),
        "{dead}"
    );
}

#[test]
#[ignore = "run by another test"]
fn outlives_its_limit() {
    let run = Run { limit: Duration::from_secs(1), ..Run::default() };
    run.once(1, || {
        thread::spawn_named("stubborn", || std::thread::sleep(AGES));
        sleep(AGES);
    });
}
