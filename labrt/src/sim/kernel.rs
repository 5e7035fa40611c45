//! The kernel of virtual time. The kernel decides which task runs, moves the clock, and records the trace. It
//! does not handle the stacks of tasks. A [`Switch`] passes control from one task to another.
//!
//! Exactly one task runs at a time. The task passes control to another task only in [`block`], in [`preempt`]
//! and at its end. The next task is chosen from `ready` with the seed. When `ready` is empty, the clock jumps
//! to the earliest deadline. So a run depends only on the code and the seed.

use super::watch::Standstill;
use super::{coro, osthread};
use crate::context::{self, Context};
use crate::foreign;
use crate::locks::Discipline;
use crate::node::NodeId;
use crate::observer::{LiveEvent, Watching};
use crate::outcome::{Failure, Outcome, Stats, title};
use crate::panics::{Cancelled, Panic, cancel};
use crate::rng::{Label, generator, scale, split};
use crate::run::Run;
use crate::runs;
use crate::trace::{self, Event, Field, Hash, Kind, Links};
use crate::unfinished::AllUnfinished;
use crate::warnings;
use crate::world::World;
use parking_lot::Mutex;
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

pub(super) type Job = Box<dyn FnOnce() + Send>;
pub(super) type TaskSlot = u32;
/// A place in a source file.
pub(super) type Place = &'static Location<'static>;

/// A ticket for one wait of one task. With the ticket, another task can end this wait ([`wake`]). If the wait
/// has already ended, the ticket has no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter {
    slot: TaskSlot,
    ticket: u64,
    /// The index of the case for which the task waits, if the wait has several cases. See [`woken_by`].
    case: u32,
}

impl Waiter {
    /// Returns the ticket of the same wait, for the case with this index.
    pub(super) fn of_case(self, index: usize) -> Waiter {
        Waiter { case: index as u32, ..self }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Free,
    Ready,
    Running,
    Blocked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Notified,
    Timeout,
}

struct Task {
    number: u64,
    name: String,
    owner: NodeId,
    status: Status,
    ticket: u64,
    wake: Wake,
    /// The index of the case that ended the task's last wait.
    woken_by: u32,
    /// The name of the last function of labrt that the task has called. `place` is the place of this call.
    /// Before the first call, the name is empty, and `place` is where the task was spawned.
    what: &'static str,
    place: Option<Place>,
    /// The job of the task. It is `None` after the task has been started.
    job: Option<Job>,
    /// True if the task is being unwound. Its destructors may still block.
    unwinding: bool,
    /// How often the task has been cancelled. A task can be cancelled more than once, because code that
    /// catches all panics also catches cancellations.
    cancelled: u32,
    /// The last panic of the task, and the time of this panic.
    panic: Option<(Panic, u64)>,
}

impl Task {
    fn describe(&self) -> String {
        let place = self.place.map_or(String::new(), |place| format!(" at {place}"));
        let at = match (self.status, self.what) {
            (Status::Running, "") => format!("running, spawned{place}"),
            (Status::Running, what) => format!("running since {what}{place}"),
            (_, "") => "not started".to_string(),
            (_, what) => format!("in {what}{place}"),
        };
        format!("{}: {at}", title(self.owner, &self.name, self.number))
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Phase {
    Running,
    /// The body has returned, or the run has failed. Each task is unwound at its next call of the kernel.
    Teardown,
}

/// The events that are kept for a file.
struct Record {
    events: Vec<Event>,
    /// At least this number of the last events is kept, and at most twice this number.
    most: usize,
    /// The number of older events, which have been deleted.
    lost: u64,
}

impl Record {
    fn push(&mut self, event: Event) {
        if self.events.len() >= self.most.saturating_mul(2) {
            let gone = self.events.len() - self.most;
            self.events.drain(..gone);
            self.lost += gone as u64;
        }
        self.events.push(event);
    }
}

struct State {
    now: u64,
    cur: Option<TaskSlot>,
    tasks: Vec<Task>,
    free: Vec<TaskSlot>,
    ready: Vec<TaskSlot>,
    timers: BinaryHeap<Reverse<(u64, u64, TaskSlot, u64)>>,
    seq: u64,
    tickets: u64,
    live: usize,
    sched: Xoshiro256PlusPlus,
    hash: Hash,
    /// The events for the trace file, if there is such a file. They include the events of the scheduler.
    record: Option<Record>,
    watching: Watching,
    /// The paused nodes. For each of them, the map has the tickets of the tasks that have stopped.
    paused: BTreeMap<NodeId, Vec<Waiter>>,
    phase: Phase,
    failure: Option<Failure>,
    unfinished: Arc<AllUnfinished>,
    stats: Stats,
    /// The number of calls of the kernel since the clock moved the last time.
    still: u64,
    /// How often the clock has jumped since the teardown began.
    down: u64,
}

pub(crate) struct Kernel {
    state: Mutex<State>,
    /// The seed in the settings, for reports.
    seed: u64,
    /// True if the run keeps its events for a trace file.
    recording: bool,
    world: World,
    pub(super) stack: usize,
    preempt: u64,
    jitter: u64,
    limit: u64,
    pub(crate) quiet: bool,
    /// The name of the test, for reports.
    test: String,
    /// The number of computations that are offloaded now. While this number is not 0, the clock does not
    /// move, and the watchdog must not complain.
    pub(super) offloads: AtomicUsize,
    pub(super) standstill: Standstill,
    switch: Switch,
}

/// The way in which control is passed from one task to another.
pub(super) enum Switch {
    Coroutines,
    Threads(osthread::Os),
}

/// If tasks call the kernel more often than this while the clock does not move, the run is livelocked.
const STILL_LIMIT: u64 = 10_000_000;
/// If a task has caught this number of cancellations, the kernel stops trying to unwind the task.
const CANCEL_LIMIT: u32 = 100;
/// How often the clock may jump during the teardown. (It jumps if destructors sleep.)
const DOWN_LIMIT: u64 = 100_000;
/// The rates of preemption: the rate `n` means a chance of 1 in `n`. The seed chooses one of them. Frequent
/// preemption finds races. With rare preemption, programs make more progress.
const PREEMPT_RATES: [u64; 8] = [2, 2, 3, 4, 8, 16, 64, 256];

const SPAWN: Kind = Kind::new("thread.spawn");
const WAKE: Kind = Kind::new("thread.wake");
const RESUME: Kind = Kind::new("thread.run");

mod tls {
    use super::*;
    thread_local!(pub(super) static CURRENT: RefCell<Option<Arc<Kernel>>> = const { RefCell::new(None) });
}

pub(super) fn set_current(k: Option<Arc<Kernel>>) -> Option<Arc<Kernel>> {
    tls::CURRENT.with(|c| c.replace(k))
}

fn try_with<R>(f: impl FnOnce(&Arc<Kernel>) -> R) -> Option<R> {
    tls::CURRENT.try_with(|c| c.borrow().as_ref().map(f)).ok().flatten()
}

#[track_caller]
fn current() -> Arc<Kernel> {
    current_for(Location::caller())
}

/// Returns the current run. If there is none, this panics. `place` is where the user's code calls labrt.
#[track_caller]
fn current_for(place: Place) -> Arc<Kernel> {
    match try_with(Arc::clone) {
        Some(kernel) => kernel,
        None => no_run(place),
    }
}

#[cold]
#[track_caller]
fn no_run(place: Place) -> ! {
    foreign::touch_at(place);
    panic!(
        "labrt was built with virtual time (feature `sim`), which exists only inside labrt::run: \
         put the code into `labrt::run(|| ...)`, or build without the feature"
    )
}

impl State {
    fn me(&self) -> TaskSlot {
        self.cur.expect("a task is running")
    }

    /// Records that the running task has called the function `what` of labrt at `place`. Reports show this.
    fn entered(&mut self, what: &'static str, place: Place) {
        let Some(me) = self.cur else { return };
        let task = &mut self.tasks[me as usize];
        task.what = what;
        task.place = Some(place);
    }

    fn draw(&mut self, n: u64) -> u64 {
        scale(self.sched.next_u64(), n)
    }

    fn note(&mut self, slot: TaskSlot, kind: Kind) {
        let Some(record) = &mut self.record else { return };
        let task = &self.tasks[slot as usize];
        let mut fields = Vec::new();
        if kind == SPAWN {
            fields.push(("name", Field::from(task.name.clone())));
        }
        if kind == WAKE {
            fields.push(("notified", Field::from(task.wake == Wake::Notified)));
        }
        record.push(Event {
            time: self.now,
            thread: task.number,
            node: task.owner,
            kind,
            links: Links::NONE,
            fields,
        });
    }

    fn make_ready(&mut self, slot: TaskSlot, wake: Wake) {
        let t = &mut self.tasks[slot as usize];
        t.status = Status::Ready;
        t.wake = wake;
        t.ticket = 0;
        let number = t.number;
        self.ready.push(slot);
        self.hash.mix((number << 2) | (1 + wake as u64));
        self.note(slot, WAKE);
    }

    fn blocked(&self, w: Waiter) -> bool {
        let t = &self.tasks[w.slot as usize];
        t.status == Status::Blocked && t.ticket == w.ticket
    }

    fn start_teardown(&mut self) {
        if self.phase == Phase::Teardown {
            return;
        }
        self.phase = Phase::Teardown;
        self.still = 0;
        for slot in 0..self.tasks.len() as TaskSlot {
            if self.tasks[slot as usize].status == Status::Blocked {
                self.make_ready(slot, Wake::Timeout);
                self.stats.cancelled += 1;
            }
        }
    }

    /// Records the failure of task `number` at time `at`, if it is the run's first failure.
    fn fail(&mut self, number: u64, thread: String, panic: Panic, at: u64) {
        if self.failure.is_some() {
            return;
        }
        let Panic { text: message, node } = panic;
        // The text is not part of the hash, because it may depend on the iteration order of a map.
        self.hash.mix(at);
        self.hash.mix_event(node, trace::FAILED, &Links::NONE, &[]);
        if let Some(record) = &mut self.record {
            let event = trace::failed(at, number, node, &thread, &message);
            // After its failure, the task was unwound. Events that happened during the unwinding may be in
            // the record already. So the event of the failure is not added at the end, but at the time of the
            // failure.
            let place = record.events.partition_point(|earlier| earlier.time <= at);
            record.events.insert(place, event);
        }
        let known = self.watching.describe();
        self.failure = Some(Failure { thread, message, at: Duration::from_nanos(at), known });
    }

    fn fail_here(&mut self, text: String) {
        let now = self.now;
        self.fail(0, "the kernel".into(), Panic { text, node: NodeId::NONE }, now);
    }

    fn list(&self) -> String {
        let live = self.tasks.iter().filter(|t| t.status != Status::Free);
        live.map(|t| format!("\n    {}", t.describe())).collect()
    }

    /// Ends the run, although some tasks could not be unwound.
    fn give_up(&mut self) -> Option<TaskSlot> {
        self.stats.leaked = self.live;
        self.cur = None;
        None
    }

    /// Chooses the next task and makes it current. Returns `None` if the run is over.
    fn pick(&mut self, limit: u64) -> Option<TaskSlot> {
        loop {
            if !self.ready.is_empty() {
                return self.pick_ready();
            }
            if self.live == 0 {
                self.cur = None;
                return None;
            }
            if self.phase == Phase::Teardown {
                self.down += 1;
                if self.down > DOWN_LIMIT {
                    return self.give_up();
                }
            }
            let fired = self.jump();
            if fired && self.now > limit && self.phase == Phase::Running {
                let (unfinished, list) = (self.unfinished.report(), self.list());
                let seconds = limit / 1_000_000_000;
                self.fail_here(format!(
                    "the run has taken more than {seconds} s of virtual time;{unfinished} its threads:{list}"
                ));
                self.start_teardown();
            }
            if !fired {
                if self.phase == Phase::Teardown {
                    // Each task that is left waits in a destructor, and nothing can wake it.
                    return self.give_up();
                }
                let (unfinished, list) = (self.unfinished.report(), self.list());
                let text = "deadlock: every thread waits and no timer is set";
                self.fail_here(match unfinished.as_str() {
                    "" => format!("{text}:{list}"),
                    _ => format!("{text};{unfinished} the threads:{list}"),
                });
                self.start_teardown();
            }
        }
    }

    fn pick_ready(&mut self) -> Option<TaskSlot> {
        self.stats.steps += 1;
        if self.is_livelocked() && self.phase == Phase::Teardown {
            // A destructor loops for ever, or a task catches its cancellations again and again.
            return self.give_up();
        }
        let i = match self.ready.len() {
            1 => 0,
            n => self.draw(n as u64) as usize,
        };
        let slot = self.ready.swap_remove(i);
        let t = &mut self.tasks[slot as usize];
        t.status = Status::Running;
        let number = t.number;
        self.hash.mix((number << 2) | 3);
        self.hash.mix(self.now);
        if self.cur != Some(slot) {
            self.stats.switches += 1;
            self.note(slot, RESUME);
        }
        self.cur = Some(slot);
        Some(slot)
    }

    /// Counts a call of the kernel. If there were too many calls without a movement of the clock, the run
    /// fails. If the run was already over, this returns `true` instead.
    #[inline]
    fn is_livelocked(&mut self) -> bool {
        self.still += 1;
        self.still > STILL_LIMIT && self.fail_livelocked()
    }

    #[cold]
    fn fail_livelocked(&mut self) -> bool {
        if self.phase == Phase::Running {
            let list = self.list();
            self.fail_here(format!("livelock: the clock does not move; the threads:{list}"));
            self.start_teardown();
            return false;
        }
        true
    }

    /// Handles a task that has read the clock too often without a movement of the clock. Returns whether the
    /// task must be unwound.
    #[cold]
    fn ends_livelocked(&mut self) -> bool {
        self.fail_livelocked();
        self.cancels()
    }

    /// Moves the clock to the next deadline. This is called when no task can run. All tasks whose deadline
    /// has come become ready. Returns whether there was such a task.
    fn jump(&mut self) -> bool {
        let mut fired = false;
        while let Some(&Reverse((at, _, slot, ticket))) = self.timers.peek() {
            if fired && at > self.now {
                break;
            }
            self.timers.pop();
            if self.blocked(Waiter { slot, ticket, case: 0 }) {
                if at > self.now {
                    self.now = at;
                    self.still = 0;
                }
                fired = true;
                self.make_ready(slot, Wake::Timeout);
            }
        }
        fired
    }

    /// Sets a timer for the running task.
    fn set_timer(&mut self, at: u64, w: Waiter) {
        self.seq += 1;
        let seq = self.seq;
        self.timers.push(Reverse((at, seq, w.slot, w.ticket)));
        // If a wait ends early, its timer stays in the heap until the timer is due. When the heap has become
        // large, all such timers are removed.
        if self.timers.len() > 1024 + 4 * self.live {
            let mut heap = std::mem::take(&mut self.timers);
            heap.retain(|Reverse((_, _, slot, ticket))| {
                let other = Waiter { slot: *slot, ticket: *ticket, case: 0 };
                (other.slot, other.ticket) == (w.slot, w.ticket) || self.blocked(other)
            });
            self.timers = heap;
        }
    }

    /// Makes a ticket for the running task's next wait.
    fn prepare(&mut self) -> Waiter {
        self.tickets += 1;
        let (slot, ticket) = (self.me(), self.tickets);
        self.tasks[slot as usize].ticket = ticket;
        Waiter { slot, ticket, case: 0 }
    }

    /// Returns whether the running task must be unwound now.
    fn cancels(&mut self) -> bool {
        let phase = self.phase;
        let me = self.me() as usize;
        let t = &mut self.tasks[me];
        if phase == Phase::Running {
            return false;
        }
        // If the task has caught its panic, it is no longer being unwound. (With coroutines, all tasks are on
        // one OS thread. So if another task is panicking, `panicking` is true, and this check does not notice
        // that this task has caught its panic. Then the kernel gives up this task later.)
        if t.unwinding && !std::thread::panicking() && t.cancelled < CANCEL_LIMIT {
            t.unwinding = false;
        }
        if t.unwinding {
            return false;
        }
        t.unwinding = true;
        t.cancelled += 1;
        true
    }

    /// If the running task must stop because its node is paused, returns this node. A task goes on if it
    /// holds a lock or waits for one, if it runs code of another node, or if it has a guard of
    /// [`crate::node::without_pause`].
    #[inline]
    fn stops(&self) -> Option<NodeId> {
        if self.paused.is_empty() || self.phase != Phase::Running {
            return None;
        }
        let task = &self.tasks[self.me() as usize];
        let is_free = |c: &mut Context| c.node == task.owner && c.held.is_empty() && c.without_pause == 0;
        let stops =
            !task.unwinding && self.paused.contains_key(&task.owner) && context::with(is_free) == Some(true);
        stops.then_some(task.owner)
    }
}

impl Kernel {
    fn switch(self: &Arc<Self>, from: TaskSlot, to: Option<TaskSlot>) {
        if to != Some(from) {
            match &self.switch {
                Switch::Coroutines => coro::switch(from),
                Switch::Threads(os) => os.switch(self, from, to),
            }
        }
    }

    /// Executes a task. The back end calls this on the task's own stack. Returns the next task.
    pub(super) fn task_main(self: &Arc<Self>, slot: TaskSlot) -> Option<TaskSlot> {
        let (job, owner, run) = {
            let mut st = self.state.lock();
            let running = st.phase == Phase::Running;
            let t = &mut st.tasks[slot as usize];
            (t.job.take().expect("a new task has a job"), t.owner, running)
        };
        let before = context::swap(Context::new(owner, self.world.discipline));
        let result = catch_unwind(AssertUnwindSafe(|| if run { job() } else { drop(job) }));
        context::swap(before);
        let mut st = self.state.lock();
        if let Err(payload) = result
            && !payload.is::<Cancelled>()
        {
            let now = st.now;
            let t = &mut st.tasks[slot as usize];
            let (panic, at) = t.panic.take().unwrap_or_else(|| (Panic::of_payload(&*payload), now));
            let number = t.number;
            let thread = title(panic.node, &t.name, number);
            st.fail(number, thread, panic, at);
        }
        // The run ends when any task has failed, or when the body (task 0) has ended.
        if slot == 0 || st.failure.is_some() {
            st.start_teardown();
        }
        let t = &mut st.tasks[slot as usize];
        t.status = Status::Free;
        t.unwinding = false;
        t.panic = None;
        t.name = String::new();
        st.free.push(slot);
        st.live -= 1;
        st.pick(self.limit)
    }

    pub(super) fn spawn(&self, name: String, owner: NodeId, job: Job, place: Option<Place>) {
        let mut st = self.state.lock();
        let number = st.stats.spawns;
        st.stats.spawns += 1;
        let slot = st.free.pop().unwrap_or(st.tasks.len() as TaskSlot);
        let t = Task {
            number,
            name,
            owner,
            status: Status::Ready,
            ticket: 0,
            wake: Wake::Notified,
            woken_by: 0,
            what: "",
            place,
            job: Some(job),
            unwinding: false,
            cancelled: 0,
            panic: None,
        };
        match st.tasks.get_mut(slot as usize) {
            Some(s) => *s = t,
            None => st.tasks.push(t),
        }
        st.live += 1;
        st.stats.max_live = st.stats.max_live.max(st.live);
        st.ready.push(slot);
        st.hash.mix(number << 2);
        st.note(slot, SPAWN);
    }

    /// Returns the virtual time, for the watchdog.
    pub(super) fn clock(&self) -> u64 {
        self.state.lock().now
    }

    /// Describes the run and the running task, for the watchdog.
    pub(super) fn describe(&self) -> String {
        let st = self.state.lock();
        let failed = st.failure.as_ref();
        let failed = failed.map_or(String::new(), |f| format!("\n    failed in {}: {}", f.thread, f.message));
        let who = st.cur.map(|c| st.tasks[c as usize].describe()).unwrap_or_default();
        let (test, seed, now) = (&self.test, self.seed, st.now as f64 / 1e9);
        format!("{test} seed {seed:#x}, t={now:.6}s{failed}\n    {who}")
    }

    /// Fails the run because of a foreign thread. If a task of the run hangs outside labrt for ever, the run
    /// does not end by itself. Then the failure is printed only when the watchdog ends the process.
    pub(crate) fn fail_from_outside(&self, thread: String, text: String) {
        let mut st = self.state.lock();
        let now = st.now;
        st.fail(0, thread, Panic { text, node: NodeId::NONE }, now);
        st.start_teardown();
    }

    pub(crate) fn count_warning(&self) {
        warnings::count(&self.world);
    }

    /// Returns the discipline for a foreign thread that uses labrt. It is always [`Discipline::Fail`],
    /// because such a thread cannot take part in virtual time.
    pub(crate) fn discipline_for_foreign(&self) -> Discipline {
        Discipline::Fail
    }

    /// Returns the virtual time for the running task. Returns `None` if the run is livelocked and the task
    /// must be unwound.
    #[inline]
    fn look_at_clock(&self, place: Place) -> Option<u64> {
        let mut st = self.state.lock();
        st.entered("Instant::now", place);
        st.still += 1;
        if st.still > STILL_LIMIT && st.ends_livelocked() {
            return None;
        }
        Some(st.now)
    }

    /// Returns the current task, for the driver of the coroutines.
    pub(super) fn current_task(&self) -> Option<TaskSlot> {
        self.state.lock().cur
    }

    pub(super) fn threads_backend(&self) -> Option<&osthread::Os> {
        match &self.switch {
            Switch::Coroutines => None,
            Switch::Threads(os) => Some(os),
        }
    }

    /// Returns the number, the owner and a description of each live task.
    fn live_tasks(&self) -> Vec<(u64, NodeId, String)> {
        let st = self.state.lock();
        let live = st.tasks.iter().filter(|t| t.status != Status::Free);
        live.map(|t| (t.number, t.owner, t.describe())).collect()
    }
}

// ---- the functions from which locks, channels, signals and threads are built --------------------

/// Returns whether the calling thread belongs to a run.
#[inline]
#[track_caller]
pub(super) fn active() -> bool {
    let active = try_with(|_| ()).is_some();
    if !active {
        foreign::touch();
    }
    active
}

/// Returns the virtual time, in nanoseconds since the start of the run.
#[track_caller]
pub(crate) fn now() -> u64 {
    let place = Location::caller();
    match try_with(|k| k.look_at_clock(place)) {
        Some(Some(now)) => now,
        Some(None) => cancel(),
        None => no_run(place),
    }
}

/// Makes a scheduling choice: returns a number below `n`.
pub(super) fn choose(n: u64) -> u64 {
    if n < 2 {
        return 0;
    }
    try_with(|k| k.state.lock().draw(n)).unwrap_or(0)
}

/// Makes a ticket for the running task's next [`block`].
#[track_caller]
pub(super) fn prepare() -> Waiter {
    current().state.lock().prepare()
}

/// Blocks the running task until the ticket is woken or the clock reaches `at`. Returns whether the ticket
/// was woken.
#[track_caller]
pub(super) fn block(w: Waiter, at: Option<u64>, what: &'static str) -> bool {
    block_at(w, at, what, Location::caller())
}

/// Like [`block`], for a caller that is at `place`.
#[track_caller]
pub(super) fn block_at(w: Waiter, at: Option<u64>, what: &'static str, place: Place) -> bool {
    let k = current_for(place);
    let notified = wait(&k, w, at, what, place);
    stop_while_paused(&k, what, place);
    notified
}

/// Like [`block_at`], but does not stop the task after the wait, even if the node of the task is paused.
fn wait(k: &Arc<Kernel>, w: Waiter, at: Option<u64>, what: &'static str, place: Place) -> bool {
    let mut st = k.state.lock();
    if st.cancels() {
        drop(st);
        cancel();
    }
    if let Some(at) = at {
        let late = if k.jitter > 0 { st.draw(k.jitter + 1) } else { 0 };
        let at = at.max(st.now).saturating_add(late);
        st.set_timer(at, w);
    }
    let t = &mut st.tasks[w.slot as usize];
    debug_assert!(t.ticket == w.ticket && t.status == Status::Running);
    t.status = Status::Blocked;
    t.what = what;
    t.place = Some(place);
    let next = st.pick(k.limit);
    drop(st);
    k.switch(w.slot, next);
    let mut st = k.state.lock();
    if st.cancels() {
        drop(st);
        cancel();
    }
    st.tasks[w.slot as usize].wake == Wake::Notified
}

/// Stops the running task as long as its node is paused.
#[inline]
fn stop_while_paused(k: &Arc<Kernel>, what: &'static str, place: Place) {
    let stops = k.state.lock().stops();
    if stops.is_some() {
        stop(k, what, place);
    }
}

#[cold]
fn stop(k: &Arc<Kernel>, what: &'static str, place: Place) {
    loop {
        let (w, before) = {
            let mut st = k.state.lock();
            let Some(node) = st.stops() else { return };
            let w = st.prepare();
            st.paused.entry(node).or_default().push(w);
            let task = &st.tasks[w.slot as usize];
            (w, (task.wake, task.woken_by))
        };
        wait(k, w, None, what, place);
        // The wait before the stop may have a result that the task has not read yet.
        let mut st = k.state.lock();
        let task = &mut st.tasks[w.slot as usize];
        (task.wake, task.woken_by) = before;
    }
}

/// Pauses a node, see [`crate::node::pause`].
#[track_caller]
pub(crate) fn pause(node: NodeId) {
    let place = Location::caller();
    let k = current_for(place);
    if k.world.discipline == Discipline::Off {
        crate::fatal("labrt::node::pause: without a lock discipline, it is not known who holds a lock");
    }
    k.state.lock().paused.entry(node).or_default();
    // If the caller is a thread of the node, it stops here.
    preempt_at("node::pause", place);
}

/// Ends the pause of a node, see [`crate::node::resume`].
#[track_caller]
pub(crate) fn resume(node: NodeId) {
    let k = current();
    let mut st = k.state.lock();
    for w in st.paused.remove(&node).unwrap_or_default() {
        if st.blocked(w) {
            st.make_ready(w.slot, Wake::Notified);
        }
    }
}

/// Wakes the task that waits with this ticket: the task becomes ready. Returns `false` if the task does not
/// wait any more. This function never switches tasks, so destructors may call it.
pub(super) fn wake(w: Waiter) -> bool {
    try_with(|k| {
        let mut st = k.state.lock();
        let hit = st.blocked(w);
        if hit {
            st.tasks[w.slot as usize].woken_by = w.case;
            st.make_ready(w.slot, Wake::Notified);
        }
        hit
    })
    .unwrap_or_else(|| {
        foreign::dropped();
        false
    })
}

/// Returns the index of the case that has woken the running task from its last [`block`].
pub(super) fn woken_by() -> usize {
    let k = current();
    let st = k.state.lock();
    st.tasks[st.me() as usize].woken_by as usize
}

/// `groups.rs`, `rwlock.rs` and `timer.rs` have the same code for virtual time and for real time. Their
/// functions call this first. In virtual time it may let another ready task run. Outside a run, it only
/// checks whether the calling thread is foreign.
pub(crate) fn enter(what: &'static str, place: Place) {
    match try_with(|_| ()) {
        Some(()) => preempt_at(what, place),
        None => foreign::touch_at(place),
    }
}

/// Returns whether the task still waits with this ticket.
pub(super) fn is_waiting(w: Waiter) -> bool {
    try_with(|k| k.state.lock().blocked(w)).unwrap_or(false)
}

/// Lets another ready task run with a certain probability, the run's rate of preemption.
#[track_caller]
pub(super) fn preempt(what: &'static str) {
    preempt_at(what, Location::caller());
}

/// Like [`preempt`], for a caller that is at `place`.
#[track_caller]
pub(super) fn preempt_at(what: &'static str, place: Place) {
    let k = current_for(place);
    let mut st = k.state.lock();
    st.entered(what, place);
    st.is_livelocked();
    if st.cancels() {
        drop(st);
        cancel();
    }
    if st.stops().is_some() {
        drop(st);
        stop(&k, what, place);
        st = k.state.lock();
    }
    if k.preempt == 0 || st.draw(k.preempt) != 0 || st.ready.is_empty() {
        return;
    }
    let me = st.me();
    st.tasks[me as usize].status = Status::Ready;
    st.ready.push(me);
    let next = st.pick(k.limit);
    drop(st);
    k.switch(me, next);
}

/// Starts a task.
#[track_caller]
pub(super) fn spawn(name: String, owner: NodeId, job: Job) {
    current().spawn(name, owner, job, Some(Location::caller()));
}

/// Returns the number, the owner and a description of each live task of the run.
#[track_caller]
pub(super) fn live_tasks() -> Vec<(u64, NodeId, String)> {
    active();
    try_with(|k| k.live_tasks()).unwrap_or_default()
}

// ---- the functions that the other modules of the crate call --------------------------------------

#[track_caller]
pub(crate) fn with_world<R>(f: impl FnOnce(&World) -> R) -> R {
    f(&current().world)
}

/// Calls `f` with the world of the current run, or with `None` if the calling thread belongs to no run.
pub(crate) fn with_world_if_any<R>(f: impl FnOnce(Option<&World>) -> R) -> R {
    let kernel = try_with(Arc::clone);
    f(kernel.as_ref().map(|kernel| &kernel.world))
}

#[inline]
#[track_caller]
pub(crate) fn tracing() -> bool {
    active()
}

/// Returns whether the run keeps its events for a trace file.
#[track_caller]
pub(crate) fn recording() -> bool {
    try_with(|k| k.recording).unwrap_or(false)
}

/// Adds an event to the record, if there is a record. The event is not part of the hash.
pub(crate) fn note(node: NodeId, kind: Kind, links: Links, fields: &[(&'static str, Field<'_>)]) {
    try_with(|k| {
        let mut st = k.state.lock();
        let time = st.now;
        let thread = st.cur.map_or(0, |c| st.tasks[c as usize].number);
        if let Some(record) = &mut st.record {
            record.push(Event { time, thread, node, kind, links, fields: trace::kept(fields) });
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
    let seen = try_with(|k| {
        let mut st = k.state.lock();
        let now = st.now;
        st.hash.mix(now);
        st.hash.mix_event(node, kind, &links, fields);
        let task = st.cur.map(|c| &st.tasks[c as usize]);
        let (thread, unwinding) = task.map_or((0, false), |task| (task.number, task.unwinding));
        if let Some(record) = &mut st.record {
            record.push(Event { time: now, thread, node, kind, links, fields: trace::kept(fields) });
        }
        if unwinding || st.failure.is_some() || !matches!(st.phase, Phase::Running) {
            return Ok(());
        }
        st.watching.show(&LiveEvent { time: now, thread, node, kind, links, fields })
    });
    seen.unwrap_or(Ok(()))
}

/// The panic hook calls this function, which keeps the panic for the report. If the result is `true`, the
/// hook prints nothing.
pub(crate) fn on_panic(panic: Panic) -> bool {
    let Some(k) = try_with(Arc::clone) else { return foreign::panicked(&panic) };
    // This lock is free, unless the kernel itself has panicked (a bug) while it held the lock.
    let Some(mut st) = k.state.try_lock() else { return k.quiet };
    let Some(me) = st.cur else { return k.quiet };
    let now = st.now;
    let t = &mut st.tasks[me as usize];
    t.unwinding = true;
    let who = title(panic.node, &t.name, t.number);
    t.panic = Some((panic, now));
    if !k.quiet {
        eprintln!("[lab] seed {:#x}, t={:.6}s: {who} panics", k.seed, now as f64 / 1e9);
    }
    k.quiet
}

pub(crate) fn offload<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let kernel = try_with(Arc::clone);
    if let Some(k) = &kernel {
        k.offloads.fetch_add(1, SeqCst);
    }
    // `f` gets a thread of its own, for two reasons: it may need more stack than a task has, and it must not
    // belong to the run.
    let result = std::thread::scope(|s| s.spawn(f).join());
    if let Some(k) = &kernel {
        k.offloads.fetch_sub(1, SeqCst);
    }
    result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// Executes one run. With coroutines, the calling OS thread executes the tasks. With threads, the calling
/// thread only waits for the end of the run.
pub(crate) fn run_one(cfg: &Run, seed: u64, body: Job) -> Outcome {
    let threads = crate::env::process("LAB_BACKEND").is_some_and(|v| v == "threads");
    let root = cfg.root(seed);
    let rate = split(root, [crate::rng::hash_str("preempt"), 0, 0]);
    let preempt =
        cfg.preempt.unwrap_or_else(|| PREEMPT_RATES[scale(rate, PREEMPT_RATES.len() as u64) as usize]);
    let world = World::new(root, cfg.discipline);
    let k = Arc::new(Kernel {
        state: Mutex::new(State {
            now: 0,
            cur: None,
            tasks: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
            timers: BinaryHeap::new(),
            seq: 0,
            tickets: 0,
            live: 0,
            sched: generator(root, Label::new("scheduler"), 0),
            hash: Hash::new(),
            record: cfg.trace_file.is_some().then(|| Record {
                events: Vec::new(),
                most: cfg.trace_most.max(1),
                lost: 0,
            }),
            watching: Watching::begin(cfg.observer),
            paused: BTreeMap::new(),
            phase: Phase::Running,
            failure: None,
            unfinished: Arc::clone(&world.unfinished),
            stats: Stats::default(),
            still: 0,
            down: 0,
        }),
        seed,
        recording: cfg.trace_file.is_some(),
        world,
        stack: cfg.stack,
        preempt,
        jitter: cfg.jitter.as_nanos() as u64,
        limit: cfg.limit.as_nanos() as u64,
        quiet: cfg.quiet,
        test: cfg.identity.test.clone(),
        offloads: AtomicUsize::new(0),
        standstill: Standstill::default(),
        switch: if threads { Switch::Threads(osthread::Os::default()) } else { Switch::Coroutines },
    });
    let going_on = runs::enlist(&k, try_with(Arc::clone));
    super::watch::start();
    k.spawn("body".into(), NodeId::NONE, body, None);
    let first = k.state.lock().pick(k.limit).expect("the body is ready");
    match &k.switch {
        Switch::Coroutines => coro::drive(&k),
        Switch::Threads(os) => os.drive(&k, first),
    }
    drop(going_on);
    let mut st = k.state.lock();
    st.stats.time_ns = st.now;
    st.stats.warnings = k.world.warnings.load(SeqCst);
    let failure = st.failure.take();
    let mut outcome = Outcome { seed, trace: st.hash.0, preempt, stats: st.stats, failure, events: None };
    if let (Some(path), Some(record)) = (&cfg.trace_file, &st.record) {
        match trace::write_file(path, &trace::heading(cfg, &outcome, record.lost), record.events.iter()) {
            Ok(()) => outcome.events = Some(path.clone()),
            Err(e) => eprintln!("[lab] LAB_TRACE={}: {e}", path.display()),
        }
    }
    outcome
}
