//! Writes the results of a campaign into files: as JSON, and as JUnit XML.
//!
//! docs/running.md lists the fields of the JSON.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::keep::Keeper;
use super::run::{Mode, Run, Test};
use super::tally::Tally;

/// All results of a campaign that has ended.
pub struct Everything<'a> {
    /// The tests.
    pub tests: &'a [Test],
    /// The clock of the tests.
    pub mode: Mode,
    /// All runs, in the order in which they ended.
    pub runs: &'a [Run],
    /// The figures.
    pub tally: &'a Tally,
    /// The failures.
    pub keeper: &'a Keeper,
}

impl Everything<'_> {
    /// Writes the results as JSON. `code` is the exit code of `lab dstest`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_json(&self, path: &Path, code: u8) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.json(code)).map_err(io::Error::other)?;
        fs::write(path, text + "\n")
    }

    fn json(&self, code: u8) -> Value {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by_key(|run| (run.test, run.seed));
        let run = |run: &Run| {
            json!({
                "target": self.tests[run.test].target,
                "test": self.tests[run.test].name,
                "seed": format!("{:#x}", run.seed),
                "passed": run.passed,
                "ended": run.how.to_string(),
                "hash": run.hash.map(|hash| format!("{hash:016x}")),
                "seconds": run.seconds,
                "cpu_seconds": run.cpu,
                "warnings": run.warnings,
                "message": run.message,
                "repeat": run.replay,
            })
        };
        json!({
            "format": 1,
            "clock": if self.mode == Mode::Sim { "virtual" } else { "real" },
            "exit_code": code,
            "runs": self.tally.total(),
            "failed": self.tally.failed(),
            "not_run": self.tally.abandoned(),
            "failures": self.keeper.json(self.tests),
            "results": runs.into_iter().map(run).collect::<Vec<Value>>(),
        })
    }

    /// Writes the results as JUnit XML. A test has one result for all its seeds: it has failed if a seed has
    /// failed.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[cfg(feature = "junit")]
    pub fn write_junit(&self, path: &Path) -> io::Result<()> {
        let mut suites: Vec<crate::junit::Suite> = Vec::new();
        for (number, test) in self.tests.iter().enumerate() {
            if !suites.iter().any(|suite| suite.name == test.target) {
                let name = test.target.clone();
                suites.push(crate::junit::Suite { name, properties: Vec::new(), cases: Vec::new() });
            }
            let suite = suites.iter_mut().find(|suite| suite.name == test.target);
            suite.expect("the suite was added").cases.push(self.case(number));
        }
        crate::junit::write(path, "dstest", &suites)
    }

    #[cfg(feature = "junit")]
    fn case(&self, number: usize) -> crate::junit::Case {
        use crate::junit::{Case, Verdict};
        let test = &self.tests[number];
        let runs: Vec<&Run> = self.runs.iter().filter(|run| run.test == number).collect();
        let mut failed: Vec<&Run> = runs.iter().copied().filter(|run| !run.passed).collect();
        failed.sort_by_key(|run| run.seed);
        let line = |run: &&Run| format!("seed {:#x}: {}\n{}\n", run.seed, run.message, run.replay);
        let verdict = match failed.as_slice() {
            [] if runs.is_empty() => Verdict::Skipped("no seed was run".to_owned()),
            [] => Verdict::Passed,
            [first, ..] => Verdict::Failed {
                kind: first.how.to_string(),
                message: format!(
                    "{} of {} seeds failed, the smallest is {:#x}: {}",
                    failed.len(),
                    runs.len(),
                    first.seed,
                    first.message.lines().next().unwrap_or_default()
                ),
                text: failed.iter().take(super::shortlist::MOST_OF_A_TEST).map(line).collect(),
            },
        };
        let seconds = runs.iter().filter_map(|run| run.cpu).sum();
        Case { class: test.target.clone(), name: test.name.clone(), seconds, verdict }
    }
}
