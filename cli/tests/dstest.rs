//! `lab dstest` on a project whose tests fail, crash or hang.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]

mod common;
mod pty;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Project, Ran, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

// ---- arguments ----

#[test]
fn bad_arguments_are_named_with_what_is_expected() {
    let project = Project::new("arguments");
    fs::write(project.path("a-file"), "").expect("the file can be written");
    let cases: [(&[&str], &[&str]); 18] = [
        (&[], &["<TEST>...", "Usage"]),
        (&["-n", "0", "lab2a"], &["'0'", "--runs", "1..=1000000000"]),
        (&["-p", "many", "lab2a"], &["'many'", "--parallel"]),
        (&["-t", "0", "lab2a"], &["'0'", "--timeout"]),
        (&["--seed", "xyz", "lab2a"], &["xyz", "decimal or 0x"]),
        (&["--seed", "0xffffffffffffffff", "-n", "2", "lab2a"], &["0xffffffffffffffff", "2^64-1"]),
        (&["-o", "a-file", "lab2a"], &["a-file", "expected a folder"]),
        (&["-o", "a-file/below", "lab2a"], &["--out a-file/below", "no files can be written there"]),
        (&["-o", "/proc/nowhere", "lab2a"], &["--out /proc/nowhere", "no files can be written there"]),
        (&["--json", "a-file/x", "lab2a"], &["--json a-file/x", "Not a directory"]),
        (&["--hosts", "a,,b", "lab2a"], &["--hosts", "one is empty"]),
        (&["--package", "nobody", "lab2a"], &["--package nobody", "one of fake"]),
        (&["--keep", "1001", "lab2a"], &["1001", "--keep"]),
        (&["--results", "a-file/x", "lab2a"], &["--results a-file/x", "Not a directory"]),
        (&["--root", "nowhere", "lab2a"], &["--root nowhere", "expected a folder"]),
        (&["--features", "solved", "lab2a"], &["--features solved", "the package fake", "it has extra"]),
        (&["--features", "sim", "lab2a"], &["--features sim", "expected --sim"]),
        (&["--frobnicate", "lab2a"], &["--frobnicate", "Usage: lab dstest"]),
    ];
    for (args, texts) in cases {
        project.run(args).complains(2, texts);
    }
}

#[test]
fn help_names_what_there_is() {
    let run = |args: &[&str]| {
        Ran::of(Command::new(env!("CARGO_BIN_EXE_lab")).args(args).output().expect("lab runs"))
    };
    if !cfg!(feature = "demo") {
        run(&[]).complains(2, &["dstest", "dslogs", "Usage"]);
    }
    run(&["--help"]).says(0, &["dstest", "dslogs"]);
    let help = run(&["dstest", "--help"]);
    help.says(
        0,
        &[
            "Usage: lab dstest",
            "--until-fail",
            "--hosts",
            "--sim",
            "--strict",
            "--keep",
            "--root",
            "Examples:",
        ],
    );
    assert!(!help.out.contains("dstest-worker"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.env("LAB_CALLED", "scripts/dstest.sh");
    Ran::of(command.args(["dstest", "--help"]).output().expect("lab runs"))
        .says(0, &["Usage: scripts/dstest.sh [OPTIONS] <TEST>..."]);
    Ran::of(command.args(["lab2a", "--seed", "x"]).output().expect("lab runs")).says(
        0,
        &["Usage: scripts/dstest.sh [OPTIONS] <TEST>...", "\n  scripts/dstest.sh --sim -n 1000 lab2a "],
    );
    run(&["dslogs", "--help"]).says(0, &["Usage: lab dslogs [OPTIONS] [FILE]...", "Examples:"]);
    if cfg!(feature = "zoo") {
        let called = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
            command.arg("zoo").args(args).env("LAB_CALLED", "scripts/zoo.sh");
            Ran::of(command.output().expect("lab runs"))
        };
        called(&["--help"])
            .says(0, &["Usage: scripts/zoo.sh [OPTIONS] <COMMAND>", "\n  scripts/zoo.sh list "]);
        called(&["run", "--help"]).says(0, &["Usage: scripts/zoo.sh run [OPTIONS] <NAME>"]);
        called(&["run"]).complains(2, &["Usage: scripts/zoo.sh run [OPTIONS] <NAME>"]);
    }
}

#[test]
fn a_folder_without_a_project_is_refused() {
    let project = Project::own("no-project");
    fs::remove_file(project.path("Cargo.toml")).expect("Cargo.toml was there");
    fs::write(project.path("Cargo.toml"), "[package]\n").expect("the file can be written");
    project.run(&["lab2a"]).complains(2, &["there is no project to test in", "no-project"]);
}

#[test]
fn tests_that_do_not_build_are_told() {
    let project = Project::own("no-build");
    fs::write(project.path("tests/broken.rs"), "fn broken( {}\n").expect("the file can be written");
    project.run(&["broken"]).complains(1, &["the tests do not build"]);
}

// ---- names ----

#[test]
fn names_are_found_in_all_their_spellings() {
    let project = Project::new("names");
    for name in ["initial_election_2a", "TestInitialElection2A", "Initial_Election_2A"] {
        project.run(&["--sim", "-n", "1", name]).says(0, &["initial_election_2a       0      1"]);
    }
    project.run(&["--sim", "-n", "1", "TestRPCBytes2B"]).says(0, &["rpc_bytes_2b"]);
    project.run(&["--sim", "-n", "1", "--package", "fake", "rpc_bytes_2b"]).says(0, &["rpc_bytes_2b"]);
    project.run(&["--sim", "-n", "1", "rpc_bytes"]).says(0, &["rpc_bytes_2b"]);
    project.run(&["--sim", "-n", "1", "2b::basic"]).says(0, &["basic_2b       0      1"]);
    for name in ["lab2a", "2A", "2a", "lab2A"] {
        let ran = project.run(&["--sim", "-n", "1", "--seed", "10", name]);
        ran.says(0, &["initial_election_2a", "re_election_2a", "many_elections_2a", "0 of 5 failed"]);
    }
    let twice = project.run(&["--sim", "-n", "1", "--seed", "10", "basic_2a", "2a", "TestBasic2A"]);
    twice.says(0, &["0 of 5 failed"]);
}

#[test]
fn an_unknown_name_brings_the_nearest_known_ones() {
    let project = Project::new("unknown");
    let ran = project.run(&["--sim", "TestInitalElection2A"]);
    ran.complains(2, &["\"TestInitalElection2A\"", "initial_election_2a", "Usage"]);
    project.run(&["lab9z"]).complains(2, &["\"lab9z\"", "lab2a"]);
    project.run(&["lab2a", "bsic_2b"]).complains(2, &["\"bsic_2b\"", "basic_2b"]);
    project.run(&["basic"]).complains(2, &["several tests", "lab2a::basic_2a", "lab2b::basic_2b"]);
}

#[test]
fn an_unknown_name_is_refused_before_anything_is_built() {
    let project = Project::own("refused");
    fs::write(project.path("tests/broken.rs"), "fn broken( {}\n").expect("the file can be written");
    let ran = project.run(&["--sim", "basik_2a"]);
    ran.complains(2, &["\"basik_2a\"", "the nearest known names are basic_2a, basic_2b"]);
    project.run(&["lab2a", "lab22b"]).complains(2, &["\"lab22b\"", "lab2b"]);
    // A program, and a module that no test uses, may have texts like these names. No test is there.
    let write = |file: &str, text: &str| {
        let path = project.path(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
        fs::write(path, text).expect("the file can be written");
    };
    let manifest = project.read("Cargo.toml").replace("[workspace]", "[workspace]\nmembers = [\"tool\"]");
    write("Cargo.toml", &manifest);
    write("tool/Cargo.toml", "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write("tool/src/main.rs", "fn main() { println!(\"lab3y\") }\n");
    write("src/unused.rs", "fn name(n: u8) -> String { format!(\"lab{n}\") }\n");
    project.run(&["--sim", "lab3y"]).complains(2, &["\"lab3y\""]);
    project.run(&["--sim", "2E"]).complains(2, &["\"2E\"; the nearest known names are lab2a, lab2b\n"]);
    let ran = project.run(&["--sim", "plain::adds_upp"]);
    ran.complains(
        2,
        &["the test target plain has no test \"adds_upp\"; the nearest known name is adds_up\n"],
    );
    assert!(!project.path("target/debug").join("deps").exists(), "something was built");
    project.run(&["--sim", "-n", "1", "adds_up"]).says(1, &["without a report"]);
}

/// Only the targets that can have the test are built: the test target `broken` would not build.
#[test]
fn for_one_test_one_target_is_built_and_copied() {
    let project = Project::own("one-target");
    fs::write(project.path("tests/broken.rs"), "fn broken( {}\n").expect("the file can be written");
    fs::write(project.path("tests/other.rs"), "#[test]\nfn other_test() {}\n")
        .expect("the file can be written");
    for name in ["adds_up", "other_test"] {
        project.run(&["-n", "1", name]).says(1, &["1 of 1 failed", name]);
    }
    let built = |name: &str| project.names_in("target/debug/deps").iter().any(|file| file.starts_with(name));
    assert!(built("plain-") && built("other-") && !built("lab2a-") && !built("lab2b-"));
    let pids = project.path("pids");
    fs::create_dir_all(&pids).expect("the folder can be made");
    let args = ["--sim", "-n", "1", "-p", "1", "stays_2b", "adds_up"];
    let mut child =
        project.dstest(&args).env("FAKE_PIDS", &pids).stdout(Stdio::piped()).spawn().expect("lab runs");
    until("the test runs", || project.names_in("pids").iter().any(|name| name.starts_with("pids-")));
    let mut copies: Vec<String> = Vec::new();
    let mut open = vec![project.path("target/dstest")];
    while let Some(dir) = open.pop() {
        for path in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            match path.is_dir() {
                true => open.push(path),
                false => copies.extend(
                    name.rsplit_once('-').filter(|(_, hash)| hash.len() == 16).map(|it| it.0.to_owned()),
                ),
            }
        }
    }
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id fits into an i32")), Signal::SIGINT)
        .expect("lab runs");
    child.wait().expect("lab ends");
    copies.sort();
    assert_eq!(copies, ["lab2b", "plain"]);
}

/// A bad variable is a mistake of the user, and no failure of the tests.
#[test]
fn a_bad_variable_is_refused_before_the_first_run() {
    let project = Project::new("variable");
    let mut command = project.dstest(&["--sim", "-n", "1", "lab2a"]);
    let ran = Ran::of(command.env("LAB_MONITOR", "yes").output().expect("lab runs"));
    ran.complains(2, &["error: LAB_MONITOR=yes: expected 1 (on) or 0 (off)\n"]);
    assert!(!ran.err.contains("FAIL"), "{}", ran.err);
    let mut command = project.dstest(&["--sim", "-n", "1", "--seed", "10", "lab2a"]);
    Ran::of(command.env("LAB_MONITOR", "0").output().expect("lab runs")).says(0, &["0 of 5 failed"]);
}

#[test]
fn ignored_tests_run_only_by_name() {
    let project = Project::new("ignored");
    project.run(&["--sim", "-n", "2", "exhaustive_2b"]).says(0, &["0 of 2 failed"]);
    project.run(&["-n", "1", "exhaustive_2b"]).says(0, &["0 of 1 failed"]);
}

// ---- campaigns in virtual time ----

#[test]
fn a_clean_campaign_leaves_nothing() {
    let project = Project::own("clean");
    let ran = project.run(&["--sim", "-n", "300", "--seed", "0x10", "-p", "3", "initial_election_2a"]);
    ran.says(
        0,
        &[
            "1.500 ± 0.000",
            "0.2500",
            "0 of 300 failed: with 95 % confidence the failure rate is below 3/300 = 1.00 %",
        ],
    );
    assert!(ran.err.contains("seeds from 0x10"), "{}", ran.err);
    assert!(!project.path("out").exists());
}

#[test]
fn the_child_goes_on_after_a_failure_and_each_is_replayed() {
    let project = Project::new("failures");
    let args = ["--sim", "-n", "30", "--seed", "0", "-p", "1", "-o", "kept", "re_election_2a"];
    let ran = project.run(&args);
    ran.says(
        1,
        &[
            "FAIL re_election_2a 0x7 1.500 s",
            "3 of 30 failed: observed failure rate 10.0 %",
            "\nFAIL lab2a re_election_2a seed 0x7 and 2 more: two leaders\n",
            "     repeat   LAB_SEED=0x7 the line of re_election_2a\n",
            "     replayed yes: the same failure, with the same hash",
            "     page     kept/lab2a-re_election_2a-0x7.html\n",
            "     history  kept/lab2a-re_election_2a-0x7-history.html\n",
            "     also     seed 0x11 (1.5 s): kept/lab2a-re_election_2a-0x11.html\n",
        ],
    );
    let mut names = Vec::new();
    for seed in ["0x11", "0x1b", "0x7"] {
        names.extend([
            format!("lab2a-re_election_2a-{seed}-history.html"),
            format!("lab2a-re_election_2a-{seed}.html"),
            format!("lab2a-re_election_2a-{seed}.log"),
            format!("lab2a-re_election_2a-{seed}.trace.jsonl"),
        ]);
    }
    names.insert(0, "failures.txt".to_owned());
    assert_eq!(project.names_in("kept"), names);
    let record = project.read("kept/lab2a-re_election_2a-0x7.log");
    for text in [
        "# test      lab2a re_election_2a\n",
        "# seed      0x7\n",
        "# failure   two leaders\n#           in one term\n",
        "# repeat    LAB_SEED=0x7 the line of re_election_2a\n",
        "# replayed  yes: the same failure, with the same hash 538454127b096493\n",
        "has seed 0x7, logs Ok(\"all\")",
    ] {
        assert!(record.contains(text), "no {text:?} in\n{record}");
    }
    assert!(!record.contains("seed 0x8"), "the log of a replay has only its own seed");
    assert_eq!(project.read("kept/lab2a-re_election_2a-0x7.trace.jsonl"), "the trace, 400000 events\n");
    assert_eq!(project.read("kept/lab2a-re_election_2a-0x7.html"), "the page of 0x7\n");
    assert_eq!(project.read("kept/failures.txt").lines().count(), 3);
}

#[test]
fn the_open_seed_is_blamed_for_a_death_and_the_next_resumed() {
    let project = Project::new("deaths");
    let args = ["--sim", "-n", "40", "--seed", "0", "-p", "1", "-o", "kept", "-v", "many_elections_2a"];
    let ran = project.run(&args);
    ran.says(
        1,
        &[
            "FAIL many_elections_2a 0x3: the process ended (signal 6 (SIGABRT)), in the middle of the seed [died]",
            "FAIL many_elections_2a 0xd:",
            "ok   many_elections_2a 0x4 ",
            "yes: its process ended again (signal 6 (SIGABRT))",
            "4 of 40 failed",
            "cargo test --features sim --test lab2a -- --exact many_elections_2a",
        ],
    );
    assert_eq!(
        ran.out.lines().filter(|l| l.starts_with("ok   ")).count(),
        36,
        "each of the other seeds passes exactly once:\n{}",
        ran.out
    );
    let record = project.read("kept/lab2a-many_elections_2a-0x3.log");
    assert!(record.contains("output of the process in which it failed first"), "{record}");
    let ran = project.run(&["--sim", "-n", "4", "--seed", "0", "-p", "2", "-o", "kept", "segfault_2a"]);
    ran.says(1, &["signal 11 (SIGSEGV)", "1 of 4 failed"]);
}

#[test]
fn a_seed_that_hangs_is_ended_by_its_own_limit() {
    let project = Project::new("hangs");
    let since = Instant::now();
    let ran =
        project.run(&["--sim", "-n", "20", "--seed", "0", "-p", "1", "-t", "1", "-o", "kept", "hang_2b"]);
    ran.says(
        1,
        &["FAIL hang_2b 0x4: timed out after 1 s", "[timeout]", "yes: it timed out again", "2 of 20 failed"],
    );
    assert!(since.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_report_of_nonsense_is_no_panic() {
    let project = Project::new("nonsense");
    let args = ["--sim", "-n", "10", "--seed", "0", "-p", "1", "-o", "kept"];
    let ran = project.run(&[&args[..], &["garbage_2b", "impostor_2b"]].concat());
    ran.says(
        1,
        &[
            "FAIL garbage_2b 0x5: bad report: expected a line that begins with \"start\" or \"end\"",
            "FAIL impostor_2b 0x5: bad report: the report speaks of seed 0x1, expected 0x5",
            "2 of 20 failed",
        ],
    );
}

#[test]
fn a_replay_with_another_hash_is_reported_loudly() {
    let project = Project::new("wobbly");
    let ran = project.run(&["--sim", "-n", "10", "--seed", "0", "-p", "1", "-o", "kept", "wobbly_2b"]);
    ran.says(
        1,
        &[
            "NOT DETERMINISTIC: wobbly_2b seed 0x6: it failed again, but the hash was",
            "NOT DETERMINISTIC: 1 failures did not repeat from their seed",
        ],
    );
    assert!(project.read("kept/lab2b-wobbly_2b-0x6.log").contains("# replayed  NOT DETERMINISTIC"));
}

#[test]
fn a_failure_that_passes_alone_is_reported_loudly() {
    let project = Project::new("heals");
    let ran = project.run(&["--sim", "-n", "20", "--seed", "0", "-p", "1", "-o", "kept", "heals_2b"]);
    ran.says(1, &["NOT DETERMINISTIC: heals_2b seed 0x1: the replay passed"]);
}

#[test]
fn of_many_failures_the_shortest_of_each_cause_are_kept_and_all_counted() {
    let project = Project::new("many");
    let ran = project.run(&["--sim", "-n", "50", "--seed", "0", "-p", "2", "-o", "kept", "always_2b"]);
    ran.says(
        1,
        &[
            "50 of 50 failed",
            "\nFAIL lab2b always_2b seed 0x0 and 49 more: as always\n",
            "\nEach failure has a line in kept/failures.txt.\n",
        ],
    );
    let lines = ran.out.lines().count();
    assert!(lines < 20, "{lines} lines for 50 failures with one cause:\n{}", ran.out);
    assert_eq!(ran.out.matches("\nFAIL ").count() + usize::from(ran.out.starts_with("FAIL ")), 2);
    let logs = |folder: &str| -> Vec<String> {
        project.names_in(folder).into_iter().filter(|name| name.ends_with(".log")).collect()
    };
    assert_eq!(logs("kept"), ["0x0", "0x1", "0x2"].map(|seed| format!("lab2b-always_2b-{seed}.log")));
    assert_eq!(project.read("kept/failures.txt").lines().count(), 50);
    let args = ["--sim", "-n", "20", "--seed", "0", "-p", "2", "-o", "short", "--keep", "1", "length_2b"];
    let ran = project.run(&args);
    // The runs with the largest seeds are the shortest, and only they are kept.
    ran.says(
        1,
        &[
            "\nFAIL lab2b length_2b seed 0x0 and 9 more: term 7 is wrong\n     page     of seed 0xe (86.0 s): \
             short/lab2b-length_2b-0xe.html\n     repeat   LAB_SEED=0x0 ",
            "\nFAIL lab2b length_2b seed 0x5 and 9 more: index is wrong\n",
        ],
    );
    let ran = project.run(&["--sim", "-n", "5", "--seed", "0", "-o", "shorter", "--keep", "2", "length_2b"]);
    ran.says(
        1,
        &[
            "\n     page     of seed 0x3 (97.0 s): shorter/",
            "\n     shorter  seed 0x4 (96.0 s): shorter/lab2b-length_2b-0x4.html\n",
        ],
    );
    assert_eq!(logs("short"), ["0x13", "0xe"].map(|seed| format!("lab2b-length_2b-{seed}.log")));
    assert_eq!(
        project.names_in("short").len(),
        7,
        "failures.txt, and a log, a trace and a page of each failure"
    );
}

#[test]
fn results_have_a_line_for_each_run() {
    let project = Project::new("results");
    let args = ["--sim", "-n", "2", "--seed", "7", "-o", "kept", "--keep", "0", "--results", "lines"];
    project.run(&[&args[..], &["basic_2b", "always_2b"]].concat()).says(1, &[]);
    let text = project.read("lines");
    let mut lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    lines.sort();
    let begins: Vec<&[&str]> = lines.iter().map(|line| &line[..4]).collect();
    assert_eq!(
        begins,
        [
            ["lab2b", "always_2b", "0x7", "FAIL"],
            ["lab2b", "always_2b", "0x8", "FAIL"],
            ["lab2b", "basic_2b", "0x7", "ok"],
            ["lab2b", "basic_2b", "0x8", "ok"],
        ]
    );
    assert!(lines.iter().all(|line| line.len() == 7), "{text}");
    assert!(!lines[0][5].is_empty() && lines[2][5].is_empty(), "a failed run has a message: {text}");
    assert_eq!(project.names_in("kept"), ["failures.txt"], "no log, trace or page is kept");
}

#[test]
fn a_terminal_gets_colours_and_links() {
    let project = Project::new("colours");
    let raw = |variables: &[&str]| {
        let command = project.dstest(&["--sim", "-n", "1", "--seed", "7", "-o", "kept", "re_election_2a"]);
        let mut args: Vec<String> = Vec::new();
        for unset in ["VTE_VERSION", "KONSOLE_VERSION", "WT_SESSION", "TERM_PROGRAM"] {
            args.extend(["-u".to_owned(), unset.to_owned()]);
        }
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            args.push(format!("{}={}", name.to_string_lossy(), value.to_string_lossy()));
        }
        args.extend(variables.iter().map(|it| (*it).to_owned()));
        args.push(command.get_program().to_string_lossy().into_owned());
        args.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let left = pty::Terminal::start("env", &args, &project.dir.0, 50, 200).left();
        assert_eq!(left.status.code(), Some(1), "{}", left.text);
        left.raw
    };
    let file = "kept/lab2a-re_election_2a-0x7.html";
    let colored = raw(&["VTE_VERSION=7000"]);
    assert!(
        colored.contains("\x1b[1;31mFAIL\x1b[0m lab2a re_election_2a seed 0x7: two leaders"),
        "{colored}"
    );
    assert!(colored.contains(&format!("{file}\x1b\\{file}\x1b]8;;\x1b\\")), "{colored}");
    assert!(colored.contains("\x1b]8;;file://"), "{colored}");
    let plain = raw(&["NO_COLOR=1"]);
    assert!(plain.contains("FAIL lab2a re_election_2a seed 0x7: two leaders"), "{plain}");
    assert!(!plain.contains("\x1b[1;31m") && !plain.contains("\x1b]8"), "{plain}");
}

#[test]
fn all_results_are_written_as_json_and_junit() {
    let project = Project::new("json");
    let args =
        ["--sim", "-n", "3", "--seed", "6", "-o", "kept", "--json", "all.json", "re_election_2a", "basic_2b"];
    project.run(&args).says(1, &[]);
    let all: serde_json::Value = serde_json::from_str(&project.read("all.json")).expect("the file is JSON");
    assert_eq!((&all["clock"], &all["exit_code"]), (&"virtual".into(), &1.into()));
    assert_eq!((&all["runs"], &all["failed"], &all["not_run"]), (&6.into(), &1.into(), &0.into()));
    let results = all["results"].as_array().expect("a list");
    let verdicts: Vec<(&str, &str, bool)> = results
        .iter()
        .filter_map(|it| Some((it["test"].as_str()?, it["seed"].as_str()?, it["passed"].as_bool()?)))
        .collect();
    let (a, b) = ("re_election_2a", "basic_2b");
    let wanted = [
        (a, "0x6", true),
        (a, "0x7", false),
        (a, "0x8", true),
        (b, "0x6", true),
        (b, "0x7", true),
        (b, "0x8", true),
    ];
    assert_eq!(verdicts, wanted);
    let failure = &all["failures"][0];
    assert_eq!((&failure["count"], &failure["seed"]), (&1.into(), &"0x7".into()));
    assert_eq!(failure["kept"][0]["page"], "kept/lab2a-re_election_2a-0x7.html");
    if cfg!(feature = "junit") {
        project.run(&[&args[..7], &["--junit", "all.xml"], &args[9..]].concat()).says(1, &[]);
        let xml = project.read("all.xml");
        for text in [
            r#"<testsuites name="dstest" tests="2" skipped="0" failures="1" errors="0""#,
            r#"<testcase name="re_election_2a" classname="lab2a""#,
            r#"message="1 of 3 seeds failed, the smallest is 0x7: two leaders""#,
            r#"<testcase name="basic_2b" classname="lab2b" time="0.750"/>"#,
        ] {
            assert!(xml.contains(text), "no {text} in\n{xml}");
        }
    }
}

#[test]
fn of_very_many_causes_twenty_failures_are_kept() {
    let project = Project::new("babble");
    let ran = project.run(&["--sim", "-n", "30", "--seed", "0", "-p", "2", "-o", "kept", "babbles_2b"]);
    ran.says(1, &["30 of 30 failed", "10 more failures of babbles_2b, with 10 other causes\n"]);
    assert_eq!(ran.out.matches("FAIL lab2b babbles_2b seed ").count(), 20, "{}", ran.out);
    assert_eq!(project.names_in("kept").iter().filter(|name| name.ends_with(".log")).count(), 20);
}

#[test]
fn a_kept_log_names_the_page_where_it_is_now() {
    let project = Project::new("page");
    project.run(&["--sim", "-n", "1", "--seed", "7", "-o", "kept", "re_election_2a"]).says(1, &[]);
    let page = project.path("kept/lab2a-re_election_2a-0x7.html");
    let line = format!("[lab] the run as a page: {}\n", page.display());
    let log = project.read("kept/lab2a-re_election_2a-0x7.log");
    assert!(log.contains(&line), "no {line:?} in\n{log}");
    // The page of the history is kept beside the page of the run. The two pages link to each other by name.
    let history = project.path("kept/lab2a-re_election_2a-0x7-history.html");
    assert!(log.contains(&format!("as a page: {}\n", history.display())), "{log}");
    assert_eq!(project.read("kept/lab2a-re_election_2a-0x7-history.html"), "the history\n");
    project.run(&["-n", "1", "--seed", "7", "-o", "real", "re_election_2a"]).says(1, &[]);
    let log = project.read("real/lab2a-re_election_2a-0x7.log");
    assert!(log.contains("/real/lab2a-re_election_2a-0x7.html\n"), "{log}");
    assert_eq!(project.read("real/lab2a-re_election_2a-0x7-history.html"), "the history\n");
}

// ---- warnings ----

#[test]
fn warnings_are_counted_and_strict_turns_them_into_failures() {
    let project = Project::new("warnings");
    let args = ["--sim", "-n", "20", "--seed", "0", "-p", "1", "-o", "kept", "warns_2b", "basic_2b"];
    let ran = project.run(&args);
    ran.says(
        0,
        &[
            "test      failed  total  warnings  virtual s",
            "warns_2b       0     20         8 ",
            "basic_2b       0     20         0 ",
            "8 warnings (--strict turns them into failures), such as:",
            "     warns_2b: S0 left 3 threads",
            "     warns_2b: a lock was held over a send",
        ],
    );
    assert!(
        !ran.out.contains("S1 left"),
        "warnings that differ only in a number are shown once:\n{}",
        ran.out
    );
    let ran = project.run(&[&args[..], &["--strict"]].concat());
    ran.says(
        1,
        &[
            "4 of 40 failed",
            "FAIL lab2b warns_2b seed 0x0 and 3 more: ",
            "yes: the same failure",
            "8 warnings, such as:",
        ],
    );
    assert!(!project.run(&["--sim", "-n", "2", "basic_2b"]).out.contains("warning"));
}

// ---- which project, and how it is built ----

#[test]
fn the_project_is_that_of_the_working_folder_or_of_the_last_root() {
    let project = Project::own("root");
    let lab = |folder: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.arg("dstest").args(args).args(["--sim", "-n", "1", "--seed", "7", "re_election_2a"]);
        command.env("CARGO_TARGET_DIR", project.path("target")).current_dir(project.path(folder));
        Ran::of(command.output().expect("lab runs"))
    };
    for (folder, args) in [
        ("", &[][..]),
        ("src", &[]),
        ("", &["--root", "/nonexistent", "--root", "tests"]),
        ("tests", &["--root", "../src"]),
    ] {
        lab(folder, args).says(1, &["1 of 1 failed", "out/dstest-"]);
    }
    let ran = lab("", &["-o", "kept"]);
    ran.says(1, &["log      kept/lab2a-re_election_2a-0x7.log"]);
    let ran = lab("", &[]);
    ran.says(1, &["log      out/dstest-"]);
    assert!(!ran.out.contains("work in"), "{}", ran.out);
    let root = project.path("").canonicalize().expect("the project is there");
    let there = format!("The commands after \"repeat\" work in {}.", root.display());
    let ran = lab(
        "..",
        &[
            "--root",
            root.to_str().expect("the path is UTF-8"),
            "-o",
            project.path("far").to_str().expect("the path is UTF-8"),
        ],
    );
    ran.says(1, &[&there, "/far/lab2a-re_election_2a-0x7.log"]);
}

#[test]
fn features_and_profile_go_into_the_build_and_the_line_that_repeats() {
    let project = Project::own("features");
    project.run(&["--sim", "-n", "1", "extra_2b"]).says(1, &["built without the feature"]);
    project.run(&["--sim", "-n", "1", "--features", "extra", "extra_2b"]).says(0, &["0 of 1 failed"]);
    let args = ["--sim", "-n", "1", "--seed", "3", "--strict", "--features", "extra", "many_elections_2a"];
    let line = "cargo test --features sim,extra --test lab2a -- --exact many_elections_2a";
    let ran = project.run(&args);
    ran.says(1, &[line, "repeat   LAB_STRICT=1 LAB_SEED=0x3 "]);
    let line = line.replace("test --f", "test --release --f");
    project.run(&[&args[..], &["--release"]].concat()).says(1, &[&line]);
    assert!(project.path("target/release/deps").exists());
}

#[test]
fn until_fail_stops_at_the_first_failure() {
    let project = Project::new("until-fail");
    for parallel in ["1", "4"] {
        let args = [
            "--sim",
            "-n",
            "5000",
            "--seed",
            "0",
            "-p",
            parallel,
            "-o",
            "kept",
            "--until-fail",
            "re_election_2a",
        ];
        let ran = project.run(&args);
        ran.says(1, &["1 of ", "stopped at the first failure", "yes: the same failure"]);
        assert_eq!(ran.out.matches("FAIL re_election_2a").count(), 1, "{}", ran.out);
        assert!(!ran.out.contains("TROUBLE"), "{}", ran.out);
    }
}

/// Seed 4 is the smallest seed that fails, but its run takes longer than the others. So failures of larger
/// seeds are found before it.
#[test]
fn until_fail_finds_the_smallest_seed_whatever_the_threads_do() {
    let project = Project::new("until-fail-smallest");
    for parallel in ["1", "3", "8"] {
        let args = [
            "--sim",
            "-n",
            "200",
            "--seed",
            "0",
            "-p",
            parallel,
            "-o",
            "kept",
            "--until-fail",
            "late_news_2b",
        ];
        let ran = project.run(&args);
        ran.says(1, &["1 of ", "FAIL lab2b late_news_2b seed 0x4: ", "yes: the same failure"]);
        assert_eq!(project.names_in("kept").len(), 4, "{}", ran.out);
        fs::remove_dir_all(project.path("kept")).expect("the failure was kept");
    }
    let args = ["-n", "200", "--seed", "0", "-p", "8", "-o", "kept", "--until-fail", "late_news_2b"];
    project.run(&args).says(1, &["FAIL lab2b late_news_2b seed 0x4: "]);
    assert!(project.read("kept/lab2b-late_news_2b-0x4.log").contains("has seed 0x4"));
}

#[test]
fn a_test_that_reports_nothing_is_a_failure() {
    let project = Project::new("silent");
    let ran = project.run(&["--sim", "-n", "50", "-p", "2", "-o", "kept", "silent_2b"]);
    ran.says(1, &["without a report; its last words: I say nothing", "runs were not made"]);
    let ran = project.run(&["-n", "3", "-o", "kept", "adds_up"]);
    ran.says(1, &["FAIL inner::adds_up", "without a report"]);
}

#[test]
fn a_death_after_the_last_seed_is_no_success() {
    let project = Project::new("late");
    let ran = project.run(&["--sim", "-n", "4", "--seed", "1", "-p", "1", "dies_late_2b"]);
    ran.says(1, &["TROUBLE: dies_late_2b: seed 0x1 and those before it passed, and then the process ended (exit status 3)"]);
}

// ---- campaigns on the real clock ----

#[test]
fn on_the_real_clock_every_run_has_a_process_and_failures_keep_their_output() {
    let project = Project::new("real");
    let args =
        ["-n", "10", "--seed", "0", "-o", "kept", "-v", "re_election_2a", "many_elections_2a", "basic_2b"];
    let ran = project.run(&args);
    ran.says(
        1,
        &["FAIL re_election_2a 0x7 1.500 s: two leaders", "signal 6 (SIGABRT)", "2 of 30 failed", "real s"],
    );
    let order: Vec<&str> =
        ran.out.lines().filter_map(|l| l.split(' ').find(|w| w.contains("_2"))).take(6).collect();
    assert_eq!(order, ["re_election_2a", "many_elections_2a", "basic_2b"].repeat(2), "the tests take turns");
    assert_eq!(
        project.names_in("kept"),
        [
            "failures.txt",
            "lab2a-many_elections_2a-0x3.html",
            "lab2a-many_elections_2a-0x3.log",
            "lab2a-re_election_2a-0x7-history.html",
            "lab2a-re_election_2a-0x7.html",
            "lab2a-re_election_2a-0x7.log"
        ]
    );
    let record = project.read("kept/lab2a-re_election_2a-0x7.log");
    assert!(record.contains("re_election_2a has seed 0x7, logs Err(NotPresent)"), "{record}");
    assert!(project.read("kept/lab2a-many_elections_2a-0x3.log").contains("has seed 0x3"));
}

#[test]
fn a_hanging_real_run_is_ended() {
    let project = Project::new("real-hang");
    let ran = project.run(&["-n", "1", "--seed", "4", "-t", "1", "-o", "kept", "hang_2b"]);
    ran.says(1, &["FAIL hang_2b 0x4: timed out after 1 s"]);
}

#[test]
fn real_until_fail_keeps_the_output() {
    let project = Project::new("real-until-fail");
    let ran =
        project.run(&["-n", "50", "-p", "2", "--seed", "0", "-o", "kept", "--until-fail", "re_election_2a"]);
    ran.says(1, &["stopped at the first failure"]);
    assert_eq!(ran.out.matches("FAIL lab2a re_election_2a").count(), 1, "{}", ran.out);
    assert!(project.read("kept/lab2a-re_election_2a-0x7.log").contains("has seed 0x7"));
}

// ---- what is kept where ----

#[test]
fn failures_go_to_a_folder_with_the_time_by_default() {
    let project = Project::own("default-out");
    project.run(&["--sim", "-n", "1", "--seed", "7", "re_election_2a"]).says(1, &["out/dstest-"]);
    let names = project.names_in("out");
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("dstest-20"), "{names:?}");
}

#[test]
fn a_folder_that_is_lost_is_told_and_no_panic() {
    let project = Project::new("lost");
    // The test itself puts a file in the place of the folder.
    let args = ["--sim", "-n", "2", "--seed", "0", "-o", "out", "takes_the_folder_2b"];
    let mut command = project.dstest(&args);
    let ran = Ran::of(command.env("FAKE_FILE", project.path("out")).output().expect("lab runs"));
    ran.says(1, &["ERROR: cannot", "out", "2 of 2 failed", "LAB_SEED=0x0"]);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn the_check_of_the_folder_leaves_nothing() {
    let project = Project::new("check");
    project.run(&["--sim", "-n", "1", "-o", "a/b/c", "basic_2a"]).says(0, &[]);
    assert!(!project.path("a").exists());
}

#[test]
fn a_reader_who_leaves_ends_the_campaign() {
    let project = Project::new("head");
    let mut child = project
        .dstest(&["--sim", "-n", "100000", "-v", "-p", "1", "slow_2b"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().expect("lab ends"));
    assert_eq!(ran.code, Some(128 + 13));
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

// ---- nothing is left behind ----

/// Starts a campaign of tests that never end. Waits until two of the tests run.
fn start_endless(project: &Project) -> (Child, Vec<i32>) {
    let pids = project.path("pids");
    fs::create_dir_all(&pids).expect("the folder can be made");
    let child = project
        .dstest(&["--sim", "-n", "100", "--seed", "0", "-p", "2", "-o", "kept", "stays_2b"])
        .env("FAKE_PIDS", &pids)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    let files =
        || project.names_in("pids").into_iter().filter(|n| n.starts_with("pids-")).collect::<Vec<String>>();
    until("two tests run", || files().len() == 2);
    let ids = files()
        .iter()
        .flat_map(|f| {
            project.read(&format!("pids/{f}")).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|id| id.parse().expect("the text is a process id"))
        .collect();
    (child, ids)
}

/// Whether a process runs. A zombie does not run: it has ended, and only waits for its reaper.
fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn scratch_folders(target: &Path) -> usize {
    let Ok(entries) = fs::read_dir(target.join("dstest")) else { return 0 };
    entries.filter(|e| e.as_ref().is_ok_and(|e| e.file_name().to_string_lossy().starts_with("run-"))).count()
}

#[test]
fn control_c_leaves_nothing() {
    let project = Project::own("interrupted");
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let _ = fs::remove_dir_all(project.path("pids"));
        let (child, ids) = start_endless(&project);
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| alive(*id)));
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id fits into an i32")), signal)
            .expect("lab runs");
        let ran = Ran::of(child.wait_with_output().expect("lab ends"));
        ran.says(code, &["stays_2b", "nothing was run", "interrupted by signal"]);
        assert!(ids.iter().all(|id| !alive(*id)), "processes are left");
        assert_eq!(scratch_folders(&project.path("target")), 0, "temporary files are left");
        assert!(!project.path("kept").exists());
    }
}

#[test]
fn when_dstest_is_killed_its_children_die_and_the_next_campaign_sweeps() {
    let project = Project::own("killed");
    let (mut child, ids) = start_endless(&project);
    let tests: Vec<i32> = ids.iter().step_by(2).copied().collect();
    child.kill().expect("lab runs");
    child.wait().expect("lab ends");
    until("the tests are dead", || tests.iter().all(|id| !alive(*id)));
    for id in ids.iter().skip(1).step_by(2) {
        // `lab dstest` was killed, so it could not end the children of its tests.
        let _ = kill(Pid::from_raw(*id), Signal::SIGKILL);
    }
    assert_eq!(scratch_folders(&project.path("target")), 1);
    project.run(&["--sim", "-n", "1", "basic_2a"]).says(0, &[]);
    assert_eq!(scratch_folders(&project.path("target")), 0);
}
