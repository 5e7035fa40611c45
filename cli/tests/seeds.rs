//! `scripts/seeds.sh`: what it notes, where it goes on, and its messages. The project of these tests has a
//! `scripts/dstest.sh` that runs nothing.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes, with and without the feature sim"
)]

mod common;

use common::{Folder, Ran};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Notes its arguments in the file `called`. Then it runs the file `meanwhile`, and reports that two tests
/// passed with each seed.
const DSTEST: &str = r#"#!/usr/bin/env bash
echo "$*" >>docs/called
if [ -e docs/meanwhile ]; then . docs/meanwhile; fi
echo "0 of $((2 * $6)) failed in 3 s"
echo "1.50 CPU seconds"
"#;

const TESTS: &str = "\
| suite | seeds |
|---|---:|
| `lab2a`: elections | 0 seeds |
| `rsm`: the layer of the services | 0 seeds |
";

struct Project(Folder);

impl Project {
    fn new(name: &str) -> Project {
        let project = Project(Folder::new(name));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/seeds.sh");
        project.write("scripts/seeds.sh", &fs::read_to_string(script).expect("the script exists"));
        project.write("scripts/dstest.sh", DSTEST);
        project.write("docs/tests.md", TESTS);
        project.done("chmod +x scripts/dstest.sh && git init -q && git add . && git commit -qm first");
        project
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.0.join(file);
        fs::create_dir_all(path.parent().expect("the file is in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.0.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    fn bash(&self, line: &str) -> Ran {
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GIT_")) {
            command.env_remove(name);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Tester")
                .env(format!("GIT_{role}_EMAIL"), "t@example.org");
        }
        Ran::of(command.args(["-c", line]).current_dir(&self.0.0).output().expect("bash runs"))
    }

    #[track_caller]
    fn done(&self, line: &str) {
        self.bash(line).says(0, &[]);
    }

    fn seeds(&self, args: &str) -> Ran {
        self.bash(&format!("bash scripts/seeds.sh {args}"))
    }

    /// The notes without the column of the commit.
    fn notes(&self) -> Vec<String> {
        let commit = self.bash("git rev-parse --short HEAD").out;
        let table = self.read("docs/seeds.tsv");
        let mut lines = table.lines();
        assert_eq!(lines.next(), Some("suite\tfirst seed\tseeds\ttests\tCPU seconds\tcommit"));
        let without = |line: &str| {
            let (rest, noted) = line.rsplit_once('\t').unwrap_or_else(|| panic!("one field: {line}"));
            assert_eq!(noted, commit.trim_end(), "{line}");
            rest.replace('\t', " ")
        };
        lines.map(without).collect()
    }
}

#[test]
fn suites_take_turns_and_a_later_call_goes_on() {
    let project = Project::new("seeds-turns");
    project.seeds("--to 5 --piece 2 lab2a rsm").says(
        0,
        &[
            "lab2a: seeds 1 to 2 of 5\nlab2a: passed and noted, 1.50 s of CPU\nrsm: seeds 1 to 2 of 5\n",
            "lab2a: seeds 5 to 5 of 5\n",
            "each of these suites has passed with 5 seeds or more: lab2a rsm (at the commits in docs/seeds.tsv)\n",
        ],
    );
    let first = ["lab2a 1 2 2 1.50", "rsm 1 2 2 1.50", "lab2a 3 2 2 1.50", "rsm 3 2 2 1.50"];
    let then = ["lab2a 5 1 2 1.50", "rsm 5 1 2 1.50"];
    assert_eq!(project.notes(), [&first[..], &then].concat());
    assert_eq!(project.read("docs/tests.md"), TESTS.replace("0 seeds", "5 seeds"));

    project.seeds("--to 1200 --piece 5000 lab2a").says(0, &["lab2a: seeds 6 to 1200 of 1200\n"]);
    assert_eq!(project.notes()[6..], ["lab2a 6 1195 2 1.50"]);
    assert!(project.read("docs/tests.md").contains("| `lab2a`: elections | 1,200 seeds |\n"));
    let called = project.read("docs/called");
    assert_eq!(called.lines().last(), Some("--sim --release -t 900 -n 1195 --seed 6 lab2a"));
    project.seeds("--to 1000 lab2a").says(0, &["has passed with 1000 seeds or more: lab2a (at"]);
    assert_eq!(project.read("docs/called"), called, "there is nothing left to run");
}

#[test]
fn a_piece_with_a_failure_is_not_noted() {
    let project = Project::new("seeds-failure");
    project.write("docs/meanwhile", "case $8 in 3) echo '1 of 4 failed'; exit 1;; esac");
    project.seeds("--to 6 --piece 2 lab2a").says(1, &["lab2a: seeds 3 to 4 of 6\n1 of 4 failed\n"]);
    assert_eq!(project.notes(), ["lab2a 1 2 2 1.50"]);
    assert!(project.read("docs/tests.md").contains("| `lab2a`: elections | 2 seeds |\n"));
    project.write("docs/meanwhile", "");
    project.seeds("--to 6 --piece 2 lab2a").says(0, &["lab2a: seeds 3 to 4 of 6\nlab2a: passed and noted"]);
}

#[test]
fn a_note_is_about_committed_sources() {
    let project = Project::new("seeds-sources");
    project.write("src.rs", "");
    project.seeds("--to 1 lab2a").complains(2, &["commit these changes first:\n?? src.rs\n"]);
    project.done("rm src.rs");
    project.write("docs/meanwhile", "touch src.rs");
    project
        .seeds("--to 1 lab2a")
        .complains(1, &["the sources changed while this piece ran, so it is not noted"]);
    assert_eq!(project.notes(), [""; 0]);
}

#[test]
fn two_calls_cannot_run_at_once() {
    let project = Project::new("seeds-twice");
    project
        .write("docs/meanwhile", "bash scripts/seeds.sh --to 1 rsm >docs/second 2>&1; echo $? >>docs/second");
    project.seeds("--to 1 lab2a").says(0, &["lab2a: passed and noted"]);
    let second = project.read("docs/second");
    assert!(second.contains("error: another call of this script is running"), "{second}");
    assert!(second.ends_with("\n2\n"), "{second}");
    assert_eq!(project.notes(), ["lab2a 1 1 2 1.50"]);
}

#[test]
fn a_gap_in_the_table_is_an_error() {
    let project = Project::new("seeds-gap");
    project.write("docs/seeds.tsv", "suite\tfirst seed\nlab2a\t1\t2\nlab2a\t4\t2\n");
    project.seeds("lab2a").complains(2, &["docs/seeds.tsv has no seed 3 of lab2a before line 3"]);
}

#[test]
fn bad_arguments_are_refused() {
    let project = Project::new("seeds-arguments");
    for (args, message) in [
        ("lab9", "error: unknown argument `lab9`; expected an option or some of these suites: lab2a lab2b"),
        ("reads", "error: this script does not run reads, only lab2a"),
        ("--to=5", "error: unknown argument `--to=5`; expected `--to 5`"),
        ("--to", "error: --to: expected a value"),
        ("--to 0", "error: --to 0: expected a number from 1 to 9999999"),
        ("--piece many", "error: --piece many: expected a number from 1 to 9999999"),
        ("--minutes 10000000", "error: --minutes 10000000: expected a number from 1 to 9999999"),
    ] {
        project.seeds(args).complains(2, &[message, "(try `scripts/seeds.sh --help`)"]);
    }
    project.seeds("--help").says(0, &["Usage: scripts/seeds.sh [--to SEEDS]"]);
    assert!(!project.0.0.join("docs/called").exists(), "nothing was run");
}
