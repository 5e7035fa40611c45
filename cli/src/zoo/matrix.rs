//! `lab zoo matrix`: measures which method finds which animal.
//!
//! The results go into `zoo/results.jsonl`. An animal that has a result there for as many seeds, or more, is
//! not measured again, unless its change has changed. So the command can be stopped and started again. At its
//! end it writes the tables of `docs/zoo.md` ([`super::table`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::animal::Animal;
use super::known::Known;
use super::results::{Finding, Method, Results};
use super::run::Campaign;
use super::table;
use super::tree::{Assertions, Tree};
use crate::dstest::cargo;
use crate::dstest::process::{Plan, Process, cpu_of_children};
use crate::dstest::report::{parse_seed, unescape};
use crate::dstest::run::Stop;
use crate::dstest::scratch::Scratch;
use crate::problem::Problem;

/// How long the unit tests may take, including their build.
const UNIT_LIMIT: Duration = Duration::from_secs(1200);

/// The name of the project without a mistake in the results.
pub const NO_MISTAKE: &str = "no-mistake";

/// Arguments of `lab zoo matrix`.
#[derive(clap::Args)]
pub struct Args {
    /// Measure only these animals
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Measure only the animals of this lab: raft, kv or shards
    #[arg(long, value_name = "LAB")]
    pub lab: Option<String>,
    /// How many seeds each test gets [default: 50 for raft, 4 for the others]
    #[arg(short = 'n', long, value_name = "SEEDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// How many real seconds one run may take
    #[arg(short, long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Measure nothing: only write the tables of docs/zoo.md from the results
    #[arg(long)]
    pub table: bool,
}

/// Runs `lab zoo matrix`.
pub fn run(
    root: &Path,
    known: &Known,
    animals: &[Animal],
    wanted: &[Animal],
    args: &Args,
) -> Result<String, Problem> {
    let mut results = Results::load(&root.join("zoo/results.jsonl")).map_err(Problem::Usage)?;
    let mut troubles = Vec::new();
    if !args.table {
        let stop = super::stop()?;
        let tree = Tree::of(root).map_err(Problem::Failure)?;
        let scratch = Scratch::below(&root.join("target/zoo/scratch"))
            .map_err(|error| Problem::Failure(format!("cannot make a folder for results: {error}")))?;
        let bench = Bench { tree, scratch, known, args, stop };
        // The unit tests come last, because they need another build of the sources with assertions.
        for methods in [&Method::ALL[..2], &Method::ALL[2..]] {
            for (number, animal) in (1..).zip(wanted) {
                eprintln!("zoo: [{number}/{}] {}", wanted.len(), animal.name);
                for method in methods {
                    match bench.measure(&mut results, animal, *method) {
                        Ok(()) => {}
                        Err(Problem::Failure(why) | Problem::Usage(why)) => {
                            eprintln!("zoo: {} ({}): {why}", animal.name, method.name());
                            troubles.push(format!("{} ({})", animal.name, method.name()));
                        }
                        Err(interrupted) => return Err(interrupted),
                    }
                }
            }
        }
    }
    let path = table::write(root, animals, &results).map_err(Problem::Failure)?;
    if troubles.is_empty() {
        return Ok(format!("the tables are in {}\n", crate::shell::shown(&path)));
    }
    Err(Problem::Failure(format!("there is no result for {}", troubles.join(", "))))
}

/// How many seeds each test gets.
pub fn seeds(animal: &Animal, args: &Args) -> u64 {
    args.seeds.unwrap_or(if animal.lab == "raft" { 50 } else { 4 })
}

/// The project without a mistake. Nothing must fail there.
pub fn no_mistake() -> Animal {
    let text = |text: &str| text.to_owned();
    Animal {
        name: text(NO_MISTAKE),
        lab: text("raft"),
        path: std::path::PathBuf::new(),
        title: text("the project without a mistake"),
        rule: String::new(),
        section: String::new(),
        source: text("our own"),
        breaks: String::new(),
        labs: ["lab2a", "lab2b", "lab2c", "lab2d", "partition"].map(text).to_vec(),
        note: String::new(),
        changes: Vec::new(),
    }
}

/// What all measurements share.
struct Bench<'a> {
    tree: Tree,
    scratch: Scratch,
    known: &'a Known,
    args: &'a Args,
    stop: Stop,
}

impl Bench<'_> {
    fn measure(&self, results: &mut Results, animal: &Animal, method: Method) -> Result<(), Problem> {
        let seeds = if method == Method::Unit { 1 } else { seeds(animal, self.args) };
        if results.of(animal, method).is_some_and(|finding| finding.seeds >= seeds) {
            return Ok(());
        }
        let finding = match method {
            Method::Unit => self.unit(animal)?,
            Method::Suites | Method::Monitor => self.suites(animal, seeds, method == Method::Monitor)?,
        };
        let failed = match (method, finding.failed) {
            (Method::Unit, _) => format!("{} tests failed", finding.tests.len()),
            (_, failed) => format!("failed in {failed} of {seeds} seeds"),
        };
        let rules: Vec<String> =
            finding.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        eprintln!("zoo:   {:8} {failed} {}", method.name(), rules.join(", "));
        results.add(animal, method, finding).map_err(Problem::Failure)
    }

    /// Runs the test targets of the animal, without Raft's assertions.
    fn suites(&self, animal: &Animal, seeds: u64, monitor: bool) -> Result<Finding, Problem> {
        self.tree.put(animal, Assertions::Off).map_err(Problem::Failure)?;
        let file = self.scratch.path("results");
        let mut more: Vec<OsString> = ["--seed", "1", "--keep", "0", "--results"].map(OsString::from).into();
        more.push(file.clone().into_os_string());
        more.extend(["-o".into(), self.scratch.path("out").into_os_string()]);
        let campaign = Campaign {
            tree: &self.tree,
            tests: &animal.labs,
            seeds,
            monitor,
            more,
            timeout: self.args.timeout,
        };
        let said = self.scratch.path("said");
        let status = campaign.run(&self.stop, Some(&said))?;
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text.is_empty() {
            let said = fs::read_to_string(&said).unwrap_or_default();
            let said: Vec<String> = said.lines().map(|line| line.chars().take(200).collect()).collect();
            let said = &said[said.len().saturating_sub(30)..];
            return Err(Problem::Failure(format!("lab dstest has failed ({status}):\n{}", said.join("\n"))));
        }
        let runs: Vec<Run> = text.lines().filter_map(Run::read).collect();
        Ok(finding(runs, seeds, &animal.labs, self.known))
    }

    /// Runs the unit tests of the animal's lab, with Raft's assertions.
    fn unit(&self, animal: &Animal) -> Result<Finding, Problem> {
        self.tree.put(animal, Assertions::On).map_err(Problem::Failure)?;
        let build = self.cargo(&["test", "--quiet", "--features", "sim", "--lib", "--no-run"])?;
        if !build.0 {
            return Err(Problem::Failure(format!("the unit tests do not build:\n{}", build.1)));
        }
        let modules: &[&str] = match animal.lab.as_str() {
            "raft" => &["raft::"],
            "kv" => &["rsm::", "kvraft::"],
            _ => &["shardctrler::", "shardkv::"],
        };
        let before = cpu_of_children();
        let command = ["test", "--features", "sim", "--lib", "--"].iter().chain(modules).copied();
        let (_, said) = self.cargo(&command.collect::<Vec<_>>())?;
        let cpu = cpu_of_children() - before;
        let failed = failed_tests(&said)
            .ok_or_else(|| Problem::Failure(format!("the unit tests have printed no result:\n{said}")))?;
        let message = failed.first().cloned().unwrap_or_default();
        let tests: BTreeMap<String, u64> = failed.into_iter().map(|test| (test, 1)).collect();
        let count = u64::from(!tests.is_empty());
        Ok(Finding { seeds: 1, failed: count, cpu, tests, message, ..Finding::default() })
    }

    /// Runs cargo in the copy. Returns whether it succeeded, and its output.
    fn cargo(&self, args: &[&str]) -> Result<(bool, String), Problem> {
        let output = self.scratch.path("cargo");
        let fail = |error: std::io::Error| Problem::Failure(format!("cannot run cargo: {error}"));
        let command = std::iter::once(cargo::program()).chain(args.iter().map(OsString::from)).collect();
        let plan = Plan {
            command,
            dir: self.tree.dir.clone(),
            // The tests of a machine with other work may be slow without being stuck.
            set: vec![("LAB_WATCHDOG_S".to_owned(), "600".into()), ("RUST_BACKTRACE".to_owned(), "0".into())],
            unset: super::tree::UNSET.to_vec(),
            death_signal: Signal::SIGTERM,
        };
        let mut process = Process::spawn(&plan, &output).map_err(fail)?;
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(500);
        while !process.wait_for(step) {
            waited += step;
            if let Some(signal) = self.stop.interrupted() {
                return Err(Problem::Interrupted(signal));
            }
            if waited > UNIT_LIMIT {
                process.kill();
            }
        }
        let status = process.poll().map_err(fail)?;
        if waited <= UNIT_LIMIT {
            self.tree.built();
        }
        let text = fs::read(&output).map_err(fail)?;
        Ok((status.is_some_and(|status| status.success()), String::from_utf8_lossy(&text).into_owned()))
    }
}

/// The names of the tests that failed, in the output of a test binary. `None` if the output has no test. A
/// process that dies during a test has printed neither `ok` nor `FAILED` for it.
fn failed_tests(output: &str) -> Option<Vec<String>> {
    let mut failed = Vec::new();
    let mut tests = 0;
    for line in output.lines() {
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
        else {
            continue;
        };
        tests += 1;
        if !["ok", "ignored"].iter().any(|word| verdict.starts_with(word)) {
            failed.push(name.to_owned());
        }
    }
    let ended = output.lines().any(|line| line.starts_with("test result: "));
    if !ended && failed.is_empty() {
        failed.push("the process died".to_owned());
    }
    failed.sort();
    (tests > 0).then_some(failed)
}

/// A run, as a line of `--results` describes it.
struct Run {
    target: String,
    test: String,
    seed: u64,
    passed: bool,
    cpu: f64,
    message: String,
}

impl Run {
    fn read(line: &str) -> Option<Run> {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[target, test, seed, verdict, cpu, message, _replay] = fields.as_slice() else { return None };
        Some(Run {
            target: target.to_owned(),
            test: test.to_owned(),
            seed: parse_seed(seed).ok()?,
            passed: verdict == "ok",
            cpu: cpu.parse().ok()?,
            message: unescape(message).ok()?,
        })
    }
}

/// Sums up the runs of a campaign.
fn finding(mut runs: Vec<Run>, seeds: u64, targets: &[String], known: &Known) -> Finding {
    let place = |run: &Run| targets.iter().position(|target| *target == run.target);
    runs.sort_by(|a, b| (a.seed, place(a), &a.test).cmp(&(b.seed, place(b), &b.test)));
    let mut found = Finding { seeds, ..Finding::default() };
    let mut failed: BTreeSet<u64> = BTreeSet::new();
    for run in &runs {
        if failed.is_empty() {
            found.cpu += run.cpu;
        }
        if run.passed {
            continue;
        }
        if failed.is_empty() {
            found.smallest = Some(run.seed);
            found.message = run.message.lines().next().unwrap_or_default().to_owned();
        }
        failed.insert(run.seed);
        *found.tests.entry(format!("{}::{}", run.target, run.test)).or_default() += 1;
        if let Some(rule) = known.rule_in(&run.message) {
            *found.rules.entry(rule.to_owned()).or_default() += 1;
        }
    }
    found.failed = failed.len() as u64;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_summed_up_in_the_order_of_seeds() {
        let lines = "lab2b\tb\t0x2\tFAIL\t0.5\tS1 body: One Vote (5.2): x\\ny\tr\n\
                     lab2a\ta\t0x2\tok\t0.25\t\t\n\
                     lab2a\ta\t0x1\tok\t1.0\t\t\n\
                     lab2b\tb\t0x1\tok\t2.0\t\t\n\
                     lab2b\tb\t0x3\tFAIL\t9.0\tbody: other\tr\n\
                     not a line\n";
        let runs: Vec<Run> = lines.lines().filter_map(Run::read).collect();
        assert_eq!(runs.len(), 5);
        let known = Known { rules: vec!["One Vote".to_owned()], suites: Vec::new() };
        let found = finding(runs, 3, &["lab2a".to_owned(), "lab2b".to_owned()], &known);
        assert_eq!((found.failed, found.smallest), (2, Some(2)));
        assert_eq!(found.cpu, 3.75, "the runs of seed 1, and those of seed 2 up to the failure");
        assert_eq!(found.tests, BTreeMap::from([("lab2b::b".to_owned(), 2)]));
        assert_eq!(found.rules, BTreeMap::from([("One Vote".to_owned(), 1)]));
        assert_eq!(found.message, "S1 body: One Vote (5.2): x");
    }

    #[test]
    fn failed_unit_tests_are_found() {
        let output = "running 3 tests\ntest raft::b ... ok\ntest raft::a ... FAILED\ntest raft::c ... ignored\n\
                      test result: FAILED. 1 passed\n";
        assert_eq!(failed_tests(output), Some(vec!["raft::a".to_owned()]));
        assert_eq!(failed_tests("error: could not compile\n"), None);
        assert_eq!(failed_tests("test a ... ok\n"), Some(vec!["the process died".to_owned()]));
    }
}
