//! The state that the screen shows: the last view, the events, and the chosen server.

use labrt::collections::VecDeque;
use labrt::time::Duration;
use labtest::shards::Place;

use crate::act::Team;
use crate::news::{self, Kind};
use crate::room::Event;
use crate::view::View;

/// The length of a sample. A sample is a short span of time. The number of operations in it is one bar of the
/// sparkline.
pub const SAMPLE: Duration = Duration::from_millis(250);
/// How many bars are kept.
const SAMPLES: usize = 256;
/// How many events are kept.
const EVENTS: usize = 200;

/// The phase of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients work, and faults happen.
    Running,
    /// Everything is repaired, and the clients finish their operations. `clients` of them have not finished
    /// yet.
    Ending { clients: usize },
    /// The checker checks the history, which has `of` operations. It has checked `done` of them.
    Checking { done: usize, of: usize },
    /// The verdict is known, and the report is being written.
    Writing,
}

/// The present source of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Faults come only from keys.
    Keys,
    /// Faults come from the script. This is the time until its next step.
    Script(Duration),
    /// Faults come from the script, but the script pauses, because the user has pressed a key for a fault.
    /// This is the time until the pause ends.
    Resting(Duration),
}

/// Everything that the screen shows.
pub struct App {
    pub total: Duration,
    pub clients: u32,
    pub seed: u64,
    pub phase: Phase,
    pub source: Source,
    pub view: View,
    /// The number of operations in each finished sample. The latest sample is the last one.
    pub rates: VecDeque<u64>,
    /// The events. The latest event is the last one.
    pub events: VecDeque<Event>,
    pub faults: u64,
    pub changes_waiting: usize,
    pub chosen: Place,
    pub help: bool,
    sample_ends: Duration,
    counted: u64,
}

impl App {
    /// The state at the beginning of the demo.
    pub fn new(total: Duration, clients: u32, seed: u64, view: View) -> App {
        App {
            total,
            clients,
            seed,
            phase: Phase::Running,
            source: Source::Keys,
            counted: view.operations,
            sample_ends: view.at + SAMPLE,
            view,
            rates: VecDeque::new(),
            events: VecDeque::new(),
            faults: 0,
            changes_waiting: 0,
            chosen: Place::Server(0, 0),
            help: false,
        }
    }

    /// Stores a newer view, and the events that were reported since the last view. Returns all new events.
    pub fn update(&mut self, view: View, told: Vec<Event>) -> Vec<Event> {
        let at = view.at;
        let seen = news::between(&self.view, &view).into_iter().map(|(kind, text)| (at, kind, text));
        let new: Vec<Event> = told.into_iter().chain(seen).collect();
        self.count(&view);
        self.view = view;
        self.events.extend(new.iter().cloned());
        while self.events.len() > EVENTS {
            self.events.pop_front();
        }
        new
    }

    /// Adds an event of the demo itself.
    pub fn tell(&mut self, text: &str) -> Event {
        let event = (self.view.at, Kind::Other, text.to_owned());
        self.events.push_back(event.clone());
        event
    }

    fn count(&mut self, view: &View) {
        if view.at < self.sample_ends {
            return;
        }
        // If a view comes late, several samples have finished. Then the operations since the last view are
        // divided equally among these samples.
        let over = 1 + (view.at - self.sample_ends).as_millis() / SAMPLE.as_millis();
        let over = u64::try_from(over).unwrap_or(u64::MAX).min(SAMPLES as u64);
        let each = (view.operations - self.counted) / over;
        (0..over).for_each(|_| self.rates.push_back(each));
        while self.rates.len() > SAMPLES {
            self.rates.pop_front();
        }
        self.counted = view.operations;
        self.sample_ends = view.at + SAMPLE;
    }

    /// The number of operations in the last second.
    pub fn rate(&self) -> u64 {
        let of_a_second = (1000 / SAMPLE.as_millis()) as usize;
        let last: Vec<u64> = self.rates.iter().rev().take(of_a_second).copied().collect();
        match last.len() as u64 {
            0 => 0,
            count => last.iter().sum::<u64>() * of_a_second as u64 / count,
        }
    }

    /// The share of the demo's time that is over, from 0 to 1.
    pub fn ratio(&self) -> f64 {
        match self.phase {
            Phase::Running => (self.view.at.as_secs_f64() / self.total.as_secs_f64()).min(1.0),
            _ => 1.0,
        }
    }

    /// Chooses the server this many rows below the chosen one.
    pub fn choose(&mut self, rows: isize) {
        let places: Vec<Place> = Team::ALL.into_iter().flat_map(Team::places).collect();
        let now = places.iter().position(|&place| place == self.chosen).unwrap_or(0);
        let next = (now as isize + rows).rem_euclid(places.len() as isize);
        self.chosen = places[next as usize];
    }
}
