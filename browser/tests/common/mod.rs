//! Histories for pages: made up, the same each time.

use mit6824::porcupine::Verdict;
use mit6824::porcupine::visualization::{Bar, LastFit, Mark, MarkKind, Picture, PicturePart, Step};

/// One millisecond in ns.
pub const MS: u64 = 1_000_000;

/// A key's operations in the order in which they took effect.
struct Key {
    name: String,
    value: String,
    /// Operation, when it took effect, and what it writes (`None`: a get).
    operations: Vec<(Bar, u64, Option<String>)>,
    writes: u32,
}

/// Clients that get, put and append on some keys.
pub struct Workload {
    /// How many clients.
    pub clients: u32,
    /// How many keys.
    pub keys: usize,
    /// How many operations each client makes.
    pub each: usize,
    /// How long an operation takes at most, in ns.
    pub longest: u64,
}

impl Workload {
    /// The history in which every operation took effect at one time within its call and return. In the keys of
    /// `broken`, a get in the second half has been answered with a value that had been overwritten before its call.
    pub fn picture(&self, title: &str, broken: &[usize]) -> Picture {
        let parts: Vec<PicturePart> = self
            .play()
            .into_iter()
            .enumerate()
            .map(|(i, key)| if broken.contains(&i) { key.break_a_get() } else { key.whole() })
            .collect();
        let verdict = if broken.is_empty() { Verdict::Ok } else { Verdict::Illegal };
        Picture { title: title.into(), verdict, parts, marks: vec![] }
    }

    fn play(&self) -> Vec<Key> {
        let mut dice = Dice(7);
        // When each operation takes effect decides what it sees.
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
        let name = |i: usize| format!("{}", (b'a' + (i % 26) as u8) as char).repeat(1 + i / 26);
        let key = |i| Key { name: name(i), value: String::new(), operations: vec![], writes: 0 };
        let mut keys: Vec<Key> = (0..self.keys).map(key).collect();
        for (point, client, call, ret) in plan {
            let key = &mut keys[dice.below(self.keys as u64) as usize];
            let Key { name, value, writes, .. } = key;
            let (text, written) = match dice.below(10) {
                0..5 => (format!("get('{name}') -> '{value}'"), None),
                kind => {
                    let new = format!("{client}.{writes}");
                    *writes += 1;
                    if kind < 8 {
                        (format!("put('{name}', '{new}')"), Some(new))
                    } else {
                        let longer = format!("{value} {new}");
                        (format!("append('{name}', ' {new}')"), Some(longer))
                    }
                }
            };
            if let Some(value) = &written {
                key.value.clone_from(value);
            }
            key.operations.push((Bar { client, call, ret, text }, point, written));
        }
        keys
    }
}

impl Key {
    fn whole(self) -> PicturePart {
        let mut value = String::new();
        let step = |(bar, (_, _, written)): (usize, &(Bar, u64, Option<String>))| {
            if let Some(new) = written {
                value.clone_from(new);
            }
            Step { bar, state: format!("'{value}'") }
        };
        let steps = self.operations.iter().enumerate().map(step).collect();
        self.part(Verdict::Ok, vec![steps])
    }

    fn break_a_get(mut self) -> PicturePart {
        let n = self.operations.len();
        let is_get = |i: &usize| self.operations[*i].2.is_none();
        let broken = (n / 2..n).find(is_get).expect("a key has gets");
        let stale = format!("{}.stale", self.operations[broken].0.client);
        let Bar { ret, text, .. } = &mut self.operations[broken].0;
        let ret = *ret;
        *text = format!("get('{}') -> '{stale}'", self.name);
        // Everything else that was called before it returned, and that the values allow.
        let mut value = String::new();
        let mut steps = Vec::new();
        for (bar, (operation, _, written)) in self.operations.iter().enumerate() {
            if bar == broken || operation.call > ret {
                continue;
            }
            match written {
                Some(new) => value.clone_from(new),
                None if !operation.text.ends_with(&format!("-> '{value}'")) => continue,
                None => {}
            }
            steps.push(Step { bar, state: format!("'{value}'") });
        }
        self.part(Verdict::Illegal, vec![steps])
    }

    fn part(self, verdict: Verdict, partials: Vec<Vec<Step>>) -> PicturePart {
        PicturePart {
            title: format!("key '{}'", self.name),
            verdict,
            initial: "''".into(),
            operations: self.operations.into_iter().map(|(bar, _, _)| bar).collect(),
            partials,
            last_fit: if verdict == Verdict::Illegal { LastFit::Never } else { LastFit::Unknown },
        }
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

/// The small example that fits one screen: three clients, one key, one stale get among concurrent calls.
pub fn small() -> Picture {
    let bar = |client, call: u64, ret: u64, text: &str| Bar {
        client,
        call: call * MS,
        ret: ret * MS,
        text: text.into(),
    };
    let operations = vec![
        bar(0, 100, 340, "put('x', 'a')"),
        bar(1, 180, 520, "append('x', 'b')"),
        bar(2, 400, 700, "get('x') -> 'ab'"),
        bar(0, 460, 900, "put('x', 'c')"),
        bar(1, 760, 1150, "get('x') -> 'c'"),
        bar(2, 980, 1500, "get('x') -> 'ab'"),
        bar(0, 1240, 1700, "get('x') -> 'ab'"),
        bar(1, 1800, 2100, "put('x', 'd')"),
    ];
    let step = |bar, state: &str| Step { bar, state: state.into() };
    let start = vec![step(0, "'a'"), step(1, "'ab'"), step(2, "'ab'"), step(3, "'c'"), step(4, "'c'")];
    let part = PicturePart {
        title: "key 'x'".into(),
        verdict: Verdict::Illegal,
        initial: "''".into(),
        operations,
        partials: vec![start],
        last_fit: LastFit::After(3),
    };
    let marks = vec![
        Mark {
            from: 420 * MS,
            to: Some(1300 * MS),
            kind: MarkKind::Partition,
            text: "partition: servers 0 1 | server 2".into(),
        },
        Mark { from: 1600 * MS, to: None, kind: MarkKind::Restart, text: "server 2 starts again".into() },
    ];
    Picture { title: "a get that is late".into(), verdict: Verdict::Illegal, parts: vec![part], marks }
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}
