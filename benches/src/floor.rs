//! The price of a hand-over between two threads, on this machine at this moment.
//!
//! Two threads take turns; each turn is a hand-over. Over a condition variable this is what a commit, a pooled call
//! and a join are made of. Over a rendezvous channel it is what the course's apply channel costs.

use crate::samples::{Samples, time_each};
use crate::table::Table;
use labrt::chan::{self, Receiver, Sender};
use labrt::sync::{Arc, Condvar, Mutex};
use labrt::thread;

/// Round trips in one sample, and before it.
const ROUND_TRIPS: u32 = 100;
const WARM_UP: u32 = 10;
/// Samples that are enough for a figure.
const SAMPLES: usize = 30;

/// Measures hand-overs. To be used within a run.
///
/// Each sample is played against a fresh partner. Two threads that take turns tend to stay where they are: those
/// that once came to share a core go on sharing it, at a fifth of the price, even when others are idle.
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

    /// Measures the floor and prints it, for everything that is printed after it to stand on.
    pub fn print(self) {
        let condvar: Samples = (0..SAMPLES).map(|_| self.hand_over()).collect();
        let rendezvous: Samples = (0..SAMPLES).map(|_| self.rendezvous()).collect();
        let mut table = Table::of_times("one hand-over between two threads, here and now");
        table.time("condition variable", &condvar, None, "(the floor; 3 to 45 us, or 1 us on a shared core)");
        table.time("rendezvous channel", &rendezvous, None, "");
        print!("{table}");
    }

    /// `samples` samples of `f`, which returns nanoseconds, each beside one of a hand-over.
    pub fn beside(self, samples: usize, mut f: impl FnMut() -> f64) -> Measured {
        let mut measured = Measured::default();
        for _ in 0..samples {
            let floor = self.hand_over();
            let time = f();
            measured.times.push(time);
            measured.hand_overs.push(time / floor);
        }
        measured
    }
}

/// Nanoseconds of half of a round trip.
fn time_round_trips(round_trip: impl Fn()) -> f64 {
    (0..WARM_UP).for_each(|_| round_trip());
    time_each(ROUND_TRIPS, round_trip) / 2.0
}

/// Times, and what each is in hand-overs of its moment.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Nanoseconds.
    pub times: Samples,
    /// The ratios.
    pub hand_overs: Samples,
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
        thread::spawn_named("hand-over", move || partner.play());
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
        thread::spawn_named("rendezvous", move || {
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
