//! The grader's own package. The sources of each submission are copied into it, one submission after the
//! other.
//!
//! All submissions share the package's lock file and its target folder, and nearly all of its manifest. So
//! the judge and its dependencies are compiled only once. For a submission, only its own code is compiled,
//! and the test binaries are linked. The library of the package is always called `starter`, even if the
//! submission's library has another name. So the tests of the starter work without a change.
//!
//! If sources have not changed, cargo does not compile them again. But a submission must never be judged with
//! the binaries of the submission before it. Three things prevent this. The files of each submission are
//! newly written. The package's description is different each time, so cargo compiles again. The test
//! binaries contain a new random text, the [seal](Package::seal).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use toml::{Table, Value};

use super::config::Config;
use super::submission::Taken;
use crate::dstest::run::Mode;
use crate::dstest::scratch::random;

/// The name of the package. Replay lines contain it.
pub const NAME: &str = "submission";
/// The name of the package's library, which the tests import.
pub const LIBRARY: &str = "starter";
/// The name of the crate with the Raft for labs 3 and 4.
const SOLVED: &str = "solved-raft";
/// The variable with the path of the file into which a test binary writes its seal.
pub const SEAL_FILE: &str = "LAB_GRADE_SEAL";

/// The grader's package.
pub struct Package {
    /// The folder of the package.
    pub dir: PathBuf,
    /// The folder into which cargo builds.
    pub target: PathBuf,
    /// The suites, each of which is a test target.
    pub suites: Vec<&'static str>,
    /// The checkout with the judge.
    pub labs: PathBuf,
    /// The features with which the package is built.
    pub features: Vec<&'static str>,
    /// The part of the manifest that all submissions have in common.
    manifest: Table,
    /// The random text that the test binaries of the current submission contain.
    seal: String,
    _lock: Flock<File>,
}

impl Package {
    /// Makes the package below `work`. The judge and the starter's tests come from the checkout `labs`.
    ///
    /// # Errors
    /// When something is missing in the checkout, or when a file cannot be written. The error says what.
    pub fn prepare(labs: &Path, work: &Path, config: &Config) -> Result<Package, String> {
        let dir = work.join("package");
        fs::create_dir_all(&dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
        let lock = lock(&work.join("lock"))?;
        let suites = config.suites();
        let manifest = common_manifest(labs, &suites, config)?;
        take_lock_file(&labs.join("Cargo.lock"), &dir)
            .map_err(|error| format!("cannot take {}/Cargo.lock: {error}", labs.display()))?;
        let package = Package {
            target: work.join("target"),
            labs: labs.to_owned(),
            dir,
            suites,
            features: features(config),
            manifest,
            seal: String::new(),
            _lock: lock,
        };
        package.write_judges()?;
        if config.solved_raft {
            package.write_solved_raft()?;
        }
        Ok(package)
    }

    /// The folder for the sources of a submission.
    pub fn src(&self) -> PathBuf {
        self.dir.join("src")
    }

    /// The starter's folder. Before the grader builds the first submission, it builds the judge together with
    /// the starter.
    pub fn starter(&self) -> PathBuf {
        self.labs.join("starter")
    }

    /// The seal: a random text that a test binary of the current submission writes when its judge has ended.
    pub fn seal(&self) -> &str {
        &self.seal
    }

    /// Writes the manifest and the tests for the submission that is in [`Package::src`] now.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn adapt(&mut self, taken: &Taken) -> Result<(), String> {
        self.seal = format!("{:016x}{:016x}", random(), random());
        let mut manifest = self.manifest.clone();
        if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
            package.insert("edition".to_owned(), taken.edition.clone().into());
            package.insert("description".to_owned(), format!("a submission, {:016x}", random()).into());
        }
        if let Some(lib) = manifest.get_mut("lib").and_then(Value::as_table_mut) {
            let path = Path::new("src").join(&taken.lib);
            lib.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
        }
        let text = toml::to_string(&manifest).map_err(|error| format!("the grader's manifest: {error}"))?;
        self.write("Cargo.toml", &text)?;
        for suite in &self.suites {
            self.write(&format!("tests/{suite}.rs"), &main_of(suite, &self.seal))?;
        }
        Ok(())
    }

    /// Writes the starter's tests with a public `main`, so that the grader's tests can call it.
    fn write_judges(&self) -> Result<(), String> {
        for suite in &self.suites {
            let from = self.starter().join(format!("tests/{suite}.rs"));
            let text = fs::read_to_string(&from).map_err(|error| {
                format!("{}: {error}: the starter of this checkout has no tests of {suite}", from.display())
            })?;
            let open = text.replacen("\nfn main()", "\npub fn main()", 1);
            if open == text {
                return Err(format!("{}: expected a `fn main()`", from.display()));
            }
            self.write(&format!("tests/judge/{suite}.rs"), &open)?;
        }
        Ok(())
    }

    /// Writes a crate that has this project's Raft and none of its services.
    fn write_solved_raft(&self) -> Result<(), String> {
        let labs = self.labs.to_string_lossy().into_owned();
        let manifest = table([
            ("package", table([("name", SOLVED.into()), ("edition", "2024".into())]).into()),
            ("features", table([("sim", vec![Value::from("labs/sim")].into())]).into()),
            (
                "dependencies",
                table([("labs", table([("package", "mit6824".into()), ("path", labs.into())]).into())])
                    .into(),
            ),
        ]);
        let text =
            toml::to_string(&manifest).map_err(|error| format!("the manifest of {SOLVED}: {error}"))?;
        self.write(&format!("{SOLVED}/Cargo.toml"), &text)?;
        self.write(&format!("{SOLVED}/src/lib.rs"), "pub mod raft {\n    pub use labs::raft::*;\n}\n")
    }

    /// Writes a file of the package.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.dir.join(name);
        let write = || -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(&self.dir))?;
            fs::write(&path, text)
        };
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

fn features(config: &Config) -> Vec<&'static str> {
    let all = [("sim", config.clock == Mode::Sim), ("solved-raft", config.solved_raft)];
    all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
}

/// Copies the labs' lock file into the package. Cargo then removes the crates that are not needed, and adds
/// the crates that grade.toml allows. This changed lock file is used until the labs' lock file changes.
fn take_lock_file(from: &Path, dir: &Path) -> io::Result<()> {
    let (lock, origin) = (dir.join("Cargo.lock"), dir.join("Cargo.lock.labs"));
    let text = fs::read(from)?;
    if lock.exists() && fs::read(&origin).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(&lock, &text)?;
    fs::write(origin, text)
}

/// Locks the folder. Two graders in one folder would overwrite each other's submission.
fn lock(path: &Path) -> Result<Flock<File>, String> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        format!(
            "another `lab grade` works in this folder ({}); choose another folder with --work",
            path.display()
        )
    })
}

/// The `main` of a test binary. It writes the seal after the judge has ended. If the submission calls `exit`,
/// the seal is not written.
fn main_of(suite: &str, seal: &str) -> String {
    format!(
        r#"//! Made by `lab grade`: the judge of {suite}, and a seal that says that it has come to its end.

#[path = "judge/{suite}.rs"]
mod judge;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {{
    let file = std::env::var_os("{SEAL_FILE}").map(PathBuf::from);
    let code = judge::main();
    if let Some(file) = file
        && let Err(error) = std::fs::write(&file, "{seal}")
    {{
        eprintln!("cannot write {{}}: {{error}}", file.display());
    }}
    code
}}
"#
    )
}

/// The part of the manifest that is the same for all submissions. Versions and profiles are those of the
/// checkout.
fn common_manifest(labs: &Path, suites: &[&str], config: &Config) -> Result<Table, String> {
    let path = labs.join("Cargo.toml");
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}: expected a checkout of the labs", path.display()))?;
    let workspace: Table = text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
    let serde =
        workspace.get("workspace").and_then(|it| it.get("dependencies")).and_then(|it| it.get("serde"));
    let serde =
        serde.ok_or_else(|| format!("{}: expected a version of serde for the workspace", path.display()))?;

    let local =
        |name: &str| Value::Table(table([("path", labs.join(name).to_string_lossy().into_owned().into())]));
    let mut dependencies = Table::new();
    for name in ["labapi", "labgob", "labrpc", "labrt"] {
        dependencies.insert(name.to_owned(), local(name));
    }
    dependencies.insert("serde".to_owned(), serde.clone());
    dependencies.extend(config.dependencies.clone());
    let test = |name: &&str| Value::Table(table([("name", (*name).into()), ("harness", false.into())]));
    let mut sim: Vec<Value> = ["labapi/sim", "labrpc/sim", "labrt/sim"].map(Value::from).to_vec();
    let mut solved: Vec<Value> = Vec::new();
    if config.solved_raft {
        let pairs = [("package", SOLVED.into()), ("path", SOLVED.into()), ("optional", true.into())];
        dependencies.insert("mit6824".to_owned(), table(pairs).into());
        sim.push("mit6824?/sim".into());
        solved.push("dep:mit6824".into());
    }
    let features = [("sim", sim.into()), ("solved-raft", solved.into())];
    let off = |name: &'static str| (name, Value::from(false));
    let mut package =
        table(["build", "autobins", "autotests", "autobenches", "autoexamples", "publish"].map(off));
    package.insert("name".to_owned(), NAME.into());
    package.insert("version".to_owned(), "0.0.0".into());
    let mut manifest = table([
        ("package", package.into()),
        ("lib", table([("name", LIBRARY.into()), off("doctest"), off("test")]).into()),
        ("features", table(features).into()),
        ("dependencies", dependencies.into()),
        ("dev-dependencies", table([("labtest", local("labtest"))]).into()),
        ("test", suites.iter().map(test).collect::<Vec<_>>().into()),
        ("lints", table([("rust", table([("unsafe_code", "forbid".into())]).into())]).into()),
        ("workspace", Table::new().into()),
    ]);
    if let Some(mut profile) = workspace.get("profile").cloned() {
        // Cargo warns about profiles of packages that it does not find.
        let packages = profile.get_mut("dev").and_then(|dev| dev.get_mut("package"));
        if let Some(packages) = packages.and_then(Value::as_table_mut) {
            packages.remove(env!("CARGO_PKG_NAME"));
        }
        manifest.insert("profile".to_owned(), profile);
    }
    Ok(manifest)
}

fn table<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
