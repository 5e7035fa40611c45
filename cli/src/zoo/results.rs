//! The results of `lab zoo matrix`: a file with one line of JSON for each animal and method.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::animal::Animal;
use super::known::Known;

/// A way to look for an animal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The course's tests alone: no monitor, and no assertions of Raft.
    Course,
    /// The strict tests of this project alone: no monitor, and no assertions of Raft.
    Strict,
    /// The course's tests and the strict tests with the monitor, and without Raft's assertions.
    Monitor,
    /// The unit tests of the sources, with Raft's assertions.
    Unit,
}

impl Method {
    /// All methods.
    pub const ALL: [Method; 4] = [Method::Course, Method::Strict, Method::Monitor, Method::Unit];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Method::Course => "course",
            Method::Strict => "strict",
            Method::Monitor => "monitor",
            Method::Unit => "unit",
        }
    }

    /// The method in a sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Method::Course => "the course's tests",
            Method::Strict => "the strict tests",
            Method::Monitor => "the tests with the monitor",
            Method::Unit => "the unit tests",
        }
    }

    /// The test targets that the method runs for an animal. There are none for unit tests.
    pub fn targets(self, animal: &Animal, known: &Known) -> Vec<String> {
        let strict = match animal.lab.as_str() {
            "raft" => "strict2",
            "kv" => "strict3",
            _ => "strict4",
        };
        let strict = known.suites.iter().filter(|it| *it == strict && !animal.labs.contains(it));
        let all = animal.labs.iter().chain(strict).cloned();
        // `rsm`, the suite of the replicated state machine, comes from the course, too.
        let of_course = |target: &String| target.starts_with("lab") || target == "rsm";
        match self {
            Method::Course => all.filter(of_course).collect(),
            Method::Strict => all.filter(|target| !of_course(target)).collect(),
            Method::Monitor => all.collect(),
            Method::Unit => Vec::new(),
        }
    }
}

/// What one method has found out about one animal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// How many seeds each test had. 1 for unit tests.
    pub seeds: u64,
    /// In how many of these seeds at least one test failed.
    pub failed: u64,
    /// The smallest seed in which a test failed.
    pub smallest: Option<u64>,
    /// CPU seconds of all runs up to the first failure. For this, the runs have an order: all tests with the
    /// first seed, then all tests with the next seed, and so on. If nothing failed, these are the CPU seconds
    /// of all runs.
    pub cpu: f64,
    /// In how many seeds each test failed. Tests that did not fail are left out. After the first seed, a test
    /// does not run with a seed in which another test has failed.
    pub tests: BTreeMap<String, u64>,
    /// How many failures name each rule of the monitor. If a test fails with a seed, this counts as one
    /// failure.
    pub rules: BTreeMap<String, u64>,
    /// The first line of the message of the first failure.
    pub message: String,
    /// CPU seconds of all runs.
    pub spent: f64,
}

impl Finding {
    /// False if the method has no test for the animal.
    pub fn has_runs(&self) -> bool {
        self.spent > 0.0
    }

    /// The tests that failed. The test that failed in most seeds comes first.
    pub fn best_tests(&self) -> Vec<String> {
        let mut tests: Vec<(&String, &u64)> = self.tests.iter().collect();
        tests.sort_by_key(|(name, count)| (Reverse(**count), *name));
        tests.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// Adds up two findings. The seeds of `next` come after the seeds of `self`.
    pub fn and(mut self, next: Finding) -> Finding {
        if self.smallest.is_none() {
            self.smallest = next.smallest;
            self.cpu += next.cpu;
            self.message = next.message;
        }
        self.seeds += next.seeds;
        self.failed += next.failed;
        self.spent += next.spent;
        next.tests.into_iter().for_each(|(test, count)| *self.tests.entry(test).or_default() += count);
        next.rules.into_iter().for_each(|(rule, count)| *self.rules.entry(rule).or_default() += count);
        self
    }
}

/// All findings, by animal and method. Each finding is stored with the [`mark`] that the animal had when the
/// finding was made. If the animal has another mark now, the finding is out of date.
pub struct Results {
    path: PathBuf,
    known: Known,
    found: BTreeMap<(String, Method), (String, Finding)>,
}

/// A number that changes if the animal's change or the method's test targets change.
pub fn mark(animal: &Animal, targets: &[String]) -> String {
    // The hash of a `DefaultHasher` made with `new` is the same in every process.
    let mut hasher = DefaultHasher::new();
    for change in &animal.changes {
        (&change.file, &change.old, &change.new).hash(&mut hasher);
    }
    targets.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl Results {
    /// Reads the file. A file that does not exist has no results.
    ///
    /// # Errors
    /// If the file cannot be read, or has a line that is no result. The error names the line.
    pub fn load(path: &Path, known: &Known) -> Result<Results, String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let mut found = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (key, value) = read(line).ok_or_else(|| {
                let place = format!("{}:{number}", path.display());
                format!("{place}: expected a result of lab zoo matrix, as JSON with an animal and a method")
            })?;
            found.insert(key, value);
        }
        Ok(Results { path: path.to_owned(), known: known.clone(), found })
    }

    /// The finding of a method about an animal. `None` if there is none, or if it is out of date.
    pub fn of(&self, animal: &Animal, method: Method) -> Option<&Finding> {
        let (made_for, finding) = self.found.get(&(animal.name.clone(), method))?;
        (*made_for == self.mark(animal, method)).then_some(finding)
    }

    /// The names of the animals that have a finding that is out of date.
    pub fn outdated<'a>(&self, animals: &'a [Animal]) -> Vec<&'a str> {
        let is_outdated = |animal: &&Animal| {
            Method::ALL.into_iter().any(|method| {
                let found = self.found.get(&(animal.name.clone(), method));
                found.is_some_and(|(made_for, _)| *made_for != self.mark(animal, method))
            })
        };
        animals.iter().filter(is_outdated).map(|animal| animal.name.as_str()).collect()
    }

    fn mark(&self, animal: &Animal, method: Method) -> String {
        mark(animal, &method.targets(animal, &self.known))
    }

    /// CPU seconds of all runs of these animals.
    pub fn spent(&self, animals: &[Animal]) -> f64 {
        let all = animals.iter().flat_map(|it| Method::ALL.map(|method| self.of(it, method)));
        all.flatten().map(|finding| finding.spent).sum()
    }

    /// Puts a finding in the place of an older one, and writes the file. The file is complete at each moment,
    /// so this program may be killed at any moment.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn put(&mut self, animal: &Animal, method: Method, finding: Finding) -> Result<(), String> {
        self.found.insert((animal.name.clone(), method), (self.mark(animal, method), finding));
        let lines = self
            .found
            .iter()
            .map(|((name, method), (mark, finding))| format!("{}\n", write(name, *method, mark, finding)));
        let draft = self.path.with_extension("draft");
        fs::write(&draft, lines.collect::<String>())
            .and_then(|()| fs::rename(&draft, &self.path))
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn write(animal: &str, method: Method, mark: &str, it: &Finding) -> Value {
    json!({
        "animal": animal, "method": method.name(), "mark": mark, "seeds": it.seeds, "failed": it.failed,
        "smallest": it.smallest, "cpu": (it.cpu * 1000.0).round() / 1000.0, "tests": it.tests,
        "rules": it.rules, "message": it.message, "spent": (it.spent * 1000.0).round() / 1000.0,
    })
}

fn read(line: &str) -> Option<((String, Method), (String, Finding))> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let counts = |key: &str| -> Option<BTreeMap<String, u64>> {
        value[key].as_object()?.iter().map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
    };
    let name = text("method")?;
    let method = Method::ALL.into_iter().find(|method| method.name() == name)?;
    let finding = Finding {
        seeds: value["seeds"].as_u64()?,
        failed: value["failed"].as_u64()?,
        smallest: value["smallest"].as_u64(),
        cpu: value["cpu"].as_f64()?,
        tests: counts("tests")?,
        rules: counts("rules")?,
        message: text("message")?,
        spent: value["spent"].as_f64()?,
    };
    Some(((text("animal")?, method), (text("mark")?, finding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_written_and_read() {
        let finding = Finding {
            seeds: 20,
            failed: 3,
            smallest: Some(7),
            cpu: 1.25,
            tests: BTreeMap::from([("lab2c::persist_1_2c".to_owned(), 3)]),
            rules: BTreeMap::from([("One Vote".to_owned(), 3)]),
            message: "S1 body: \"x\"".to_owned(),
            spent: 4.5,
        };
        let line = write("a", Method::Monitor, "0f", &finding).to_string();
        assert_eq!(read(&line), Some((("a".to_owned(), Method::Monitor), ("0f".to_owned(), finding))));
        for bad in ["", "{}", "[1]", &line.replace("monitor", "magic"), &line.replace("\"seeds\":20,", "")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_findings_for_more_seeds_are_added() {
        let none = Finding { seeds: 2, cpu: 1.0, spent: 1.0, ..Finding::default() };
        let tests = BTreeMap::from([("lab2c::a".to_owned(), 1)]);
        let found = Finding {
            seeds: 3,
            failed: 1,
            smallest: Some(4),
            cpu: 0.5,
            tests,
            spent: 2.0,
            ..Finding::default()
        };
        let both = none.and(found.clone());
        assert_eq!((both.seeds, both.failed, both.smallest), (5, 1, Some(4)));
        assert_eq!((both.cpu, both.spent), (1.5, 3.0));
        let more = both.and(Finding { smallest: Some(6), ..found });
        assert_eq!((more.seeds, more.failed, more.smallest, more.cpu), (8, 2, Some(4), 1.5));
        assert_eq!(more.tests["lab2c::a"], 2);
        let tests = BTreeMap::from([("lab2c::b".to_owned(), 3), ("lab2c::c".to_owned(), 2)]);
        let more = more.and(Finding { tests, ..Finding::default() });
        assert_eq!(more.best_tests(), ["lab2c::b", "lab2c::a", "lab2c::c"]);
    }

    #[test]
    fn the_strict_suite_of_its_lab_is_added_to_the_targets_of_an_animal() {
        let animal = crate::zoo::matrix::no_mistake();
        let suites = ["lab2a", "partition", "strict2"].map(str::to_owned).to_vec();
        let known = Known { rules: Vec::new(), suites };
        assert_eq!(Method::Course.targets(&animal, &known), ["lab2a", "lab2b", "lab2c", "lab2d"]);
        assert_eq!(Method::Strict.targets(&animal, &known), ["partition", "strict2"]);
        assert_eq!(Method::Monitor.targets(&animal, &known).len(), 6);
    }
}
