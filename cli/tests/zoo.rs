//! Tests of `lab zoo`. An animal is a known mistake, as a change of this project's sources. The change of
//! every animal must fit the sources. Errors in arguments and in files of the zoo must be reported.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]
#![cfg(feature = "zoo")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Folder, Ran};
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

fn zoo(root: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    Ran::of(command.arg("zoo").args(args).arg("--root").arg(root).output().expect("lab runs"))
}

const ANIMAL: &str = "title = \"A server is wrong\"\nrule = \"One Vote\"\nsection = \"5.2\"\n\
                      source = \"our own\"\nbreaks = \"safety\"\nlabs = [\"lab2a\"]\n\
                      [[change]]\nfile = \"src/a.rs\"\nold = '''\nlet right = 1;\n'''\n\
                      new = '''\nlet wrong = 2;\n'''\n";

/// A document with the comments between which the tables are written.
const COMMENTS: &str = "<!-- tables: lab zoo matrix writes the lines up to the end of the tables -->\nold\n\
                        <!-- end of the tables -->\n";

/// A project with one animal: only the files that the zoo reads.
fn small(test: &str, animal: &str) -> Folder {
    let folder = Folder::new(&format!("zoo-{test}"));
    for (file, text) in [
        ("labtest/Cargo.toml", ""),
        ("docs/monitor.md", "| rule | section |\n|---|---|\n| One Vote | 5.2 |\n"),
        ("tests/lab2a.rs", ""),
        ("src/a.rs", "fn a() {\nlet right = 1;\n}\n"),
        ("src/raft/invariants.rs", "        if !holds {\n"),
        ("src/raft/progress.rs", "    fn check(&self) {\n"),
        ("zoo/raft/wrong-server.toml", animal),
    ] {
        let path = folder.0.join(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    folder
}

#[test]
fn each_animal_of_this_project_fits_its_sources() {
    let ran = zoo(&repository(), &["check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("each change fits the sources"), "{}", ran.out);
}

#[test]
fn the_list_has_all_files_of_the_zoo() {
    let ran = zoo(&repository(), &["list", "--json"]);
    let list: Value = serde_json::from_str(&ran.out).expect("the list is JSON");
    let listed = list.as_array().expect("the list is an array").len();
    let labs = fs::read_dir(repository().join("zoo")).expect("the zoo");
    let labs = labs.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    let files: usize = labs.map(|lab| fs::read_dir(lab).expect("a lab of the zoo").count()).sum();
    assert!(listed > 0);
    assert_eq!(listed, files);
}

#[test]
fn an_animal_is_shown_with_its_change() {
    let ran = zoo(&small("show", ANIMAL).0, &["show", "wrong-server"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for text in ["A server is wrong\n", "our own\n", "One Vote\n"] {
        assert!(ran.out.contains(text), "{}", ran.out);
    }
    let diff = "@@ -1,3 +1,3 @@\n fn a() {\n-let right = 1;\n+let wrong = 2;\n }\n";
    assert!(ran.out.ends_with(diff), "{}", ran.out);
}

#[test]
fn an_unknown_name_gets_the_nearest_names() {
    let folder = small("name", ANIMAL);
    for command in ["show", "run"] {
        let ran = zoo(&folder.0, &[command, "wrong-servers"]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("the nearest known name is wrong-server"), "{}", ran.err);
    }
}

#[test]
fn an_unknown_test_is_refused_before_the_copy_is_built() {
    let ran = zoo(&repository(), &["run", "forgets-its-vote", "--tests", "figure_8_to_the_lettr"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("the nearest known name is figure_8_to_the_letter"), "{}", ran.err);
    assert!(!ran.err.contains("building"), "{}", ran.err);
}

#[test]
fn a_sample_is_drawn_by_its_seed() {
    let drawn = |seed: &str| {
        let ran = zoo(&repository(), &["sample", "--dry-run", "--count", "5", "--seed", seed]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert_eq!(ran.out.lines().count(), 5, "{}", ran.out);
        ran.out
    };
    assert_eq!(drawn("0f3a"), drawn("0f3a"));
    assert_ne!(drawn("0f3a"), drawn("0f3b"));
}

#[test]
fn bad_arguments_of_a_sample_are_refused() {
    for (args, wanted) in
        [(&["sample"][..], "--seed"), (&["sample", "--seed", "a", "--count", "0"], "--count")]
    {
        let ran = zoo(&small("sample", ANIMAL).0, args);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
}

#[test]
fn the_matrix_draws_a_picture_and_counts_by_kind() {
    let folder = small("table", ANIMAL);
    let doc = folder.0.join("docs/zoo.md");
    fs::write(&doc, COMMENTS).expect("the file can be written");
    let ran = zoo(&folder.0, &["matrix", "--table"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let text = fs::read_to_string(&doc).expect("the tables were written");
    assert!(text.contains("| safety | 1 | 0 | 0 of 0 | 0 | 0 | 0 | 0 of 1 | 0 | 0 |\n"), "{text}");
    assert!(
        text.contains("| [wrong-server](../zoo/raft/wrong-server.toml) | safety | ? | ? | ? |"),
        "{text}"
    );
    let picture = fs::read_to_string(folder.0.join("docs/zoo.svg")).expect("the picture was written");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    assert!(picture.contains(">wrong-server</text>"), "{picture}");
}

/// A folder with the files of this project that the zoo reads. Only the documents are copies.
fn copy_of_the_project(test: &str) -> Folder {
    let folder = Folder::new(&format!("zoo-{test}"));
    for name in ["zoo", "tests", "labtest", "src"] {
        symlink(repository().join(name), folder.0.join(name)).expect("a link can be made");
    }
    fs::create_dir(folder.0.join("docs")).expect("a folder can be made");
    for name in ["zoo.md", "zoo.svg", "monitor.md"] {
        let name = Path::new("docs").join(name);
        fs::copy(repository().join(&name), folder.0.join(&name)).expect("the project has this document");
    }
    folder
}

/// If this test fails, an animal has changed since it was measured, or `docs/zoo.md` was changed by hand.
/// `lab zoo matrix` measures what is missing, and writes the tables.
#[test]
fn the_tables_are_what_the_results_give() {
    let folder = copy_of_the_project("committed");
    let ran = zoo(&folder.0, &["matrix", "--table"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "expected no warning");
    for name in ["docs/zoo.md", "docs/zoo.svg"] {
        let read = |root: &Path| fs::read_to_string(root.join(name)).expect("the document");
        let (committed, written) = (read(&repository()), read(&folder.0));
        let line = committed.lines().zip(written.lines()).find(|(committed, written)| committed != written);
        assert!(committed == written, "{name}: the first line that differs: {line:?}");
    }
}

/// The line of `zoo/results.jsonl` for a method and the animal of [`small`].
fn result(method: &str, mark: &str) -> String {
    format!(
        "{{\"animal\":\"wrong-server\",\"method\":\"{method}\",\"mark\":\"{mark}\",\"seeds\":3,\"failed\":3,\"smallest\":1,\
         \"cpu\":1.0,\"tests\":{{}},\"rules\":{{}},\"message\":\"\",\"spent\":1.0}}\n"
    )
}

#[test]
fn the_matrix_names_animals_that_have_changed() {
    let folder = small("outdated", ANIMAL);
    fs::write(folder.0.join("docs/zoo.md"), COMMENTS).expect("the file can be written");
    let ran = zoo(&folder.0, &["matrix", "--table"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    fs::write(folder.0.join("zoo/results.jsonl"), result("unit", "0123456789abcdef"))
        .expect("the file can be written");
    let ran = zoo(&folder.0, &["matrix", "--table"]);
    ran.complains(0, &["warning: ", "which have changed since they were measured: wrong-server\n"]);
}

/// The marks of the animal of [`small`], for methods that run `lab2a`, and for methods that run no test
/// target.
const MARKS: [&str; 2] = ["fe20882ea72aff16", "53bc0e06626a51f1"];

/// Without a file `Cargo.toml`, a build would fail.
#[test]
fn nothing_is_built_if_there_is_nothing_to_measure() {
    let folder = small("nothing", ANIMAL);
    fs::write(folder.0.join("docs/zoo.md"), COMMENTS).expect("the file can be written");
    let measured = [("course", 0), ("strict", 1), ("monitor", 0), ("unit", 1)];
    let measured = measured.map(|(method, mark)| result(method, MARKS[mark]));
    fs::write(folder.0.join("zoo/results.jsonl"), measured.concat()).expect("the file can be written");
    let ran = zoo(&folder.0, &["matrix", "--only", "wrong-server", "-n", "3"]);
    ran.complains(0, &["zoo: nothing to measure: each of these has results of at least 3 seeds\n"]);
    assert!(!ran.err.contains("warning") && !ran.err.contains("building"), "{}", ran.err);
    let text = fs::read_to_string(folder.0.join("docs/zoo.md")).expect("the tables were written");
    assert!(text.contains("| safety | 3/3, 1, 1.0 |"), "{text}");
    let ran = zoo(&folder.0, &["matrix", "--only", "wrong-server", "-n", "4"]);
    assert!(!ran.err.contains("nothing to measure"), "{}", ran.err);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
}

#[test]
fn the_list_can_be_searched() {
    let list = |args: &[&str]| zoo(&repository(), &[&["list"], args].concat());
    let all = list(&[]);
    all.says(0, &["name ", "\nzoo/raft: Raft, ", "\nzoo/kv: ", "\nzoo/shards: ", "\nforgets-its-vote "]);
    let votes = list(&["VOTE", "forgets"]);
    votes.says(0, &["\nforgets-its-vote "]);
    assert!(!votes.out.contains("zoo/kv") && votes.out.lines().count() < 10, "{}", votes.out);
    let kv = list(&["--lab", "kv"]);
    kv.says(0, &["zoo/kv: "]);
    assert!(!kv.out.contains("zoo/raft"), "{}", kv.out);
    list(&["--lab", "lab2"]).complains(2, &["'lab2'", "raft, kv, shards"]);
    list(&["--lab", "kv", "no such"])
        .complains(2, &["no animal of zoo/kv has \"no such\" in its name or title"]);
    zoo(&repository(), &["show", "vote"])
        .complains(2, &["\"vote\"; these names contain it: ", "forgets-its-vote"]);
    let ran = zoo(&repository(), &["show", "unicorn"]);
    ran.complains(2, &["no animal is called \"unicorn\"; `lab zoo list` shows all names"]);
}

/// The names of the programs have different lengths, but the explanations are always in one column.
#[test]
fn the_examples_are_aligned() {
    for called in ["", "scripts/zoo.sh"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        let ran =
            Ran::of(command.args(["zoo", "--help"]).env("LAB_CALLED", called).output().expect("lab runs"));
        let examples = ran.out.lines().skip_while(|line| *line != "Examples:").skip(1);
        let columns: Vec<Option<usize>> = examples
            .map(|line| line.trim_start().rfind("  ").map(|at| at + line.len() - line.trim_start().len()))
            .collect();
        assert!(columns.len() > 5 && columns.iter().all(|column| *column == columns[0]), "{}", ran.out);
    }
}

/// The commands and the replay lines in the documents name only animals and test targets that exist.
#[test]
fn the_animals_in_the_documents_exist() {
    let list = zoo(&repository(), &["list", "--json"]);
    let list: Value = serde_json::from_str(&list.out).expect("the list is JSON");
    let known: Vec<&str> =
        list.as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
    let mut commands = 0;
    for file in ["README.md", "docs/zoo.md", "docs/running.md", "zoo/README.md", "docs/guide.md"] {
        let text = fs::read_to_string(repository().join(file)).expect("the document");
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('`')).collect();
            for at in 0..words.len() {
                let zoo = words[at].ends_with("zoo") || words[at].ends_with("scripts/zoo.sh");
                let name = match words[at..] {
                    [_, "run" | "show", name, ..] if zoo && name != "NAME" => name,
                    [variable, ..] if variable.starts_with("LAB_ZOO=") => &variable["LAB_ZOO=".len()..],
                    _ => continue,
                };
                commands += 1;
                assert!(known.contains(&name), "{file}:{number}: no animal is called {name:?}");
                if let Some(target) = words.iter().position(|word| *word == "--test").map(|at| words[at + 1])
                {
                    let source = repository().join("tests").join(target).with_extension("rs");
                    assert!(source.is_file(), "{file}:{number}: there is no test target {target}");
                }
            }
        }
    }
    assert!(commands > 5, "only {commands} commands were found");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let ran = zoo(&small("file", &ANIMAL.replace("\"safety\"", "\"danger\"")).0, &["list"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let wanted = "wrong-server.toml:5: breaks: \"danger\": expected one of safety, liveness, slow";
    assert!(ran.err.contains(wanted), "{}", ran.err);
}

#[test]
fn a_change_that_does_not_fit_is_a_failure() {
    let folder = small("fit", ANIMAL);
    fs::write(folder.0.join("src/a.rs"), "let right = 1;\nlet right = 1;\n")
        .expect("the file can be written");
    for args in [&["check"][..], &["show", "wrong-server"], &["run", "wrong-server"]] {
        let ran = zoo(&folder.0, args);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        let wanted =
            "wrong-server: src/a.rs: has the old text \"let right = 1;\" ... 2 times, expected exactly once";
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
}

#[test]
fn a_folder_without_a_zoo_is_refused() {
    let folder = Folder::new("zoo-none");
    let ran = zoo(&folder.0, &["list"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("expected a checkout of the labs, with the folder zoo"), "{}", ran.err);
}
