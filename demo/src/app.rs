//! The state that the screen shows: the last view, the events, and the chosen server.

use labapi::NSHARDS;
use labrt::collections::VecDeque;
use labrt::time::Duration;
use labtest::shards::Place;

use crate::act::{GROUPS, Team};
use crate::news::{self, Kind, called};
use crate::room::Event;
use crate::view::{View, list};

/// The length of a sample. A sample is a short span of time. The number of operations in it is one bar of the
/// sparkline.
pub const SAMPLE: Duration = Duration::from_millis(250);
/// How many bars are kept.
const SAMPLES: usize = 256;
/// How many samples a second has.
pub const A_SECOND: usize = 4;
/// For how long the latency of an operation counts.
const LATENCIES_FOR: Duration = Duration::from_secs(2);
/// How many events are kept.
const EVENTS: usize = 200;

/// The phase of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients work, and faults happen.
    Running,
    /// Everything is repaired, and the clients finish their operations. `clients` is the number of clients
    /// that have not finished yet.
    Ending { clients: usize },
    /// The checker checks the history. The history has `of` operations, and `done` operations are checked
    /// already.
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
    /// The same for each group. An operation belongs to the group that owns its shard at the end of the
    /// sample.
    group_rates: VecDeque<[u64; GROUPS]>,
    /// A pair for each operation of the last seconds: the time of the first view after its end, and how long
    /// the operation took.
    latencies: VecDeque<(Duration, Duration)>,
    /// The events. The latest event is the last one.
    pub events: VecDeque<Event>,
    pub faults: u64,
    pub changes_waiting: usize,
    pub chosen: Place,
    pub help: bool,
    sample_ends: Duration,
    counted: u64,
    counted_by_shard: [u64; NSHARDS],
}

/// How long operations take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of the operations take at most this long.
    pub median: Duration,
    /// 99 % of the operations take at most this long.
    pub most: Duration,
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
            counted_by_shard: view.by_shard,
            sample_ends: view.at + SAMPLE,
            view,
            rates: VecDeque::new(),
            group_rates: VecDeque::new(),
            latencies: VecDeque::new(),
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
        let mut of_groups = [0; GROUPS];
        for (number, shard) in view.shards().into_iter().enumerate() {
            if let Some(gi) = shard.owner {
                of_groups[gi] += view.by_shard[number] - self.counted_by_shard[number];
            }
        }
        for _ in 0..over {
            self.rates.push_back(each);
            self.group_rates.push_back(of_groups.map(|count| count / over));
        }
        while self.rates.len() > SAMPLES {
            self.rates.pop_front();
            self.group_rates.pop_front();
        }
        self.counted = view.operations;
        self.counted_by_shard = view.by_shard;
        self.sample_ends = view.at + SAMPLE;
    }

    /// Notes the latencies of the operations that have just finished.
    pub fn finished(&mut self, took: &[Duration]) {
        let now = self.view.at;
        self.latencies.extend(took.iter().map(|took| (now, *took)));
        while self.latencies.front().is_some_and(|(at, _)| now.saturating_sub(*at) > LATENCIES_FOR) {
            self.latencies.pop_front();
        }
    }

    /// The latency of the operations that finished in the last two seconds. `None` if no operation finished.
    pub fn latency(&self) -> Option<Latency> {
        let mut took: Vec<Duration> = self.latencies.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        let at = |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Latency { median: at(50)?, most: at(99)? })
    }

    /// The number of operations in the last second.
    pub fn rate(&self) -> u64 {
        a_second(self.rates.iter().copied())
    }

    /// The number of operations in the last second on the shards of the group `gi`.
    pub fn rate_of(&self, gi: usize) -> u64 {
        a_second(self.group_rates.iter().map(|rates| rates[gi]))
    }

    /// Why operations do not finish, or finish slowly. `None` if the servers show no reason.
    pub fn reason(&self) -> Option<String> {
        let lame = |team: &Team| !self.view.has_majority(*team);
        let lame: Vec<Team> = Team::ALL.into_iter().filter(lame).collect();
        if !lame.is_empty() {
            let names: Vec<String> = lame.iter().map(|team| team.short()).collect();
            return Some(format!("no majority: {}", list(&names)));
        }
        let best = self.rates.iter().copied().max().unwrap_or(0) * A_SECOND as u64;
        if self.rate() * 4 >= best {
            return None;
        }
        let headless = Team::ALL.into_iter().filter(|team| self.view.leader(*team).is_none());
        let names: Vec<String> = headless.map(Team::short).collect();
        match names.is_empty() {
            false => Some(format!("no leader: {}", list(&names))),
            true => self.view.unreliable.then(|| "messages get lost".to_owned()),
        }
    }

    /// The same reason in a sentence that says what the reason means for the clients.
    pub fn reason_at_length(&self) -> Option<String> {
        let short = self.reason()?;
        let lame = Team::ALL.into_iter().find(|team| !self.view.has_majority(*team));
        Some(match lame {
            Some(team @ Team::Group(gi)) => {
                let shards = self.view.shards().into_iter().enumerate();
                let owned: Vec<usize> =
                    shards.filter(|(_, it)| it.owner == Some(gi)).map(|(number, _)| number).collect();
                match owned.is_empty() {
                    true => format!("{} has no majority", called(team)),
                    false => {
                        format!("{} has no majority: clients wait for shards {}", called(team), list(&owned))
                    }
                }
            }
            Some(Team::Ctrlers) => "the controllers have no majority: no configuration can change".to_owned(),
            None => short,
        })
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

/// The sum of the last second, from the counts of all samples.
fn a_second(counts: impl DoubleEndedIterator<Item = u64>) -> u64 {
    let last: Vec<u64> = counts.rev().take(A_SECOND).collect();
    match last.len() as u64 {
        0 => 0,
        count => last.iter().sum::<u64>() * A_SECOND as u64 / count,
    }
}
