//! What is shown: the last view, what has happened, what was chosen.

use labrt::collections::VecDeque;
use labrt::time::Duration;
use labtest::shards::Place;

use crate::act::Team;
use crate::news::{self, Kind};
use crate::room::Event;
use crate::view::View;

/// So many operations are counted together for a bar of the sparkline.
pub const SAMPLE: Duration = Duration::from_millis(250);
/// Bars kept.
const SAMPLES: usize = 256;
/// Events kept.
const EVENTS: usize = 200;

/// How far the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients work, things break.
    Running,
    /// All is mended, and clients end what they have begun; so many have not.
    Ending { clients: usize },
    /// The history is checked.
    Checking { done: usize, of: usize },
    /// The verdict is known.
    Writing,
}

/// Where faults come from at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From keys alone.
    Keys,
    /// From the script: the next step comes in so long.
    Script(Duration),
    /// From the script again in so long, if no key for a fault is pressed.
    Resting(Duration),
}

/// All that is shown.
pub struct App {
    pub total: Duration,
    pub clients: u32,
    pub seed: u64,
    pub phase: Phase,
    pub source: Source,
    pub view: View,
    /// Operations in each sample that is over, the latest last.
    pub rates: VecDeque<u64>,
    /// What has happened, the latest last.
    pub events: VecDeque<Event>,
    pub faults: u64,
    pub changes_waiting: usize,
    pub chosen: Place,
    pub help: bool,
    sample_ends: Duration,
    counted: u64,
}

impl App {
    /// The beginning.
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

    /// Takes in a newer view, and what was told meanwhile. Gives the events that are new.
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

    /// Says something of its own.
    pub fn tell(&mut self, text: &str) -> Event {
        let event = (self.view.at, Kind::Other, text.to_owned());
        self.events.push_back(event.clone());
        event
    }

    fn count(&mut self, view: &View) {
        if view.at < self.sample_ends {
            return;
        }
        // A view may come late: what was done since is spread over the samples that are over.
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

    /// Operations a second, over the last second.
    pub fn rate(&self) -> u64 {
        let of_a_second = (1000 / SAMPLE.as_millis()) as usize;
        let last: Vec<u64> = self.rates.iter().rev().take(of_a_second).copied().collect();
        match last.len() as u64 {
            0 => 0,
            count => last.iter().sum::<u64>() * of_a_second as u64 / count,
        }
    }

    /// The part of the time that is over.
    pub fn ratio(&self) -> f64 {
        match self.phase {
            Phase::Running => (self.view.at.as_secs_f64() / self.total.as_secs_f64()).min(1.0),
            _ => 1.0,
        }
    }

    /// Chooses the server so many rows further down.
    pub fn choose(&mut self, rows: isize) {
        let places: Vec<Place> = Team::ALL.into_iter().flat_map(Team::places).collect();
        let now = places.iter().position(|&place| place == self.chosen).unwrap_or(0);
        let next = (now as isize + rows).rem_euclid(places.len() as isize);
        self.chosen = places[next as usize];
    }
}
