//! A watchdog that runs in real time. If a task blocks outside labrt (in `std::thread::sleep`, a
//! `std::sync::Mutex`, a socket) or computes for ever, the virtual clock stops for all tasks. Then the run
//! never reaches its limit of virtual time. So the watchdog ends the process.
//!
//! The watchdog checks whether the virtual clock moves. It does not check whether tasks call labrt. For
//! example, a task may loop: in each round it sleeps with `std::thread::sleep`, and then locks a lock of
//! labrt. This task calls labrt, but the clock does not move. The reason is that the clock moves only when no
//! task can run.

use super::kernel::Kernel;
use crate::{env, panics, runs};
use parking_lot::Mutex;
use std::sync::Once;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// The time between two checks of the watchdog.
const TICK: Duration = Duration::from_millis(500);
/// The default of `LAB_WATCHDOG_S`. Normally, the clock of a run moves thousands of times per second of real
/// time, and the time of offloaded computations does not count. So ten seconds are enough, even for a debug
/// build on a busy machine.
const DEFAULT_LIMIT_S: u64 = 10;

/// How long the clock of a run has not moved.
#[derive(Default)]
pub(super) struct Standstill(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    clock: u64,
    /// How long the virtual clock has shown the time `clock`. The watchdog counts its own ticks for this, and
    /// does not read the machine's clock. So if Ctrl-Z or a debugger stops the process, that time is not
    /// counted.
    since: Duration,
}

impl Standstill {
    /// Must be called at each tick of the watchdog. `clock` is the present virtual time. `excused` is true if
    /// there is a good reason why the clock does not move now. Returns for how long the clock has stood still
    /// without such a reason.
    fn tick(&self, clock: u64, excused: bool) -> Duration {
        let mut seen = self.0.lock();
        let moved = clock != seen.clock;
        let since = if moved || excused { Duration::ZERO } else { seen.since + TICK };
        *seen = Seen { clock, since };
        since
    }
}

/// Starts the watchdog of this process, unless the watchdog runs already or is switched off.
pub(super) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A bad value was already reported when the settings of the run were read.
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
            // A task may start another run and wait for its end. During this wait, the clock of the task's
            // own run does not move, and this is no fault.
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
        assert_eq!(standstill.tick(7, false), Duration::ZERO, "the clock has moved");
        assert_eq!(standstill.tick(7, false), TICK);
        assert_eq!(standstill.tick(7, true), Duration::ZERO, "the clock need not move");
        assert_eq!(standstill.tick(7, false), TICK);
    }
}
