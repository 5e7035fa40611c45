//! A watchdog on the machine's clock. A task that blocks on something of the machine (a
//! `std::thread::sleep`, a `std::sync::Mutex`, a socket), or computes for ever, stops the virtual
//! clock for all tasks, and so no limit of virtual time ever ends the run.
//!
//! It looks at the virtual clock and not at the calls of the kernel: a task that sleeps with
//! `std::thread::sleep` and takes a lock now and then calls the kernel again and again, but the
//! clock does not move, since it moves only when no task can run.

use super::kernel::Kernel;
use crate::{env, panics, runs};
use parking_lot::Mutex;
use std::sync::Once;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// `LAB_WATCHDOG_S`, unless it is set. A run moves its clock thousands of times a second, and a
/// check that takes long is offloaded: ten seconds are ample even for a debug build on a machine
/// under load.
const DEFAULT_LIMIT_S: u64 = 10;

/// For how long the clock of a run has stood still, as far as the watchdog has seen.
#[derive(Default)]
pub(super) struct Standstill(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    clock: u64,
    /// Counted in ticks, not taken from the machine's clock: while the whole process is stopped, by
    /// Ctrl-Z or a debugger, the watchdog is stopped, too.
    since: Duration,
}

impl Standstill {
    /// One tick later the clock is at `clock`; `excused`: it stands still on purpose.
    fn tick(&self, clock: u64, excused: bool) -> Duration {
        let mut seen = self.0.lock();
        let moved = clock != seen.clock;
        let since = if moved || excused { Duration::ZERO } else { seen.since + TICK };
        *seen = Seen { clock, since };
        since
    }
}

/// Starts the watchdog of this process, unless it runs already or is switched off.
pub(super) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A bad value was refused when the run was set up.
        let limit = env::number(&env::process, "LAB_WATCHDOG_S", 0..=1_000_000).ok().flatten();
        let limit = Duration::from_secs(limit.unwrap_or(DEFAULT_LIMIT_S));
        if limit > Duration::ZERO {
            std::thread::spawn(move || watch(limit));
        }
    });
}

fn watch(limit: Duration) -> ! {
    loop {
        std::thread::sleep(TICK);
        runs::each(|run, has_inner| {
            // While a task waits for a run that it has asked for, the clock of its own run stands
            // still, too.
            let excused = has_inner || run.offloads.load(SeqCst) > 0;
            if run.standstill.tick(run.clock(), excused) >= limit {
                panics::exit(&report(run, limit));
            }
        });
    }
}

fn report(run: &Kernel, limit: Duration) -> String {
    format!(
        "[lab] stuck: the virtual clock has not moved for {} s of real time; the process exits: {}\n\
         [lab] A thread in virtual time must neither block nor loop outside labrt: use labrt::time::sleep, \
         labrt::sync and labrt::chan instead of std's, and labrt::offload for long computations. \
         LAB_WATCHDOG_S=seconds allows more time.",
        limit.as_secs(),
        run.describe()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_stands_still_for_no_reason_counts() {
        let standstill = Standstill::default();
        assert_eq!(standstill.tick(0, false), TICK);
        assert_eq!(standstill.tick(0, false), 2 * TICK);
        assert_eq!(standstill.tick(7, false), Duration::ZERO, "it has moved");
        assert_eq!(standstill.tick(7, false), TICK);
        assert_eq!(standstill.tick(7, true), Duration::ZERO, "on purpose");
        assert_eq!(standstill.tick(7, false), TICK);
    }
}
