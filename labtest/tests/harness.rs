//! Tests of the `main` function of a test binary. They run the binary `labtest-suite` (`suite.rs`) with
//! different arguments and variables, and check its output and its exit codes.

use std::process::{Command, Output};

/// Runs the suite with these arguments. If `strict` is given, it is the value of `LAB_STRICT`.
fn suite(line: &[&str], strict: Option<&str>) -> Output {
    let variables: Vec<(&str, &str)> = strict.map(|value| ("LAB_STRICT", value)).into_iter().collect();
    suite_with(line, &variables)
}

/// Runs the suite with these arguments and these variables.
fn suite_with(line: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labtest-suite"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAB_") {
            command.env_remove(name);
        }
    }
    command.args(line).env("LAB_PAGE", "0").env("LAB_SEED", "7").current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.envs(variables.iter().copied());
    command.output().expect("Cargo builds the suite together with these tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// These arguments choose only one case. More cases would take too long, because in real time each case needs
/// five seconds before it prints its warning.
const ONE: [&str; 2] = ["--exact", "one_leader_of_3"];

#[test]
fn the_list_is_what_nextest_expects() {
    let list = |line: &[&str]| text(&suite_with(line, &[("LAB_SEED", "random")]).stdout);
    let cases: String = [3, 5, 7].map(|servers| format!("one_leader_of_{servers}: test\n")).concat();
    assert_eq!(
        list(&["--list", "--format", "terse"]),
        cases + "an_ignored_case: test\nthree_messages_fail: test\n"
    );
    assert_eq!(
        list(&["--list", "--format", "terse", "--ignored"]),
        "an_ignored_case: test\nthree_messages_fail: test\n"
    );
    assert_eq!(list(&["--list", "of_7", "of_3"]), "one_leader_of_3: test\none_leader_of_7: test\n");
}

#[test]
fn what_a_suite_warns_of_does_not_fail_it() {
    for strict in [None, Some("0"), Some("")] {
        let output = suite(&ONE, strict);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{out}{err}");
        assert!(err.contains("[lab] warning: 3 threads left behind after kill(): "), "{err}");
        assert!(out.contains("Test: one leader of 3 ...\n") && out.contains("; 4 filtered out;"), "{out}");
        assert_eq!(err.matches("[lab] features: wide\n").count(), 1, "{err}");
    }
}

#[test]
fn strictness_makes_a_failure_of_a_warning_and_is_in_the_replay_line() {
    let output = suite(&ONE, Some("1"));
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{err}");
    assert!(err.contains("3 threads left behind after kill(): "), "{err}");
    assert!(err.contains(" LAB_STRICT=1 cargo test"), "{err}");
    assert!(!err.contains("[lab] warning"), "{err}");
}

/// In the copy of `lab zoo`, the variable chooses the code under test.
#[test]
fn the_mistake_of_the_zoo_is_in_the_replay_line() {
    let run = |zoo: &str| {
        let output = suite_with(&ONE, &[("LAB_STRICT", "1"), ("LAB_ZOO", zoo), ("LAB_ZOO_ASSERTIONS", "1")]);
        assert_eq!(output.status.code(), Some(101), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let err = run("forgets-its-vote");
    assert!(err.contains(" LAB_ZOO=forgets-its-vote LAB_ZOO_ASSERTIONS=1 LAB_STRICT=1 cargo test"), "{err}");
    assert!(!run("").contains("LAB_ZOO="));
}

#[test]
fn a_bad_value_is_refused_before_anything_runs() {
    let output = suite(&[], Some("yes"));
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    assert!(text(&output.stderr).starts_with("LAB_STRICT=yes: expected 1 "), "{}", text(&output.stderr));
    for (name, value) in
        [("LAB_STRICT", "yes"), ("LAB_MONITOR", "yes"), ("LAB_LIMIT_S", "0"), ("LAB_LOG", "x")]
    {
        let output = suite_with(&["--list"], &[(name, value)]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{name}={value}");
        assert!(text(&output.stderr).starts_with(name), "{}", text(&output.stderr));
    }
    assert_eq!(suite(&["--test-threads", "0"], None).status.code(), Some(2));
    assert_eq!(suite(&["--no-such-option"], None).status.code(), Some(2));
}

/// The run of this case fails if all three messages arrive. With `LAB_BESIDE=1`, the search for a run that
/// passes must find the last of the three messages.
#[cfg(feature = "sim")]
#[test]
fn the_last_message_that_decides_is_found() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("beside");
    std::fs::create_dir_all(&dir).expect("the test can make a folder");
    let run = |fates: Option<&str>, beside: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labtest-suite"));
        command.args(["--exact", "three_messages_fail", "--ignored"]).current_dir(&dir);
        command.env("LAB_SEED", "7").env("LAB_PAGE", "0").env("LAB_BESIDE", beside);
        command.envs(fates.map(|value| ("LAB_FATES", value)));
        command.output().expect("Cargo builds the suite together with these tests")
    };
    let output = run(None, "1");
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{err}");
    let found = "the test passes if one message is lost, which is delivered in this run: S0 -> S1 Raft.Ping, sent at t=0.3";
    assert!(err.contains(found), "{err}");

    // The printed command repeats the run that passes.
    let line = err.lines().find_map(|line| line.strip_prefix("[lab] that run: ")).expect("a command");
    let chosen = line.split(' ').find_map(|word| word.strip_prefix("LAB_FATES=")).expect("a fate");
    assert!(!line.contains("LAB_EXPECT"), "{line}");
    assert_eq!(run(Some(chosen), "0").status.code(), Some(0), "{chosen}");

    let name = err.lines().find_map(|line| line.strip_prefix("[lab] both runs: ")).expect("a page");
    let page = std::fs::read_to_string(name).expect("the page is there");
    for side in
        ["three_messages_fail-7-failed.html#axis=events", "three_messages_fail-7-passed.html#axis=events"]
    {
        assert!(page.contains(side), "{page}");
    }
    let bad = run(Some("1.1=gone"), "0");
    assert_eq!(bad.status.code(), Some(2));
    assert!(
        text(&bad.stderr).contains("LAB_FATES=1.1=gone: \"1.1=gone\" is no message with a fate"),
        "{}",
        text(&bad.stderr)
    );
}
