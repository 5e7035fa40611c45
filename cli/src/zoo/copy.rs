//! The copy of the project in which the tests run with an animal. One build of the copy has a switch for
//! nearly every animal. An animal that cannot have a switch gets a build of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::animal::Animal;
use super::matrix::NO_MISTAKE;
use super::switch::{ASSERTIONS, Switched, VARIABLE};
use super::tree::{Assertions, Tree};
use crate::dstest::cargo::{self, Building, Ended};
use crate::dstest::process::Plan;
use crate::dstest::run::Stop;
use crate::problem::Problem;

/// How many times the build is tried at most. Each try leaves out the animals that did not compile in the
/// tries before.
const TRIES: usize = 12;

/// What must compile in the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The library, as the test targets use it.
    Library,
    /// The library and its unit tests. This build takes longer.
    UnitTests,
}

/// The copy, and the sources with switches.
pub struct Copy {
    /// The copy's folder.
    pub tree: Tree,
    switched: Switched,
}

impl Copy {
    /// Prepares the copy, and finds out which animals can have a switch. To find this out, the function
    /// builds the copy, unless that was done before for the same sources.
    ///
    /// # Errors
    /// * A file cannot be read or written.
    /// * The copy does not build, and no animal is the cause of the compiler's errors.
    /// * The copy still does not build after the last try.
    pub fn of(root: &Path, animals: &[Animal], scope: Scope, stop: &Stop) -> Result<Copy, Problem> {
        let tree = Tree::of(root).map_err(Problem::Failure)?;
        let note = tree.dir.with_file_name("switches.json");
        let first = Switched::of(root, animals, &BTreeMap::new()).map_err(Problem::Failure)?;
        let key = key(&first);
        if let Some(refused) = read(&note, &key, scope) {
            let switched = Switched::of(root, animals, &refused).map_err(Problem::Failure)?;
            return Ok(Copy { tree, switched });
        }
        eprintln!("zoo: building one copy with {} animals", first.names.len());
        let mut switched = first;
        for _ in 0..TRIES {
            tree.put_files(&switched.files).map_err(Problem::Failure)?;
            let Some(errors) = build(&tree, scope, stop)? else {
                eprintln!(
                    "zoo: {} animals have a switch, {} need a build of their own",
                    switched.names.len(),
                    switched.refused.len()
                );
                let text = json!({ "key": key, "unit_tests": scope == Scope::UnitTests, "refused": switched.refused }).to_string();
                fs::write(&note, text).map_err(|e| Problem::Failure(format!("{}: {e}", note.display())))?;
                return Ok(Copy { tree, switched });
            };
            let mut refused = switched.refused.clone();
            for (file, line, message) in &errors {
                for name in switched.at(file, *line) {
                    let why = format!("its switch does not compile: {message}");
                    refused.entry(name.to_owned()).or_insert(why);
                }
            }
            if refused.len() == switched.refused.len() {
                let text: Vec<String> =
                    errors.iter().map(|(file, line, what)| format!("{file}:{line}: {what}")).collect();
                return Err(Problem::Failure(format!("the copy does not build:\n{}", text.join("\n"))));
            }
            switched = Switched::of(root, animals, &refused).map_err(Problem::Failure)?;
        }
        Err(Problem::Failure(format!("the copy does not build after {TRIES} tries")))
    }

    /// Whether the build with switches can run this animal. The project without a mistake
    /// ([`NO_MISTAKE`]) needs no switch: it is this build with all switches off.
    pub fn has_switch(&self, animal: &Animal) -> bool {
        animal.name == NO_MISTAKE || self.switched.names.contains(&animal.name)
    }

    /// The animals that have no switch, and the reasons.
    pub fn refused(&self) -> &BTreeMap<String, String> {
        &self.switched.refused
    }

    /// Makes the copy ready for an animal. Returns environment variables for the programs of the copy: they
    /// turn on the animal's switch and, if this is wanted, Raft's assertions.
    ///
    /// # Errors
    /// If a change does not fit, or a file cannot be written.
    pub fn put(&self, animal: &Animal, assertions: Assertions) -> Result<Vec<(String, OsString)>, String> {
        if !self.has_switch(animal) {
            self.tree.put(animal, assertions)?;
            return Ok(Vec::new());
        }
        self.tree.put_files(&self.switched.files)?;
        let mut variables = Vec::new();
        if animal.name != NO_MISTAKE {
            variables.push((VARIABLE.to_owned(), animal.name.clone().into()));
        }
        if assertions == Assertions::On {
            variables.push((ASSERTIONS.to_owned(), "1".into()));
        }
        Ok(variables)
    }
}

/// A number that changes if the sources with switches change.
fn key(switched: &Switched) -> String {
    let mut hasher = DefaultHasher::new();
    switched.files.hash(&mut hasher);
    switched.refused.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Reads the file `note`: the animals without a switch, and the reasons. Returns `None` if the file cannot be
/// read, or if it was written for other sources. If `scope` has the unit tests, also returns `None` if the
/// file was written after a build of only the library.
fn read(note: &PathBuf, key: &str, scope: Scope) -> Option<BTreeMap<String, String>> {
    let value: Value = serde_json::from_str(&fs::read_to_string(note).ok()?).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (value["key"].as_str()? == key).then_some(())?;
    (scope == Scope::Library || value["unit_tests"] == true).then_some(())?;
    value["refused"].as_object()?.iter().map(|(name, why)| Some((name.clone(), text(why)?))).collect()
}

type Errors = BTreeSet<(String, usize, String)>;

/// Builds the copy. Returns `None` if that succeeds, or the errors of the compiler.
fn build(tree: &Tree, scope: Scope, stop: &Stop) -> Result<Option<Errors>, Problem> {
    // To build the library as the test targets use it, cargo must build a test target. Otherwise it chooses
    // other features of the dependencies, and compiles them a second time. The target `lab2a` is small.
    let what: &[&str] = if scope == Scope::Library { &["--test", "lab2a"] } else { &["--lib"] };
    let arguments = ["test", "--quiet", "--features", "sim", "--no-run", "--message-format", "json"];
    let arguments = arguments.iter().chain(what);
    let plan = Plan {
        command: std::iter::once(cargo::program()).chain(arguments.map(OsString::from)).collect(),
        dir: tree.dir.clone(),
        set: Vec::new(),
        unset: super::tree::UNSET.to_vec(),
        death_signal: Signal::SIGTERM,
    };
    let (mut errors, mut others) = (Errors::new(), Vec::new());
    let mut building = Building::new("zoo: building the copy".to_owned());
    let ended = cargo::run(&plan, Stdio::null(), stop, None, |line| {
        building.take(line);
        let Some(line) = line else { return };
        let Ok(value) = serde_json::from_str::<Value>(line) else { return };
        let message = &value["message"];
        if message["level"] != "error" {
            return;
        }
        let what = message["message"].as_str().unwrap_or_default();
        let places = places(message);
        if places.is_empty() {
            others.push(what.to_owned());
        }
        errors.extend(places.into_iter().map(|(file, line)| (file, line, what.to_owned())));
    });
    match ended.map_err(|error| Problem::Failure(format!("cannot run cargo: {error}")))? {
        Ended::Interrupted(signal) => Err(Problem::Interrupted(signal)),
        Ended::Exited(status) if status.success() => {
            tree.built();
            Ok(None)
        }
        Ended::Exited(_) if !errors.is_empty() => {
            tree.built();
            Ok(Some(errors))
        }
        Ended::Exited(status) => Err(Problem::Failure(format!(
            "the copy {} does not build ({status}): {}",
            tree.dir.display(),
            others.join("; ")
        ))),
        Ended::TooLong => unreachable!("the build has no time limit"),
    }
}

/// The files and lines that a message of the compiler names as the place of the error.
fn places(message: &Value) -> Vec<(String, usize)> {
    let spans = message["spans"].as_array().into_iter().flatten();
    let place = |span: &Value| {
        let line = usize::try_from(span["line_start"].as_u64()?).ok()?;
        Some((span["file_name"].as_str()?.to_owned(), line))
    };
    spans.filter(|span| span["is_primary"] == true).filter_map(place).collect()
}
