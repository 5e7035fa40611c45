//! Histories for pages. They are invented, and they are the same each time. The checker checks them.

use porcupine::models::kv::{KvInput, KvModel, KvOutput, Operation};
use porcupine::visualization::{Mark, MarkKind, Picture};
use porcupine::{Options, check, picture};

/// One millisecond in ns.
pub const MS: u64 = 1_000_000;

/// Clients that get, put and append on some keys.
pub struct Workload {
    /// The number of clients.
    pub clients: u32,
    /// The number of keys.
    pub keys: usize,
    /// How many operations each client does.
    pub each: usize,
    /// The longest time that an operation takes, in ns.
    pub longest: u64,
}

impl Workload {
    /// A history in which every operation takes effect at one time between its call and its return. There are
    /// exceptions: for each key in `broken`, one get in the middle of the history returns an old value. This
    /// value was overwritten before the get was called.
    pub fn picture(&self, title: &str, broken: &[usize]) -> Picture {
        let history = self.play(broken);
        let report = check(&KvModel, &history, &Options { partials: true, ..Options::default() });
        picture(&KvModel, &history, &report, title, vec![])
    }

    fn play(&self, broken: &[usize]) -> Vec<Operation> {
        let mut dice = Dice(7);
        // The result of an operation depends on the time at which it takes effect.
        let mut plan = Vec::new();
        for client in 0..self.clients {
            let mut now = dice.below(self.longest);
            for _ in 0..self.each {
                let took = self.longest / 20 + dice.below(self.longest) * dice.below(100) / 100;
                plan.push((now + dice.below(took), client, now, now + took));
                now += took + 1 + dice.below(self.longest / 8 + 1);
            }
        }
        plan.sort_unstable();
        let half = plan.len() / 2;
        let mut values = vec![String::new(); self.keys];
        // For each key, the value that the last put has replaced, and the time at which this put returned. A
        // get that must be wrong returns this value.
        let mut stale: Vec<Option<(String, u64)>> = vec![None; self.keys];
        let mut open: Vec<bool> = (0..self.keys).map(|key| broken.contains(&key)).collect();
        let mut history = Vec::new();
        for (n, (point, client, call, ret)) in plan.into_iter().enumerate() {
            let key = dice.below(self.keys as u64) as usize;
            let name = ((b'a' + (key % 26) as u8) as char).to_string().repeat(1 + key / 26);
            let value = &mut values[key];
            let new = format!("{client}.{n}");
            let (input, output) = match dice.below(10) {
                0..5 => {
                    let old = stale[key]
                        .as_ref()
                        .filter(|(_, overwritten)| open[key] && n > half && *overwritten < call);
                    let found = old.map_or(value.as_str(), |(old, _)| old);
                    open[key] &= old.is_none();
                    (KvInput::get(name), KvOutput::value(found))
                }
                5..8 => {
                    stale[key] = Some((std::mem::replace(value, new.clone()), ret.max(point)));
                    (KvInput::put(name, new.as_str()), KvOutput::none())
                }
                _ => {
                    *value = format!("{value} {new}");
                    (KvInput::append(name, format!(" {new}").as_str()), KvOutput::none())
                }
            };
            history.push(Operation { client, input, call, output, ret });
        }
        history
    }
}

/// Faults of all kinds, spread over `length` ns.
pub fn faults(length: u64) -> Vec<Mark> {
    let mark = |from: u64, to: Option<u64>, kind, text: &str| Mark {
        from: length / 100 * from,
        to: to.map(|to| length / 100 * to),
        kind,
        text: text.into(),
    };
    vec![
        mark(8, None, MarkKind::Network, "the network becomes unreliable"),
        mark(15, Some(38), MarkKind::Partition, "partition: servers 0 1 4 | servers 2 3"),
        mark(42, Some(47), MarkKind::Crash, "all servers are down"),
        mark(47, None, MarkKind::Restart, "all servers start again"),
        mark(60, Some(74), MarkKind::Partition, "partition: servers 0 3 | servers 1 2 4"),
        mark(66, None, MarkKind::Configuration, "configuration 3: group 101 joins"),
        mark(88, None, MarkKind::Failure, "the test fails: a get has a stale value"),
        mark(92, None, MarkKind::Other, "clients are told to stop"),
    ]
}

/// An example that fits on one screen. It has three clients, one key, and one stale get among concurrent
/// calls.
pub fn small() -> Picture {
    let operation = |client, call: u64, ret: u64, input, found: &str| Operation {
        client,
        input,
        call: call * MS,
        output: KvOutput::value(found),
        ret: ret * MS,
    };
    let history = [
        operation(0, 100, 340, KvInput::put("x", "a"), ""),
        operation(1, 180, 520, KvInput::append("x", "b"), ""),
        operation(2, 400, 700, KvInput::get("x"), "ab"),
        operation(0, 460, 900, KvInput::put("x", "c"), ""),
        operation(1, 760, 1150, KvInput::get("x"), "c"),
        operation(2, 980, 1500, KvInput::get("x"), "ab"),
        operation(0, 1240, 1700, KvInput::get("x"), "ab"),
        operation(1, 1800, 2100, KvInput::put("x", "d"), ""),
    ];
    let mark = |from: u64, to: Option<u64>, kind, text: &str| Mark {
        from: from * MS,
        to: to.map(|to| to * MS),
        kind,
        text: text.into(),
    };
    let marks = vec![
        mark(420, Some(1300), MarkKind::Partition, "partition: servers 0 1 | server 2"),
        mark(1600, None, MarkKind::Restart, "server 2 starts again"),
    ];
    let report = check(&KvModel, &history, &Options { partials: true, ..Options::default() });
    picture(&KvModel, &history, &report, "a get that is late", marks)
}

/// Numbers that look random. They are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}
