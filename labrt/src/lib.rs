//! `labrt`: the one seam between the labs and the machine.
//!
//! Node code and test code name threads, locks, channels, clocks and random numbers only through
//! this crate, and so the same blocking source runs on two clocks:
//!
//! * **real** (the default): OS threads, parking_lot, crossbeam channels, the machine's clock;
//! * **virtual** (feature `sim`): one task at a time, every choice drawn from one seed, a clock
//!   that jumps to the next deadline when nobody can run. A seed is a run: the same seed gives the
//!   same trace, so a failure can be replayed, logged and looked at.
//!
//! | module | what it holds |
//! |---|---|
//! | [`thread`] | [`thread::spawn`] is the labs' `go`: a pooled thread; named long-lived threads; who lives |
//! | [`sync`] | `Mutex`, `RwLock`, `Condvar`, `WaitGroup`, `Once`, and [`sync::Signal`], an event that happens once |
//! | [`chan`] | unbounded, bounded and rendezvous channels, and [`chan::Select`] |
//! | [`time`] | `Instant`, `Duration`, `sleep`, and [`time::Timer`] |
//! | [`rng`] | the run's random numbers, in streams that do not shift each other |
//! | [`collections`] | maps whose iteration order is a function of the run |
//! | [`node`] | which server of which group the running code belongs to |
//! | [`trace`] | structured events: one schema for the determinism hash, the text trace and JSON lines |
//! | [`logging`] | log lines by topic, in the course's form |
//! | [`locks`] | lock discipline: order of locks, no blocking under a lock |
//! | [`offload`](mod@offload) | CPU-heavy work beside a run |
//! | [`go`] | Go's idioms, and what stands for them here |
//!
//! [`run`] runs a test body in a world of its own; [`Run`] says how (seed, repetitions, limits).
//!
//! ```
//! use labrt::{chan, thread, time::{self, Duration}};
//!
//! labrt::run(|| {
//!     let (tx, rx) = chan::unbounded();
//!     thread::spawn(move || {
//!         time::sleep(Duration::from_millis(5));
//!         tx.send(42).expect("the receiver waits below");
//!     });
//!     assert_eq!(rx.recv(), Ok(42));
//! });
//! ```
//!
//! **Outside [`run`]** the real build is an ordinary library. The virtual build has no world to run
//! in there, and panics with a message that says so.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the bans keep the rest of the project on this side of the seam; this is the other side"
)]

mod context;
mod env;
mod foreign;
mod groups;
mod instant;
mod outcome;
mod panics;
mod run;
mod runs;
mod rwlock;
mod select;
mod timer;
mod warnings;
mod world;

pub mod collections;
pub mod go;
pub mod locks;
pub mod logging;
pub mod node;
pub mod offload;
pub mod rng;
pub mod trace;

#[cfg(not(feature = "sim"))]
mod real;
#[cfg(not(feature = "sim"))]
use real as imp;
#[cfg(feature = "sim")]
mod sim;
#[cfg(feature = "sim")]
use sim as imp;

pub use imp::{chan, sync, thread, time};
pub use offload::offload;
pub use outcome::{Failure, Outcome, Stats, Summary};
pub use run::{Failed, Identity, Run, run};
pub use warnings::warning;

/// True in a virtual-time build.
pub const fn is_sim() -> bool {
    cfg!(feature = "sim")
}

/// Ends the run as failed, from any thread: what a fatal log call is to the course's framework.
///
/// Outside a run it is an ordinary panic.
///
/// The report names the place of the caller. See [`fatal_at`] for another place.
#[track_caller]
pub fn fatal(message: impl std::fmt::Display) -> ! {
    panic!("{message}")
}

/// [`fatal`] whose report names `place`: for a mistake that was made there and shows elsewhere,
/// such as a call with bad arguments that arrive at a server.
pub fn fatal_at(place: &'static std::panic::Location<'static>, message: impl std::fmt::Display) -> ! {
    panics::blame(place);
    panic!("{message}")
}
