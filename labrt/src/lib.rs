//! `labrt`: threads, locks, channels, clock and random numbers for the labs.
//!
//! The code of servers and tests uses these only through this crate. So the same blocking source
//! runs on two clocks:
//!
//! * **real** (the default): OS threads, parking_lot, crossbeam channels, the machine's clock;
//! * **virtual** (feature `sim`): one task runs at a time, every choice is drawn from one seed, and
//!   the clock jumps to the next deadline when no task can run. The same seed gives the same run and
//!   the same trace, so a failure can be replayed, logged and looked at.
//!
//! | module | what it holds |
//! |---|---|
//! | [`thread`] | [`thread::spawn`], the labs' `go`; named threads; which threads are alive |
//! | [`sync`] | `Mutex`, `RwLock`, `Condvar`, `WaitGroup`, `Once`, and [`sync::Signal`] |
//! | [`chan`] | unbounded, bounded and rendezvous channels, and [`chan::Select`] |
//! | [`time`] | `Instant`, `Duration`, `sleep`, and [`time::Timer`] |
//! | [`rng`] | the run's random numbers, in independent streams |
//! | [`collections`] | maps with the same iteration order in each run of a seed |
//! | [`node`] | the server to which the running code belongs |
//! | [`trace`] | events with fields: the trace hash, the text trace and the JSON lines are made from them |
//! | [`logging`] | log lines by topic, in the course's form |
//! | [`locks`] | lock discipline: order of locks, no blocking under a lock |
//! | [`offload`](mod@offload) | long computations outside the run |
//! | [`go`] | Go's idioms, and what stands for them here |
//!
//! [`run`] runs a test body as a run of its own; [`Run`] holds the settings (seed, repetitions,
//! limits).
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
//! **Outside [`run`]** the real build is an ordinary library. In the virtual build there is no clock
//! outside a run: a wait panics with a message that says so.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "these names are banned in the rest of the project, which uses labrt; labrt itself needs them"
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

/// Fails the run, from any thread, as `log.Fatalf` does in the course's tests.
///
/// Outside a run it is an ordinary panic.
///
/// The report names the place of the caller. See [`fatal_at`] for another place.
#[track_caller]
pub fn fatal(message: impl std::fmt::Display) -> ! {
    panic!("{message}")
}

/// The same as [`fatal`], but the report names `place`. It is for a mistake that is made at one
/// place and found at another, such as a call whose bad arguments are found at the server.
pub fn fatal_at(place: &'static std::panic::Location<'static>, message: impl std::fmt::Display) -> ! {
    panics::blame(place);
    panic!("{message}")
}
