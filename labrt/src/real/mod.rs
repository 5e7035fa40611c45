//! Real time, the default: OS threads, parking_lot, crossbeam channels, and the machine's clock.
//!
//! All waits go through this module, for two reasons. First, a run that has failed or ended can unwind all
//! its threads at once ([`current::check`]). Second, a run that hangs can report where each thread waits
//! ([`current::waiting`]).

pub mod chan;
mod current;
mod pool;
mod scheduling;
mod supervisor;
pub mod sync;
pub mod thread;
pub mod time;

use crate::foreign;
use crate::locks::Discipline;
use crate::node::NodeId;
use crate::observer::LiveEvent;
use crate::trace::{self, Event, Field, Kind, Links};
use crate::world::World;
use std::sync::OnceLock;

pub(crate) use supervisor::{RealRun as Running, run_one};
pub(crate) use time::now;

/// Calls `f` with the world of the current run. Outside a run, `f` gets the world of the process. A process
/// has only one such world.
#[track_caller]
pub(crate) fn with_world<R>(f: impl FnOnce(&World) -> R) -> R {
    foreign::touch();
    current::with_run(|run| match run {
        Some(run) => f(&run.world),
        None => {
            static PROCESS: OnceLock<World> = OnceLock::new();
            f(PROCESS.get_or_init(|| {
                use std::hash::{BuildHasher, Hasher};
                let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
                World::new(seed, Discipline::Off)
            }))
        }
    })
}

/// `groups.rs`, `rwlock.rs` and `timer.rs` have the same code for virtual time and for real time. Their
/// functions call this first. In real time it only checks whether the calling thread is foreign.
pub(crate) fn enter(_what: &'static str, place: &'static std::panic::Location<'static>) {
    foreign::touch_at(place);
}

/// Calls `f` with the world of the current run, or with `None` if the calling thread belongs to no run.
pub(crate) fn with_world_if_any<R>(f: impl FnOnce(Option<&World>) -> R) -> R {
    current::with_run(|run| f(run.map(|run| &run.world)))
}

/// Returns whether the events of this thread are kept.
#[inline]
#[track_caller]
pub(crate) fn tracing() -> bool {
    foreign::touch();
    current::watched()
}

/// Returns whether the events of this thread are kept. On real threads, this is true for each run that uses
/// events.
#[inline]
#[track_caller]
pub(crate) fn recording() -> bool {
    tracing()
}

/// Adds an event to the last events of the run. The observer does not see it.
pub(crate) fn note(node: NodeId, kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    current::with_run(|run| {
        let Some(events) = run.and_then(|run| run.events.as_ref()) else { return };
        let kept = trace::kept(fields);
        let thread = current::thread_number();
        let mut ring = events.lock();
        if let Some(run) = run {
            let time = run.start.elapsed().as_nanos() as u64;
            ring.push(Event { time, thread, node, kind, links, fields: kept });
        }
    });
}

/// Records an event. If the observer of the run returns an error, this function returns the same error.
pub(crate) fn emit(
    node: NodeId,
    kind: Kind,
    links: Links,
    fields: &[(&'static str, Field<'_>)],
) -> Result<(), String> {
    current::with_run(|run| {
        let Some(run) = run else { return Ok(()) };
        let Some(events) = &run.events else { return Ok(()) };
        let kept = trace::kept(fields);
        let thread = current::thread_number();
        let mut ring = events.lock();
        // The clock is read under the lock, so that the events are in the order of their times.
        let time = run.start.elapsed().as_nanos() as u64;
        ring.push(Event { time, thread, node, kind, links, fields: kept });
        if std::thread::panicking() || run.is_cancelled() {
            return Ok(());
        }
        ring.watching.show(&LiveEvent { time, thread, node, kind, links, fields })
    })
}

/// The panic hook calls this function, which keeps the panic for the report. If the result is `true`, the
/// hook prints nothing.
pub(crate) fn on_panic(panic: crate::panics::Panic) -> bool {
    match current::with_run(|run| run.map(|r| r.quiet)) {
        Some(quiet) => {
            current::set_last_panic(panic);
            quiet
        }
        None => foreign::panicked(&panic),
    }
}

/// On real threads there is no pause, see [`crate::node::pause`].
#[track_caller]
pub(crate) fn pause(_: NodeId) {
    crate::fatal("labrt::node::pause: a node can be paused only in virtual time (feature `sim`)")
}

/// On real threads there is no pause, so this does nothing.
pub(crate) fn resume(_: NodeId) {}

pub(crate) fn offload<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    f()
}
