//! `labrt`: threads, locks, channels, clock and random numbers for the labs.
//!
//! The code of servers and tests uses these things only through this crate. So the same source, with blocking
//! calls, runs with either of two clocks:
//!
//! * **real** (the default): OS threads, parking_lot, crossbeam channels, the machine's clock;
//! * **virtual** (feature `sim`): one task runs at a time, every choice is made with random numbers from one
//!   seed, and the clock jumps to the next deadline when no task can run. The same seed gives the same run
//!   and the same trace. So a failure can be replayed, with logging if you like.
//!
//! | module | what it has |
//! |---|---|
//! | [`thread`] | [`thread::spawn`], the labs' `go`; named threads; which threads are alive |
//! | [`sync`] | `Mutex`, `RwLock`, `Condvar`, `WaitGroup`, `Once`, and [`sync::Signal`] |
//! | [`chan`] | unbounded, bounded and rendezvous channels, and [`chan::Select`] |
//! | [`time`] | `Instant`, `Duration`, `sleep`, and [`time::Timer`] |
//! | [`rng`] | the run's random numbers, in independent streams |
//! | [`collections`] | maps with the same iteration order in each run of a seed |
//! | [`node`] | the server to which the running code belongs |
//! | [`trace`] | events with fields, from which the trace hash and the trace files are made |
//! | [`logging`] | log lines by topic, in the course's form |
//! | [`locks`] | lock discipline: the order of locks, and no waiting while a lock is held |
//! | [`nesting`] | how deep the calls of a function are nested on a thread |
//! | [`offload`](mod@offload) | long computations outside the run |
//! | [`go`] | Go's idioms, and how to write them with labrt |
//!
//! [`run`] executes the body of a test one or more times. Each execution is a *run*, with its own threads,
//! clock and random numbers. [`Run`] has the settings (seed, repetitions, limits).
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
//! **Outside [`run`]**, labrt without the feature `sim` is an ordinary library. With the feature `sim` there
//! is no clock outside a run, and every wait panics with a message that says this.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "these names are banned in the rest of the project, which uses labrt; labrt itself needs them"
)]

mod clock;
mod context;
mod env;
mod foreign;
mod groups;
mod instant;
mod observer;
mod outcome;
mod panics;
mod run;
mod runs;
mod rwlock;
mod select;
mod timer;
mod unfinished;
mod warnings;
mod world;

pub mod collections;
pub mod go;
pub mod locks;
pub mod logging;
pub mod nesting;
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

pub use clock::NodeClock;
pub use imp::{chan, sync, thread, time};
pub use offload::offload;
pub use outcome::{Failure, Outcome, Stats, Summary};
pub use run::{Failed, Identity, Run, run};
pub use unfinished::{Unfinished, unfinished};
pub use warnings::warning;

/// True if labrt was built for virtual time, with the feature `sim`.
pub const fn is_sim() -> bool {
    cfg!(feature = "sim")
}

/// Fails the run. Any thread of the run may call this. In the course's tests, this is `log.Fatalf`.
///
/// Outside a run, this call is an ordinary panic.
///
/// The report names the caller's place in the source. Use [`fatal_at`] if the report should name another
/// place.
#[track_caller]
pub fn fatal(message: impl std::fmt::Display) -> ! {
    panic!("{message}")
}

/// The same as [`fatal`], but the report names `place`. Use it for a mistake that is made at one place and
/// found at another place. For example, a client makes a call with bad arguments, and the server finds the
/// mistake.
pub fn fatal_at(place: &'static std::panic::Location<'static>, message: impl std::fmt::Display) -> ! {
    panics::blame(place);
    panic!("{message}")
}
