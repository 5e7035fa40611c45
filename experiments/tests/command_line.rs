//! Wrong command lines of the experiments: exit code 2, and a message that names what was wrong.

use std::process::Command;

/// Runs a program with these arguments. Returns its exit code and what it has written to stderr.
fn run(program: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program).args(args).output().expect("the program was built for this test");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

const PROGRAMS: [&str; 3] =
    [env!("CARGO_BIN_EXE_elections"), env!("CARGO_BIN_EXE_networks"), env!("CARGO_BIN_EXE_head-of-line")];

#[test]
fn unknown_options_and_bad_values_are_refused() {
    for program in PROGRAMS {
        let (code, message) = run(program, &["--colour"]);
        assert!(code == Some(2) && message.contains("--colour"), "{program}: {code:?}, {message}");
        let (code, message) = run(program, &["--seed", "many"]);
        assert!(code == Some(2) && message.contains("many"), "{program}: {code:?}, {message}");
    }
    let (code, message) = run(env!("CARGO_BIN_EXE_head-of-line"), &["--commands", "7"]);
    assert!(code == Some(2) && message.contains("expected a number from 100"), "{code:?}, {message}");
}

#[test]
fn a_picture_that_cannot_be_written_and_a_build_without_virtual_time_are_reported_at_once() {
    for program in PROGRAMS {
        let (code, message) = run(program, &["--svg", "no such folder/picture.svg"]);
        let expected = if labrt::is_sim() { "--svg no such folder/picture.svg" } else { "--features sim" };
        assert!(code == Some(2) && message.contains(expected), "{program}: {code:?}, {message}");
    }
}
