//! A watchdog on the machine's clock. A task that blocks outside labrt (in `std::thread::sleep`, a
//! `std::sync::Mutex`, a socket), or computes for ever, stops the virtual clock for all tasks. Then
//! no limit of virtual time ends the run.
//!
//! The watchdog looks at the virtual clock, not at the calls of the kernel: a task that sleeps with
//! `std::thread::sleep` and takes a lock now and then does call the kernel, but the clock does not
//! move, because it moves only when no task can run.

use super::kernel::Kernel;
use crate::{env, panics, runs};
use parking_lot::Mutex;
use std::sync::Once;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The time between two checks.
const TICK: Duration = Duration::from_millis(500);
/// The default of `LAB_WATCHDOG_S`. The clock of a run moves thousands of times a second, and long
/// computations are offloaded. So ten seconds are enough, even for a debug build on a busy machine.
const DEFAULT_LIMIT_S: u64 = 10;

/// For how long the clock of a run has stood still.
#[derive(Default)]
pub(super) struct Standstill(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    clock: u64,
    /// A number of ticks, not a time of the machine's clock: when Ctrl-Z or a debugger stops the
    /// process, the watchdog stops, too.
    since: Duration,
}

impl Standstill {
    /// To be called at each tick, when the clock is at `clock`. `excused`: it stands still on
    /// purpose.
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
            // While a task waits for a run that it has started, the clock of its own run stands
            // still.
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
