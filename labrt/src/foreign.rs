//! Threads that labrt did not start, such as those of `std::thread::spawn`.
//!
//! A run knows nothing of such a thread, so its panic would be lost; and in virtual time it cannot
//! take part in the run at all. So there are two rules:
//!
//! * A panic of a foreign thread fails the run, whether the thread catches it or not: that cannot
//!   be seen from here.
//! * A foreign thread that uses labrt fails the run in virtual time. On real threads it does so
//!   under [`Discipline::Fail`], and is warned of once under [`Discipline::Warn`].
//!
//! A foreign thread that does neither is left alone.
//!
//! **Which threads are foreign.** Those that a thread of a run has started, directly or not,
//! without labrt. The threads of the test harness, and what they start, are not: they may use labrt
//! outside a run, and panic, while another test of the process is in a run. The system tells the
//! two apart for us: a new thread inherits the signal mask of the thread that starts it. The
//! threads of a run block a signal that nobody uses (and that does nothing by default), so that all
//! their descendants block it, too.
//!
//! **Which run fails.** The mask does not say which run a thread descends from. If several go on at
//! once, all of them fail: a wrong "passed" is worse than a failure too many, and the message names
//! the culprit. Of nested runs only the innermost one fails.

use crate::locks::Discipline;
use crate::panics::{self, Panic};
use crate::runs;
use crate::warnings;
use nix::sys::signal::{SigSet, Signal};
use std::cell::Cell;
use std::panic::Location;
use std::sync::OnceLock;

/// What the threads of runs, and their descendants, block.
const MARK: Signal = Signal::SIGURG;

/// Can the mark be relied on? It cannot if the process was started with the signal blocked.
static RELIABLE: OnceLock<bool> = OnceLock::new();

mod tls {
    use super::*;
    thread_local! {
        /// This thread needs no further look: labrt has started it, it is not foreign, or its one
        /// warning has been given.
        pub(super) static KNOWN: Cell<bool> = const { Cell::new(false) };
    }
}

fn is_marked() -> bool {
    SigSet::thread_get_mask().is_ok_and(|mask| mask.contains(MARK))
}

fn mark() -> SigSet {
    let mut set = SigSet::empty();
    set.add(MARK);
    set
}

/// To be called before each run, by the thread that asks for it.
pub(crate) fn prepare() {
    RELIABLE.get_or_init(|| !is_marked());
}

/// Makes the calling OS thread, for good, one on which threads of runs may run.
pub(crate) fn adopt() {
    std::mem::forget(adopt_for_now());
}

/// The same, until the guard is dropped.
pub(crate) fn adopt_for_now() -> Adopted {
    let before = Adopted { known: tls::KNOWN.replace(true), marked: is_marked() };
    // It can only fail on a bad argument. Foreign threads would go unnoticed then.
    let _ = mark().thread_block();
    before
}

/// Puts a thread back to what it was before [`adopt_for_now`].
pub(crate) struct Adopted {
    known: bool,
    marked: bool,
}

impl Drop for Adopted {
    fn drop(&mut self) {
        tls::KNOWN.set(self.known);
        if !self.marked {
            let _ = mark().thread_unblock();
        }
    }
}

fn is_foreign() -> bool {
    !tls::KNOWN.get() && RELIABLE.get() == Some(&true) && is_marked()
}

/// To be called where a thread enters labrt.
#[inline]
#[track_caller]
pub(crate) fn touch() {
    touch_at(Location::caller());
}

/// The same for a caller that is at `place`.
#[inline]
pub(crate) fn touch_at(place: &'static Location<'static>) {
    if !tls::KNOWN.get() {
        touched(place);
    }
}

#[cold]
fn touched(place: &'static Location<'static>) {
    if !is_foreign() {
        tls::KNOWN.set(true);
        return;
    }
    if report_use(&format!("labrt is used at {place}")) && !std::thread::panicking() {
        // The run is over for its own threads, and so it is for this one.
        panics::cancel();
    }
}

/// The same for a destructor, which must not unwind.
#[cfg(feature = "sim")]
#[cold]
pub(crate) fn dropped() {
    if is_foreign() {
        report_use("a lock, a sender or a receiver of labrt is dropped");
    }
}

/// A foreign thread has used labrt. True: a run has failed of it.
fn report_use(what: &str) -> bool {
    let text = format!(
        "{what} on a thread that labrt did not start, which is no part of the run: start threads with \
         labrt::thread::spawn, and use nothing of labrt in labrt::offload"
    );
    let (mut failed, mut warned) = (false, false);
    runs::each_innermost(|run| match run.discipline_for_foreign() {
        Discipline::Off => {}
        Discipline::Warn => {
            tls::KNOWN.set(true);
            warned = true;
            run.count_warning();
        }
        Discipline::Fail => {
            failed = true;
            run.fail_from_outside(title(), text.clone());
        }
    });
    if warned {
        warnings::print(&format!("{}: {text}", title()));
    }
    failed
}

/// Called by the panic hook on a thread of no run. True: say nothing.
pub(crate) fn panicked(panic: &Panic) -> bool {
    if !is_foreign() {
        return false;
    }
    let (mut failed, mut quiet) = (false, true);
    runs::each_innermost(|run| {
        failed = true;
        quiet &= run.quiet;
        run.fail_from_outside(title(), panic.text.clone());
    });
    failed && quiet
}

/// How reports name the calling thread.
fn title() -> String {
    match std::thread::current().name() {
        Some(name) => format!("foreign thread {name:?}"),
        None => "a foreign thread without a name".to_string(),
    }
}
