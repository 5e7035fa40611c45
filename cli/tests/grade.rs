//! `lab grade`: which arguments it refuses, and how it grades a class of submissions.
//!
//! One test grades the whole class, because the judge must be compiled before anything is graded. The first
//! time, this takes about three minutes of CPU time. Each submission takes about ten seconds. The compiled
//! judge stays in cargo's folder for temporary files of tests. The grader is the same with and without the
//! feature `sim`, so these tests run only without it.
#![cfg(all(feature = "grade", not(feature = "sim")))]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock"
)]

#[path = "grade/class.rs"]
mod class;
mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Folder, Ran};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn lab(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.arg("grade").args(args).current_dir(dir);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
        command.env_remove(name);
    }
    command
}

fn run(dir: &Path, args: &[&str]) -> Ran {
    Ran::of(lab(dir, args).output().expect("lab runs"))
}

/// A folder with a good grade.toml and a submission `sub`, which no test builds.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::create_dir_all(folder.0.join("sub/src")).expect("the folder can be made");
    std::fs::write(folder.0.join("sub/src/lib.rs"), "").expect("the file can be written");
    std::fs::write(folder.0.join("grade.toml"), "[suites]\nlab2a = 1\n").expect("the file can be written");
    folder
}

/// Asserts that the grader refuses these arguments and builds nothing: it does not even make the work folder.
#[track_caller]
fn refused(folder: &Folder, args: &[&str], words: &[&str]) {
    let args = [&["--work", "work"], args].concat();
    let ran = run(&folder.0, &args);
    assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{args:?}: no {word:?} in the message: {}", ran.err);
    }
    assert!(!folder.0.join("work").exists(), "{args:?}: the work folder was made");
}

#[test]
fn bad_arguments_are_refused_before_anything_is_built() {
    let folder = folder("grade-arguments");
    refused(&folder, &[], &["<DIR>", "Usage"]);
    refused(&folder, &["nowhere"], &["nowhere: there is no such folder"]);
    refused(&folder, &["grade.toml"], &["grade.toml: expected the folder of a submission, this is a file"]);
    refused(&folder, &["sub", "sub/../sub"], &["this folder was given twice"]);
    refused(&folder, &["--config", "none.toml", "sub"], &["cannot read none.toml", "--config"]);
    refused(&folder, &["--out", "grade.toml", "sub"], &["--out grade.toml: expected a folder"]);
    refused(&folder, &["--json", "no/where.json", "sub"], &["--json no/where.json: there is no folder no"]);
    refused(&folder, &["--junit", "sub", "sub"], &["--junit sub: expected a file"]);
    refused(&folder, &["--seed", "many", "sub"], &["\"many\" is no seed", "--seed"]);
    refused(&folder, &["--labs", "sub", "sub"], &["sub: expected a checkout of the labs", "--labs"]);
}

#[test]
fn a_bad_grade_toml_is_refused_before_anything_is_built() {
    let folder = folder("grade-toml");
    let bad = |text: &str, words: &[&str]| {
        std::fs::write(folder.0.join("grade.toml"), text).expect("the file can be written");
        refused(&folder, &["sub"], words);
    };
    bad("[suites]\nlab2a 1\n", &["grade.toml:2: this is not TOML"]);
    bad("sedes = 5\n[suites]\nlab2a = 1\n", &["grade.toml:1: unknown key \"sedes\"", "seeds"]);
    bad("[tests]\n\nbakcup_2b = 1\n", &["grade.toml:3: unknown test \"bakcup_2b\"", "backup_2b"]);
    bad("[suites]\nlab2a = true\n", &["grade.toml:2: lab2a = true: expected points"]);
    bad("seeds = 5\n", &["grade.toml: no test is worth anything", "[suites]"]);
}

/// The result of a submission, from the JSON.
fn of<'a>(results: &'a Value, name: &str) -> &'a Value {
    let all = results["submissions"].as_array().expect("the value is a list");
    all.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name} in {results:#}"))
}

/// The failure of a submission's test.
fn failure<'a>(results: &'a Value, name: &str, test: &str) -> &'a Value {
    let tests = of(results, name)["tests"].as_array().expect("the value is a list");
    &tests.iter().find(|it| it["test"] == test).expect("the test is in grade.toml")["failure"]
}

/// Asserts that no test of a submission has earned points. Each failure must be of this kind, and its message
/// must contain `words`.
#[track_caller]
fn nothing_earned(results: &Value, name: &str, kind: &str, words: &str) {
    let found = of(results, name);
    assert_eq!(found["points"], 0.0, "{found:#}");
    for test in found["tests"].as_array().expect("the value is a list") {
        let (passed, failure) = (&test["passed"], &test["failure"]);
        assert_eq!(*passed, false, "{name}: {test:#}");
        assert_eq!(failure["kind"], kind, "{name}: {test:#}");
        assert!(failure["message"].as_str().is_some_and(|it| it.contains(words)), "{name}: {test:#}");
    }
}

/// The folder in which the judge is compiled. It is not removed, so that later runs of the tests need not
/// compile the judge again.
fn work() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("grade-work")
}

#[test]
fn a_class_is_graded() {
    let folder = Folder::new("grade-class");
    let names = class::write(&folder.0);
    std::fs::write(
        folder.0.join("grade.toml"),
        "seeds = 3\nseed = 7\nrun_limit_s = 6\nstrict = false\n[suites]\nlab2a = 2\n[tests]\nbasic_agree_2b = 1\nbackup_2b = 3\n",
    )
    .expect("the file can be written");
    let work = work().to_string_lossy().into_owned();
    let options = ["--work", &work, "--json", "grades.json", "--junit", "grades.xml", "--out", "out"];
    let args: Vec<&str> = options.into_iter().chain(names.iter().map(String::as_str)).collect();
    let ran = run(&folder.0, &args);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    println!("{}{}", ran.out, ran.err);

    let text =
        std::fs::read_to_string(folder.0.join("grades.json")).expect("lab grade has written the JSON file");
    let results: Value = serde_json::from_str(&text).expect("the text is JSON");
    assert_eq!(
        (&results["complete"], &results["points"], &results["first_seed"]),
        (&true.into(), &10.0.into(), &"0x7".into())
    );

    // A correct Raft earns all points, although its package has another name.
    assert_eq!(of(&results, "right")["points"], 10.0, "{:#}", of(&results, "right"));
    assert_eq!(of(&results, "right")["package"], "my-raft");
    assert!(
        ran.out.lines().any(|line| line.starts_with("right ") && line.contains("10 / 10")),
        "{}",
        ran.out
    );

    // The same Raft with one changed line passes the tests that do not depend on this line.
    let bug = of(&results, "bug");
    assert!(bug["points"].as_f64().is_some_and(|points| 0.0 < points && points < 10.0), "{bug:#}");
    let missed = failure(&results, "bug", "backup_2b");
    assert_eq!(missed["kind"], "failed", "{bug:#}");
    assert!(
        missed["replay"].as_str().is_some_and(|it| it.contains("LAB_SEED=") && !it.contains("-p submission")),
        "{bug:#}"
    );
    assert!(missed["page"].as_str().is_some_and(|page| folder.0.join(page).exists()), "{bug:#}");
    let feedback = std::fs::read_to_string(folder.0.join("out/bug/feedback.md"))
        .expect("there is a page for the student");
    assert!(feedback.contains("## backup_2b") && feedback.contains("LAB_SEED="), "{feedback}");

    nothing_earned(&results, "empty", "failed", "");
    nothing_earned(&results, "hangs", "too-long", "the run took longer than 6 s");
    nothing_earned(&results, "crashes", "died", "SIGABRT");
    nothing_earned(&results, "prints", "bad-report", "");
    nothing_earned(&results, "forges", "bad-report", "before the judge had come to its end");
    assert_eq!(
        of(&results, "forges")["tests"][0]["seeds_passed"],
        0,
        "the seeds in a forged report do not count"
    );
    let remarks = of(&results, "forges")["remarks"].to_string();
    assert!(remarks.contains("std::process::exit") && remarks.contains("std::env::var"), "{remarks}");
    nothing_earned(&results, "borrows", "does-not-compile", "It uses the crate mit6824");
    nothing_earned(&results, "broken", "does-not-compile", "It does not compile: error");
    nothing_earned(&results, "includes", "does-not-compile", "It includes files from outside of its src");
    let errors = of(&results, "broken")["errors"].as_array().expect("the value is a list");
    assert!(
        errors[0]["place"].as_str().is_some_and(|place| place.starts_with("src/raft.rs:")),
        "{errors:#?}"
    );
    assert!(of(&results, "borrows")["dropped"].to_string().contains("the dependency mit6824"));

    let xml =
        std::fs::read_to_string(folder.0.join("grades.xml")).expect("lab grade has written the XML file");
    assert!(
        xml.contains("<testsuite name=\"right\" tests=\"5\" skipped=\"0\" errors=\"0\" failures=\"0\""),
        "{xml}"
    );
    assert!(
        xml.contains("<testsuite name=\"broken\" tests=\"5\" skipped=\"0\" errors=\"0\" failures=\"5\""),
        "{xml}"
    );

    secrets_stay_with_the_teacher(&folder, &work);
    a_signal_leaves_the_results_so_far(&folder, &work);
}

/// With `show_seed = false`, the page for the student contains no seed, and the logs are in another folder.
fn secrets_stay_with_the_teacher(folder: &Folder, work: &str) {
    let text = "seeds = 2\nseed = 0xabcdef\nshow_seed = false\nremarks = false\n[tests]\nbackup_2b = 3\n";
    std::fs::write(folder.0.join("grade.toml"), text).expect("the file can be written");
    let ran = run(&folder.0, &["--work", work, "--out", "secret", "bug"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let feedback = std::fs::read_to_string(folder.0.join("secret/bug/feedback.md"))
        .expect("there is a page for the student");
    assert!(feedback.contains("## backup_2b") && !feedback.contains("abcde"), "{feedback}");
    let names = std::fs::read_dir(folder.0.join("secret/bug")).expect("the folder can be read");
    let names: Vec<_> = names.map(|it| it.expect("the folder can be read").file_name()).collect();
    assert!(names.len() == 2 && names.contains(&"teacher".into()), "{names:?}");
    assert!(folder.0.join("secret/bug/teacher/lab2b-backup_2b.log").exists());
}

fn a_signal_leaves_the_results_so_far(folder: &Folder, work: &str) {
    std::fs::write(folder.0.join("grade.toml"), "remarks = false\nseeds = 1000\n[tests]\nbackup_2b = 3\n")
        .expect("the file can be written");
    let args = ["--work", work, "--json", "some.json", "--out", "some", "broken", "right", "bug"];
    let mut child =
        lab(&folder.0, &args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("lab runs");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
    let first = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("[1/3] broken")));
    assert!(first.is_some(), "the first submission was never graded");
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id fits into an i32")), Signal::SIGINT)
        .expect("lab runs");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let ran = Ran::of(child.wait_with_output().expect("lab ends"));
    assert_eq!(ran.code, Some(130), "{rest:?}");
    assert!(ran.out.lines().any(|line| line.starts_with("broken ")), "{}", ran.out);
    let text =
        std::fs::read_to_string(folder.0.join("some.json")).expect("lab grade has written the JSON file");
    let results: Value = serde_json::from_str(&text).expect("the text is JSON");
    assert_eq!(
        (&results["complete"], results["submissions"].as_array().map(Vec::len)),
        (&false.into(), Some(1))
    );
}
