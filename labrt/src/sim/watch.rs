//! A wall-clock watchdog: a task that spins without a call of labrt, or blocks on something real (a
//! `std::sync::Mutex`, a socket), stops the whole world, and no virtual timeout can see it.

use super::kernel::Kernel;
use parking_lot::Mutex;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

struct Entry {
    kernel: Weak<Kernel>,
    steps: u64,
    since: Instant,
}

static RUNS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Watches the run for as long as it lives. `LAB_WATCHDOG_S` seconds (0: off; default 30).
pub(super) fn watch(k: &Arc<Kernel>) {
    static LIMIT: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let limit = *LIMIT.get_or_init(|| {
        // A bad value was refused when the run was set up.
        crate::env::number(&crate::env::process, "LAB_WATCHDOG_S", 0..=1_000_000).ok().flatten().unwrap_or(30)
    });
    if limit == 0 {
        return;
    }
    {
        let mut runs = RUNS.lock();
        runs.retain(|e| e.kernel.strong_count() > 0);
        runs.push(Entry { kernel: Arc::downgrade(k), steps: 0, since: Instant::now() });
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(500));
                for e in RUNS.lock().iter_mut() {
                    let Some(k) = e.kernel.upgrade() else { continue };
                    let (steps, report) = k.progress();
                    if steps != e.steps || k.offloads.load(SeqCst) > 0 {
                        (e.steps, e.since) = (steps, Instant::now());
                    } else if e.since.elapsed() > Duration::from_secs(limit) {
                        eprintln!("[lab] STUCK: no scheduling step for {limit} s of real time; {report}");
                        std::process::abort();
                    }
                }
            }
        });
    });
}
