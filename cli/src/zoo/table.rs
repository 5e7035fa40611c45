//! Writes the tables of `docs/zoo.md` from the results of `lab zoo matrix`.

use std::fs;
use std::path::{Path, PathBuf};

use super::animal::Animal;
use super::matrix::no_mistake;
use super::results::{Finding, Method, Results};

const BEGIN: &str = "<!-- tables: lab zoo matrix writes the lines up to the end of the tables -->\n";
const END: &str = "<!-- end of the tables -->\n";

/// Writes the tables into `docs/zoo.md`, between two comments. Returns the path of the file.
///
/// # Errors
/// If the file cannot be read or written, or the comments are missing.
pub fn write(root: &Path, animals: &[Animal], results: &Results) -> Result<Vec<PathBuf>, String> {
    let path = root.join("docs/zoo.md");
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(fail)?;
    let new = replace(&text, &tables(animals, results))
        .ok_or_else(|| format!("{}: expected the lines {BEGIN:?} and {END:?}", path.display()))?;
    if new != text {
        fs::write(&path, new).map_err(fail)?;
    }
    Ok(vec![path])
}

/// The text with other lines between the two comments.
fn replace(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

fn tables(animals: &[Animal], results: &Results) -> String {
    let mut out = String::new();
    for (lab, heading) in [
        ("raft", "Raft"),
        ("kv", "The key/value service and the replicated state machine"),
        ("shards", "The shard controller and the sharded service"),
    ] {
        let measured: Vec<&Animal> = animals
            .iter()
            .filter(|it| it.lab == lab && Method::ALL.iter().any(|method| results.of(it, *method).is_some()))
            .collect();
        if measured.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out += &format!("## {heading}\n\n{}\n", summary(&measured, results));
        if lab == "raft"
            && let Some(sentence) = control(results)
        {
            out += &format!("{sentence}\n\n");
        }
        out += "| animal | breaks | tests alone | tests with the monitor | rules that were named | unit tests |\n";
        out += "|---|---|---|---|---|---|\n";
        measured.iter().for_each(|it| out += &row(it, results));
    }
    out
}

fn found(results: &Results, animal: &Animal, method: Method) -> bool {
    results.of(animal, method).is_some_and(|finding| finding.failed > 0)
}

/// How many animals each method finds.
fn summary(animals: &[&Animal], results: &Results) -> String {
    let count = |wanted: &dyn Fn(&Animal) -> bool| animals.iter().filter(|it| wanted(it)).count();
    let by = |method: Method| count(&|it| found(results, it, method));
    let total = animals.len();
    let none = count(&|it| !Method::ALL.iter().any(|method| found(results, it, *method)));
    let (alone, monitor, unit) = (by(Method::Course), by(Method::Monitor), by(Method::Unit));
    let safety = |it: &Animal| it.breaks == "safety";
    let dangerous = count(&safety);
    let (safety_alone, safety_monitor) = (
        count(&|it| safety(it) && found(results, it, Method::Course)),
        count(&|it| safety(it) && found(results, it, Method::Monitor)),
    );
    let right = count(&|it| {
        results.of(it, Method::Monitor).is_some_and(|finding| finding.rules.contains_key(&it.rule))
    });
    format!(
        "| animals | found by the tests alone | found by the tests with the monitor | the expected rule was named | \
         found by the unit tests | found by nothing |\n|---|---|---|---|---|---|\n\
         | all: {total} | {alone} | {monitor} | {right} | {unit} | {none} |\n\
         | those that break safety: {dangerous} | {safety_alone} | {safety_monitor} | | | |\n"
    )
}

/// A sentence about the project without a mistake.
fn control(results: &Results) -> Option<String> {
    let control = no_mistake();
    let all: Vec<&Finding> = Method::ALL.iter().filter_map(|method| results.of(&control, *method)).collect();
    let first = all.first()?;
    let failed: u64 = all.iter().map(|finding| finding.failed).sum();
    Some(match failed {
        0 => format!("Without a mistake nothing fails ({} seeds of each test).", first.seeds),
        _ => "**Tests fail without a mistake, too.** So the numbers below are not reliable.".to_owned(),
    })
}

fn row(animal: &Animal, results: &Results) -> String {
    let cell = |method: Method| results.of(animal, method).map_or("not measured".to_owned(), counted);
    let monitor = results.of(animal, Method::Monitor);
    let rules: Vec<String> = monitor
        .map(|finding| finding.rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect())
        .unwrap_or_default();
    let rules = if rules.is_empty() { "-".to_owned() } else { rules.join(", ") };
    let unit = match results.of(animal, Method::Unit) {
        None => "not measured".to_owned(),
        Some(finding) if finding.tests.is_empty() => "**none**".to_owned(),
        Some(finding) => format!("{} fail", finding.tests.len()),
    };
    let link = format!("[{}](../zoo/{}/{}.toml)", animal.title, animal.lab, animal.name);
    let (breaks, alone, with) = (&animal.breaks, cell(Method::Course), cell(Method::Monitor));
    format!("| {link} | {breaks} | {alone} | {with} | {rules} | {unit} |\n")
}

fn counted(finding: &Finding) -> String {
    match finding.smallest {
        None => format!("**none** of {}", finding.seeds),
        Some(seed) => {
            format!("{} of {}; seed {seed}, {:.2} s", finding.failed, finding.seeds, finding.cpu)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_between_the_comments_change() {
        let text = format!("# a\n{BEGIN}old\n{END}b\n");
        let new = replace(&text, "| new |\n").expect("the text has both comments");
        assert_eq!(new, format!("# a\n{BEGIN}\n| new |\n\n{END}b\n"));
        assert_eq!(replace(&new, "| new |\n"), Some(new.clone()));
        assert_eq!(replace("# a\n", ""), None);
    }

    #[test]
    fn a_cell_says_how_often_how_early_and_how_soon() {
        let mut finding =
            Finding { seeds: 20, failed: 3, smallest: Some(4), cpu: 1.234, ..Finding::default() };
        assert_eq!(counted(&finding), "3 of 20; seed 4, 1.23 s");
        (finding.failed, finding.smallest) = (0, None);
        assert_eq!(counted(&finding), "**none** of 20");
    }
}
