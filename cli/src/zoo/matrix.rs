//! `lab zoo matrix`: measures which method finds which animal.
//!
//! After each campaign its results go into `zoo/results.jsonl`. Seeds that already have a result there are
//! not run again, unless the animal's change or its list of tests has changed. So the command can be stopped
//! at any moment and started again. If no seed is missing, nothing is built. All animals get a few seeds
//! first, and then more. With the first seed, all tests run. Later, the tests that have found the animal run
//! first. If one test fails with a seed, the other tests do not run with this seed. At its end the command
//! writes the tables of `docs/zoo.md` ([`super::table`]) and the picture `docs/zoo.svg` ([`super::picture`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::animal::Animal;
use super::copy::{Copy, Scope};
use super::known::Known;
use super::results::{Finding, Method, Results};
use super::run::Campaign;
use super::table;
use super::tree::Assertions;
use crate::dstest::cargo;
use crate::dstest::process::{Plan, Process, cpu_of_children};
use crate::dstest::report::{parse_seed, unescape};
use crate::dstest::run::Stop;
use crate::dstest::scratch::Scratch;
use crate::problem::Problem;

/// The seeds are run in rounds. Each number in this list says how many seeds a test has got after the round.
/// The last round is not in the list: after it, each test has got all its seeds ([`seeds`]).
const ROUNDS: [u64; 3] = [1, 5, 20];

/// The methods that run test targets with seeds.
const SUITES: [Method; 3] = [Method::Course, Method::Strict, Method::Monitor];

/// How long the unit tests may take, including their build.
const UNIT_LIMIT: Duration = Duration::from_secs(300);

/// The results also contain the project without a mistake. This is its name there.
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
    /// How many seeds each test gets [default: 50 for raft, 10 for the others]
    #[arg(short = 'n', long, value_name = "SEEDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// How many real seconds one run may take
    #[arg(short, long, value_name = "SECONDS", default_value_t = 600)]
    pub timeout: u64,
    /// Measure nothing: only write the tables of docs/zoo.md and the picture docs/zoo.svg from the results
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
    let mut results = Results::load(&root.join("zoo/results.jsonl"), known).map_err(Problem::Usage)?;
    let mut troubles = BTreeSet::new();
    let missing = |animal: &&Animal| {
        let has = |method: Method| results.of(animal, method).map_or(0, |finding| finding.seeds);
        has(Method::Unit) == 0 || SUITES.into_iter().any(|method| has(method) < seeds(animal, args))
    };
    if !args.table && !wanted.iter().any(|animal| missing(&animal)) {
        let least = wanted.iter().map(|animal| seeds(animal, args)).min().unwrap_or(0);
        eprintln!("zoo: nothing to measure: each of these has results of at least {least} seeds");
    } else if !args.table {
        let stop = super::stop()?;
        let copy = Copy::of(root, animals, Scope::UnitTests, &stop)?;
        let scratch = Scratch::below(&root.join("target/zoo/scratch"))
            .map_err(|error| Problem::Failure(format!("cannot make a folder for results: {error}")))?;
        let bench = Bench { copy, scratch, known, stop };
        let steps = plan(wanted, args, |animal| bench.copy.has_switch(animal), &results);
        for (number, step) in (1..).zip(&steps) {
            if troubles.contains(&step.animal.name) {
                continue;
            }
            let place = format!("step {number} of {}", steps.len());
            match bench.measure(&mut results, step, args.timeout, &place) {
                Ok(()) => {}
                Err(Problem::Failure(why) | Problem::Usage(why)) => {
                    eprintln!("zoo: {}: {why}", step.animal.name);
                    troubles.insert(step.animal.name.clone());
                }
                Err(interrupted) => return Err(interrupted),
            }
        }
    }
    let outdated = results.outdated(animals);
    if !outdated.is_empty() {
        eprintln!(
            "zoo: warning: the tables have `?` for these animals, which have changed since they were measured: {}",
            outdated.join(", ")
        );
    }
    let paths = table::write(root, animals, &results).map_err(Problem::Failure)?;
    let paths: Vec<String> = paths.iter().map(|path| crate::shell::shown(path)).collect();
    if troubles.is_empty() {
        return Ok(format!("the tables and the picture are in {}\n", paths.join(" and ")));
    }
    let troubles: Vec<String> = troubles.into_iter().collect();
    Err(Problem::Failure(format!("there is no complete result for {}", troubles.join(", "))))
}

/// One step of the measurement: one animal gets more seeds, or its unit tests run.
struct Step<'a> {
    animal: &'a Animal,
    /// How many seeds the animal has got after this step. `None` means the unit tests.
    seeds: Option<u64>,
}

impl Step<'_> {
    fn methods(&self) -> &'static [Method] {
        if self.seeds.is_some() { &SUITES } else { &[Method::Unit] }
    }
}

/// All steps, in the order in which they are done. In the first round, each animal gets a few seeds and its
/// unit tests. The later rounds are only for animals with a switch, because all of these use the same build.
/// At the end, each other animal gets all its missing seeds in one step. In a round, the animals with a
/// switch come first. Of these, the animals of the key/value service come last, because their tests need the
/// most time. Steps that have nothing to measure are left out.
fn plan<'a>(
    wanted: &'a [Animal],
    args: &Args,
    has_switch: impl Fn(&Animal) -> bool,
    results: &Results,
) -> Vec<Step<'a>> {
    let (mut switched, own): (Vec<&Animal>, Vec<&Animal>) =
        wanted.iter().partition(|animal| has_switch(animal));
    switched.sort_by_key(|animal| animal.lab == "kv");
    let mut steps = Vec::new();
    let most = wanted.iter().map(|animal| seeds(animal, args)).max().unwrap_or(0);
    let rounds: Vec<u64> = ROUNDS.into_iter().filter(|round| *round < most).chain([most]).collect();
    for (number, round) in (0..).zip(&rounds) {
        let step = |animal: &&'a Animal| Step { animal, seeds: Some(seeds(animal, args).min(*round)) };
        steps.extend(switched.iter().map(step));
        if number == 0 {
            for animal in &own {
                steps.extend([step(animal), Step { animal, seeds: None }]);
            }
            steps.extend(switched.iter().map(|animal| Step { animal, seeds: None }));
        }
    }
    steps.extend(own.iter().map(|animal| Step { animal, seeds: Some(seeds(animal, args)) }));
    // How many seeds each animal will have got from the steps so far.
    let mut planned: BTreeMap<(&str, bool), u64> = BTreeMap::new();
    steps.retain(|step| {
        let has = |method: &Method| results.of(step.animal, *method).map_or(0, |finding| finding.seeds);
        let least = step.methods().iter().map(has).min().unwrap_or(0);
        let before = planned.entry((&step.animal.name, step.seeds.is_none())).or_insert(least);
        let wanted = step.seeds.unwrap_or(1);
        let is_needed = wanted > *before;
        *before = wanted.max(*before);
        is_needed
    });
    steps
}

/// How many seeds each test of the animal gets.
pub fn seeds(animal: &Animal, args: &Args) -> u64 {
    args.seeds.unwrap_or(if animal.lab == "raft" { 50 } else { 10 })
}

/// The project without a mistake, as an animal. No test may fail there.
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
    copy: Copy,
    scratch: Scratch,
    known: &'a Known,
    stop: Stop,
}

impl Bench<'_> {
    fn measure(
        &self,
        results: &mut Results,
        step: &Step<'_>,
        timeout: u64,
        place: &str,
    ) -> Result<(), Problem> {
        let animal = step.animal;
        for method in step.methods().iter().copied() {
            let before = results.of(animal, method).cloned();
            let has = before.as_ref().map_or(0, |finding| finding.seeds);
            if has >= step.seeds.unwrap_or(1) {
                continue;
            }
            let finding = match step.seeds {
                None => self.unit(animal)?,
                Some(seeds) => {
                    let seeds = has + 1..seeds + 1;
                    self.suites(animal, method, before.as_ref(), seeds, timeout)?
                }
            };
            let finding = match before {
                Some(before) => before.and(finding),
                None => finding,
            };
            eprintln!("zoo: {place}: {}", sentence(animal, method, &finding));
            results.put(animal, method, finding).map_err(Problem::Failure)?;
        }
        Ok(())
    }

    /// Runs the test targets of the animal with these seeds, without Raft's assertions. `before` is the
    /// result of earlier seeds, if there is one.
    fn suites(
        &self,
        animal: &Animal,
        method: Method,
        before: Option<&Finding>,
        seeds: Range<u64>,
        timeout: u64,
    ) -> Result<Finding, Problem> {
        let targets = method.targets(animal, self.known);
        let count = seeds.end - seeds.start;
        if targets.is_empty() {
            return Ok(Finding { seeds: count, ..Finding::default() });
        }
        let tests: Vec<String> =
            before.map(Finding::best_tests).into_iter().flatten().chain(targets.iter().cloned()).collect();
        let variables = self.copy.put(animal, Assertions::Off).map_err(Problem::Failure)?;
        let file = self.scratch.path("results");
        let mut more: Vec<OsString> = ["--keep", "0", "--results"].map(OsString::from).into();
        more.push(file.clone().into_os_string());
        more.extend(["--seed".into(), seeds.start.to_string().into()]);
        more.extend(["-o".into(), self.scratch.path("out").into_os_string()]);
        if before.is_some() {
            more.push("--skip-failed-seeds".into());
        }
        let campaign = Campaign {
            tree: &self.copy.tree,
            tests: &tests,
            seeds: count,
            monitor: method == Method::Monitor,
            variables,
            more,
            timeout,
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
        let runs = text.lines().filter_map(Run::read).collect();
        Ok(finding(runs, count, &targets, self.known))
    }

    fn unit(&self, animal: &Animal) -> Result<Finding, Problem> {
        let (failed, cpu) = unit_tests(&self.copy, &self.scratch, &self.stop, animal)?;
        let message = failed.first().cloned().unwrap_or_default();
        let tests: BTreeMap<String, u64> = failed.into_iter().map(|test| (test, 1)).collect();
        let count = u64::from(!tests.is_empty());
        Ok(Finding { seeds: 1, failed: count, cpu, tests, message, spent: cpu, ..Finding::default() })
    }
}

/// Runs the unit tests of an animal's lab, with Raft's assertions. Returns the tests that failed, and the CPU
/// time.
pub fn unit_tests(
    copy: &Copy,
    scratch: &Scratch,
    stop: &Stop,
    animal: &Animal,
) -> Result<(Vec<String>, f64), Problem> {
    let variables = copy.put(animal, Assertions::On).map_err(Problem::Failure)?;
    let run = |args: &[&str]| cargo(copy, scratch, stop, args, &variables);
    let build = run(&["test", "--quiet", "--features", "sim", "--lib", "--no-run"])?;
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
    let (_, said) = run(&command.collect::<Vec<_>>())?;
    let cpu = cpu_of_children() - before;
    let failed = failed_tests(&said)
        .ok_or_else(|| Problem::Failure(format!("the unit tests have printed no result:\n{said}")))?;
    Ok((failed, cpu))
}

/// Runs cargo in the copy. Returns whether cargo succeeded, and the output of cargo.
fn cargo(
    copy: &Copy,
    scratch: &Scratch,
    stop: &Stop,
    args: &[&str],
    variables: &[(String, OsString)],
) -> Result<(bool, String), Problem> {
    let output = scratch.path("cargo");
    let fail = |error: std::io::Error| Problem::Failure(format!("cannot run cargo: {error}"));
    let command = std::iter::once(cargo::program()).chain(args.iter().map(OsString::from)).collect();
    // On a machine with other work, a test may be slow without being stuck. So the watchdog waits longer.
    let mut set =
        vec![("LAB_WATCHDOG_S".to_owned(), "250".into()), ("RUST_BACKTRACE".to_owned(), "0".into())];
    set.extend(variables.iter().cloned());
    let plan = Plan {
        command,
        dir: copy.tree.dir.clone(),
        set,
        unset: super::tree::UNSET.to_vec(),
        death_signal: Signal::SIGTERM,
    };
    let mut process = Process::spawn(&plan, &output).map_err(fail)?;
    let mut waited = Duration::ZERO;
    let step = Duration::from_millis(500);
    while !process.wait_for(step) {
        waited += step;
        if let Some(signal) = stop.interrupted() {
            return Err(Problem::Interrupted(signal));
        }
        if waited > UNIT_LIMIT {
            process.kill();
        }
    }
    let status = process.poll().map_err(fail)?;
    if waited <= UNIT_LIMIT {
        copy.tree.built();
    }
    let text = fs::read(&output).map_err(fail)?;
    Ok((status.is_some_and(|status| status.success()), String::from_utf8_lossy(&text).into_owned()))
}

/// Says what a method has found out about an animal.
fn sentence(animal: &Animal, method: Method, finding: &Finding) -> String {
    let failed = match method {
        Method::Unit => format!("{} tests failed", finding.tests.len()),
        _ => format!("failed in {} of {} seeds", finding.failed, finding.seeds),
    };
    let mut text = format!("{}: {}: {failed}; {:.1} CPU s", animal.name, method.name(), finding.spent);
    let rules: Vec<String> = finding.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    if !rules.is_empty() {
        text += &format!("; {}", rules.join(", "));
    }
    text
}

/// Finds the failed tests in the output of a test binary, and returns their names. Returns `None` if the
/// output has no test. A process that dies during a test prints neither `ok` nor `FAILED` for this test. Such
/// a test counts as failed.
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
#[derive(Clone)]
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

/// Makes one finding from the runs of a campaign.
fn finding(mut runs: Vec<Run>, seeds: u64, targets: &[String], known: &Known) -> Finding {
    let place = |run: &Run| targets.iter().position(|target| *target == run.target);
    runs.sort_by(|a, b| (a.seed, place(a), &a.test).cmp(&(b.seed, place(b), &b.test)));
    let mut found = Finding { seeds, ..Finding::default() };
    let mut failed: BTreeSet<u64> = BTreeSet::new();
    for run in &runs {
        found.spent += run.cpu;
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
    fn the_progress_has_no_empty_end() {
        let animal = no_mistake();
        let mut finding = Finding { seeds: 5, failed: 2, spent: 1.25, ..Finding::default() };
        assert_eq!(
            sentence(&animal, Method::Strict, &finding),
            "no-mistake: strict: failed in 2 of 5 seeds; 1.2 CPU s"
        );
        finding.rules.insert("One Vote".to_owned(), 2);
        assert!(sentence(&animal, Method::Monitor, &finding).ends_with("; 1.2 CPU s; One Vote 2"));
        assert!(sentence(&animal, Method::Unit, &finding).contains("unit: 0 tests failed"));
    }

    #[test]
    fn the_plan_has_only_steps_with_something_to_measure() {
        let args = |seeds| Args { only: Vec::new(), lab: None, seeds: Some(seeds), timeout: 1, table: false };
        let named = |name: &str| Animal { name: name.to_owned(), ..no_mistake() };
        let wanted = [named("switch"), named("own")];
        let path = std::env::temp_dir().join(format!("lab-plan-{}.jsonl", std::process::id()));
        let known = Known { rules: Vec::new(), suites: Vec::new() };
        let mut results = Results::load(&path, &known).expect("there is no such file yet");
        let steps = |results: &Results, seeds| -> Vec<(String, Option<u64>)> {
            let steps = plan(&wanted, &args(seeds), |animal| animal.name == "switch", results);
            steps.iter().map(|step| (step.animal.name.clone(), step.seeds)).collect()
        };
        let all =
            [("switch", Some(1)), ("own", Some(1)), ("own", None), ("switch", None), ("switch", Some(3))];
        let all = all.into_iter().chain([("own", Some(3))]).map(|(name, seeds)| (name.to_owned(), seeds));
        assert_eq!(steps(&results, 3), all.collect::<Vec<_>>());
        for method in Method::ALL {
            let finding = Finding { seeds: 3, ..Finding::default() };
            results.put(&wanted[0], method, finding).expect("the file can be written");
        }
        std::fs::remove_file(&path).expect("the results were written");
        assert_eq!(steps(&results, 1), [("own".to_owned(), Some(1)), ("own".to_owned(), None)]);
        assert_eq!(steps(&results, 4).iter().filter(|(name, _)| name == "switch").count(), 1);
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
