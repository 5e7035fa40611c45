//! These tests check the text of the skeletons in `starter/`: the names of the crate and of the suites, the
//! commands of the README, and the marks where a student must write code.
//!
//! The script `.ci/run` runs the suites of the starter. Each suite must fail with a clear message.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("starter")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files of a folder of the skeleton, by name.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(starter().join(folder)).expect("the folder of the skeleton can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, read(&path)));
        }
    }
    found.sort();
    found
}

const SUITES: [&str; 11] =
    ["lab2a", "lab2b", "lab2c", "lab2d", "lab3a", "lab3b", "lab4a", "lab4b", "strict2", "strict3", "strict4"];

/// If `lab new` makes a project from the skeleton, the crate gets another name. So the old name may appear
/// only in places where it is easily replaced.
#[test]
fn the_crate_names_itself_only_in_imports_of_its_tests() {
    let mut wrong = Vec::new();
    for (folder, imports) in [("src", false), ("tests", true)] {
        for (name, text) in files(folder) {
            let lines = text.lines().filter(|line| line.contains("starter"));
            let bad = lines.filter(|line| !(imports && line.starts_with("use starter::")));
            wrong.extend(bad.map(|line| format!("{folder}/{name}.rs: {line}")));
        }
    }
    assert!(wrong.is_empty(), "lines that name the crate:\n{}", wrong.join("\n"));
}

#[test]
fn each_suite_is_a_target_that_runs_when_it_is_asked_for() {
    let names: Vec<String> = files("tests").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, SUITES);
    let manifest = read(&starter().join("Cargo.toml"));
    for suite in SUITES {
        let target = format!("[[test]]\nname = \"{suite}\"\nharness = false\ntest = false\n");
        assert!(manifest.contains(&target), "Cargo.toml of the skeleton has no target like this:\n{target}");
    }
}

#[test]
fn the_suites_on_a_raft_say_which_one_it_is() {
    for (name, text) in files("tests") {
        let says = text.contains("with_feature(\"solved-raft\", cfg!(feature = \"solved-raft\"))");
        let judges_own_raft = name.starts_with("lab2") || name == "strict2";
        assert_eq!(says, !judges_own_raft, "tests/{name}.rs");
    }
}

#[test]
fn the_readme_has_a_command_for_each_suite_and_for_no_other() {
    let text = read(&starter().join("README.md"));
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == '`').collect();
    let named = words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1]);
    let named: BTreeSet<&str> = named.collect();
    assert_eq!(named, BTreeSet::from(SUITES));
}

/// `lab new` replaces the paragraph of the README that names the crate. So no other paragraph may name it.
#[test]
fn the_readme_names_the_crate_in_one_paragraph() {
    let text = read(&starter().join("README.md"));
    let naming: Vec<&str> = text.split("\n\n").filter(|paragraph| paragraph.contains("starter")).collect();
    let [paragraph] = naming[..] else { panic!("paragraphs that name the crate: {naming:#?}") };
    assert!(
        paragraph.contains("-p starter"),
        "the paragraph must show the commands inside this repository: {paragraph}"
    );
}

/// If a test needs a part that a student has not written yet, a clear message says this. A mark in the code
/// shows the student the place for this part.
#[test]
fn what_is_not_written_says_so() {
    let mut places = 0;
    for (name, text) in files("src") {
        for word in ["todo!", "unimplemented!", "unreachable!"] {
            assert!(!text.contains(word), "src/{name}.rs: {word}");
        }
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.trim().starts_with("not_written("))
        {
            let marked =
                lines[at.saturating_sub(4)..at].iter().any(|line| line.contains("// Your code here"));
            assert!(marked, "src/{name}.rs:{}: no mark `Your code here` above {line}", at + 1);
            places += 1;
        }
    }
    assert!(places > 0, "the skeletons have no call of `not_written`");
}
