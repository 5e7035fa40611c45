//! `lab zoo sample`: draws animals, and checks that the tests still catch them.
//!
//! `zoo/results.jsonl` says how reliably each method finds each animal. An animal that some method finds in
//! at least 80 % of the seeds must be caught again. The sample uses the method that is the most reliable,
//! with up to [`SEEDS`] seeds. An animal that no method finds so reliably is tried, too, but need not be
//! caught.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Instant;

use super::animal::Animal;
use super::copy::{Copy, Scope};
use super::known::Known;
use super::matrix::unit_tests;
use super::results::{Finding, Method, Results};
use super::run::Campaign;
use super::tree::Assertions;
use crate::dstest::report::unescape;
use crate::dstest::run::Stop;
use crate::dstest::scratch::Scratch;
use crate::problem::Problem;

/// How many seeds each test gets at most, if the animal must be caught.
const SEEDS: u64 = 10;

/// How many seeds each test gets at most, if the animal need not be caught.
const FEW_SEEDS: u64 = 1;

/// How many real seconds one run may take.
const LIMIT: u64 = 120;

/// How many characters of a message are shown.
const MESSAGE: usize = 160;

/// Arguments of `lab zoo sample`.
#[derive(clap::Args)]
pub struct Args {
    /// How many animals are drawn
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub count: u16,
    /// Any text, such as the hash of a commit. The same text draws the same animals
    #[arg(long, value_name = "TEXT")]
    pub seed: String,
    /// Only print which animals are drawn, and by which method each must be caught
    #[arg(long)]
    pub dry_run: bool,
}

/// The method that is tried on an animal, and whether this method must catch the animal.
struct Expected<'a> {
    method: Method,
    /// What the method found when the matrix was measured. `None` if no method finds the animal reliably.
    /// Then the animal need not be caught.
    reliable: Option<&'a Finding>,
}

/// Runs `lab zoo sample`.
pub fn run(root: &Path, known: &Known, animals: &[Animal], args: &Args) -> Result<String, Problem> {
    let results = Results::load(&root.join("zoo/results.jsonl"), known).map_err(Problem::Usage)?;
    let drawn = draw(animals, &args.seed, usize::from(args.count));
    if args.dry_run {
        return Ok(drawn
            .iter()
            .map(|animal| format!("{}\n", plan(animal, &expected(&results, animal))))
            .collect());
    }
    let stop = super::stop()?;
    let since = Instant::now();
    let copy = Copy::of(root, animals, Scope::UnitTests, &stop)?;
    let scratch = Scratch::below(&root.join("target/zoo/scratch"))
        .map_err(|error| Problem::Failure(format!("cannot make a folder for results: {error}")))?;
    eprintln!("zoo: the copy is ready after {} s", since.elapsed().as_secs());
    let (mut missed, mut caught) = (Vec::new(), 0);
    for animal in &drawn {
        let expected = expected(&results, animal);
        let hit = try_one(&copy, known, animal, &expected, &scratch, &stop)?;
        let seconds = since.elapsed().as_secs();
        match (hit, expected.reliable) {
            (Some(what), _) => {
                caught += 1;
                println!("caught  {} ({seconds} s so far): {what}", animal.name);
            }
            (None, None) => {
                println!(
                    "missed  {} ({seconds} s so far): no method finds it reliably, so this is expected",
                    animal.name
                );
            }
            (None, Some(finding)) => {
                println!("MISSED  {} ({seconds} s so far)", animal.name);
                missed.push(format!(
                    "{}: nothing failed, but zoo/results.jsonl says that {} finds it in {} of {} seeds",
                    animal.name,
                    expected.method.describe(),
                    finding.failed,
                    finding.seeds
                ));
            }
        }
    }
    match missed.is_empty() {
        true => Ok(format!(
            "{caught} of {} animals were caught; no animal that must be caught was missed\n",
            drawn.len()
        )),
        false => Err(Problem::Failure(missed.join("\nerror: "))),
    }
}

/// Draws `count` animals. The text `seed` decides which ones.
fn draw<'a>(animals: &'a [Animal], seed: &str, count: usize) -> Vec<&'a Animal> {
    let mut all: Vec<&Animal> = animals.iter().collect();
    all.sort_by_cached_key(|animal| {
        let mut hasher = DefaultHasher::new();
        (seed, &animal.name).hash(&mut hasher);
        (hasher.finish(), animal.name.clone())
    });
    all.truncate(count);
    all
}

/// Returns the method that finds an animal most reliably. If two methods are equally reliable, returns the
/// method that needs less CPU time. If no method is reliable, returns [`Method::Monitor`].
fn expected<'a>(results: &'a Results, animal: &Animal) -> Expected<'a> {
    let all = Method::ALL.into_iter().filter_map(|method| Some((method, results.of(animal, method)?)));
    let reliable = all.filter(|(_, it)| it.seeds > 0 && 10 * it.failed >= 8 * it.seeds);
    let best = reliable.min_by(|(_, a), (_, b)| {
        let share = |it: &Finding| it.failed as f64 / it.seeds as f64;
        share(b).total_cmp(&share(a)).then(a.cpu.total_cmp(&b.cpu))
    });
    match best {
        Some((method, finding)) => Expected { method, reliable: Some(finding) },
        None => Expected { method: Method::Monitor, reliable: None },
    }
}

fn plan(animal: &Animal, expected: &Expected<'_>) -> String {
    let must = match expected.reliable {
        Some(finding) => format!("must be caught ({} of {} seeds)", finding.failed, finding.seeds),
        None => "need not be caught".to_owned(),
    };
    format!("{}: {must} by {}", animal.name, expected.method.describe())
}

/// Tries to catch an animal. Returns what has caught it.
fn try_one(
    copy: &Copy,
    known: &Known,
    animal: &Animal,
    expected: &Expected<'_>,
    scratch: &Scratch,
    stop: &Stop,
) -> Result<Option<String>, Problem> {
    if expected.method == Method::Unit {
        let (failed, _) = unit_tests(copy, scratch, stop, animal)?;
        return Ok(failed.first().map(|test| format!("the unit test {test} failed")));
    }
    // It is enough to run the tests that failed most often in the matrix. They need less time than all tests
    // of the animal.
    let tests: Vec<String> = match expected.reliable {
        Some(finding) => often(finding),
        None => expected.method.targets(animal, known),
    };
    let seeds = if expected.reliable.is_some() { SEEDS } else { FEW_SEEDS };
    let variables = copy.put(animal, Assertions::Off).map_err(Problem::Failure)?;
    let file = scratch.path("results");
    let _ = fs::remove_file(&file);
    let mut more: Vec<OsString> = ["--keep", "0", "--until-fail", "--seed", "1"].map(OsString::from).into();
    more.extend(["--results".into(), file.clone().into_os_string()]);
    more.extend(["-o".into(), scratch.path("out").into_os_string()]);
    let monitor = expected.method == Method::Monitor;
    let campaign =
        Campaign { tree: &copy.tree, tests: &tests, seeds, monitor, variables, more, timeout: LIMIT };
    let said = scratch.path("said");
    let status = campaign.run(stop, Some(&said))?;
    let text = fs::read_to_string(&file).unwrap_or_default();
    if text.is_empty() {
        let said = fs::read_to_string(&said).unwrap_or_default();
        return Err(Problem::Failure(format!("{}: lab dstest has failed ({status}):\n{said}", animal.name)));
    }
    Ok(text.lines().find_map(failure))
}

/// The tests that failed most often in the matrix, at most three. Each name has its target in front.
fn often(finding: &Finding) -> Vec<String> {
    let mut tests: Vec<(&String, &u64)> = finding.tests.iter().collect();
    tests.sort_by_key(|(test, count)| (std::cmp::Reverse(**count), *test));
    tests.into_iter().take(3).map(|(test, _)| test.clone()).collect()
}

/// Describes the run that a line in the results of `lab dstest` is about. Returns `None` if the run passed.
fn failure(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[target, test, seed, verdict, _cpu, message, _replay] = fields.as_slice() else { return None };
    let message = unescape(message).ok()?;
    let whole = message.lines().next().unwrap_or_default();
    let mut message: String = whole.chars().take(MESSAGE).collect();
    if message.len() < whole.len() {
        message += "...";
    }
    (verdict != "ok").then(|| format!("{test} ({target}), seed {seed}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn animals() -> Vec<Animal> {
        let named =
            |number: u8| Animal { name: format!("animal-{number}"), ..crate::zoo::matrix::no_mistake() };
        (0..30).map(named).collect()
    }

    #[test]
    fn the_same_text_draws_the_same_animals() {
        let animals = animals();
        let names =
            |seed: &str| draw(&animals, seed, 10).iter().map(|it| it.name.clone()).collect::<Vec<_>>();
        assert_eq!(names("a"), names("a"));
        assert_ne!(names("a"), names("b"));
        assert_eq!(names("a").len(), 10);
        assert_eq!(draw(&animals, "a", 1000).len(), 30);
    }

    #[test]
    fn the_tests_that_failed_most_often_are_tried() {
        let tests = [("lab2a::a", 1), ("lab2b::b", 9), ("lab2c::c", 9), ("lab2d::d", 5)];
        let tests = tests.map(|(test, count)| (test.to_owned(), count)).into();
        assert_eq!(often(&Finding { tests, ..Finding::default() }), ["lab2b::b", "lab2c::c", "lab2d::d"]);
    }

    #[test]
    fn a_failed_run_is_described() {
        assert_eq!(failure("lab2a\ta\t0x1\tok\t1\t\t"), None);
        let said = failure("lab2a\ta\t0x1\tFAIL\t1\tbody: x\\nmore\treplay").expect("a failed run");
        assert_eq!(said, "a (lab2a), seed 0x1: body: x");
        let long = failure(&format!("lab2a\ta\t0x1\tFAIL\t1\t{}\treplay", "x".repeat(200)));
        assert!(long.is_some_and(|said| said.ends_with(&format!(": {}...", "x".repeat(MESSAGE)))));
    }
}
