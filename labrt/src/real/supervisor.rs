//! A run on real threads, and its supervisor.
//!
//! The body runs on a thread of the run. The supervisor is the caller of [`run_one`]. The supervisor waits
//! until the body returns, a thread fails, or the time limit is reached. Then each thread of the run is
//! unwound at its next wait. If some threads have not ended after 2 s, the supervisor prints what they wait
//! for, and the process exits. Otherwise these threads would disturb the next test.

use super::current::Slot;
use super::pool::Pool;
use super::{current, thread};
use crate::collections::BTreeMap;
use crate::locks::Discipline;
use crate::node::NodeId;
use crate::observer::Watching;
use crate::outcome::{Failure, Outcome, Stats};
use crate::panics::{self, Panic};
use crate::run::Run;
use crate::runs;
use crate::trace::{self, Event};
use crate::warnings;
use crate::world::World;
use crossbeam::channel::{Receiver, Sender};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// All threads must end within this time after the end of the run.
const GRACE: Duration = Duration::from_secs(2);
/// The time between two attempts to wake all threads after the run was cancelled. One attempt is not enough,
/// because a thread may begin to wait just after the attempt.
const NUDGE: Duration = Duration::from_millis(10);
/// A run keeps only its last events, at most this number.
const KEPT_EVENTS: usize = 32_768;

/// The most recent events.
#[derive(Default)]
pub(crate) struct Ring {
    events: VecDeque<Event>,
    /// The number of older events, which have been deleted.
    lost: u64,
    /// The observer is called under the lock of the ring. So it sees the events in their order.
    pub(super) watching: Watching,
}

impl Ring {
    pub(super) fn push(&mut self, event: Event) {
        if self.events.len() == KEPT_EVENTS {
            self.events.pop_front();
            self.lost += 1;
        }
        self.events.push_back(event);
    }
}

pub(crate) struct RealRun {
    pub(crate) world: World,
    pub(super) start: Instant,
    pub(super) pool: Pool,
    pub(crate) quiet: bool,
    pub(super) events: Option<Mutex<Ring>>,
    cancelled: AtomicBool,
    /// To cancel the run, this sender is dropped. This disconnects all receivers.
    cancel: Mutex<Option<Sender<Infallible>>>,
    cancel_rx: Receiver<Infallible>,
    threads: Mutex<Threads>,
    /// Notified when the body has returned, when a thread has failed, and when the last thread has ended.
    changed: Condvar,
    failure: Mutex<Option<Failure>>,
    spawned: AtomicU64,
}

#[derive(Default)]
struct Threads {
    live: BTreeMap<u64, Arc<Slot>>,
    most: usize,
    /// True if the body has returned or the run has failed.
    over: bool,
}

impl RealRun {
    fn new(cfg: &Run, seed: u64) -> RealRun {
        let (tx, rx) = crossbeam::channel::bounded(0);
        RealRun {
            world: World::new(cfg.root(seed), cfg.discipline),
            start: Instant::now(),
            pool: Pool::default(),
            quiet: cfg.quiet,
            events: cfg
                .events
                .then(|| Mutex::new(Ring { watching: Watching::begin(cfg.observer), ..Ring::default() })),
            cancelled: AtomicBool::new(false),
            cancel: Mutex::new(Some(tx)),
            cancel_rx: rx,
            threads: Mutex::default(),
            changed: Condvar::new(),
            failure: Mutex::default(),
            spawned: AtomicU64::new(0),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(SeqCst)
    }

    pub(super) fn cancel_channel(&self) -> Receiver<Infallible> {
        self.cancel_rx.clone()
    }

    /// Adds a thread to the run.
    pub(super) fn register(&self, name: String, owner: NodeId) -> Arc<Slot> {
        let number = self.spawned.fetch_add(1, SeqCst);
        let slot = Arc::new(Slot { number, name, owner, wait: Mutex::default() });
        let mut threads = self.threads.lock();
        threads.live.insert(number, slot.clone());
        threads.most = threads.most.max(threads.live.len());
        slot
    }

    pub(super) fn unregister(&self, slot: &Slot) {
        let mut threads = self.threads.lock();
        threads.live.remove(&slot.number);
        if threads.live.is_empty() {
            self.changed.notify_all();
        }
    }

    pub(super) fn threads(&self) -> Vec<Arc<Slot>> {
        self.threads.lock().live.values().cloned().collect()
    }

    /// Records the run's first failure and ends the run.
    pub(super) fn fail(&self, number: u64, thread: String, panic: Panic) {
        let Panic { text: message, node } = panic;
        let mut failure = self.failure.lock();
        if failure.is_none() {
            // The clock is read under the lock, so that the events are in the order of their times.
            let ring = self.events.as_ref().map(|events| events.lock());
            let at = self.start.elapsed();
            let mut known = Vec::new();
            if let Some(mut ring) = ring {
                known = ring.watching.describe();
                ring.push(trace::failed(at.as_nanos() as u64, number, node, &thread, &message));
            }
            *failure = Some(Failure { thread, message, at, known });
        }
        drop(failure);
        self.end();
    }

    /// Fails the run because of a foreign thread.
    pub(crate) fn fail_from_outside(&self, thread: String, text: String) {
        self.fail(0, thread, Panic { text, node: NodeId::NONE });
    }

    /// Returns the discipline for a foreign thread that uses labrt.
    pub(crate) fn discipline_for_foreign(&self) -> Discipline {
        self.world.discipline
    }

    pub(crate) fn count_warning(&self) {
        warnings::count(&self.world);
    }

    fn end(&self) {
        self.threads.lock().over = true;
        self.changed.notify_all();
    }

    fn cancel(&self) {
        self.cancelled.store(true, SeqCst);
        drop(self.cancel.lock().take());
    }

    /// Waits for the end of the run. Returns false if the time limit is reached first.
    fn wait_for_end(&self, limit: Instant) -> bool {
        let mut threads = self.threads.lock();
        while !threads.over {
            if self.changed.wait_until(&mut threads, limit).timed_out() {
                return threads.over;
            }
        }
        true
    }

    /// Unwinds all threads. Returns the threads that do not end.
    fn wind_up(&self) -> Vec<Arc<Slot>> {
        self.cancel();
        let deadline = Instant::now() + GRACE;
        let mut threads = self.threads.lock();
        while !threads.live.is_empty() && Instant::now() < deadline {
            // The threads are woken again and again. The reason is that a thread may begin its wait just
            // after all threads were woken.
            for slot in threads.live.values() {
                slot.nudge();
            }
            self.changed.wait_for(&mut threads, NUDGE);
        }
        threads.live.values().cloned().collect()
    }
}

/// Executes one run. The calling thread supervises the run.
pub(crate) fn run_one(cfg: &Run, seed: u64, body: Box<dyn FnOnce() + Send>) -> Outcome {
    let run = Arc::new(RealRun::new(cfg, seed));
    let going_on = runs::enlist(&run, current::run());
    start_body(&run, body);
    if !run.wait_for_end(run.start + cfg.limit) {
        let message = format!(
            "the run has taken more than {} s;{} its threads:{}",
            cfg.limit.as_secs(),
            run.world.unfinished.report(),
            list(&run.threads())
        );
        run.fail(0, "the supervisor".into(), Panic { text: message, node: NodeId::NONE });
    }
    let elapsed = run.start.elapsed();
    let at_end = run.threads().len();
    let stuck = run.wind_up();
    run.pool.close();
    drop(going_on);
    let failure = run.failure.lock().take();
    let stats = Stats {
        time_ns: elapsed.as_nanos() as u64,
        spawns: run.spawned.load(SeqCst),
        max_live: run.threads.lock().most,
        cancelled: at_end,
        leaked: stuck.len(),
        warnings: run.world.warnings.load(SeqCst),
        ..Stats::default()
    };
    let mut outcome = Outcome { seed, trace: 0, preempt: 0, stats, failure, events: None };
    outcome.events = keep_events(cfg, &run, &outcome);
    if !stuck.is_empty() {
        give_up(cfg, &stuck, outcome.failure.as_ref());
    }
    outcome
}

fn start_body(run: &Arc<RealRun>, body: Box<dyn FnOnce() + Send>) {
    // The body gets a thread of the new run, even if the caller is a thread of another run.
    let slot = Arc::new(Slot { number: 0, name: String::new(), owner: NodeId::NONE, wait: Mutex::default() });
    let _inside = current::enter(run.clone(), slot);
    let _test = crate::node::enter(NodeId::NONE);
    let of = run.clone();
    thread::spawn_named("body", move || {
        body();
        of.end();
    });
}

fn list(slots: &[Arc<Slot>]) -> String {
    slots.iter().map(|s| format!("\n    {}", s.describe())).collect()
}

/// Ends the process, because the threads in `stuck` do not end.
fn give_up(cfg: &Run, stuck: &[Arc<Slot>], failure: Option<&Failure>) -> ! {
    let test = &cfg.identity.test;
    let failure = failure.map_or(String::new(), |f| {
        format!("[lab] {test} failed at t={:.6}s in {}: {}\n", f.at.as_secs_f64(), f.thread, f.message)
    });
    panics::exit(&format!(
        "{failure}[lab] {test}: {} threads have not ended {} s after the end of the run; the process exits:{}",
        stuck.len(),
        GRACE.as_secs(),
        list(stuck)
    ));
}

/// Writes the events to the file in the settings. If the settings have no file and the run has failed, the
/// events are written to a file in `out/`. Returns the path of the file.
fn keep_events(cfg: &Run, run: &RealRun, outcome: &Outcome) -> Option<PathBuf> {
    let events = run.events.as_ref()?;
    let test = &cfg.identity.test;
    let path: PathBuf = match &cfg.trace_file {
        Some(path) => path.clone(),
        None if outcome.failure.is_some() && !cfg.quiet && !test.is_empty() => {
            // An error is ignored here. If there is one, the write below also fails, and that error is
            // reported.
            let _ = std::fs::create_dir_all("out");
            Path::new("out").join(format!("{}-{:x}.trace.jsonl", file_name(test), outcome.seed))
        }
        None => return None,
    };
    let ring = events.lock();
    if let Err(e) = trace::write_file(&path, &trace::heading(cfg, outcome, ring.lost), ring.events.iter()) {
        eprintln!("[lab] the events cannot be written to {}: {e}", path.display());
        return None;
    }
    if cfg.trace_file.is_none() {
        eprintln!("[lab] the last events of the run: {}", path.display());
    }
    Some(path)
}

fn file_name(test: &str) -> String {
    test.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}
