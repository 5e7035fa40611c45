//! [`run`] and [`Run`] execute the body of a test with one or more seeds. They report a failure, and print
//! the command that replays the failed run.

use crate::env::{self, Seed};
use crate::locks::Discipline;
use crate::observer::Observer;
use crate::outcome::{Failure, Outcome, Summary};
use crate::{imp, is_sim, logging, rng};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The identity of a test. A replay line is made from it: the shell command that runs the test again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The cargo package to which the test belongs.
    pub package: String,
    /// The arguments of `cargo test` that choose the test binary, such as `--test lab2a`.
    pub target: String,
    /// The name of the test.
    pub test: String,
    /// True if the test runs only with `--ignored`.
    pub ignored: bool,
    /// The cargo features that are on, without `sim`.
    features: Vec<String>,
}

/// The [`Identity`] of the crate in which this macro is used. [`Identity::with_test`] adds the name
/// of a test.
#[macro_export]
macro_rules! here {
    () => {
        $crate::Identity::of_target(
            env!("CARGO_PKG_NAME"),
            match option_env!("CARGO_TARGET_TMPDIR") {
                Some(_) => concat!("--test ", env!("CARGO_CRATE_NAME")),
                None => "--lib",
            },
        )
    };
}

impl Identity {
    /// The identity of a target of a package, without the name of a test. `target` has the arguments of
    /// `cargo test` that choose this target.
    pub fn of_target(package: &str, target: &str) -> Identity {
        Identity { package: package.to_string(), target: target.to_string(), ..Identity::default() }
    }

    /// Returns the same identity. If `on` is true, the result also has the cargo feature `name`:
    /// `here!().with_feature("fast", cfg!(feature = "fast"))`. A replay line names the features that are on.
    /// The feature `sim` does not have to be added, because labrt knows whether it is on.
    pub fn with_feature(&self, name: &str, on: bool) -> Identity {
        let mut identity = self.clone();
        identity.features.retain(|feature| feature != name);
        if on {
            identity.features.push(name.to_string());
        }
        identity
    }

    /// The cargo features that are on, without `sim`. They are in the order of the calls of
    /// [`Identity::with_feature`].
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// The same identity with the name of a test.
    pub fn with_test(&self, test: &str, ignored: bool) -> Identity {
        Identity { test: test.to_string(), ignored, ..self.clone() }
    }

    /// Guesses the identity from the running process. This is used for a plain `#[test]`: the name of its
    /// thread is the name of the test.
    fn of_process() -> Identity {
        let exe = std::env::current_exe().ok();
        let stem = exe.as_ref().and_then(|p| p.file_stem()).map(|s| s.to_string_lossy().to_string());
        let binary = stem.as_deref().and_then(|s| s.rsplit_once('-')).map(|(name, _)| name.to_string());
        let crate_name = env::process("CARGO_PKG_NAME").map(|p| p.replace('-', "_"));
        let target = match binary {
            Some(b) if Some(&b) == crate_name.as_ref() => "--lib".to_string(),
            Some(b) => format!("--test {b}"),
            None => String::new(),
        };
        let test = std::thread::current().name().unwrap_or("main").to_string();
        let package = env::process("CARGO_PKG_NAME").unwrap_or_default();
        Identity { test, ..Identity::of_target(&package, &target) }
    }
}

/// The settings with which the body of a test is executed. [`Run::from_env`] reads them from the `LAB_*`
/// variables.
#[derive(Clone, Debug)]
pub struct Run {
    /// The first seed. Each following run has the next number as its seed.
    pub seed: u64,
    /// The number of runs, each with its own seed.
    pub runs: u64,
    /// Virtual time: the rate of preemption. `Some(n)` means: when a task locks a lock, sends or notifies,
    /// there is a chance of 1 in `n` that another ready task runs first. With `Some(0)`, this never happens.
    /// With `None`, each seed has its own `n`, so that tasks are switched often with some seeds, and rarely
    /// with others.
    pub preempt: Option<u64>,
    /// Virtual time: the longest random delay that is added to a sleep or a timeout.
    pub jitter: Duration,
    /// The time limit of a run, on the run's own clock. A run that takes longer fails. The default is 3600 s
    /// in virtual time and 180 s on real threads.
    pub limit: Duration,
    /// Virtual time: the size of a task's stack in bytes.
    pub stack: usize,
    /// Virtual time: if this is true, every seed is executed twice, and the two traces are compared.
    pub check: bool,
    /// If this is true, nothing is printed about panics. Use it for runs that are expected to fail.
    pub quiet: bool,
    /// What labrt does when it finds a mistake against the lock discipline.
    pub discipline: Discipline,
    /// Real threads: if this is true, the recent events are kept. Benchmarks switch this off.
    pub events: bool,
    /// The file to which the events of the last run are written.
    pub trace_file: Option<PathBuf>,
    /// Virtual time: at least this number of the last events is kept for `trace_file`. The file has at most
    /// twice as many events.
    pub trace_most: usize,
    /// The hash that the trace must have, if the hash is to be checked.
    pub expect: Option<u64>,
    /// The file to which labrt writes a line when a run starts, and another line when the run ends. If there
    /// is such a file, a failure does not stop the other seeds.
    pub report: Option<PathBuf>,
    /// A function that is called for the first run that fails, after the failure was printed.
    pub on_failure: Option<fn(&Failed<'_>)>,
    /// Finds hints for a failure. It gets the name of the test and the text of the failure. The lines that it
    /// returns are printed below the failure, and they are in the first line of the run's trace file.
    pub hints: Option<fn(&str, &str) -> Vec<String>>,
    /// Makes the observer of a run. Each run gets a new one.
    pub observer: Option<fn() -> Box<dyn Observer>>,
    /// The identity of the test, for the replay line.
    pub identity: Identity,
    /// Environment variables that change what the run does, but that this crate does not read. A replay line
    /// sets them.
    pub variables: Vec<(String, String)>,
}

/// A run that has failed. This is the argument of [`Run::on_failure`].
pub struct Failed<'a> {
    /// The settings of the failed run.
    pub run: &'a Run,
    /// The result of the failed run.
    pub outcome: &'a Outcome,
    body: &'a Arc<dyn Fn() + Send + Sync>,
}

impl Failed<'_> {
    /// Executes the same body with the same seed again, but with the settings in `run`. In virtual time the
    /// new run is the same as the failed one, if the new settings do not change the schedule. No log lines
    /// are printed.
    pub fn again(&self, run: &Run) -> Outcome {
        logging::muted(|| run.once_dyn(self.outcome.seed, self.body))
    }
}

/// Executes the body of a test with the settings of the `LAB_*` variables. If a run fails, this prints a
/// report with the replay line, and panics.
#[track_caller]
pub fn run(f: impl Fn() + Send + Sync + 'static) {
    let outcome = Run::from_env(Identity::of_process()).and_then(|r| r.execute(f));
    if let Err(message) = outcome {
        panic!("{message}");
    }
}

fn system_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut h = std::collections::hash_map::RandomState::new().build_hasher();
    h.write_u32(std::process::id());
    h.finish()
}

impl Default for Run {
    /// The settings for one run with seed 0. The environment is not read. Code that needs other settings can
    /// start from these.
    fn default() -> Run {
        Run {
            seed: 0,
            runs: 1,
            preempt: None,
            jitter: Duration::from_micros(100),
            limit: Duration::from_secs(if is_sim() { 3600 } else { 180 }),
            stack: 256 * 1024,
            check: false,
            quiet: false,
            discipline: Discipline::Fail,
            events: true,
            trace_file: None,
            trace_most: usize::MAX,
            expect: None,
            report: None,
            on_failure: None,
            hints: None,
            observer: None,
            identity: Identity::default(),
            variables: Vec::new(),
        }
    }
}

impl Run {
    /// Reads the settings from the `LAB_*` variables.
    ///
    /// # Errors
    /// If a variable has a bad value. The message names the variable, its value and the expected form.
    pub fn from_env(identity: Identity) -> Result<Run, String> {
        logging::init_from(&env::process)?;
        let run = Run::from_lookup(identity, &env::process)?;
        run.check_files()?;
        Ok(run)
    }

    /// Checks the values of the `LAB_*` variables that [`Run::from_env`] reads. Nothing is printed, and no
    /// file is written.
    ///
    /// # Errors
    /// If a variable has a bad value. The message names the variable, its value and the expected form.
    pub fn check_env() -> Result<(), String> {
        logging::init_from(&env::process)?;
        // If the seed is random, `from_lookup` prints it.
        let lookup = |name: &str| env::process(name).filter(|value| value != "random");
        Run::from_lookup(Identity::default(), &lookup).map(drop)
    }

    /// Checks that the files can be written. This is done before the run, so that a bad path is reported
    /// before the run and not after it.
    fn check_files(&self) -> Result<(), String> {
        for (name, path) in [("LAB_TRACE", &self.trace_file), ("LAB_REPORT", &self.report)] {
            let Some(path) = path else { continue };
            append_to(path)
                .map_err(|e| format!("{name}={}: expected a file to write: {e}", path.display()))?;
        }
        Ok(())
    }

    fn from_lookup(identity: Identity, lookup: &env::Lookup<'_>) -> Result<Run, String> {
        let base = Run::default();
        let seed = match env::seed(lookup)? {
            Seed::Given(seed) => seed,
            Seed::Random => {
                let seed = system_seed();
                println!("[lab] {}: LAB_SEED={seed:#x}", identity.test);
                seed
            }
            // This seed is the same in every process. So a test that has passed once will pass again.
            Seed::Unset if is_sim() => rng::hash_str(&identity.test),
            Seed::Unset => system_seed(),
        };
        let seconds = |name, default: Duration| -> Result<Duration, String> {
            Ok(env::number(lookup, name, 1..=10_000_000)?.map_or(default, Duration::from_secs))
        };
        if let Some(other) = lookup("LAB_BACKEND").filter(|b| b != "threads" && b != "coroutines") {
            return Err(format!("LAB_BACKEND={other}: expected `coroutines` or `threads`"));
        }
        env::number(lookup, "LAB_WATCHDOG_S", 0..=1_000_000)?;
        Ok(Run {
            seed,
            runs: env::number(lookup, "LAB_RUNS", 1..=1_000_000_000_000)?.unwrap_or(base.runs),
            preempt: env::number(lookup, "LAB_PREEMPT", 0..=1_000_000)?,
            jitter: env::number(lookup, "LAB_JITTER_US", 0..=1_000_000)?
                .map_or(base.jitter, Duration::from_micros),
            limit: seconds("LAB_LIMIT_S", base.limit)?,
            stack: env::number(lookup, "LAB_STACK_KB", 16..=1_048_576)?
                .map_or(base.stack, |kb| kb as usize * 1024),
            check: env::switch(lookup, "LAB_CHECK")?,
            trace_file: lookup("LAB_TRACE").map(PathBuf::from),
            trace_most: env::number(lookup, "LAB_TRACE_MOST", 1..=1_000_000_000)?
                .map_or(base.trace_most, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            expect: env::trace_hash(lookup, "LAB_EXPECT")?,
            report: lookup("LAB_REPORT").map(PathBuf::from),
            identity,
            ..base
        })
    }

    /// Executes the body with all seeds, one after the other. If there is no report file, the call stops
    /// after the first seed that fails. Each failure is printed with its replay line.
    ///
    /// # Errors
    /// If a run has failed. The text describes the first failure, in one line.
    pub fn execute(&self, f: impl Fn() + Send + Sync + 'static) -> Result<Summary, String> {
        let f: Arc<dyn Fn() + Send + Sync> = Arc::new(f);
        let mut report = Report::open(self)?;
        let mut sum = Summary { seed: self.seed, ..Summary::default() };
        let mut first_failure = None;
        for i in 0..self.runs {
            let seed = self.seed.wrapping_add(i);
            report.start(seed)?;
            let outcome = self.checked(seed, &f);
            sum.runs += 1;
            sum.seconds += outcome.stats.time_ns as f64 / 1e9;
            sum.cpu_seconds += outcome.stats.cpu_ns as f64 / 1e9;
            sum.warnings += outcome.stats.warnings;
            report.end(self, &outcome)?;
            if let Some(failure) = &outcome.failure {
                let line = format!(
                    "seed {seed:#x} failed at t={:.6}s in {}: {}",
                    failure.at.as_secs_f64(),
                    failure.thread,
                    failure.message
                );
                self.print_failure(&line, &outcome);
                if let Some(tell) = self.on_failure.filter(|_| first_failure.is_none()) {
                    tell(&Failed { run: self, outcome: &outcome, body: &f });
                }
                first_failure.get_or_insert(line);
                if self.report.is_none() {
                    break;
                }
            }
        }
        first_failure.map_or(Ok(sum), Err)
    }

    /// Executes the body with one seed. If the body fails, this call does not panic.
    pub fn once(&self, seed: u64, f: impl Fn() + Send + Sync + 'static) -> Outcome {
        let f: Arc<dyn Fn() + Send + Sync> = Arc::new(f);
        self.once_dyn(seed, &f)
    }

    fn once_dyn(&self, seed: u64, f: &Arc<dyn Fn() + Send + Sync>) -> Outcome {
        crate::panics::install_hook();
        let f = f.clone();
        let cpu = process_cpu();
        let mut outcome = imp::run_one(self, seed, Box::new(move || f()));
        outcome.stats.cpu_ns = process_cpu().saturating_sub(cpu).as_nanos() as u64;
        outcome
    }

    /// Returns the number from which all streams of the run are made: the seed, mixed with the name of the
    /// test. Without the name, all tests with the same seed would start with the same schedule. If the test
    /// has no name, the number is the seed itself.
    pub(crate) fn root(&self, seed: u64) -> u64 {
        match self.identity.test.as_str() {
            "" => seed,
            test => rng::split(seed, [rng::hash_str("test"), rng::hash_str(test), 0]),
        }
    }

    /// Executes one run. If a trace hash is expected, the run's hash is compared with it. If `check` is on,
    /// the run is executed again and the two hashes are compared.
    fn checked(&self, seed: u64, f: &Arc<dyn Fn() + Send + Sync>) -> Outcome {
        let mut outcome = self.once_dyn(seed, f);
        if !is_sim() {
            return outcome;
        }
        let mut disagree = |what: String| {
            let failure =
                Failure { thread: "labrt".into(), message: what, at: Duration::ZERO, known: Vec::new() };
            outcome.failure.get_or_insert(failure);
        };
        if let Some(want) = self.expect.filter(|want| *want != outcome.trace && self.runs == 1) {
            let got = outcome.trace;
            eprintln!(
                "[lab] LAB_EXPECT={want:016x}, but the trace is {got:016x}: not the run that was recorded"
            );
            disagree(format!(
                "trace {got:016x} instead of {want:016x}: the source has changed since, or the run is not deterministic"
            ));
        } else if self.expect.is_some() && self.runs == 1 {
            eprintln!("[lab] the trace is the expected one: this is the recorded run");
        }
        if self.check {
            let again = self.once_dyn(seed, f);
            if again.trace != outcome.trace {
                let first = outcome.trace;
                let failure = Failure {
                    thread: "labrt".into(),
                    message: format!(
                        "not deterministic: two runs of this seed have the traces {first:016x} and {:016x}",
                        again.trace
                    ),
                    at: Duration::ZERO,
                    known: Vec::new(),
                };
                outcome.failure.get_or_insert(failure);
            }
        }
        outcome
    }

    /// The hints for a failure, one line each.
    pub(crate) fn hints(&self, failure: Option<&Failure>) -> Vec<String> {
        let find = self.hints.zip(failure);
        find.map_or_else(Vec::new, |(find, failure)| find(&self.identity.test, &failure.message))
    }

    fn print_failure(&self, line: &str, outcome: &Outcome) {
        if self.quiet {
            return;
        }
        eprintln!("[lab] {} {line}", self.identity.test);
        let known = outcome.failure.iter().flat_map(|failure| failure.known.iter().cloned());
        for line in known.chain(self.hints(outcome.failure.as_ref())) {
            eprintln!("[lab]     {line}");
        }
        if is_sim() {
            eprintln!("[lab] trace {:016x}, source {}", outcome.trace, source_revision());
            eprintln!("[lab] replay: {}", self.replay_line(outcome));
        } else {
            eprintln!(
                "[lab] real threads cannot be replayed; try seeds in virtual time: {}",
                self.replay_line(outcome)
            );
        }
    }

    /// Returns a shell command that executes this seed again. On real threads a run cannot be repeated. So
    /// there the command searches for the same failure in virtual time.
    pub fn replay_line(&self, outcome: &Outcome) -> String {
        let id = &self.identity;
        let profile = std::env::current_exe().map_or(String::new(), |exe| profile_arguments(&exe));
        let variables: String =
            self.variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let mut line = match is_sim() {
            true => format!(
                "LAB_SEED={:#x} LAB_PREEMPT={} LAB_JITTER_US={} LAB_EXPECT={:016x} {variables}cargo test{profile}",
                outcome.seed,
                outcome.preempt,
                self.jitter.as_micros(),
                outcome.trace
            ),
            false => format!("LAB_SEED=random LAB_RUNS=1000 {variables}cargo test{profile}"),
        };
        // If the package's own folder is the root of the workspace, cargo selects the package without `-p`.
        // With `-p`, cargo would select fewer packages, and so fewer features of the dependencies. Then it
        // would compile the dependencies again.
        let folder = env::process("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let selected = folder.is_some_and(|folder| folder.join("Cargo.lock").is_file());
        if !id.package.is_empty() && !selected {
            line += &format!(" -p {}", id.package);
        }
        line += " --features sim";
        for feature in &id.features {
            line += &format!(",{feature}");
        }
        if !id.target.is_empty() {
            line += &format!(" {}", id.target);
        }
        line += &format!(" -- --exact {}", id.test);
        if id.ignored {
            line += " --ignored";
        }
        line
    }
}

/// Returns the arguments with which cargo uses the profile of the program `exe`. With the same profile, a
/// replay does not have to compile the program again. Cargo puts the programs of a profile into a folder with
/// the profile's name.
fn profile_arguments(exe: &std::path::Path) -> String {
    let of_deps = exe.parent().filter(|folder| folder.ends_with("deps"));
    let profile = of_deps.and_then(|deps| deps.parent()?.file_name()?.to_str());
    match profile {
        None | Some("debug") => String::new(),
        Some("release") => " --release".to_string(),
        Some(other) => format!(" --profile {other}"),
    }
}

/// Returns the commit of the working tree, and whether files have changed since that commit.
fn source_revision() -> String {
    let git = |args: &[&str]| -> Option<String> {
        let out =
            std::process::Command::new("git").args(args).stdin(std::process::Stdio::null()).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_string())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "not in git".into() };
    match git(&["status", "--porcelain", "--untracked-files=no"]).as_deref() {
        Some("") => format!("commit {commit}"),
        _ => format!("commit {commit} with changes"),
    }
}

/// Returns the CPU time that this process has used so far.
fn process_cpu() -> Duration {
    nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID.now().map_or(Duration::ZERO, Duration::from)
}

fn append_to(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().create(true).append(true).open(path)
}

/// The file of `LAB_REPORT`. It has two lines for each run: one for the start of the run, and one for its
/// end. Each line is written at once, with one system call. So if the process crashes, a reader of the file
/// can see which run had not ended.
///
/// ```text
/// start <test> <seed>
/// end   <test> <seed> ok|FAIL <trace> <seconds> <cpu seconds> <message> <replay line> <warnings>
/// ```
///
/// The fields are separated by one tab.
struct Report {
    file: Option<(std::fs::File, PathBuf)>,
    test: String,
}

impl Report {
    fn open(run: &Run) -> Result<Report, String> {
        let file = match &run.report {
            None => None,
            Some(path) => {
                let file = append_to(path).map_err(|e| format!("LAB_REPORT={}: {e}", path.display()))?;
                Some((file, path.clone()))
            }
        };
        Ok(Report { file, test: run.identity.test.clone() })
    }

    fn write(&mut self, line: String) -> Result<(), String> {
        let Some((file, path)) = &mut self.file else { return Ok(()) };
        file.write_all(line.as_bytes()).map_err(|e| format!("LAB_REPORT={}: {e}", path.display()))
    }

    fn start(&mut self, seed: u64) -> Result<(), String> {
        self.write(format!("start\t{}\t{seed:#x}\n", self.test))
    }

    fn end(&mut self, run: &Run, o: &Outcome) -> Result<(), String> {
        let (verdict, message, replay) = match &o.failure {
            None => ("ok", String::new(), String::new()),
            Some(f) => ("FAIL", escape(&format!("{}: {}", f.thread, f.message)), run.replay_line(o)),
        };
        let (time, cpu) = (o.stats.time_ns as f64 / 1e9, o.stats.cpu_ns as f64 / 1e9);
        let (test, seed, trace, warnings) = (&self.test, o.seed, o.trace, o.stats.warnings);
        self.write(format!(
            "end\t{test}\t{seed:#x}\t{verdict}\t{trace:016x}\t{time:.6}\t{cpu:.6}\t{message}\t{replay}\t{warnings}\n"
        ))
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        here!().with_test("initial_election_2a", false)
    }

    #[test]
    fn the_environment_is_checked() {
        let ask = |name: &'static str, value: &'static str| {
            Run::from_lookup(identity(), &move |n: &str| (n == name).then(|| value.to_string()))
        };
        for (name, value) in [
            ("LAB_SEED", "abc"),
            ("LAB_RUNS", "0"),
            ("LAB_PREEMPT", "often"),
            ("LAB_JITTER_US", "-1"),
            ("LAB_LIMIT_S", "0"),
            ("LAB_STACK_KB", "1"),
            ("LAB_TRACE_MOST", "0"),
            ("LAB_CHECK", "maybe"),
            ("LAB_BACKEND", "fibers"),
            ("LAB_WATCHDOG_S", "x"),
            ("LAB_EXPECT", "hash"),
        ] {
            let e = ask(name, value).expect_err(name);
            assert!(e.contains(&format!("{name}={value}: expected")), "{e}");
        }
        assert_eq!(ask("LAB_SEED", "0x10").expect("the seed is valid").seed, 16);
    }

    #[test]
    fn files_that_cannot_be_written_are_refused() {
        let below_a_file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/x"));
        let trace = Run { trace_file: Some(below_a_file.clone()), ..Run::default() };
        assert!(
            trace.check_files().is_err_and(|e| e.starts_with("LAB_TRACE=") && e.contains("expected a file"))
        );
        let report = Run { report: Some(below_a_file), ..Run::default() };
        assert!(report.check_files().is_err_and(|e| e.starts_with("LAB_REPORT=")));
    }

    #[test]
    fn the_replay_line_can_be_pasted() {
        let outcome = Outcome {
            seed: 0x2a,
            trace: 0xbeef,
            preempt: 4,
            stats: Default::default(),
            failure: None,
            events: None,
        };
        let run = Run { identity: identity().with_test("a_test", true), ..Run::default() };
        let line = run.replay_line(&outcome);
        assert!(line.ends_with(" -p labrt --features sim --lib -- --exact a_test --ignored"), "{line}");
        let exe = std::env::current_exe().expect("the path of the test's own binary");
        let cargo = format!("cargo test{} -p labrt", profile_arguments(&exe));
        assert!(line.contains(&cargo), "{line}");
        if is_sim() {
            assert!(
                line.starts_with(
                    "LAB_SEED=0x2a LAB_PREEMPT=4 LAB_JITTER_US=100 LAB_EXPECT=000000000000beef cargo test"
                ),
                "{line}"
            );
        }
        let variables = vec![("LAB_STRICT".to_string(), "1".to_string())];
        let line = Run { variables, ..run }.replay_line(&outcome);
        assert!(line.contains(" LAB_STRICT=1 cargo test"), "{line}");
    }

    #[test]
    fn the_profile_is_that_of_the_folder() {
        let ask = |exe: &str| profile_arguments(std::path::Path::new(exe));
        assert_eq!(ask("/p/target/debug/deps/lab2a-0123"), "");
        assert_eq!(ask("/p/target/x86_64-unknown-linux-gnu/release/deps/lab2a-0123"), " --release");
        assert_eq!(ask("target/fast/deps/lab2a-0123"), " --profile fast");
        assert_eq!(ask("/p/release/lab2a"), "", "cargo did not put it there");
    }

    #[test]
    fn the_replay_line_names_the_features() {
        let id = identity().with_feature("solved-raft", true).with_feature("off", false);
        let id = id.with_feature("wide", true).with_feature("solved-raft", true);
        assert_eq!(id.features(), ["wide", "solved-raft"]);
        let run = Run { identity: id, ..Run::default() };
        let outcome = Run { quiet: true, ..Run::default() }.once(1, || ());
        let line = run.replay_line(&outcome);
        assert!(line.contains(" --features sim,wide,solved-raft --lib "), "{line}");
    }

    /// With the same seed, two tests get different numbers. One test gets the same numbers each time.
    #[test]
    fn a_seed_means_another_run_in_another_test() {
        let draws = |test: &str| {
            let numbers = Arc::new(std::sync::Mutex::new(Vec::new()));
            let out = numbers.clone();
            let run = Run { identity: identity().with_test(test, false), quiet: true, ..Run::default() };
            let outcome = run.once(7, move || {
                let stream = rng::stream("net", 1);
                let drawn = [rng::below(1 << 40), rng::draw(rng::Label::new("x"), 1, 2)];
                out.lock().expect("no panic").push((drawn, format!("{stream:?}")));
            });
            assert!(outcome.failure.is_none() && outcome.seed == 7);
            let numbers = numbers.lock().expect("no panic").clone();
            (numbers, outcome.preempt)
        };
        assert_eq!(draws("one"), draws("one"));
        assert_ne!(draws("one").0, draws("two").0);
        if is_sim() {
            let rates: Vec<u64> = (0..30).map(|i| draws(&format!("test {i}")).1).collect();
            assert!(rates.iter().any(|rate| *rate != rates[0]), "{rates:?}");
        }
    }

    #[test]
    fn the_report_is_one_line_an_event() {
        assert_eq!(escape("a\tb\nc\\"), "a\\tb\\nc\\\\");
    }
}
