//! The price of a hand-over between two threads, on this machine at this moment.
//!
//! Two threads take turns; each turn is a hand-over. Over a condition variable this is what a commit, a pooled call
//! and a join are made of. Over a rendezvous channel it is what the course's apply channel costs.
//!
//! Two threads that share a core hand over for a fifth of the price (one switches to the other; no core must be
//! woken), and those that once came to share one tend to stay. So each sample begins with two threads that have
//! been seen on different cores (`Apart`).

use crate::samples::{Samples, time_each};
use crate::table::Table;
use labrt::chan::{self, Receiver, Sender};
use labrt::sync::atomic::{AtomicU64, Ordering};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;
use labrt::time::{Duration, Instant};

/// Round trips in one sample.
const ROUND_TRIPS: u32 = 100;
/// Samples that are enough for a figure.
const SAMPLES: usize = 30;

/// Measures hand-overs. To be used within a run. Each sample is played against a fresh partner.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor;

impl Floor {
    /// One sample: nanoseconds of a hand-over by a lock and a condition variable.
    pub fn hand_over(self) -> f64 {
        let turns = Turns::start();
        let each = time_round_trips(|| turns.round_trip());
        turns.end();
        each
    }

    /// One sample: nanoseconds of a message through a rendezvous channel.
    pub fn rendezvous(self) -> f64 {
        let rally = Rally::start();
        time_round_trips(|| rally.round_trip())
    }

    /// Measures the floor and prints it, for everything that is printed after it to stand on. Returns the nanoseconds
    /// of a hand-over by condition variable.
    pub fn print(self) -> f64 {
        let condvar: Samples = (0..SAMPLES).map(|_| self.hand_over()).collect();
        let rendezvous: Samples = (0..SAMPLES).map(|_| self.rendezvous()).collect();
        let mut table = Table::of_times("one hand-over between two threads, here and now");
        table.time("condition variable", &condvar, None, "(the floor; 3 to 45 us, 1 us within a core)");
        table.time("rendezvous channel", &rendezvous, None, "");
        print!("{table}");
        condvar.median()
    }

    /// `samples` samples of `f`, which returns nanoseconds, each beside one of a hand-over.
    pub fn beside(self, samples: usize, mut f: impl FnMut() -> f64) -> Measured {
        let mut measured = Measured::default();
        for _ in 0..samples {
            measured.floor.push(self.hand_over());
            measured.times.push(f());
        }
        measured
    }
}

/// Nanoseconds of half of a round trip.
fn time_round_trips(round_trip: impl Fn()) -> f64 {
    round_trip();
    time_each(ROUND_TRIPS, round_trip) / 2.0
}

/// Times, and hand-overs of the same moments.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Nanoseconds.
    pub times: Samples,
    /// Nanoseconds of a hand-over.
    pub floor: Samples,
}

impl Measured {
    /// The median in hand-overs.
    pub fn hand_overs(&self) -> f64 {
        self.times.median() / self.floor.median()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Ours,
    Theirs,
    Nobody,
}

/// Each side waits on a condition variable of its own, so that a notification wakes the right one.
struct Turns {
    turn: Mutex<Turn>,
    ours: Condvar,
    theirs: Condvar,
}

impl Turns {
    fn start() -> Arc<Turns> {
        let turns =
            Arc::new(Turns { turn: Mutex::new(Turn::Ours), ours: Condvar::new(), theirs: Condvar::new() });
        let partner = turns.clone();
        Apart::start("hand-over", move || partner.play());
        turns
    }

    fn play(&self) {
        let mut turn = self.turn.lock();
        loop {
            match *turn {
                Turn::Nobody => return,
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
        *self.turn.lock() = Turn::Nobody;
        self.theirs.notify_one();
    }
}

/// A message there, a message back.
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

/// Lets two threads meet on different cores: they play a ball without ever going to sleep. A round trip takes less
/// than a microsecond then; on one core it takes two time slices.
struct Apart {
    /// Odd: it is the partner's turn.
    ball: AtomicU64,
}

/// The ball is taken off the table.
const ENOUGH: u64 = u64::MAX;
/// So many round trips within so much time can only be played between two cores.
const SEEN_APART: (u32, Duration) = (50, Duration::from_micros(200));
/// On a machine without a free core they never will be.
const PATIENCE: Duration = Duration::from_millis(20);

impl Apart {
    /// Starts a thread and returns when it has been seen on another core than this one, or patience is at an end;
    /// the thread goes on with `then`.
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

    /// Gives up early, since a round trip within a core takes milliseconds.
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
