//! The cargo project: its test targets, their binaries, and the tests in them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::cargo::{self, Ended};
use super::child::{Pause, last_words};
use super::names;
use super::process::{Plan, Process, describe};
use super::run::{Build, Mode, Stop, Test};
use super::scratch::{Scratch, forget};
use crate::problem::Problem;

/// How long a binary may take to list its tests.
const LIST_LIMIT: Duration = Duration::from_secs(30);

/// An integration test target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    package: String,
    name: String,
    dir: PathBuf,
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
        let mut targets = Vec::new();
        for package in value["packages"].as_array()? {
            let dir = Path::new(package["manifest_path"].as_str()?).parent()?.to_owned();
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
                    features: features.clone(),
                });
            }
        }
        Some(Project { root, target_dir, targets })
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
}

/// What a name can mean: a target, or probably a test. This is decided before it is known which tests the
/// targets have.
enum Wanted<'a> {
    Target(&'a Target),
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
        Builder { project, mode, build, scratch, stop, listed: BTreeMap::new() }
    }

    /// Finds the tests for the names in `asked`. A name means one test, or all tests of a target. Returns the
    /// tests in the order of `asked`, and each test only once.
    ///
    /// # Errors
    /// [`Problem::Usage`] if a name in `asked` is unknown; the error contains the nearest known names.
    /// [`Problem::Failure`] if a build fails.
    pub fn resolve(&mut self, asked: &[String]) -> Result<Vec<Test>, Problem> {
        let mut wanted = Vec::new();
        let mut needed = Vec::new();
        for name in asked {
            if let Some(target) = self.project.target(&names::target_of(name))? {
                needed.push(target);
                wanted.push((name, Wanted::Target(target)));
                continue;
            }
            let test = names::test_of(name);
            if let Some(likely) = names::likely_target(&test) {
                needed.extend(self.project.target(&likely)?);
            }
            wanted.push((name, Wanted::Test(test)));
        }
        self.build_and_list(&needed)?;
        let mut tests: Vec<Test> = Vec::new();
        for (name, wanted) in wanted {
            for test in self.find(name, &wanted)? {
                if !tests.iter().any(|t| t.binary == test.binary && t.name == test.name) {
                    tests.push(test);
                }
            }
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
            Wanted::Test(test) => {
                if let Some(found) = self.find_test(test)? {
                    return Ok(vec![found]);
                }
                self.build_all()?;
                match self.find_test(test)? {
                    Some(found) => Ok(vec![found]),
                    None => Err(self.unknown(name)),
                }
            }
        }
    }

    fn find_test(&self, wanted: &str) -> Result<Option<Test>, Problem> {
        for same in [names::is_same, names::is_same_without_part] {
            let found: Vec<&Test> =
                self.listed.values().flatten().filter(|t| same(&t.name, wanted)).collect();
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Some((*one).clone())),
                several => {
                    let names: Vec<String> =
                        several.iter().map(|t| format!("{} of {}", t.name, t.target)).collect();
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
        let targets = self.project.targets.iter().map(|t| t.name.as_str());
        let near = names::nearest(name, tests.chain(targets));
        let mut text = format!("no test or test target is called {name:?}");
        if near.is_empty() {
            let mut targets: Vec<&str> = self.project.targets.iter().map(|t| t.name.as_str()).collect();
            targets.sort_unstable();
            text += &format!("; the test targets are {}", targets.join(", "));
        } else {
            text += &format!("; the nearest known names are {}", near.join(", "));
        }
        Problem::Usage(text)
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
        let ended = cargo::run(&plan, Stdio::inherit(), self.stop, None, |line| {
            binaries.extend(executable(line, &manifest));
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

    /// Copies a binary, and lists the tests of the copy.
    fn list(&self, target: &Target, binary: &Path) -> Result<Vec<Test>, Problem> {
        let copy = self.scratch.copy_of(binary).map_err(Problem::Failure)?;
        let all = self.list_with(target, &copy, &["--list"])?;
        let ignored = self.list_with(target, &copy, &["--list", "--ignored"])?;
        let test = |name: String| Test {
            package: target.package.clone(),
            target: target.name.clone(),
            ignored: ignored.contains(&name),
            build: self.build.clone(),
            name,
            binary: copy.clone(),
            dir: target.dir.clone(),
        };
        Ok(all.into_iter().map(test).collect())
    }

    fn list_with(&self, target: &Target, binary: &Path, args: &[&str]) -> Result<Vec<String>, Problem> {
        let fail = |why: String| Problem::Failure(format!("cannot list the tests of {}: {why}", target.name));
        let output = self.scratch.path("list");
        let mut command: Vec<OsString> = vec![binary.into()];
        command.extend(args.iter().map(OsString::from));
        let unset = vec!["LAB_REPORT", "LAB_TRACE", "LAB_EXPECT"];
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
            return Err(fail(format!("{}{}", describe(status), last_words(&output))));
        }
        let text = std::fs::read(&output).map_err(|e| fail(e.to_string()))?;
        forget(&output);
        Ok(listed(&String::from_utf8_lossy(&text)))
    }
}

fn key(target: &Target) -> (String, String) {
    (target.package.clone(), target.name.clone())
}

/// The name and the path of a test binary, if this line of cargo's output contains them, and if the binary
/// belongs to the package with this manifest.
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
