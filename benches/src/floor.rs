//! Measures the cost of a hand-over between two threads, on this machine at this moment. The benches call
//! this cost the *floor*.
//!
//! Two threads take turns, and each change from one thread to the other is a hand-over. Hand-overs with a
//! condition variable are the main cost where a thread waits for another thread: in a pooled call, in a join,
//! and in a command that the applier must deliver. A lone client of a service without snapshots waits for no
//! thread, so its operations need no hand-over. A hand-over with a rendezvous channel is the cost of a
//! message in the course's apply channel.
//!
//! If two threads share a core, a hand-over takes only 1 to 4 us: the core switches from one thread to the
//! other, and no other core must be woken. Two threads that share a core often stay on this core. So each
//! sample begins with two threads that have been observed on different cores (`Apart`). After this beginning
//! the system may move them. [`Floor::across_cores`] fixes each thread to a core of its own, and
//! [`Floor::within_a_core`] fixes both threads to one core.

use crate::samples::{Samples, time_each};
use crate::table::Table;
use labrt::chan::{self, Receiver, Sender};
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::sync::{Arc, Condvar, Mutex, Signal, WaitGroup};
use labrt::thread;
use labrt::time::{Duration, Instant};
use nix::sched::{self, CpuSet};
use nix::unistd::Pid;

/// How many round trips one sample has.
const ROUND_TRIPS: u32 = 100;
/// How many answers one sample of [`Floor::answer`] has, about.
const ANSWERS: usize = 50_000;
/// How many samples are enough for a result.
const SAMPLES: usize = 30;

/// The system's name for the thread that makes the call.
const THIS_THREAD: Pid = Pid::from_raw(0);

/// Measures hand-overs. It must be used inside a [`labrt::Run`]. Each sample has a new partner thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor;

impl Floor {
    /// Takes one sample: the time of a hand-over with a lock and a condition variable, in nanoseconds.
    pub fn hand_over(self) -> f64 {
        let turns = Turns::start(|play| Apart::start("hand-over", play));
        let each = time_round_trips(|| turns.round_trip());
        turns.end();
        each
    }

    /// Takes one sample: the time of a hand-over between two threads, in nanoseconds. Each thread must stay
    /// on a core of its own. [`hand_over`](Floor::hand_over) lets the system move the threads to one core.
    ///
    /// # Errors
    /// If this process has only one core, or if the system does not let a thread choose its core.
    pub fn across_cores(self) -> Result<f64, String> {
        // This thread tries the core of the other thread first. If it works here, it works there.
        drop(OneCore::enter(1)?);
        let turns = Turns::start(|play| {
            thread::spawn_named("hand-over", move || {
                let _core = OneCore::enter(1);
                play();
            });
        });
        let each = OneCore::enter(0).map(|_core| time_round_trips(|| turns.round_trip()));
        turns.end();
        each
    }

    /// Takes one sample: the time of a hand-over between two threads on one core, in nanoseconds.
    ///
    /// # Errors
    /// If the system does not let this thread choose its core.
    pub fn within_a_core(self) -> Result<f64, String> {
        let _core = OneCore::enter(0)?;
        // The new thread may use the same cores as the thread that starts it.
        let turns = Turns::start(|play| {
            thread::spawn_named("hand-over", play);
        });
        let each = time_round_trips(|| turns.round_trip());
        turns.end();
        Ok(each)
    }

    /// Takes one sample: the time of a message through a rendezvous channel, in nanoseconds. The threads
    /// begin on two cores, but they are not fixed to them.
    pub fn rendezvous(self) -> f64 {
        let rally = Rally::start();
        time_round_trips(|| rally.round_trip())
    }

    /// Takes one sample: `threads` threads ask one other thread, sleep until it answers, and ask again. This
    /// is what the clients of a service do, without the service. Returns the time divided by the number of
    /// answers, in nanoseconds.
    pub fn answer(self, threads: usize) -> f64 {
        let desk = Arc::new(Desk::new(threads));
        let answering = desk.clone();
        let answerer = thread::spawn_named("answer", move || answering.answer());
        let (start, ready) = (Signal::new(), WaitGroup::new());
        ready.add(threads);
        let times = ANSWERS.div_ceil(threads);
        let spawn = |me: usize| {
            let (desk, start, ready) = (desk.clone(), start.clone(), ready.clone());
            thread::spawn_named(format!("ask-{me}"), move || {
                desk.ask(me);
                ready.done();
                start.wait();
                (0..times).for_each(|_| desk.ask(me));
            })
        };
        let asking: Vec<_> = (0..threads).map(spawn).collect();
        ready.wait();
        let began = Instant::now();
        start.raise();
        asking.into_iter().for_each(|thread| thread.join().expect("asking does not fail"));
        let took = began.elapsed();
        desk.close();
        answerer.join().expect("answering does not fail");
        took.as_nanos() as f64 / (times * threads) as f64
    }

    /// Measures the floor (the cost of a hand-over) and prints it, because the other results are compared
    /// with it. Returns the nanoseconds of a hand-over with a condition variable.
    pub fn print(self) -> f64 {
        let condvar: Samples = (0..SAMPLES).map(|_| self.hand_over()).collect();
        let rendezvous: Samples = (0..SAMPLES).map(|_| self.rendezvous()).collect();
        let mut table = Table::of_times("one hand-over between two threads, here and now");
        table.time("condition variable", &condvar, None, "(the floor; 3 to 45 us, 1 to 4 us within a core)");
        table.time("rendezvous channel", &rendezvous, None, "");
        match (0..SAMPLES).map(|_| self.within_a_core()).collect::<Result<Samples, _>>() {
            Ok(within) => table.time("condition variable, within a core", &within, None, ""),
            Err(message) => println!("no hand-over within a core: {message}"),
        }
        print!("{table}");
        condvar.median()
    }

    /// Takes `samples` samples of `f`, which returns nanoseconds. Before each sample of `f`, this method
    /// takes a sample of a hand-over.
    pub fn beside(self, samples: usize, mut f: impl FnMut() -> f64) -> Measured {
        let mut measured = Measured::default();
        for _ in 0..samples {
            measured.floor.push(self.hand_over());
            measured.times.push(f());
        }
        measured
    }
}

/// The time of half a round trip, in nanoseconds.
fn time_round_trips(round_trip: impl Fn()) -> f64 {
    round_trip();
    time_each(ROUND_TRIPS, round_trip) / 2.0
}

/// Times of an operation, and times of hand-overs that were measured at the same moments.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The times, in nanoseconds.
    pub times: Samples,
    /// The times of hand-overs, in nanoseconds.
    pub floor: Samples,
}

impl Measured {
    /// The median of the times, divided by the median time of a hand-over.
    pub fn hand_overs(&self) -> f64 {
        self.times.median() / self.floor.median()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Ours,
    Theirs,
    Over,
}

/// Two threads that take turns. Each thread waits on a condition variable of its own, so that a notification
/// wakes the right thread.
struct Turns {
    turn: Mutex<Turn>,
    ours: Condvar,
    theirs: Condvar,
}

impl Turns {
    /// `spawn` starts the partner's thread, which runs the function that it is given.
    fn start(spawn: impl FnOnce(Box<dyn FnOnce() + Send>)) -> Arc<Turns> {
        let turns =
            Arc::new(Turns { turn: Mutex::new(Turn::Ours), ours: Condvar::new(), theirs: Condvar::new() });
        let partner = turns.clone();
        spawn(Box::new(move || partner.play()));
        turns
    }

    fn play(&self) {
        let mut turn = self.turn.lock();
        loop {
            match *turn {
                Turn::Over => return,
                Turn::Ours => self.theirs.wait(&mut turn),
                Turn::Theirs => {
                    *turn = Turn::Ours;
                    self.ours.notify_one();
                }
            }
        }
    }

    fn round_trip(&self) {
        let mut turn = self.turn.lock();
        *turn = Turn::Theirs;
        self.theirs.notify_one();
        while *turn != Turn::Ours {
            self.ours.wait(&mut turn);
        }
    }

    fn end(&self) {
        *self.turn.lock() = Turn::Over;
        self.theirs.notify_one();
    }
}

/// The place where many threads ask, and one thread answers. Each asking thread sleeps on a condition
/// variable of its own.
struct Desk {
    asked: Mutex<Asked>,
    any: Condvar,
    answers: Vec<(Mutex<bool>, Condvar)>,
}

#[derive(Default)]
struct Asked {
    by: Vec<usize>,
    is_closed: bool,
}

impl Desk {
    fn new(threads: usize) -> Desk {
        let answers = (0..threads).map(|_| (Mutex::new(false), Condvar::new())).collect();
        Desk { asked: Mutex::default(), any: Condvar::new(), answers }
    }

    fn ask(&self, me: usize) {
        self.asked.lock().by.push(me);
        self.any.notify_one();
        let (answered, condvar) = &self.answers[me];
        let mut answered = answered.lock();
        while !std::mem::take(&mut *answered) {
            condvar.wait(&mut answered);
        }
    }

    /// Answers until the desk is closed. All threads that have asked by then get their answers one after the
    /// other.
    fn answer(&self) {
        let mut asked = self.asked.lock();
        while !asked.is_closed {
            let by = std::mem::take(&mut asked.by);
            if by.is_empty() {
                self.any.wait(&mut asked);
                continue;
            }
            drop(asked);
            for thread in by {
                let (answered, condvar) = &self.answers[thread];
                *answered.lock() = true;
                condvar.notify_one();
            }
            asked = self.asked.lock();
        }
    }

    fn close(&self) {
        self.asked.lock().is_closed = true;
        self.any.notify_one();
    }
}

/// Two threads that send messages to each other in turn, through two rendezvous channels.
struct Rally {
    there: Sender<()>,
    back: Receiver<()>,
}

impl Rally {
    fn start() -> Rally {
        let (there, arrivals) = chan::rendezvous();
        let (returns, back) = chan::rendezvous();
        Apart::start("rendezvous", move || {
            for message in arrivals.iter() {
                if returns.send(message).is_err() {
                    return;
                }
            }
        });
        Rally { there, back }
    }

    fn round_trip(&self) {
        self.there.send(()).expect("the partner receives until this side is dropped");
        self.back.recv().expect("the partner returns every message");
    }
}

/// Keeps this thread, and the threads that it starts, on one core until this value is dropped.
struct OneCore {
    before: CpuSet,
}

impl OneCore {
    /// `number` counts the cores that this thread may use, from 0.
    fn enter(number: usize) -> Result<OneCore, String> {
        let before = sched::sched_getaffinity(THIS_THREAD).map_err(|error| format!("the cores: {error}"))?;
        let mut cores = (0..CpuSet::count()).filter(|&core| before.is_set(core) == Ok(true));
        let Some(core) = cores.nth(number) else {
            return Err(format!("expected {} cores or more for this process", number + 1));
        };
        let mut one = CpuSet::new();
        one.set(core).map_err(|error| format!("core {core}: {error}"))?;
        sched::sched_setaffinity(THIS_THREAD, &one).map_err(|error| format!("core {core}: {error}"))?;
        Ok(OneCore { before })
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // The thread had these cores before, so it may have them again.
        let _ = sched::sched_setaffinity(THIS_THREAD, &self.before);
    }
}

/// Makes sure that two threads run on different cores. They pass a ball (a number) to each other and never
/// sleep. On two cores a round trip takes less than a microsecond, but on one core it takes two time slices.
struct Apart {
    /// How often the ball was passed. If the number is odd, it is the partner's turn.
    ball: AtomicU64,
}

/// This value of the ball ends the game.
const ENOUGH: u64 = u64::MAX;
/// If the threads make this many round trips within this time, they run on two cores.
const SEEN_APART: (u32, Duration) = (50, Duration::from_micros(200));
/// The longest time that [`Apart::start`] waits until the two threads run on different cores. On a machine
/// without a free core, they never do.
const PATIENCE: Duration = Duration::from_millis(20);

impl Apart {
    /// Starts a thread, and waits until this thread has been observed on another core than the calling
    /// thread. The wait takes at most [`PATIENCE`]. After the wait, the new thread runs the function `then`.
    fn start(name: &str, then: impl FnOnce() + Send + 'static) {
        let apart = Arc::new(Apart { ball: AtomicU64::new(0) });
        let partner = apart.clone();
        thread::spawn_named(name, move || {
            partner.play();
            then();
        });
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !apart.is_seen() {}
        apart.ball.store(ENOUGH, Ordering::Release);
    }

    /// Does the partner run on another core? On the same core a round trip takes milliseconds, so the
    /// measurement is stopped early.
    fn is_seen(&self) -> bool {
        let start = Instant::now();
        (0..SEEN_APART.0).all(|_| {
            self.round_trip();
            start.elapsed() < SEEN_APART.1
        })
    }

    fn round_trip(&self) {
        let ball = self.ball.fetch_add(1, Ordering::AcqRel);
        while self.ball.load(Ordering::Acquire) != ball + 2 {
            std::hint::spin_loop();
        }
    }

    fn play(&self) {
        loop {
            match self.ball.load(Ordering::Acquire) {
                ENOUGH => return,
                ball if ball % 2 == 1 => self.ball.store(ball + 1, Ordering::Release),
                _ => std::hint::spin_loop(),
            }
        }
    }
}
