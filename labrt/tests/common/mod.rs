//! Runs a test in a process of its own. This is for tests that would otherwise make the other tests fail, or
//! end the process in which the other tests run.

use std::process::Command;

/// The result of a test that has run in a process of its own.
pub struct Child {
    /// The exit code of the process. It is `None` if a signal has killed the process.
    pub code: Option<i32>,
    /// Everything that the process has printed.
    pub text: String,
}

/// Runs only one ignored test of this binary, with these environment variables. libtest captures the test's
/// output as usual, and shows this output at the end. If the process exits before that, the captured output
/// is lost.
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

/// Returns the values of `LAB_BACKEND` to test. In virtual time there are two values. On real threads there
/// is only one, because the variable has no effect there.
pub fn back_ends() -> &'static [&'static str] {
    if labrt::is_sim() { &["coroutines", "threads"] } else { &["coroutines"] }
}
