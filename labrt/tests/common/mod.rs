//! Tests in a process of their own, for what would fail or end the process of all the others.

use std::process::Command;

/// What came of a test in a process of its own.
pub struct Child {
    /// Its exit code; None: it was killed by a signal.
    pub code: Option<i32>,
    /// All that it printed.
    pub text: String,
}

/// Runs an ignored test of this binary alone, with these variables. libtest captures its output as
/// usual, and shows it at the end, if the process comes so far.
pub fn alone(test: &str, variables: &[(&str, &str)]) -> Child {
    let exe = std::env::current_exe().expect("the test's own binary");
    let output = Command::new(exe)
        .args(["--exact", test, "--ignored", "--show-output"])
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Child { code: output.status.code(), text: text.into_owned() }
}

/// The ways to run the tasks of virtual time; just one on real threads.
pub fn back_ends() -> &'static [&'static str] {
    if labrt::is_sim() { &["coroutines", "threads"] } else { &["coroutines"] }
}
