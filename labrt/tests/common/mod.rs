//! Runs a test in a process of its own. This is for tests that would otherwise fail or end the process of all
//! other tests.

use std::process::Command;

/// The result of a test that has run in a process of its own.
pub struct Child {
    /// The exit code of the process. It is `None` if a signal has killed the process.
    pub code: Option<i32>,
    /// Everything that the process has printed.
    pub text: String,
}

/// Runs only one ignored test of this binary, with these environment variables. libtest captures the test's
/// output as usual. It shows the output at the end, if the process does not exit before.
pub fn alone(test: &str, variables: &[(&str, &str)]) -> Child {
    let exe = std::env::current_exe().expect("the path of the test's own binary");
    let output = Command::new(exe)
        .args(["--exact", test, "--ignored", "--show-output"])
        .envs(variables.iter().copied())
        .output()
        .expect("the test binary can be started");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Child { code: output.status.code(), text: text.into_owned() }
}

/// The values of `LAB_BACKEND` to test: two in virtual time, and one on real threads, where the variable has
/// no effect.
pub fn back_ends() -> &'static [&'static str] {
    if labrt::is_sim() { &["coroutines", "threads"] } else { &["coroutines"] }
}
