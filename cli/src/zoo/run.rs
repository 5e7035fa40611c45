//! `lab zoo run`: builds the project with one animal's mistake, and runs the tests that may find it until one
//! of them fails.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::animal::Animal;
use super::copy::{Copy, Scope};
use super::known::Known;
use super::results::Method;
use super::tree::{Assertions, Tree};
use crate::dstest::child::Pause;
use crate::dstest::project::Project;
use crate::dstest::report::unescape;
use crate::dstest::run::Stop;
use crate::problem::Problem;
use crate::shell::{quoted, shown};

/// Arguments of `lab zoo run`.
#[derive(clap::Args)]
pub struct Args {
    /// The name of the animal
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How many seeds each test gets
    #[arg(short = 'n', long, value_name = "SEEDS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// Random seed of the first run of each test, decimal or 0x hex
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = crate::dstest::report::parse_seed)]
    pub seed: u64,
    /// Run without the monitor: only the tests themselves can fail
    #[arg(long)]
    pub no_monitor: bool,
    /// Leave the assertions of Raft's rules in the sources
    #[arg(long)]
    pub assertions: bool,
    /// Let a run fail if it has warnings
    #[arg(long)]
    pub strict: bool,
    /// Run these tests or test targets instead of those that the animal names
    #[arg(long, value_name = "TEST,...", value_delimiter = ',')]
    pub tests: Vec<String>,
    /// How many real seconds one run may take
    #[arg(short, long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
}

/// A call of `lab dstest` in the copy.
pub struct Campaign<'a> {
    /// The copy.
    pub tree: &'a Tree,
    /// Tests and test targets.
    pub tests: &'a [String],
    /// How many seeds each test gets.
    pub seeds: u64,
    /// Whether the monitor is on.
    pub monitor: bool,
    /// Environment variables of the call.
    pub variables: Vec<(String, OsString)>,
    /// Further arguments of `lab dstest`.
    pub more: Vec<OsString>,
    /// How many real seconds one run may take.
    pub timeout: u64,
}

impl Campaign<'_> {
    /// Runs the campaign. The table that `lab dstest` prints is thrown away. The messages of `lab dstest` go
    /// to the file `said`, or to stderr if `said` is `None`. A signal that stops this program also stops the
    /// campaign.
    pub fn run(&self, stop: &Stop, said: Option<&Path>) -> Result<ExitStatus, Problem> {
        let fail = |error: std::io::Error| Problem::Failure(format!("cannot run lab dstest: {error}"));
        // `/proc/self/exe` is the program that runs now, even if its file was built again meanwhile.
        // `dstest-exec` ends the campaign with a signal if this program is killed.
        let mut command = self.tree.command(Path::new("/proc/self/exe"));
        command.args(["dstest-exec", "--parent", &std::process::id().to_string()]);
        command.args(["--signal", "SIGTERM", "--", "/proc/self/exe"]);
        command.args(["dstest", "--sim", "-n", &self.seeds.to_string(), "-t", &self.timeout.to_string()]);
        command.arg("--root").arg(&self.tree.dir).args(&self.more).args(self.tests);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("LAB_MONITOR", if self.monitor { "1" } else { "0" });
        // On a machine with other work, a run may be slow without being stuck. So the watchdog is off. A run
        // that is stuck is ended by `--timeout`.
        command.env("LAB_WATCHDOG_S", "0");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(said) = said {
            // Nobody reads the backtraces of these runs, and a backtrace takes longer than most runs.
            command.env("RUST_BACKTRACE", "0");
            command.stderr(File::create(said).map_err(fail)?);
        }
        let mut child = command.spawn().map_err(fail)?;
        let (mut pause, mut told) = (Pause::default(), false);
        let status = loop {
            if let Some(status) = child.try_wait().map_err(fail)? {
                break status;
            }
            if stop.interrupted().is_some() && !told {
                told = true;
                let pid = Pid::from_raw(child.id().cast_signed());
                // If the child has ended meanwhile, it needs no signal. So an error is ignored.
                let _ = kill(pid, Signal::SIGTERM);
            }
            pause.sleep();
        };
        match stop.interrupted() {
            Some(signal) => Err(Problem::Interrupted(signal)),
            None => {
                self.tree.built();
                Ok(status)
            }
        }
    }
}

/// Runs `lab zoo run`.
pub fn run(
    root: &Path,
    known: &Known,
    animals: &[Animal],
    animal: &Animal,
    args: &Args,
    stop: &Stop,
) -> Result<String, Problem> {
    // If a change does not fit the sources, the command fails here, before anything is built.
    super::diff::apply(root, animal).map_err(Problem::Failure)?;
    if !args.tests.is_empty() {
        Project::load(Some(root))?.check_names(&args.tests)?;
    }
    let copy = Copy::of(root, animals, Scope::Library, stop)?;
    let assertions = if args.assertions { Assertions::On } else { Assertions::Off };
    let variables = copy.put(animal, assertions).map_err(Problem::Failure)?;
    let out = root.join("out").join(format!("zoo-{}-{}", animal.name, crate::dstest::timestamp()));
    let mut more: Vec<OsString> = vec!["--until-fail".into(), "--seed".into(), args.seed.to_string().into()];
    more.extend(["-o".into(), out.clone().into_os_string()]);
    if args.strict {
        more.push("--strict".into());
    }
    let tests = if args.tests.is_empty() { &Method::Monitor.targets(animal, known) } else { &args.tests };
    eprintln!("zoo: {}: {}", animal.name, animal.title);
    if let Some(why) = copy.refused().get(&animal.name) {
        eprintln!("zoo: this animal needs a build of its own: {why}");
    }
    let campaign = Campaign {
        tree: &copy.tree,
        tests,
        seeds: args.seeds,
        monitor: !args.no_monitor,
        variables: variables.clone(),
        more,
        timeout: args.timeout,
    };
    let status = campaign.run(stop, None)?;
    let found = fs::read_to_string(out.join("failures.txt")).ok();
    match found.as_deref().and_then(|text| text.lines().next()) {
        Some(line) => Ok(failure(line, &out, &copy.tree, &variables)),
        None if status.success() => Ok(format!(
            "nothing failed: {} seeds of each test of {}, monitor {}\n",
            args.seeds,
            tests.join(", "),
            if args.no_monitor { "off" } else { "on" }
        )),
        None => {
            Err(Problem::Failure(format!("{} was not tested: lab dstest has failed ({status})", animal.name)))
        }
    }
}

/// Describes the failure that a line of `failures.txt` reports. The line has the target, the test, the seed,
/// the message and the replay line.
fn failure(line: &str, out: &Path, tree: &Tree, variables: &[(String, OsString)]) -> String {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[target, test, seed, message, replay] = fields.as_slice() else {
        return format!("a test failed: {line}\n");
    };
    let message = unescape(message).unwrap_or_else(|_| message.to_owned());
    let message = message.lines().next().unwrap_or_default();
    let mut text = format!("{test} ({target}) failed with seed {seed}:\n{message}\n");
    let files = fs::read_dir(out).map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()));
    let pages =
        files.into_iter().flatten().filter(|path: &PathBuf| path.extension().is_some_and(|e| e == "html"));
    let is_history = |path: &PathBuf| path.to_string_lossy().ends_with("-history.html");
    let (histories, runs): (Vec<PathBuf>, Vec<PathBuf>) = pages.partition(is_history);
    for (what, page) in [("page:   ", runs.first()), ("history:", histories.first())] {
        if let Some(page) = page {
            text += &format!("{what} {}\n", shown(page));
        }
    }
    let dir = std::path::absolute(&tree.dir).unwrap_or_else(|_| tree.dir.clone());
    text += &format!("replay: cd {} && {}\n", quoted(&dir.to_string_lossy()), named(replay, variables));
    if variables.is_empty() {
        let zoo = crate::called("zoo");
        text += &format!(
            "(until another animal is put there: the next `{zoo} run` or `{zoo} matrix` changes that folder)\n"
        );
    }
    text
}

/// The replay line, with these variables at its beginning. They say which mistake is replayed, so they come
/// first. A line that the test itself has printed has these variables already, at another place.
fn named(replay: &str, variables: &[(String, OsString)]) -> String {
    let mut line = replay.to_owned();
    for (name, value) in variables.iter().rev() {
        let variable = format!("{name}={} ", value.to_string_lossy());
        line = format!("{variable}{}", line.replacen(&variable, "", 1));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistake_comes_first_and_only_once() {
        let variables = [("LAB_ZOO".to_owned(), "a".into()), ("LAB_ZOO_ASSERTIONS".to_owned(), "1".into())];
        let wanted = "LAB_ZOO=a LAB_ZOO_ASSERTIONS=1 LAB_SEED=0x1 LAB_MONITOR=1 cargo test";
        for replay in [
            "LAB_SEED=0x1 LAB_ZOO=a LAB_ZOO_ASSERTIONS=1 LAB_MONITOR=1 cargo test",
            "LAB_SEED=0x1 LAB_MONITOR=1 cargo test",
        ] {
            assert_eq!(named(replay, &variables), wanted);
        }
        assert_eq!(named("LAB_SEED=0x1 cargo test", &[]), "LAB_SEED=0x1 cargo test");
    }
}
