//! Foreign threads: threads that labrt did not start, such as those of `std::thread::spawn`.
//!
//! A run does not know such a thread, so it would not notice a panic of the thread. In virtual time the
//! thread cannot take part in the run at all. So there are two rules:
//!
//! * A panic of a foreign thread fails the run, even if the thread catches the panic: labrt cannot see
//!   whether a panic is caught.
//! * If a foreign thread uses labrt, the run fails in virtual time. On real threads the result depends on the
//!   lock discipline. With [`Discipline::Fail`], the run fails. With [`Discipline::Warn`], labrt prints one
//!   warning for the thread.
//!
//! labrt ignores a foreign thread that does not panic and does not use labrt.
//!
//! **Which threads are foreign.** A thread is foreign if two things are true. First, labrt did not start the
//! thread. Second, the thread descends from a thread of a run: a thread of a run has started it, directly or
//! through other threads. The threads of the test harness do not descend from a run, so they are not foreign.
//! Such a thread may use labrt outside a run, and may panic, even while another test of the process is in a
//! run.
//!
//! labrt recognizes foreign threads by their signal mask, because a new thread inherits the mask of the
//! thread that starts it. The threads of a run block the signal SIGURG. So all threads that descend from them
//! also block it. Nobody needs this signal, and by default it does nothing. A thread that blocks it is called
//! *marked*.
//!
//! **Which run fails.** The mask does not say from which run a thread descends. If several runs go on when a
//! foreign thread panics or uses labrt, all of them fail. So a run may fail although its own code is right.
//! But a test that wrongly passes would be worse, and the message of a failure names the thread. If a run has
//! started another run, only this other run fails.

use crate::locks::Discipline;
use crate::panics::{self, Panic};
use crate::runs;
use crate::warnings;
use nix::sys::signal::{SigSet, Signal};
use std::cell::Cell;
use std::panic::Location;
use std::sync::OnceLock;

/// The signal of the mark: a thread is marked if it blocks this signal.
const MARK: Signal = Signal::SIGURG;

/// True if labrt can recognize foreign threads by the mark. False if the signal was already blocked before
/// the first run, because then all threads look marked.
static RELIABLE: OnceLock<bool> = OnceLock::new();

mod tls {
    use super::*;
    thread_local! {
        /// True if this thread does not have to be checked again. This has one of three reasons: labrt has
        /// started the thread; the thread is not foreign; or the warning about the thread has been printed.
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

/// Finds out whether labrt can recognize foreign threads by the mark. The thread that starts a run must call
/// this before the run.
pub(crate) fn prepare() {
    RELIABLE.get_or_init(|| !is_marked());
}

/// Marks the calling OS thread, and notes that it is not foreign. Each OS thread that labrt starts for the
/// threads of runs must call this. The mark stays until the OS thread ends.
pub(crate) fn adopt() {
    std::mem::forget(adopt_for_now());
}

/// Like [`adopt`], but only until the guard is dropped.
pub(crate) fn adopt_for_now() -> Adopted {
    let before = Adopted { known: tls::KNOWN.replace(true), marked: is_marked() };
    // This call fails only for a bad argument. If it failed, labrt would not notice foreign threads.
    let _ = mark().thread_block();
    before
}

/// The guard of [`adopt_for_now`]. When the guard is dropped, the thread loses the mark, unless it was marked
/// before.
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

/// Checks whether the calling thread is foreign. If the thread is foreign, this fails the run or prints the
/// warning. Every function of labrt that a foreign thread could use must call this first.
#[inline]
#[track_caller]
pub(crate) fn touch() {
    touch_at(Location::caller());
}

/// Like [`touch`], for a caller that is at `place`.
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
        // The run has failed, so this thread is unwound like the threads of the run.
        panics::cancel();
    }
}

/// Like [`touch`], for a destructor. A destructor must not unwind, so this function never does.
#[cfg(feature = "sim")]
#[cold]
pub(crate) fn dropped() {
    if is_foreign() {
        report_use("a lock, a sender or a receiver of labrt is dropped");
    }
}

/// Reports that a foreign thread has used labrt. Returns whether a run fails because of this.
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

/// The panic hook calls this function on a thread that belongs to no run. If the thread is foreign, all runs
/// that go on fail, except runs with an inner run. Returns `true` if a run has failed and all runs that have
/// failed are quiet. Then the hook prints nothing.
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

/// Returns the name of the calling thread for reports.
fn title() -> String {
    match std::thread::current().name() {
        Some(name) => format!("foreign thread {name:?}"),
        None => "a foreign thread without a name".to_string(),
    }
}
