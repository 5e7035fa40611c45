//! The virtual clock: one task runs at a time, every choice is made with random numbers from the seed, and
//! the clock moves only when no task can run.
//!
//! `kernel` decides which task runs and what the time is. `coro` and `osthread` switch from one task to
//! another, in two different ways. All other files call the kernel.

pub mod chan;
mod coro;
mod kernel;
mod osthread;
pub mod sync;
pub mod thread;
pub mod time;
mod watch;

pub(crate) use kernel::{
    Kernel as Running, emit, enter, note, now, offload, on_panic, pause, recording, resume, run_one, tracing,
    with_world, with_world_if_any,
};
