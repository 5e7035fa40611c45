//! `grade.toml`: how many points a submission can earn, and how it is run.
//!
//! ```toml
//! seeds = 20            # runs of each test, each from a seed of its own
//! seed = "random"       # the first seed: a number, or "random"
//! show_seed = true      # whether students see the seeds of failures
//! clock = "virtual"     # or "real"
//! strict = true         # warnings of the judge are failures
//! solved_raft = false   # true: labs 3 and 4 use this project's Raft
//! time_limit_s = 600    # real seconds for a submission, including its build
//! run_limit_s = 60      # real seconds for one run of a test
//! memory_mb = 4096      # address space of a process that runs tests
//! source_limit_kb = 1024
//! remarks = true        # whether clippy makes remarks for the teacher
//!
//! [suites]              # points of each test of a suite
//! lab2a = 5
//!
//! [tests]               # points of single tests
//! backup_2b = 10
//!
//! [dependencies]        # crates that a submission may use besides the labs' own
//! itertools = "0.14"
//! ```
//!
//! The whole file is checked before anything is built or run. Each mistake is reported with the number of its
//! line.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::suites::{Listed, Suite};
use crate::dstest::names;
use crate::dstest::run::Mode;

/// How many points a test can be worth at most.
const MOST_POINTS: f64 = 1_000_000.0;

/// Crates that every submission can use. They need no line in grade.toml.
pub const OWN_CRATES: [&str; 5] = ["labapi", "labgob", "labrpc", "labrt", "serde"];

/// The content of grade.toml.
#[derive(Debug)]
pub struct Config {
    /// On which clock the tests run.
    pub clock: Mode,
    /// How many runs each test gets. Each run has its own seed.
    pub seeds: u64,
    /// The first seed.
    pub seed: Seed,
    /// Whether students see the seeds of failures.
    pub show_seed: bool,
    /// Whether warnings of the judge are failures.
    pub strict: bool,
    /// Whether labs 3 and 4 use this project's Raft instead of the submission's Raft.
    pub solved_raft: bool,
    /// Whether clippy searches for things that a submission should not use.
    pub remarks: bool,
    /// How long a submission may take.
    pub time_limit: Duration,
    /// How long a run may take.
    pub run_limit: Duration,
    /// How much address space a process that runs tests may have, in MB.
    pub memory_mb: u64,
    /// How large the sources of a submission may be, in KB.
    pub source_limit_kb: u64,
    /// The tests that are worth points, in the order of the labs.
    pub tests: Vec<Graded>,
    /// Further crates that a submission may use. The values are written into the grader's manifest.
    pub dependencies: BTreeMap<String, toml::Value>,
}

/// The first seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// Each grading has a new random seed.
    Random,
    /// The user has chosen this seed.
    Given(u64),
}

/// A test that is worth points.
#[derive(Clone, Debug, PartialEq)]
pub struct Graded {
    /// The suite.
    pub suite: &'static str,
    /// The test.
    pub name: &'static str,
    /// How many points the test is worth.
    pub points: f64,
}

impl Config {
    /// The suites of the tests that are worth points, in the order of the labs.
    pub fn suites(&self) -> Vec<&'static str> {
        let mut suites: Vec<&'static str> = self.tests.iter().map(|test| test.suite).collect();
        suites.dedup();
        suites
    }

    /// Reads the file.
    ///
    /// # Errors
    /// All mistakes in the file. Each mistake is one line: the file, the line number, what was found and what
    /// was expected.
    pub fn load(path: &Path, suites: &[Suite]) -> Result<Config, String> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            format!(
                "cannot read {}: {error}\nThis file says how many points each test is worth. Choose another file with --config.",
                path.display()
            )
        })?;
        Config::parse(&text, suites).map_err(|wrong| {
            let line = |(at, what): &(usize, String)| match at {
                0 => format!("{}: {what}", path.display()),
                at => format!("{}:{at}: {what}", path.display()),
            };
            wrong.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }

    /// Reads the text of a file. Each mistake is returned with the number of its line. The number 0 means
    /// that the mistake belongs to no line.
    fn parse(text: &str, suites: &[Suite]) -> Result<Config, Vec<(usize, String)>> {
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let line = error.span().map_or(0, |span| line_of(text, span.start));
                return Err(vec![(
                    line,
                    format!("this is not TOML: {}", error.message().replace('\n', "; ")),
                )]);
            }
        };
        let mut reader = Reader { text, suites, wrong: Vec::new() };
        let config = reader.config(&table);
        reader.wrong.sort();
        if reader.wrong.is_empty() { Ok(config) } else { Err(reader.wrong) }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

type Entry<'a> = Spanned<DeValue<'a>>;

const KEYS: [&str; 14] = [
    "clock",
    "dependencies",
    "memory_mb",
    "remarks",
    "run_limit_s",
    "seed",
    "seeds",
    "show_seed",
    "solved_raft",
    "source_limit_kb",
    "strict",
    "suites",
    "tests",
    "time_limit_s",
];

/// Reads a table and collects the mistakes in it.
struct Reader<'a> {
    text: &'a str,
    suites: &'a [Suite],
    wrong: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn config(&mut self, table: &DeTable<'_>) -> Config {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !KEYS.contains(&name) {
                self.complain(key.span(), format!("unknown key {name:?}{}", suggest(name, &KEYS)));
            }
        }
        let clock = self.clock(table);
        let run_limit = if clock == Mode::Sim { 60 } else { 185 };
        let config = Config {
            clock,
            seeds: self.number(table, "seeds", 1..=1_000_000).unwrap_or(if clock == Mode::Sim {
                20
            } else {
                1
            }),
            seed: self.seed(table),
            show_seed: self.switch(table, "show_seed", true),
            strict: self.switch(table, "strict", false),
            solved_raft: self.switch(table, "solved_raft", false),
            remarks: self.switch(table, "remarks", true),
            time_limit: Duration::from_secs(self.number(table, "time_limit_s", 1..=86_400).unwrap_or(600)),
            run_limit: Duration::from_secs(
                self.number(table, "run_limit_s", 1..=86_400).unwrap_or(run_limit),
            ),
            memory_mb: self.number(table, "memory_mb", 256..=1_048_576).unwrap_or(4096),
            source_limit_kb: self.number(table, "source_limit_kb", 1..=1_048_576).unwrap_or(1024),
            tests: self.tests(table),
            dependencies: self.dependencies(table),
        };
        if self.wrong.is_empty() && config.tests.is_empty() {
            let what = "no test is worth anything: expected [suites] with a line such as `lab2a = 5`, or [tests] with \
                        a line such as `backup_2b = 10`";
            self.wrong.push((0, what.to_owned()));
        }
        if let Some(test) = config.tests.iter().find(|test| config.solved_raft && is_of_lab_2(test.suite)) {
            let what = format!(
                "{} of {} has points, and solved_raft is true: the tests of lab 2 would test this project's Raft; grade lab 2 with a separate file",
                test.name, test.suite
            );
            self.wrong.push((0, what));
        }
        config
    }

    fn complain(&mut self, span: Range<usize>, what: String) {
        self.wrong.push((line_of(self.text, span.start), what));
    }

    /// Notes that the value of a key is wrong. The message quotes the value.
    fn unexpected(&mut self, key: &str, value: &Entry<'_>, expected: &str) {
        let what = match value.get_ref() {
            DeValue::Table(_) => format!("{key} is a table: expected {expected}"),
            _ => {
                let text = self.text.get(value.span()).unwrap_or_default();
                let text: String = text.chars().take(60).collect();
                format!("{key} = {}: expected {expected}", text.replace('\n', " "))
            }
        };
        self.complain(value.span(), what);
    }

    fn number(&mut self, table: &DeTable<'_>, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = table.get(key)?;
        let found = integer(value.get_ref()).filter(|number| range.contains(number));
        if found.is_none() {
            self.unexpected(key, value, &format!("a number from {} to {}", range.start(), range.end()));
        }
        found
    }

    fn switch(&mut self, table: &DeTable<'_>, key: &str, default: bool) -> bool {
        let Some(value) = table.get(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.unexpected(key, value, "true or false");
            default
        })
    }

    fn clock(&mut self, table: &DeTable<'_>) -> Mode {
        let Some(value) = table.get("clock") else { return Mode::Sim };
        match value.get_ref().as_str() {
            Some("virtual") => Mode::Sim,
            Some("real") => Mode::Real,
            _ => {
                self.unexpected("clock", value, "\"virtual\" or \"real\"");
                Mode::Sim
            }
        }
    }

    fn seed(&mut self, table: &DeTable<'_>) -> Seed {
        let Some(value) = table.get("seed") else { return Seed::Random };
        match (value.get_ref().as_str(), integer(value.get_ref())) {
            (Some("random"), _) => Seed::Random,
            (_, Some(seed)) => Seed::Given(seed),
            _ => {
                self.unexpected("seed", value, "a number from 0 to 2^64-1, or \"random\"");
                Seed::Random
            }
        }
    }

    /// The table of this name, if there is one.
    fn table<'t, 'a>(&mut self, of: &'t DeTable<'a>, key: &str, expected: &str) -> Option<&'t DeTable<'a>> {
        let value = of.get(key)?;
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.unexpected(key, value, expected);
        }
        found
    }

    fn points(&mut self, key: &str, value: &Entry<'_>) -> f64 {
        let found = match value.get_ref() {
            DeValue::Integer(_) => integer(value.get_ref()).map(|number| number as f64),
            DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        match found.filter(|points| (0.0..=MOST_POINTS).contains(points)) {
            Some(points) => points,
            None => {
                self.unexpected(key, value, &format!("points, a number from 0 to {MOST_POINTS}"));
                0.0
            }
        }
    }

    fn tests(&mut self, table: &DeTable<'_>) -> Vec<Graded> {
        let by_suite = self.suites_section(table);
        let by_test = self.tests_section(table);
        let mut found = Vec::new();
        for suite in self.suites {
            for test in &suite.tests {
                let of_suite = by_suite.get(suite.name).filter(|_| !test.ignored);
                let points = by_test.get(test.name).or(of_suite).copied().unwrap_or(0.0);
                if points > 0.0 {
                    found.push(Graded { suite: suite.name, name: test.name, points });
                }
            }
        }
        found
    }

    fn suites_section(&mut self, table: &DeTable<'_>) -> BTreeMap<&'static str, f64> {
        let mut found = BTreeMap::new();
        let Some(section) = self.table(table, "suites", "a table: [suites]") else { return found };
        let known: Vec<&'static str> = self.suites.iter().map(|suite| suite.name).collect();
        for (key, value) in section {
            let points = self.points(key.get_ref(), value);
            match known.iter().find(|name| **name == names::target_of(key.get_ref())) {
                Some(name) => drop(found.insert(*name, points)),
                None => {
                    let known = known.join(", ");
                    self.complain(
                        key.span(),
                        format!("unknown suite {:?}: expected one of {known}", key.get_ref()),
                    );
                }
            }
        }
        found
    }

    fn tests_section(&mut self, table: &DeTable<'_>) -> BTreeMap<&'static str, f64> {
        let mut found = BTreeMap::new();
        let Some(section) = self.table(table, "tests", "a table: [tests]") else { return found };
        let known: Vec<Listed> = self.suites.iter().flat_map(|suite| &suite.tests).copied().collect();
        let suites: Vec<&str> = self.suites.iter().map(|suite| suite.name).collect();
        for (key, value) in section {
            let name: &str = key.get_ref();
            let points = self.points(name, value);
            let wanted = names::test_of(name);
            if let Some(test) = known.iter().find(|test| test.name == wanted) {
                if found.insert(test.name, points).is_some() {
                    self.complain(key.span(), format!("{} has points already", test.name));
                }
                continue;
            }
            let hint = if suites.contains(&name) {
                format!("; {name} is a suite: its place is in [suites]")
            } else {
                suggest(name, &known.iter().map(|test| test.name).collect::<Vec<_>>())
            };
            self.complain(key.span(), format!("unknown test {name:?}{hint}"));
        }
        found
    }

    fn dependencies(&mut self, table: &DeTable<'_>) -> BTreeMap<String, toml::Value> {
        let mut found = BTreeMap::new();
        let Some(section) = self.table(table, "dependencies", "a table: [dependencies]") else {
            return found;
        };
        for (key, value) in section {
            let name: &str = key.get_ref();
            if OWN_CRATES.contains(&name) {
                self.complain(
                    key.span(),
                    format!("{name}: every submission has this crate; leave the line out"),
                );
            } else if let Some(dependency) = self.dependency(name, value) {
                found.insert(name.to_owned(), dependency);
            }
        }
        found
    }

    /// Reads a dependency in Cargo's form. Only crates of a registry are allowed: a path or a repository
    /// would not be the same on another machine.
    fn dependency(&mut self, name: &str, value: &Entry<'_>) -> Option<toml::Value> {
        let expected = "a version such as \"1.2\", or { version = \"1.2\", features = [\"x\"], default-features = false }";
        let fits = match value.get_ref() {
            DeValue::String(_) => true,
            DeValue::Table(table) => {
                let known = ["version", "features", "default-features"];
                let version = table.get("version").is_some_and(|it| it.get_ref().is_str());
                version && table.keys().all(|key| known.contains(&key.get_ref().as_ref()))
            }
            _ => false,
        };
        let parsed = fits.then(|| plain(value.get_ref()));
        if parsed.is_none() {
            self.unexpected(name, value, expected);
        }
        parsed
    }
}

/// The value without its positions in the file.
fn plain(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Boolean(it) => toml::Value::Boolean(*it),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect::<Vec<_>>().into(),
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<_>, &Entry<'_>)| (key_text(key), plain(value.get_ref()));
            toml::Value::Table(table.iter().map(pair).collect())
        }
        other => toml::Value::String(format!("{other:?}")),
    }
}

fn key_text(key: &Spanned<std::borrow::Cow<'_, str>>) -> String {
    key.get_ref().to_string()
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

fn suggest(name: &str, known: &[&str]) -> String {
    match names::nearest(name, known.iter().copied()) {
        near if near.is_empty() && known.len() < 20 => format!("; expected one of {}", known.join(", ")),
        near if near.is_empty() => String::new(),
        near => format!("; {}", names::suggestion(&near)),
    }
}

/// Whether a suite tests the Raft of the submission itself.
fn is_of_lab_2(suite: &str) -> bool {
    suite.starts_with("lab2") || suite == "strict2"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::suites;

    fn wrong(text: &str) -> Vec<(usize, String)> {
        Config::parse(text, &suites::all()).expect_err("this text has a mistake")
    }

    fn right(text: &str) -> Config {
        Config::parse(text, &suites::all()).unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    #[test]
    fn points_come_from_the_suite_and_then_from_the_test() {
        let config = right(
            "[suites]\nlab2a = 2\n[tests]\nTestReElection2A = 2.5\nmany_elections_2a = 0\nbackup_2b = 10\n",
        );
        let found: Vec<_> = config.tests.iter().map(|it| (it.suite, it.name, it.points)).collect();
        assert_eq!(
            found,
            [
                ("lab2a", "initial_election_2a", 2.0),
                ("lab2a", "re_election_2a", 2.5),
                ("lab2b", "backup_2b", 10.0)
            ]
        );
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = right("suites.lab2a = 1");
        assert_eq!((config.clock, config.seeds, config.seed), (Mode::Sim, 20, Seed::Random));
        assert!(config.show_seed && !config.strict && config.remarks);
        let config = right("clock = \"real\"\nsuites.lab2a = 1");
        assert_eq!((config.clock, config.seeds, config.run_limit.as_secs()), (Mode::Real, 1, 185));
    }

    #[test]
    fn seeds_are_numbers_or_random() {
        for (text, seed) in [
            ("18446744073709551615", Seed::Given(u64::MAX)),
            ("0x2a", Seed::Given(42)),
            ("\"random\"", Seed::Random),
        ] {
            assert_eq!(right(&format!("seed = {text}\n[suites]\nlab2a = 1")).seed, seed);
        }
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        let cases = [
            ("", 0, "no test is worth anything"),
            ("\n[suites]\nlab2a 5\n", 3, "this is not TOML"),
            (
                "sedes = 3\nsuites.lab2a = 1",
                1,
                "unknown key \"sedes\"; the nearest known names are seed, seeds",
            ),
            ("seeds = 0\nsuites.lab2a = 1", 1, "seeds = 0: expected a number from 1 to 1000000"),
            ("seeds = \"many\"\nsuites.lab2a = 1", 1, "seeds = \"many\": expected a number"),
            (
                "seed = -1\nsuites.lab2a = 1",
                1,
                "seed = -1: expected a number from 0 to 2^64-1, or \"random\"",
            ),
            ("clock = \"wall\"\nsuites.lab2a = 1", 1, "expected \"virtual\" or \"real\""),
            ("strict = 1\nsuites.lab2a = 1", 1, "strict = 1: expected true or false"),
            ("tests = 5", 1, "tests = 5: expected a table: [tests]"),
            ("[suites]\nlab5x = 5", 2, "unknown suite \"lab5x\": expected one of lab2a, lab2b"),
            ("[suites]\nlab2a = \"five\"", 2, "lab2a = \"five\": expected points"),
            ("[suites]\nlab2a = -1", 2, "lab2a = -1: expected points"),
            (
                "[tests]\n\nbakcup_2b = 5",
                3,
                "unknown test \"bakcup_2b\"; the nearest known name is backup_2b",
            ),
            ("[tests]\nlab2a = 5", 2, "lab2a is a suite: its place is in [suites]"),
            ("[tests]\nbackup_2b = 5\nTestBackup2B = 6", 2, "backup_2b has points already"),
            ("solved_raft = true\nsuites.lab2a = 1", 0, "initial_election_2a of lab2a has points"),
            ("[dependencies]\nserde = \"1\"", 2, "every submission has this crate"),
            ("[dependencies]\nx = { path = \"/x\" }", 2, "expected a version such as"),
        ];
        for (text, line, message) in cases {
            let found = wrong(text);
            assert!(
                found.iter().any(|(at, what)| *at == line && what.contains(message)),
                "{text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let found = wrong("seeds = 0\nclock = 3\n[tests]\nnothing_2z = 1\n");
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn allowed_crates_are_taken_over() {
        let config = right(
            "suites.lab2a = 1\n[dependencies]\na = \"1\"\nb = { version = \"2\", features = [\"x\"] }\n",
        );
        assert_eq!(config.dependencies["a"].as_str(), Some("1"));
        assert_eq!(config.dependencies["b"]["features"][0].as_str(), Some("x"));
    }
}
