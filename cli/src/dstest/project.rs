//! The cargo project: its test targets, their binaries, and the tests in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::cargo::{self, Building, Ended};
use super::child::{Pause, last_words};
use super::names;
use super::process::{Plan, Process, describe};
use super::run::{Build, Mode, Stop, Test};
use super::scratch::{Scratch, forget};
use super::sources::{Root, Sources};
use crate::problem::Problem;

/// How long a binary may take to list its tests.
const LIST_LIMIT: Duration = Duration::from_secs(30);

/// An integration test target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    package: String,
    name: String,
    dir: PathBuf,
    /// The root file of the target.
    source: PathBuf,
    /// Whether the target belongs to the root package, or to the package that the user has asked for.
    is_home: bool,
    /// The cargo features of the target's package.
    features: Vec<String>,
}

/// A project, as cargo describes it.
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The folder into which cargo builds.
    pub target_dir: PathBuf,
    targets: Vec<Target>,
    /// The folders of the project's libraries, and of other packages that the project uses by path.
    libraries: BTreeSet<PathBuf>,
    /// Whether a package uses another package from a git repository.
    uses_git: bool,
}

impl Project {
    /// Asks cargo about the project in the folder `root`. Without `root`, this asks about the project of the
    /// working folder.
    ///
    /// # Errors
    /// When there is no project, or when cargo cannot be run.
    pub fn load(root: Option<&Path>) -> Result<Project, Problem> {
        let mut command = Command::new(cargo::program());
        command.args(["metadata", "--no-deps", "--format-version", "1"]).stdin(Stdio::null());
        if let Some(root) = root {
            if !root.is_dir() {
                return Err(Problem::Usage(format!("--root {}: expected a folder", root.display())));
            }
            command.current_dir(root);
        }
        let output = command.output().map_err(|e| Problem::Failure(format!("cannot run cargo: {e}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let place = root.map_or_else(String::new, |root| format!(" in {}", root.display()));
            return Err(Problem::Usage(format!("there is no project to test{place}: {}", said.trim())));
        }
        let value: Value = serde_json::from_slice(&output.stdout)
            .map_err(|e| Problem::Failure(format!("cannot read what cargo metadata says: {e}")))?;
        Project::from_metadata(&value)
            .ok_or_else(|| Problem::Failure("cargo metadata lacks the expected fields".to_owned()))
    }

    fn from_metadata(value: &Value) -> Option<Project> {
        let root = PathBuf::from(value["workspace_root"].as_str()?);
        let target_dir = PathBuf::from(value["target_directory"].as_str()?);
        let (mut targets, mut libraries, mut uses_git) = (Vec::new(), BTreeSet::new(), false);
        for package in value["packages"].as_array()? {
            let dir = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
            let has_kind = |target: &Value, wanted: &str| {
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == wanted))
            };
            // No test target can use a package that is only a program.
            if package["targets"].as_array()?.iter().any(|target| has_kind(target, "lib")) {
                libraries.insert(dir.clone());
            }
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                libraries.extend(dependency["path"].as_str().map(PathBuf::from));
                uses_git |= dependency["source"].as_str().is_some_and(|it| it.starts_with("git+"));
            }
            let features: Vec<String> = package["features"].as_object()?.keys().cloned().collect();
            for target in package["targets"].as_array()? {
                if !is_test(target) {
                    continue;
                }
                targets.push(Target {
                    package: package["name"].as_str()?.to_owned(),
                    name: target["name"].as_str()?.to_owned(),
                    is_home: dir == root,
                    dir: dir.clone(),
                    source: PathBuf::from(target["src_path"].as_str()?),
                    features: features.clone(),
                });
            }
        }
        Some(Project { root, target_dir, targets, libraries, uses_git })
    }

    /// The names of tests in the sources of the project. If the project uses other packages by path or from
    /// git repositories, the sources of these packages count, too. Returns `None` if cargo does not say where
    /// the packages from git are.
    fn sources(&self) -> Option<Sources> {
        let mut libraries = self.libraries.clone();
        if self.uses_git {
            let mut command = Command::new(cargo::program());
            // Without this option cargo also wants the packages of other platforms, which it may never have
            // downloaded.
            command.args(["metadata", "--filter-platform", &cargo::host()?]);
            command.args(["--offline", "--format-version", "1"]).current_dir(&self.root);
            let output = command.stdin(Stdio::null()).output().ok().filter(|it| it.status.success())?;
            let value: Value = serde_json::from_slice(&output.stdout).ok()?;
            for package in value["packages"].as_array()? {
                let is_from_git = package["source"].as_str().is_some_and(|it| it.starts_with("git+"));
                let dir = package["manifest_path"].as_str().and_then(|path| Path::new(path).parent());
                libraries.extend(dir.filter(|_| is_from_git).map(Path::to_owned));
            }
        }
        let home = self.targets.iter().enumerate().filter(|(_, target)| target.is_home);
        let roots: Vec<Root> =
            home.map(|(number, it)| Root { target: number, file: it.source.clone() }).collect();
        Some(Sources::read(&roots, &libraries))
    }

    /// The project with the test targets of one package only.
    ///
    /// # Errors
    /// When there is no package of this name, or when the package has no test targets.
    pub fn only(mut self, package: &str) -> Result<Project, Problem> {
        let mut packages: Vec<String> = self.targets.iter().map(|t| t.package.clone()).collect();
        self.targets.retain(|t| t.package == package);
        if self.targets.is_empty() {
            packages.sort_unstable();
            packages.dedup();
            let known = packages.join(", ");
            return Err(Problem::Usage(format!(
                "--package {package}: expected a package with tests, one of {known}"
            )));
        }
        self.targets.iter_mut().for_each(|t| t.is_home = true);
        Ok(self)
    }

    /// Checks that these names can mean tests or test targets. Builds nothing.
    ///
    /// # Errors
    /// If the sources do not have one of the names. The error contains the nearest names.
    #[cfg(feature = "zoo")]
    pub fn check_names(&self, asked: &[String]) -> Result<(), Problem> {
        let sources = self.sources();
        for name in asked {
            let target = name.split_once("::").map_or(name.as_str(), |(target, _)| target);
            let is_target = |name: &str| self.target(&names::target_of(name)).map(|found| found.is_some());
            let is_known = is_target(name)? || is_target(target)?;
            if let Some(sources) = &sources
                && !is_known
                && !sources.knows(&names::test_of(name))
            {
                return Err(self.unknown(name, sources.tests()));
            }
        }
        Ok(())
    }

    /// The error for a name that no test and no target has. `tests` are names of tests.
    fn unknown<'a>(&'a self, name: &str, tests: impl Iterator<Item = &'a str>) -> Problem {
        let targets = || self.targets.iter().map(|t| t.name.as_str());
        let of_lab = names::lab_of(name);
        let mut near: Vec<&str> =
            targets().filter(|target| of_lab.as_ref().is_some_and(|lab| target.starts_with(lab))).collect();
        near.sort_unstable();
        near.dedup();
        if near.is_empty() {
            near = names::nearest(names::last_segment(name), tests.chain(targets()));
        }
        let mut text = format!("no test or test target is called {name:?}");
        if near.is_empty() {
            let mut targets: Vec<&str> = targets().collect();
            targets.sort_unstable();
            targets.dedup();
            text += &format!("; the test targets are {}", targets.join(", "));
        } else {
            text += &format!("; {}", names::suggestion(&near));
        }
        if !name.contains("::") {
            // For example, the tests of lab 2 with options of Raft have such names.
            text += &format!(
                "\n(if a program makes the name when it runs, write the target in front: TARGET::{name})"
            );
        }
        Problem::Usage(text)
    }

    /// The target of this name. If the root package has such a target, this target is returned. Otherwise it
    /// is an error if several packages have such a target.
    fn target(&self, name: &str) -> Result<Option<&Target>, Problem> {
        let found: Vec<&Target> = self.targets.iter().filter(|t| t.name == name).collect();
        if let Some(home) = found.iter().find(|t| t.is_home) {
            return Ok(Some(home));
        }
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => {
                let packages: Vec<&str> = several.iter().map(|t| t.package.as_str()).collect();
                Err(Problem::Usage(format!(
                    "{name:?} is a test target of several packages: {}",
                    packages.join(", ")
                )))
            }
        }
    }
}

fn is_test(target: &Value) -> bool {
    target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == "test"))
}

/// Builds targets and lists their tests. Each target is built only once.
pub struct Builder<'a> {
    /// The project.
    pub project: &'a Project,
    /// Whether the targets are built for the real clock or for virtual time.
    pub mode: Mode,
    /// How the targets are built.
    pub build: &'a Build,
    /// The folder to which the binaries are copied.
    pub scratch: &'a Scratch,
    /// Says whether a build must end.
    pub stop: &'a Stop,
    listed: BTreeMap<(String, String), Vec<Test>>,
    /// The names of tests in the sources. The outer `None` means that the sources were not read yet. The
    /// inner `None` means that the sources are not known.
    sources: Option<Option<Sources>>,
}

/// What a name can mean: a target, or probably a test. This is decided before it is known which tests the
/// targets have.
enum Wanted<'a> {
    Target(&'a Target),
    /// A test of this target: the user has typed `target::test`.
    TestOf(&'a Target, String),
    Test(String),
}

impl<'a> Builder<'a> {
    /// A builder that has built nothing yet.
    pub fn new(
        project: &'a Project,
        mode: Mode,
        build: &'a Build,
        scratch: &'a Scratch,
        stop: &'a Stop,
    ) -> Builder<'a> {
        Builder { project, mode, build, scratch, stop, listed: BTreeMap::new(), sources: None }
    }

    /// Finds the tests for the names in `asked`. A name means one test, or all tests of a target. Builds
    /// only the targets that can have these tests, and copies the binaries of the tests that are found.
    /// Returns the tests in the order of `asked`, and each test only once.
    ///
    /// # Errors
    /// [`Problem::Usage`] if a name in `asked` is unknown; the error contains the nearest known names. If the
    /// sources do not have the name, this error comes before anything is built. [`Problem::Failure`] if a
    /// build fails.
    pub fn resolve(&mut self, asked: &[String]) -> Result<Vec<Test>, Problem> {
        let mut wanted = Vec::new();
        for name in asked {
            let of = match name.split_once("::") {
                Some((target, test)) => {
                    self.project.target(&names::target_of(target))?.map(|target| (target, test))
                }
                None => None,
            };
            wanted.push(match (self.project.target(&names::target_of(name))?, of) {
                (Some(target), _) => (name, Wanted::Target(target)),
                (None, Some((target, test))) => (name, Wanted::TestOf(target, names::test_of(test))),
                (None, None) => (name, Wanted::Test(names::test_of(name))),
            });
        }
        let needed = self.needed(&wanted)?;
        self.build_and_list(&needed)?;
        let mut tests: Vec<Test> = Vec::new();
        for (name, wanted) in wanted {
            for test in self.find(name, &wanted)? {
                if !tests.iter().any(|t| t.binary == test.binary && t.name == test.name) {
                    tests.push(test);
                }
            }
        }
        self.copy(tests)
    }

    /// The targets that must be built before the tests can be looked up in them.
    ///
    /// # Errors
    /// If the sources do not have one of the names. A macro may make names that no source file has. Such a
    /// name is accepted if the user also names its target, and something can make names there.
    fn needed(&mut self, wanted: &[(&String, Wanted<'a>)]) -> Result<Vec<&'a Target>, Problem> {
        let project = self.project;
        let mut needed: Vec<&Target> = Vec::new();
        for (name, wanted) in wanted {
            let test = match wanted {
                Wanted::Target(target) => {
                    needed.push(target);
                    continue;
                }
                Wanted::TestOf(target, test) => {
                    let number = project.targets.iter().position(|it| it == *target);
                    let sources = self.sources.get_or_insert_with(|| project.sources()).as_ref();
                    if let Some((sources, number)) = sources.zip(number)
                        && sources.excludes(number, test)
                    {
                        return Err(unknown_in(target, test, sources.tests_of(number)));
                    }
                    needed.push(target);
                    continue;
                }
                Wanted::Test(test) => test,
            };
            let sources = self.sources.get_or_insert_with(|| project.sources()).as_ref();
            if sources.is_some_and(|sources| !sources.knows(test)) {
                return Err(self.unknown(name));
            }
            let likely = match names::likely_target(test) {
                Some(likely) => project.target(&likely)?,
                None => None,
            };
            let guessed = sources.map(|sources| sources.targets_of(test)).unwrap_or_default();
            let guessed: Vec<&Target> = guessed.into_iter().map(|number| &project.targets[number]).collect();
            // The part of the lab at the end of a name says more about the target than the module does.
            if likely.is_none_or(|likely| !guessed.contains(&likely)) {
                needed.extend(guessed);
            }
            needed.extend(likely);
        }
        Ok(needed)
    }

    /// Copies the binaries of the tests, so that a build during the campaign does not change what is tested.
    fn copy(&self, mut tests: Vec<Test>) -> Result<Vec<Test>, Problem> {
        let mut copies: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for test in &mut tests {
            if !copies.contains_key(&test.binary) {
                let copy = self.scratch.copy_of(&test.binary).map_err(Problem::Failure)?;
                copies.insert(test.binary.clone(), copy);
            }
            test.binary.clone_from(&copies[&test.binary]);
        }
        Ok(tests)
    }

    fn find(&mut self, name: &str, wanted: &Wanted<'_>) -> Result<Vec<Test>, Problem> {
        match wanted {
            Wanted::Target(target) => {
                let all = self.listed.get(&key(target)).into_iter().flatten();
                let tests: Vec<Test> = all.filter(|t| !t.ignored).cloned().collect();
                if tests.is_empty() {
                    return Err(Problem::Usage(format!("test target {} has no tests to run", target.name)));
                }
                Ok(tests)
            }
            Wanted::TestOf(target, test) => match self.find_test(test, Some(target))? {
                Some(found) => Ok(vec![found]),
                None => {
                    let tests = self.listed.get(&key(target)).into_iter().flatten();
                    Err(unknown_in(target, test, tests.map(|test| test.name.as_str())))
                }
            },
            Wanted::Test(test) => {
                if let Some(found) = self.find_test(test, None)? {
                    return Ok(vec![found]);
                }
                self.build_all()?;
                match self.find_test(test, None)? {
                    Some(found) => Ok(vec![found]),
                    None => Err(self.unknown(name)),
                }
            }
        }
    }

    /// The test of this name. It is looked for in `target`, or in all targets that were built if `target` is
    /// `None`.
    fn find_test(&self, wanted: &str, target: Option<&Target>) -> Result<Option<Test>, Problem> {
        let listed = self.listed.iter().filter(|(of, _)| target.is_none_or(|target| key(target) == **of));
        let listed: Vec<&Test> = listed.flat_map(|(_, tests)| tests).collect();
        for same in [names::is_same, names::is_same_without_part] {
            let found: Vec<&Test> = listed.iter().copied().filter(|t| same(&t.name, wanted)).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some((*one).clone())),
                several => {
                    let names: Vec<String> =
                        several.iter().map(|t| format!("{}::{}", t.target, t.name)).collect();
                    return Err(Problem::Usage(format!(
                        "{wanted:?} names several tests: {}",
                        names.join(", ")
                    )));
                }
            }
        }
        Ok(None)
    }

    fn unknown(&self, name: &str) -> Problem {
        let tests = self.listed.values().flatten().map(|t| t.name.as_str());
        let sources = self.sources.iter().flatten().flat_map(Sources::tests);
        self.project.unknown(name, tests.chain(sources))
    }

    /// Builds all targets of the root package, or of the package that the user has asked for. The test may be
    /// in any of these targets.
    fn build_all(&mut self) -> Result<(), Problem> {
        let project = self.project;
        let all: Vec<&Target> = project.targets.iter().filter(|t| t.is_home).collect();
        self.build_and_list(&all)
    }

    fn build_and_list(&mut self, targets: &[&Target]) -> Result<(), Problem> {
        let mut packages: BTreeMap<&str, Vec<&Target>> = BTreeMap::new();
        for target in targets {
            let of_package = packages.entry(&target.package).or_default();
            if !self.listed.contains_key(&key(target)) && !of_package.contains(target) {
                of_package.push(target);
            }
        }
        for targets in packages.values().filter(|t| !t.is_empty()) {
            let binaries = self.cargo_test(targets)?;
            for target in targets {
                let binary = binaries.get(&target.name).ok_or_else(|| {
                    Problem::Failure(format!("cargo built no binary for test target {}", target.name))
                })?;
                let tests = self.list(target, binary)?;
                self.listed.insert(key(target), tests);
            }
        }
        Ok(())
    }

    /// Checks the features that the user has asked for. The package must have them. The feature `sim` is
    /// refused, because `--sim` sets it.
    fn check_features(&self, target: &Target) -> Result<(), Problem> {
        for feature in &self.build.features {
            if feature == "sim" {
                return Err(Problem::Usage("--features sim: expected --sim instead".to_owned()));
            }
            if !target.features.contains(feature) {
                let all = target.features.iter().map(String::as_str);
                let known: Vec<&str> = all.filter(|name| !["sim", "default"].contains(name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::Usage(format!(
                    "--features {feature}: the package {} has no such feature; it has {known}",
                    target.package
                )));
            }
        }
        Ok(())
    }

    /// Builds targets of one package, and returns their binaries by name.
    fn cargo_test(&self, targets: &[&Target]) -> Result<BTreeMap<String, PathBuf>, Problem> {
        let first = targets.first().expect("the caller passes at least one target");
        self.check_features(first)?;
        let mut command: Vec<OsString> = vec![cargo::program()];
        command.extend(["test", "--no-run", "--message-format=json-render-diagnostics"].map(OsString::from));
        if !std::io::stderr().is_terminal() {
            command.push("--quiet".into());
        }
        // Without `-p`, cargo selects the same packages as `cargo test` does for the user. So it enables the
        // same features of the dependencies, and nothing is compiled twice.
        if first.dir != self.project.root {
            command.extend(["-p", &first.package].map(OsString::from));
        }
        let has_sim = first.features.iter().any(|name| name == "sim");
        let mode = if has_sim { self.mode } else { Mode::Real };
        command.extend(self.build.arguments(mode).into_iter().map(OsString::from));
        for target in targets {
            command.extend(["--test", &target.name].map(OsString::from));
        }
        let plan = Plan {
            command,
            dir: self.project.root.clone(),
            set: Vec::new(),
            unset: Vec::new(),
            death_signal: Signal::SIGTERM,
        };
        let manifest = first.dir.join("Cargo.toml");
        let mut binaries = BTreeMap::new();
        // On a terminal cargo itself shows the progress.
        let mut building = (!std::io::stderr().is_terminal()).then(|| Building::new(building(targets)));
        let ended = cargo::run(&plan, Stdio::inherit(), self.stop, None, |line| {
            binaries.extend(line.and_then(|line| executable(line, &manifest)));
            if let Some(building) = &mut building {
                building.take(line);
            }
        });
        match ended.map_err(|e| Problem::Failure(format!("cannot run cargo: {e}")))? {
            Ended::Exited(status) if status.success() => Ok(binaries),
            Ended::Exited(status) => {
                Err(Problem::Failure(format!("the tests do not build: cargo {}", describe(status))))
            }
            Ended::Interrupted(signal) => Err(Problem::Interrupted(signal)),
            Ended::TooLong => unreachable!("the build has no time limit"),
        }
    }

    /// Lists the tests of a binary.
    fn list(&self, target: &Target, binary: &Path) -> Result<Vec<Test>, Problem> {
        let all = self.list_with(target, binary, &["--list"])?;
        let ignored = self.list_with(target, binary, &["--list", "--ignored"])?;
        let test = |name: String| Test {
            package: target.package.clone(),
            target: target.name.clone(),
            ignored: ignored.contains(&name),
            build: self.build.clone(),
            name,
            binary: binary.to_owned(),
            dir: target.dir.clone(),
        };
        Ok(all.into_iter().map(test).collect())
    }

    fn list_with(&self, target: &Target, binary: &Path, args: &[&str]) -> Result<Vec<String>, Problem> {
        let fail = |why: String| Problem::Failure(format!("cannot list the tests of {}: {why}", target.name));
        let output = self.scratch.path("list");
        let mut command: Vec<OsString> = vec![binary.into()];
        command.extend(args.iter().map(OsString::from));
        // A test binary of the labs also checks the variables of the environment. The runs do not get these:
        // they have other values in a run, or none.
        let mut unset = vec![
            "LAB_SEED",
            "LAB_RUNS",
            "LAB_REPORT",
            "LAB_PAGE",
            "LAB_TRACE",
            "LAB_TRACE_MOST",
            "LAB_EXPECT",
        ];
        if self.mode == Mode::Sim {
            unset.push("LAB_LOG");
        }
        let plan =
            Plan { command, dir: target.dir.clone(), set: Vec::new(), unset, death_signal: Signal::SIGKILL };
        let mut process = Process::spawn(&plan, &output).map_err(|e| fail(e.to_string()))?;
        let since = Instant::now();
        let mut pause = Pause::default();
        let status = loop {
            if let Some(signal) = self.stop.interrupted() {
                return Err(Problem::Interrupted(signal));
            }
            if since.elapsed() > LIST_LIMIT {
                return Err(fail(format!("it took longer than {} s", LIST_LIMIT.as_secs())));
            }
            match process.poll().map_err(|e| fail(e.to_string()))? {
                Some(status) => break status,
                None => pause.sleep(),
            }
        };
        if !status.success() {
            return Err(match bad_variable(status.code(), &std::fs::read(&output).unwrap_or_default()) {
                Some(line) => Problem::Usage(line),
                None => fail(format!("{}{}", describe(status), last_words(&output))),
            });
        }
        let text = std::fs::read(&output).map_err(|e| fail(e.to_string()))?;
        forget(&output);
        Ok(listed(&String::from_utf8_lossy(&text)))
    }
}

/// The error for a name that no test of this target has. `tests` are the names of the target's tests.
fn unknown_in<'a>(target: &Target, test: &str, tests: impl Iterator<Item = &'a str>) -> Problem {
    let tests: BTreeSet<&str> = tests.collect();
    let near = names::nearest(names::last_segment(test), tests.iter().copied());
    let hint = match near.is_empty() {
        true => format!("it has {}", tests.into_iter().collect::<Vec<_>>().join(", ")),
        false => names::suggestion(&near),
    };
    Problem::Usage(format!("the test target {} has no test {test:?}; {hint}", target.name))
}

fn key(target: &Target) -> (String, String) {
    (target.package.clone(), target.name.clone())
}

/// Says what is built.
fn building(targets: &[&Target]) -> String {
    let names: Vec<&str> = targets.iter().take(5).map(|target| target.name.as_str()).collect();
    let more = targets.len() - names.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("dstest: building {}{more}", names.join(", "))
}

/// If this line of cargo's output is about a test binary of the package with this manifest, returns the name
/// and the path of the binary.
fn executable(line: &str, manifest: &Path) -> Option<(String, PathBuf)> {
    let value: Value = serde_json::from_str(line).ok()?;
    if value["reason"] != "compiler-artifact" || !is_test(&value["target"]) {
        return None;
    }
    if Path::new(value["manifest_path"].as_str()?) != manifest {
        return None;
    }
    Some((value["target"]["name"].as_str()?.to_owned(), PathBuf::from(value["executable"].as_str()?)))
}

/// The line with which a test binary refuses a variable: `LAB_MONITOR=yes: expected 1 ... or 0 ...`. `None`
/// if the binary has ended for another reason.
fn bad_variable(code: Option<i32>, output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let is_letter = |c: char| c.is_ascii_uppercase() || c == '_';
    let is_refusal = |line: &&str| {
        let rest = line.strip_prefix("LAB_").map(|rest| rest.trim_start_matches(is_letter));
        rest.is_some_and(|rest| rest.starts_with(": ") || (rest.starts_with('=') && rest.contains(": ")))
    };
    text.lines().find(is_refusal).filter(|_| code == Some(2)).map(str::to_owned)
}

/// The names in the output of `--list`.
fn listed(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        assert_eq!(
            listed("a_2a: test\nm::b: test\nbench: benchmark\n\n2 tests, 0 benchmarks\n"),
            ["a_2a", "m::b"]
        );
    }

    #[test]
    fn only_the_refusal_of_a_variable_is_a_bad_variable() {
        for line in ["LAB_MONITOR=yes: expected 1 or 0", "LAB_LOG: \"x\" is not a topic"] {
            let output = format!("[lab] features: wide\n{line}\n").into_bytes();
            assert_eq!(bad_variable(Some(2), &output).as_deref(), Some(line));
            assert_eq!(bad_variable(Some(101), &output), None);
        }
        for other in ["", "error: no such option", "LAB_x=1: expected", "LAB_SEED=1 cargo test"] {
            assert_eq!(bad_variable(Some(2), other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn metadata_without_its_fields_is_refused() {
        for text in ["{}", "[]", "null", r#"{"workspace_root":"/x","target_directory":1}"#] {
            let value = serde_json::from_str(text).expect("the text is JSON");
            assert!(Project::from_metadata(&value).is_none());
        }
    }

    #[test]
    fn only_test_artifacts_count() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"kind":["test"],"name":"lab2a"},"executable":"/t/lab2a"}"#;
        let manifest = Path::new("/p/Cargo.toml");
        assert_eq!(executable(line, manifest), Some(("lab2a".to_owned(), PathBuf::from("/t/lab2a"))));
        for other in [
            "",
            "not json",
            &line.replace("[\"test\"]", "[\"lib\"]"),
            &line.replace("\"/t/lab2a\"", "null"),
            &line.replace("/p/", "/p/cli/"),
        ] {
            assert_eq!(executable(other, manifest), None);
        }
    }
}
