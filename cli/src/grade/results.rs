//! Writes the results: as a table, as JSON, as JUnit XML, and as a page for each student.
//!
//! docs/teaching.md lists the fields of the JSON.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::build::CompileError;
use super::config::{Config, Graded};
use super::submission::Submission;
use super::trial::{Failure, Kind, Outcome};
use crate::dstest::run::Mode;
use crate::junit;

/// The result of one submission.
pub struct Grade {
    /// The submission.
    pub submission: Submission,
    /// The name of the submission's package.
    pub package: Option<String>,
    /// Why no test of the submission was run, in one sentence. `None` if tests were run.
    pub refused: Option<String>,
    /// Errors of the compiler.
    pub errors: Vec<CompileError>,
    /// What was not taken from the submission's folder.
    pub dropped: Vec<String>,
    /// Places in the code that the teacher may want to read.
    pub remarks: Vec<String>,
    /// How many real seconds the build took.
    pub build_seconds: f64,
    /// How many real seconds the whole submission took, including the build.
    pub seconds: f64,
    /// The tests that are worth points, in the order of the labs.
    pub tests: Vec<Marked>,
}

/// A test and its result.
pub struct Marked {
    /// The test.
    pub test: Graded,
    /// The result of the test. Its paths are those of the files that are kept.
    pub outcome: Outcome,
}

impl Marked {
    /// The points that the submission gets for the test: all points of the test if all seeds passed,
    /// otherwise none.
    pub fn points(&self) -> f64 {
        if self.outcome.failure.is_none() { self.test.points } else { 0.0 }
    }
}

impl Grade {
    /// The points of all tests.
    pub fn points(&self) -> f64 {
        self.tests.iter().map(Marked::points).sum()
    }

    /// The most important fact about the submission, in one line.
    pub fn summary(&self) -> String {
        if let Some(refused) = &self.refused {
            return one_line(refused);
        }
        let failed: Vec<(&Marked, &Failure)> =
            self.tests.iter().filter_map(|it| Some((it, it.outcome.failure.as_ref()?))).collect();
        match failed.as_slice() {
            [] => String::new(),
            [(test, failure), rest @ ..] => {
                let more =
                    if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
                format!("{}: {}{more}", test.test.name, one_line(&failure.message))
            }
        }
    }
}

/// The first line of a text, shortened so that it fits in a row of the table.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(100).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// Prints points without unnecessary digits.
pub fn points(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}")
}

/// One grading: the settings for all submissions, and the results so far.
pub struct Results<'a> {
    /// The content of grade.toml.
    pub config: &'a Config,
    /// The path of grade.toml.
    pub config_path: &'a Path,
    /// The first seed.
    pub seed: u64,
    /// How many submissions there are.
    pub expected: usize,
    /// The results of the submissions that are graded.
    pub grades: Vec<Grade>,
}

impl Results<'_> {
    /// How many points a submission can earn.
    pub fn most(&self) -> f64 {
        self.config.tests.iter().map(|test| test.points).sum()
    }

    /// The table: a row for each submission.
    pub fn table(&self) -> String {
        let suites = self.config.suites();
        let mut head = vec!["submission".to_owned(), "points".to_owned()];
        head.extend(suites.iter().map(|suite| (*suite).to_owned()));
        head.push(String::new());
        let mut rows = vec![head];
        for grade in &self.grades {
            let mut row = vec![
                grade.submission.name.clone(),
                format!("{} / {}", points(grade.points()), points(self.most())),
            ];
            for suite in &suites {
                let of_suite = grade.tests.iter().filter(|test| test.test.suite == *suite);
                let passed = of_suite.clone().filter(|test| test.outcome.failure.is_none()).count();
                row.push(format!("{passed} of {}", of_suite.count()));
            }
            row.push(grade.summary());
            rows.push(row);
        }
        aligned(&rows)
    }

    /// Writes the results as JSON. The file is written under another name and then renamed, so that a reader
    /// never finds half a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("draft");
        let text = serde_json::to_string_pretty(&self.json()).map_err(io::Error::other)?;
        fs::write(&draft, text + "\n")?;
        fs::rename(&draft, path)
    }

    fn json(&self) -> Value {
        let config = self.config;
        json!({
            "format": 1,
            "config": self.config_path.display().to_string(),
            "clock": clock(config.clock),
            "strict": config.strict,
            "seeds": config.seeds,
            "first_seed": format!("{:#x}", self.seed),
            "points": self.most(),
            "complete": self.grades.len() == self.expected,
            "submissions": self.grades.iter().map(grade_json).collect::<Vec<_>>(),
        })
    }

    /// Writes the results as JUnit XML: a suite for each submission.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_junit(&self, path: &Path) -> io::Result<()> {
        let suites: Vec<junit::Suite> = self.grades.iter().map(|grade| self.junit_suite(grade)).collect();
        junit::write(path, "grades", &suites)
    }

    fn junit_suite(&self, grade: &Grade) -> junit::Suite {
        let case = |marked: &Marked| junit::Case {
            class: marked.test.suite.to_owned(),
            name: marked.test.name.to_owned(),
            seconds: marked.outcome.cpu,
            verdict: match &marked.outcome.failure {
                None => junit::Verdict::Passed,
                Some(failure) if failure.kind == Kind::NotRun => {
                    junit::Verdict::Skipped(failure.message.clone())
                }
                Some(failure) => junit::Verdict::Failed {
                    kind: failure.kind.word().to_owned(),
                    message: one_line(&failure.message),
                    text: if self.config.show_seed {
                        format!("{}\n{}", failure.message, failure.replay)
                    } else {
                        failure.message.clone()
                    },
                },
            },
        };
        junit::Suite {
            name: grade.submission.name.clone(),
            properties: vec![
                ("points".to_owned(), points(grade.points())),
                ("of".to_owned(), points(self.most())),
            ],
            cases: grade.tests.iter().map(case).collect(),
        }
    }

    /// Writes the page that the student may read. If grade.toml allows it (`show_seed`), the text also has
    /// seeds, pages of runs, and commands that repeat a failure.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_feedback(&self, grade: &Grade, dir: &Path) -> io::Result<()> {
        fs::write(dir.join("feedback.md"), self.feedback(grade))
    }

    fn feedback(&self, grade: &Grade) -> String {
        let mut text = format!(
            "# {}: {} of {} points\n\n",
            grade.submission.name,
            points(grade.points()),
            points(self.most())
        );
        let seeds =
            if self.config.seeds == 1 { "once".to_owned() } else { format!("{} times", self.config.seeds) };
        let strict = if self.config.strict { " Warnings of the judge count as failures." } else { "" };
        let _ = writeln!(
            text,
            "Each test ran {seeds} {}. A test earns its points if all its runs pass.{strict}\n",
            on_clock(self.config.clock)
        );
        if let Some(refused) = &grade.refused {
            let _ = writeln!(text, "**{refused}**\n");
        }
        if !grade.dropped.is_empty() {
            let _ = writeln!(text, "Not taken from your project: {}.\n", grade.dropped.join("; "));
        }
        for error in &grade.errors {
            let _ = writeln!(text, "```text\n{}\n```\n", error.rendered);
        }
        text += "| test | points | result |\n|---|---|---|\n";
        for marked in &grade.tests {
            let result = match &marked.outcome.failure {
                None => "passed".to_owned(),
                Some(failure) => one_line(&failure.message).replace('|', "\\|"),
            };
            let of = points(marked.test.points);
            let _ =
                writeln!(text, "| {} | {} of {of} | {result} |", marked.test.name, points(marked.points()));
        }
        for marked in &grade.tests {
            self.failure(&mut text, marked);
        }
        text
    }

    fn failure(&self, text: &mut String, marked: &Marked) {
        let Some(failure) = &marked.outcome.failure else { return };
        if [Kind::NotRun, Kind::DoesNotCompile].contains(&failure.kind) {
            return;
        }
        let _ = write!(text, "\n## {}\n\n{}\n", marked.test.name, fenced(&failure.message));
        if !self.config.show_seed {
            return;
        }
        if !failure.replay.is_empty() {
            let how = match self.config.clock {
                Mode::Sim => "This line runs the failure again in your project",
                Mode::Real => {
                    "A run on real threads cannot be repeated; this command looks for the failure in your project"
                }
            };
            let _ = write!(text, "\n{how}:\n\n```sh\n{}\n```\n", failure.replay);
        }
        for (what, path) in
            [("The page of the run", &marked.outcome.page), ("What it printed", &marked.outcome.log)]
        {
            if let Some(name) = path.as_ref().and_then(|path| path.file_name()) {
                let name = name.to_string_lossy();
                let _ = write!(text, "\n{what}: [{name}]({name})\n");
            }
        }
    }
}

fn fenced(message: &str) -> String {
    format!("```text\n{}\n```", message.trim_end())
}

/// The name of a clock in results.
pub fn clock(clock: Mode) -> &'static str {
    match clock {
        Mode::Sim => "virtual",
        Mode::Real => "real",
    }
}

fn on_clock(clock: Mode) -> &'static str {
    match clock {
        Mode::Sim => "in virtual time",
        Mode::Real => "on real threads",
    }
}

fn grade_json(grade: &Grade) -> Value {
    let error = |it: &CompileError| json!({ "code": it.code, "message": it.message, "place": it.place, "text": it.rendered });
    json!({
        "name": grade.submission.name,
        "dir": grade.submission.dir.display().to_string(),
        "package": grade.package,
        "points": grade.points(),
        "refused": grade.refused,
        "errors": grade.errors.iter().map(error).collect::<Vec<_>>(),
        "dropped": grade.dropped,
        "remarks": grade.remarks,
        "build_seconds": millis(grade.build_seconds),
        "seconds": millis(grade.seconds),
        "tests": grade.tests.iter().map(test_json).collect::<Vec<_>>(),
    })
}

fn test_json(marked: &Marked) -> Value {
    let outcome = &marked.outcome;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let failure = outcome.failure.as_ref().map(|failure| {
        json!({
            "kind": failure.kind.word(),
            "message": failure.message,
            "seed": failure.seed.map(|seed| format!("{seed:#x}")),
            "hash": failure.hash.map(|hash| format!("{hash:016x}")),
            "replay": failure.replay,
            "log": path(&outcome.log),
            "page": path(&outcome.page),
        })
    });
    json!({
        "suite": marked.test.suite,
        "test": marked.test.name,
        "points": marked.points(),
        "of": marked.test.points,
        "passed": outcome.failure.is_none(),
        "seeds_passed": outcome.seeds_passed,
        "run_seconds": millis(outcome.seconds),
        "cpu_seconds": millis(outcome.cpu),
        "failure": failure,
    })
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Aligns the columns of a table: the first and the last column to the left, and the other columns to the
/// right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|it| it.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let w = widths[column];
            match column {
                0 => line += &format!("{cell:<w$}"),
                _ if column + 1 == columns => line += &format!("  {cell}"),
                _ => line += &format!("  {cell:>w$}"),
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
