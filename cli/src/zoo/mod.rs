//! `lab zoo`: the zoo of known mistakes.
//!
//! An animal is a mistake that people make in a Raft or in a service. A file in the folder `zoo` describes
//! the animal. It has the change that makes this mistake in the sources ([`animal`]). The sources themselves
//! stay free of mistakes. A copy of the project gets the changes, each behind a switch, and is built once
//! ([`mod@copy`], [`tree`], [`switch`]).
//!
//! * `lab zoo list` and `lab zoo show` print what is known about the animals ([`diff`]).
//! * `lab zoo check` checks that each change still fits the sources.
//! * `lab zoo run` runs the tests that may find an animal ([`mod@run`]).
//! * `lab zoo sample` draws animals and checks that the tests still catch them ([`sample`]).
//! * `lab zoo matrix` measures which method finds which animal ([`matrix`]).
//!
//! Exit codes:
//!
//! * 0: the command has a result. A failed test is a result, too;
//! * 1: a change does not fit, or something else has failed;
//! * 2: the arguments or a file of the zoo are bad;
//! * 128 + n: signal n ended the command.

mod animal;
mod copy;
mod diff;
mod known;
mod matrix;
mod picture;
mod results;
mod run;
mod sample;
mod switch;
mod table;
mod tree;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::dstest::names::{nearest, suggestion};
use crate::dstest::run::Stop;
use crate::problem::Problem;
use animal::Animal;
use known::Known;

/// The folders of the zoo.
const LABS: [&str; 3] = ["raft", "kv", "shards"];

/// Shown at the end of `lab zoo --help`.
const EXAMPLES: &str = "\
Examples:
  lab zoo list vote                                  the known mistakes that are about votes
  lab zoo show forgets-its-vote                      what one of them changes
  lab zoo run forgets-its-vote                       which test finds it first
  lab zoo run forgets-its-vote --no-monitor -n 1000  is it found without the monitor?
  lab zoo check                                      does each change still fit the sources?
  lab zoo sample --seed \"$(git rev-parse HEAD)\"      do the tests still catch ten of them?
  lab zoo matrix --lab raft -n 20                    what finds each mistake of Raft?";

/// Arguments of `lab zoo`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// The folder of the project with the zoo [default: the project of the working folder, or the checkout
    /// from which this program was built]
    #[arg(long, value_name = "DIR", global = true)]
    root: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the animals: name, rule of the monitor, title
    List {
        /// Print JSON: a list with an object for each animal
        #[arg(long)]
        json: bool,
        /// List only the animals of this lab
        #[arg(long, value_name = "LAB", value_parser = LABS)]
        lab: Option<String>,
        /// List only the animals that have each of these words in their name or title
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Show an animal: title, source, section, rule, and the change
    Show {
        /// The name of the animal
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Check that the change of each animal fits the sources
    Check,
    /// Build the project with an animal's mistake, and run tests in virtual time until one fails
    Run(run::Args),
    /// Draw some animals, and check that the tests still catch those that were found reliably before
    ///
    /// An animal was found reliably if zoo/results.jsonl says that some method finds it in at least 80 % of
    /// the seeds. If such an animal is not caught now, the exit code is 1. What has caught an animal is
    /// printed.
    Sample(sample::Args),
    /// Measure what finds each animal: the course's tests, the strict tests, the monitor, the unit tests
    ///
    /// Each result goes into zoo/results.jsonl at once. Seeds that have a result there are not run again. If
    /// the animal has changed since, its results are replaced. At the end, the tables of docs/zoo.md and the
    /// picture docs/zoo.svg are written from all results. So the command changes these three files.
    Matrix(matrix::Args),
}

/// Runs `lab zoo`.
pub fn main(args: &Args) -> ExitCode {
    match zoo(args) {
        // If the program that reads stdout has ended, nobody needs the text. So an error is ignored.
        Ok(text) => {
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            let (usage, interrupted) =
                (format!("{} <COMMAND>", crate::called("zoo")), "interrupted by signal");
            problem.report(&usage, |signal| format!("zoo: {interrupted} {signal}"))
        }
    }
}

fn zoo(args: &Args) -> Result<String, Problem> {
    let root = root(args.root.as_deref())?;
    let known = Known::of(&root).map_err(Problem::Usage)?;
    let animals = Animal::all(&root, &known).map_err(Problem::Usage)?;
    match &args.command {
        Command::List { json: as_json, lab, words } => {
            let chosen = chosen(&animals, lab.as_deref(), words)?;
            Ok(if *as_json { json(&chosen) } else { list(&chosen) })
        }
        Command::Show { name } => show(&root, find(&animals, name)?),
        Command::Check => check(&root, &animals),
        Command::Matrix(args) => matrix::run(&root, &known, &animals, &wanted(&animals, args)?, args),
        Command::Sample(args) => sample::run(&root, &known, &animals, args),
        Command::Run(args) => run::run(&root, &known, &animals, find(&animals, &args.name)?, args, &stop()?),
    }
}

fn stop() -> Result<Stop, Problem> {
    Stop::on_signals().map_err(|error| Problem::Failure(format!("cannot handle signals: {error}")))
}

/// The folder of the project with the zoo.
fn root(given: Option<&Path>) -> Result<PathBuf, Problem> {
    let is_root = |dir: &Path| dir.join("zoo").is_dir() && dir.join("labtest/Cargo.toml").is_file();
    let root = match given {
        Some(dir) => dir.to_owned(),
        None => {
            let here = std::env::current_dir().unwrap_or_default();
            let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
            here.ancestors().find(|dir| is_root(dir)).unwrap_or(built_from).to_owned()
        }
    };
    if !is_root(&root) {
        let text = format!("{}: expected a checkout of the labs, with the folder zoo", root.display());
        return Err(Problem::Usage(format!("{text}; --root DIR names one")));
    }
    root.canonicalize().map_err(|error| Problem::Failure(format!("{}: {error}", root.display())))
}

/// The animals that `lab zoo matrix` must measure. They include the project without a mistake, if the
/// arguments do not exclude it.
fn wanted(animals: &[Animal], args: &matrix::Args) -> Result<Vec<Animal>, Problem> {
    if let Some(lab) = args.lab.as_ref().filter(|lab| !animals.iter().any(|it| it.lab == **lab)) {
        return Err(Problem::Usage(format!("--lab {lab}: expected one of {}", LABS.join(", "))));
    }
    let none = matrix::no_mistake();
    let all = || std::iter::once(&none).chain(animals);
    let of_lab = |it: &&Animal| args.lab.as_ref().is_none_or(|lab| it.lab == *lab);
    if args.only.is_empty() {
        return Ok(all().filter(of_lab).cloned().collect());
    }
    args.only.iter().map(|name| find(&all().cloned().collect::<Vec<_>>(), name).cloned()).collect()
}

/// The animal of this name.
fn find<'a>(animals: &'a [Animal], name: &str) -> Result<&'a Animal, Problem> {
    animals.iter().find(|animal| animal.name == name).ok_or_else(|| {
        // `nearest` compares names that are written with `_`.
        let plain = |name: &str| name.replace('-', "_");
        let all: Vec<String> = animals.iter().map(|animal| plain(&animal.name)).collect();
        let near: Vec<String> = nearest(&plain(name), all.iter().map(String::as_str))
            .into_iter()
            .map(|name| name.replace('_', "-"))
            .collect();
        let near: Vec<&str> = near.iter().map(String::as_str).collect();
        let names = animals.iter().map(|animal| animal.name.as_str());
        let with_word: Vec<&str> = names.filter(|it| !name.is_empty() && it.contains(name)).collect();
        let hint = match (near.is_empty(), with_word.is_empty()) {
            (false, _) => suggestion(&near),
            (true, false) => format!("these names contain it: {}", with_word.join(", ")),
            (true, true) => format!("`{} list` shows all names", crate::called("zoo")),
        };
        Problem::Usage(format!("no animal is called {name:?}; {hint}"))
    })
}

/// The animals of this lab that have each of these words in their name or title.
///
/// # Errors
/// If there is no such animal.
fn chosen(animals: &[Animal], lab: Option<&str>, words: &[String]) -> Result<Vec<Animal>, Problem> {
    let has = |animal: &Animal, word: &String| {
        let word = word.to_lowercase();
        [&animal.name, &animal.title].iter().any(|text| text.to_lowercase().contains(&word))
    };
    let fits = |animal: &&Animal| {
        lab.is_none_or(|lab| animal.lab == lab) && words.iter().all(|word| has(animal, word))
    };
    let chosen: Vec<Animal> = animals.iter().filter(fits).cloned().collect();
    if chosen.is_empty() && !words.is_empty() {
        let place = lab.map_or(String::new(), |lab| format!(" of zoo/{lab}"));
        let words = words.join(" ");
        return Err(Problem::Usage(format!("no animal{place} has {words:?} in its name or title")));
    }
    Ok(chosen)
}

/// A table of the animals, with a part for each lab.
fn list(animals: &[Animal]) -> String {
    let (name, rule_of, title) = ("name", "rule of the monitor", "title");
    let widest = |head: &str, text: fn(&Animal) -> &str| {
        animals.iter().map(|it| text(it).len()).max().unwrap_or(0).max(head.len())
    };
    let (names, rules) = (widest(name, |it| &it.name), widest(rule_of, rule));
    let mut text = format!("{name:names$}  {rule_of:rules$}  {title}\n");
    for (lab, heading) in table::HEADINGS {
        let of_lab: Vec<&Animal> = animals.iter().filter(|it| it.lab == lab).collect();
        if !of_lab.is_empty() {
            text += &format!("\nzoo/{lab}: {heading}, {} animals\n", of_lab.len());
        }
        for it in of_lab {
            text += &format!("{:names$}  {:rules$}  {}\n", it.name, rule(it), it.title);
        }
    }
    text
}

fn rule(animal: &Animal) -> &str {
    if animal.rule.is_empty() { "-" } else { &animal.rule }
}

fn json(animals: &[Animal]) -> String {
    let object = |it: &Animal| {
        serde_json::json!({
            "name": it.name, "lab": it.lab, "title": it.title, "rule": it.rule, "section": it.section,
            "source": it.source, "breaks": it.breaks, "labs": it.labs, "note": it.note,
        })
    };
    let list: Vec<serde_json::Value> = animals.iter().map(object).collect();
    format!("{:#}\n", serde_json::Value::from(list))
}

fn show(root: &Path, animal: &Animal) -> Result<String, Problem> {
    let changed = diff::apply(root, animal).map_err(Problem::Failure)?;
    let mut text = format!("{}\n\n", animal.title);
    for (what, value) in [
        ("source", animal.source.as_str()),
        ("section", &animal.section),
        ("rule", rule(animal)),
        ("breaks", &animal.breaks),
        ("tests", &animal.labs.join(", ")),
        ("note", &animal.note),
        ("file", &crate::shell::shown(&animal.path)),
    ] {
        if !value.is_empty() {
            text += &format!("{:8} {value}\n", format!("{what}:"));
        }
    }
    changed.iter().for_each(|it| text += &format!("\n{}", diff::unified(it)));
    Ok(text)
}

/// Checks that the change of each animal fits the sources. Also checks the change that takes Raft's
/// assertions out.
fn check(root: &Path, animals: &[Animal]) -> Result<String, Problem> {
    let assertions = diff::apply_changes(root, "without assertions", &tree::without_assertions());
    let results = animals.iter().map(|animal| diff::apply(root, animal)).chain([assertions]);
    let wrong: Vec<String> = results.filter_map(Result::err).collect();
    match wrong.is_empty() {
        true => Ok(format!("{} animals: each change fits the sources\n", animals.len())),
        false => Err(Problem::Failure(wrong.join("\nerror: "))),
    }
}
