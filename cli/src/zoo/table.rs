//! Writes the tables of `docs/zoo.md` and the picture `docs/zoo.svg` from the results of `lab zoo matrix`.

use std::fs;
use std::path::{Path, PathBuf};

use super::animal::{Animal, BREAKS};
use super::matrix::no_mistake;
use super::picture;
use super::results::{Finding, Method, Results};

const BEGIN: &str = "<!-- tables: lab zoo matrix writes the lines up to the end of the tables -->\n";
const END: &str = "<!-- end of the tables -->\n";

/// The folders of the zoo, and what they are about.
pub const HEADINGS: [(&str, &str); 3] = [
    ("raft", "Raft"),
    ("kv", "The key/value service and the replicated state machine"),
    ("shards", "The shard controller and the sharded service"),
];

/// Writes the tables into `docs/zoo.md`, between two comments. Also writes the picture. Returns the paths of
/// both files.
///
/// # Errors
/// If a file cannot be read or written, or the comments are missing.
pub fn write(root: &Path, animals: &[Animal], results: &Results) -> Result<Vec<PathBuf>, String> {
    let (path, svg) = (root.join("docs/zoo.md"), root.join("docs/zoo.svg"));
    let fail = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let text = fs::read_to_string(&path).map_err(fail(&path))?;
    let new = replace(&text, &tables(animals, results))
        .ok_or_else(|| format!("{}: expected the lines {BEGIN:?} and {END:?}", path.display()))?;
    if new != text {
        fs::write(&path, new).map_err(fail(&path))?;
    }
    fs::write(&svg, picture::draw(animals, results)).map_err(fail(&svg))?;
    Ok(vec![path, svg])
}

/// Puts `tables` between the two comments of `text`. Returns `None` if a comment is missing.
fn replace(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

fn tables(animals: &[Animal], results: &Results) -> String {
    let mut out = format!("## Summary\n\n{}\n{}\n", summary(animals, results), about(animals, results));
    for (lab, heading) in HEADINGS {
        let of_lab: Vec<&Animal> = animals.iter().filter(|it| it.lab == lab).collect();
        out += &format!("\n## {heading}\n\n");
        out +=
            "| animal | breaks | course | strict | monitor | rules | unit |\n|---|---|---|---|---|---|---|\n";
        of_lab.iter().for_each(|it| out += &row(it, results));
    }
    out
}

/// Whether a method finds an animal in at least one seed.
fn found(results: &Results, animal: &Animal, method: Method) -> bool {
    results.of(animal, method).is_some_and(|finding| finding.failed > 0)
}

/// A table with a row for each kind of animals and for each folder. A row says how many of its animals each
/// method finds.
fn summary(animals: &[Animal], results: &Results) -> String {
    let mut out =
        "| animals | number | measured | course | strict | either | monitor | expected rule | unit | nothing |\n\
                   |---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let mut line = |what: &str, wanted: &dyn Fn(&Animal) -> bool| {
        let all: Vec<&Animal> = animals.iter().filter(|it| wanted(it)).collect();
        let count = |wanted: &dyn Fn(&Animal) -> bool| all.iter().filter(|it| wanted(it)).count();
        let by = |method: Method| count(&|it| found(results, it, method));
        let has_course = |it: &Animal| results.of(it, Method::Course).is_some_and(Finding::has_runs);
        let either = count(&|it| found(results, it, Method::Course) || found(results, it, Method::Strict));
        let measured = |it: &Animal| {
            [Method::Course, Method::Strict, Method::Monitor]
                .iter()
                .all(|method| results.of(it, *method).is_some())
        };
        let nothing =
            count(&|it| measured(it) && !Method::ALL.iter().any(|method| found(results, it, *method)));
        let measured = count(&measured);
        let right = count(&|it| expected_rule(results, it));
        let ruled = count(&|it| !it.rule.is_empty());
        out += &format!(
            "| {what} | {} | {measured} | {} of {} | {} | {either} | {} | {right} of {ruled} | {} | {nothing} |\n",
            all.len(),
            by(Method::Course),
            count(&has_course),
            by(Method::Strict),
            by(Method::Monitor),
            by(Method::Unit)
        );
    };
    for kind in BREAKS {
        line(kind, &|it| it.breaks == kind);
    }
    for (lab, _) in HEADINGS {
        line(&format!("zoo/{lab}"), &|it| it.lab == lab);
    }
    line("**all**", &|_| true);
    out
}

fn expected_rule(results: &Results, animal: &Animal) -> bool {
    results.of(animal, Method::Monitor).is_some_and(|finding| finding.rules.contains_key(&animal.rule))
}

/// Sentences about the measurement: the time that it took, the seeds, and the project without a mistake.
fn about(animals: &[Animal], results: &Results) -> String {
    let minutes = results.spent(animals) / 60.0;
    let mut out = format!("* The runs of the tables took {minutes:.0} minutes of CPU time.\n");
    for (lab, _) in HEADINGS {
        let seeds = animals.iter().filter(|it| it.lab == lab).flat_map(|it| {
            [Method::Course, Method::Strict, Method::Monitor].map(|method| results.of(it, method))
        });
        let seeds: Vec<u64> = seeds.map(|finding| finding.map_or(0, |finding| finding.seeds)).collect();
        let (least, most) = (*seeds.iter().min().unwrap_or(&0), *seeds.iter().max().unwrap_or(&0));
        out += &match (least, most) {
            (_, 0) => format!("* The animals of `zoo/{lab}` were not measured.\n"),
            (0, _) => {
                format!(
                    "* The animals of `zoo/{lab}` were measured with up to {most} seeds. Some were not measured.\n"
                )
            }
            _ if least == most => format!("* Each animal of `zoo/{lab}` was measured with {most} seeds.\n"),
            _ => format!("* Each animal of `zoo/{lab}` was measured with {least} to {most} seeds.\n"),
        };
    }
    let control = no_mistake();
    let all: Vec<&Finding> = Method::ALL.iter().filter_map(|method| results.of(&control, *method)).collect();
    let seeds = results.of(&control, Method::Course).map_or(0, |finding| finding.seeds);
    let failed: u64 = all.iter().map(|finding| finding.failed).sum();
    match (seeds, failed) {
        (0, _) => {}
        (_, 0) => {
            out += &format!(
                "* As a control, the tests of Raft also ran without any mistake, with {seeds} seeds. None failed.\n"
            )
        }
        _ => out += "* **Tests fail without any mistake, too.** So the numbers are not reliable.\n",
    }
    out
}

fn row(animal: &Animal, results: &Results) -> String {
    let cell = |method: Method| results.of(animal, method).map_or("?".to_owned(), counted);
    let unit = match results.of(animal, Method::Unit) {
        None => "?".to_owned(),
        Some(finding) if finding.tests.is_empty() => "**0**".to_owned(),
        Some(finding) => finding.tests.len().to_string(),
    };
    let link = format!("[{}](../zoo/{}/{}.toml)", animal.name, animal.lab, animal.name);
    let rules = results.of(animal, Method::Monitor).map(|it| rules(it, &animal.rule)).unwrap_or_default();
    let (course, strict, monitor) = (cell(Method::Course), cell(Method::Strict), cell(Method::Monitor));
    format!("| {link} | {} | {course} | {strict} | {monitor} | {rules} | {unit} |\n", animal.breaks)
}

/// In how many seeds a test failed, the smallest of these seeds, and the CPU seconds to the first failure.
fn counted(finding: &Finding) -> String {
    match finding.smallest {
        None if !finding.has_runs() => "none".to_owned(),
        None => format!("**0**/{}", finding.seeds),
        Some(seed) => format!("{}/{}, {seed}, {:.1}", finding.failed, finding.seeds, finding.cpu),
    }
}

/// The rule that was named most often. If the expected rule is another one that was also named, it follows.
/// Each of the two rules has the number of failures that name it. `+2` at the end means that two more rules
/// were named.
fn rules(finding: &Finding, expected: &str) -> String {
    let mut all: Vec<(&String, &u64)> = finding.rules.iter().collect();
    all.sort_by_key(|(rule, count)| (std::cmp::Reverse(**count), *rule));
    let shown: Vec<String> = (0..)
        .zip(&all)
        .filter(|(place, (rule, _))| *place == 0 || *rule == expected)
        .map(|(_, (rule, count))| format!("{rule} {count}"))
        .collect();
    match all.len() - shown.len() {
        _ if all.is_empty() => "-".to_owned(),
        0 => shown.join(", "),
        others => format!("{} +{others}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
            Finding { seeds: 20, failed: 3, smallest: Some(4), cpu: 1.2, spent: 9.0, ..Finding::default() };
        assert_eq!(counted(&finding), "3/20, 4, 1.2");
        (finding.failed, finding.smallest) = (0, None);
        assert_eq!(counted(&finding), "**0**/20");
        finding.spent = 0.0;
        assert_eq!(counted(&finding), "none", "no test ran");
    }

    #[test]
    fn the_expected_rule_is_always_shown() {
        let named = |list: &[(&str, u64)]| Finding {
            rules: list.iter().map(|(rule, count)| ((*rule).to_owned(), *count)).collect::<BTreeMap<_, _>>(),
            ..Finding::default()
        };
        assert_eq!(rules(&named(&[]), "One Vote"), "-");
        assert_eq!(
            rules(&named(&[("Roles", 5), ("One Vote", 2), ("Snapshot", 1)]), "One Vote"),
            "Roles 5, One Vote 2 +1"
        );
        assert_eq!(rules(&named(&[("Roles", 5)]), "Roles"), "Roles 5");
    }
}
