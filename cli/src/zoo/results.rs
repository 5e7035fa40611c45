//! The results of `lab zoo matrix`: a file with one line of JSON for each animal and method.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::animal::Animal;

/// How an animal is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The test targets that the animal names, without the monitor and without Raft's assertions.
    Suites,
    /// The same tests with the monitor, and without Raft's assertions.
    Monitor,
    /// The unit tests of the sources, with Raft's assertions.
    Unit,
}

impl Method {
    /// All methods, in the order in which they are used.
    pub const ALL: [Method; 3] = [Method::Suites, Method::Monitor, Method::Unit];

    /// The name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Method::Suites => "suites",
            Method::Monitor => "monitor",
            Method::Unit => "unit",
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
    /// The smallest of these seeds.
    pub smallest: Option<u64>,
    /// CPU seconds of all runs up to the first failure, if the seeds are tried one after the other and each
    /// seed with all tests. If nothing failed, CPU seconds of all runs.
    pub cpu: f64,
    /// How many seeds each test failed in. Tests that did not fail are left out.
    pub tests: BTreeMap<String, u64>,
    /// How many failures name each rule of the monitor.
    pub rules: BTreeMap<String, u64>,
    /// The first line of the message of the first failure.
    pub message: String,
}

/// All findings, by animal and method. Each has the [`mark`] of the animal for which it was made.
pub struct Results {
    path: PathBuf,
    found: BTreeMap<(String, Method), (String, Finding)>,
}

/// A number that changes if the animal's change or its list of test targets changes.
pub fn mark(animal: &Animal) -> String {
    // The hash of a `DefaultHasher` made with `new` is the same in every process.
    let mut hasher = DefaultHasher::new();
    for change in &animal.changes {
        (&change.file, &change.old, &change.new).hash(&mut hasher);
    }
    animal.labs.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

impl Results {
    /// Reads the file. A file that does not exist has no results.
    ///
    /// # Errors
    /// If the file cannot be read, or has a line that is no result. The error names the line.
    pub fn load(path: &Path) -> Result<Results, String> {
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
        Ok(Results { path: path.to_owned(), found })
    }

    /// The finding of a method about an animal, if it was made for the animal as it is now.
    pub fn of(&self, animal: &Animal, method: Method) -> Option<&Finding> {
        let (made_for, finding) = self.found.get(&(animal.name.clone(), method))?;
        (*made_for == mark(animal)).then_some(finding)
    }

    /// Adds a finding, and writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, animal: &Animal, method: Method, finding: Finding) -> Result<(), String> {
        self.found.insert((animal.name.clone(), method), (mark(animal), finding));
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
        "rules": it.rules, "message": it.message,
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
        };
        let line = write("a", Method::Monitor, "0f", &finding).to_string();
        assert_eq!(read(&line), Some((("a".to_owned(), Method::Monitor), ("0f".to_owned(), finding))));
        for bad in ["", "{}", "[1]", &line.replace("monitor", "magic"), &line.replace("\"seeds\":20,", "")] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
