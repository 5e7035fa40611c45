//! `cargo quick` and `cargo full` run the checks for contributors. They are aliases in `.cargo/config.toml`.
//!
//! An alias of cargo can run only one command, so this program runs the commands one after the other. It
//! prints each command before it runs the command. So you can repeat a single command by hand. It stops at
//! the first command that fails.

#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this program is no server and no test of the labs: it starts cargo and uses the real clock"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The steps of `cargo quick`: the format, the lints, and each suite with one seed in virtual time.
const QUICK: [&[&str]; 4] = [
    &["cargo", "fmt", "--all", "--check"],
    &["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &[
        "cargo",
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--features",
        "sim",
        "--",
        "-D",
        "warnings",
    ],
    &["cargo", "test", "--quiet", "--package", "mit6824", "--features", "sim", "--tests"],
];

/// The step of `cargo full`: everything that the CI machine runs.
const FULL: [&[&str]; 1] = [&["bash", ".ci/run"]];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps: &[&[&str]] = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["quick"] => &QUICK,
        ["full"] => &FULL,
        _ => {
            eprintln!(
                "error: expected `cargo quick` or `cargo full`, without arguments; found {arguments:?}"
            );
            return ExitCode::from(2);
        }
    };
    match run_all(&repository(), steps) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: the parent of this package's folder.
fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().map_or_else(|| package.to_owned(), Path::to_owned)
}

fn run_all(root: &Path, steps: &[&[&str]]) -> Result<(), String> {
    let start = Instant::now();
    for step in steps {
        let line = step.join(" ");
        eprintln!("=== {line} ({} s so far)", start.elapsed().as_secs());
        let [program, arguments @ ..] = step else { continue };
        let status = Command::new(program)
            .args(arguments)
            .current_dir(root)
            .status()
            .map_err(|error| format!("cannot run `{line}`: {error}"))?;
        if !status.success() {
            return Err(format!("`{line}` failed ({status})"));
        }
    }
    eprintln!("=== all passed after {} s", start.elapsed().as_secs());
    Ok(())
}
