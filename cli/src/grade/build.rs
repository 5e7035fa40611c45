//! Builds a submission with cargo, without the network, and collects the errors of the compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::package::{LIBRARY, Package};
use crate::dstest::cargo::{self, Ended};
use crate::dstest::process::{Plan, describe};
use crate::dstest::run::Stop;

/// How many errors of the compiler are kept at most.
const MOST_ERRORS: usize = 5;

/// The variables of the environment that cargo and the compiler get. They get no other variables, for example
/// no token and no `RUSTFLAGS`. Otherwise a submission could read a token at build time and print it at run
/// time.
const VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_FILE",
    "LD_LIBRARY_PATH",
    "CC",
    "CARGO_BUILD_JOBS",
];

/// The result of a build that was not stopped.
#[derive(Debug, Default)]
pub struct Built {
    /// The test binary of each suite.
    pub binaries: BTreeMap<String, PathBuf>,
    /// The first errors of the compiler in the submission.
    pub errors: Vec<CompileError>,
    /// Errors of the compiler in the test binary of each suite. Such an error means that the tests do not
    /// compile with the submission.
    pub misfits: BTreeMap<String, Vec<CompileError>>,
    /// The file in which the compiler has listed the source files of the library.
    sources: Option<PathBuf>,
    /// Files that the compiler has read for the submission although they do not belong to it.
    pub foreign: Vec<String>,
    /// How long the build took, in seconds.
    pub seconds: f64,
}

/// An error of the compiler.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileError {
    /// The error code, such as `E0432`. Empty if the error has no code.
    pub code: String,
    /// The text of the error.
    pub message: String,
    /// The file and the line of the error. Empty if the error belongs to no line of a file.
    pub place: String,
    /// The error as the compiler shows it.
    pub rendered: String,
}

/// Why a build has no result.
#[derive(Debug)]
pub enum Failure {
    /// The build took too long.
    TooLong,
    /// Cargo failed, but the code has no error.
    Cargo(String),
    /// A signal stopped the grader.
    Interrupted,
}

/// What cargo must do.
pub struct Order<'a> {
    /// The package.
    pub package: &'a Package,
    /// How long cargo may take.
    pub limit: Duration,
    /// The file that gets what cargo prints.
    pub log: &'a Path,
}

/// Makes a command whose environment has only the variables of `set` and of [`VARIABLES`].
pub fn bare_command(set: &[(&str, OsString)], command: &[OsString]) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["env".into(), "-i".into()];
    let mut add = |name: &str, value: &OsString| {
        let mut pair = OsString::from(name);
        pair.push("=");
        pair.push(value);
        all.push(pair);
    };
    for name in VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            add(name, &value);
        }
    }
    set.iter().for_each(|(name, value)| add(name, value));
    all.extend(command.iter().cloned());
    all
}

/// Builds the submission that is in the package now. If `locked` is true, cargo must not change the lock
/// file.
///
/// # Errors
/// [`Failure`] if there is no result. If the submission's code has errors, that is a result, and the errors
/// are in [`Built`].
pub fn build(order: &Order<'_>, locked: bool, stop: &Stop) -> Result<Built, Failure> {
    let since = Instant::now();
    let mut args = vec!["build", "--offline", "--quiet", "--keep-going", "--profile", "test", "--lib"];
    args.push("--message-format=json");
    if locked {
        args.push("--locked");
    }
    for feature in &order.package.features {
        args.extend(["--features", feature]);
    }
    for suite in &order.package.suites {
        args.extend(["--test", suite]);
    }
    let mut built = Built::default();
    let status = cargo(order, &args, stop, |value| take(&value, &mut built))?;
    built.seconds = since.elapsed().as_secs_f64();
    let failed = built.errors.is_empty() && built.misfits.is_empty() && !status.is_empty();
    if failed {
        let said = fs::read_to_string(order.log).unwrap_or_default();
        return Err(Failure::Cargo(format!("cargo {status}: {}", said.trim())));
    }
    let unknown = || vec!["(the compiler has not said which)".to_owned()];
    built.foreign = built.sources.as_deref().map_or_else(unknown, |list| foreign(order.package, list));
    Ok(built)
}

/// Runs cargo in the package. Cargo writes lines of JSON. Each line is passed to the function `take`. Returns
/// a text that says how cargo ended. The text is empty if cargo succeeded.
pub fn cargo(
    order: &Order<'_>,
    args: &[&str],
    stop: &Stop,
    mut take: impl FnMut(Value),
) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::Cargo(format!("cannot run cargo: {error}"));
    let log = File::create(order.log).map_err(fail)?;
    let command: Vec<OsString> =
        std::iter::once(cargo::program()).chain(args.iter().map(OsString::from)).collect();
    let target = order.package.target.clone().into_os_string();
    let plan = Plan {
        command: bare_command(
            &[("CARGO_TARGET_DIR", target), ("CARGO_TERM_COLOR", "never".into())],
            &command,
        ),
        dir: order.package.dir.clone(),
        set: Vec::new(),
        unset: Vec::new(),
        death_signal: Signal::SIGTERM,
    };
    let take = |line: Option<&str>| drop(line.map(|line| serde_json::from_str(line).map(&mut take)));
    match cargo::run(&plan, Stdio::from(log), stop, Some(order.limit), take).map_err(fail)? {
        Ended::Exited(status) if status.success() => Ok(String::new()),
        Ended::Exited(status) => Ok(describe(status)),
        Ended::Interrupted(_) => Err(Failure::Interrupted),
        Ended::TooLong => Err(Failure::TooLong),
    }
}

/// Adds one message of cargo to the result.
fn take(value: &Value, built: &mut Built) {
    let target = value["target"]["name"].as_str().unwrap_or_default();
    match value["reason"].as_str() {
        Some("compiler-artifact") => {
            if let Some(path) = value["executable"].as_str() {
                built.binaries.insert(target.to_owned(), PathBuf::from(path));
            } else if target == LIBRARY {
                built.sources = value["filenames"].as_array().into_iter().flatten().find_map(source_list);
            }
        }
        Some("compiler-message") if value["message"]["level"] == "error" => {
            let list = match target {
                LIBRARY => &mut built.errors,
                suite => built.misfits.entry(suite.to_owned()).or_default(),
            };
            let error = compile_error(&value["message"]);
            // The last error of the compiler only has the number of errors, so it is left out.
            if list.len() < MOST_ERRORS && !error.message.starts_with("aborting due to") {
                list.push(error);
            }
        }
        _ => {}
    }
}

/// Reads an error from the compiler's JSON.
pub fn compile_error(message: &Value) -> CompileError {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let spans = message["spans"].as_array();
    let primary = spans.and_then(|spans| spans.iter().find(|span| span["is_primary"] == true));
    let place = primary.map(|span| format!("{}:{}", text(&span["file_name"]), span["line_start"]));
    CompileError {
        code: text(&message["code"]["code"]),
        message: text(&message["message"]),
        place: place.unwrap_or_default(),
        rendered: text(&message["rendered"]),
    }
}

/// For a compiled file of the library, the compiler writes a list of source files. Returns the path of this
/// list: `deps/x-123.d` for `deps/libx-123.rmeta`. Returns `None` for a file outside of `deps`, such as the
/// final library `libx.rlib`. The final library has a list, too. But the grader cannot use that list, because
/// it also contains the source files of all dependencies.
fn source_list(file: &Value) -> Option<PathBuf> {
    let path = Path::new(file.as_str()?);
    let name = path.file_stem()?.to_str()?.strip_prefix("lib")?;
    (path.parent()?.file_name()? == "deps").then(|| path.with_file_name(format!("{name}.d")))
}

/// Finds files outside of `src` that the compiler has read for the library. Such files are possible because
/// `#[path]` and `include!` can name any file of the machine.
fn foreign(package: &Package, list: &Path) -> Vec<String> {
    let text = match fs::read_to_string(list) {
        Ok(text) => text,
        Err(error) => {
            return vec![format!("{} cannot be read ({error}), so the files are not known", list.display())];
        }
    };
    let src = package.src();
    let src = src.canonicalize().unwrap_or(src);
    let inside = |path: &PathBuf| {
        let path = package.dir.join(path);
        path.canonicalize().unwrap_or(path).starts_with(&src)
    };
    let files: BTreeSet<PathBuf> = dependencies(&text).into_iter().filter(|path| !inside(path)).collect();
    files.into_iter().map(|path| path.display().to_string()).collect()
}

/// The files after the colon in the first line of a dep-info file. In this line, `\ ` means a space in a
/// name.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let Some((_, list)) = text.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let list = list.replace("\\ ", "\0");
    list.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_library_are_read() {
        let found = dependencies("/t/libx.rlib: /p/src/lib.rs /p/my\\ code/a.rs\n\n/p/src/lib.rs:\n");
        assert_eq!(found, [PathBuf::from("/p/src/lib.rs"), PathBuf::from("/p/my code/a.rs")]);
        assert!(dependencies("").is_empty());
    }

    #[test]
    fn the_list_of_sources_lies_beside_the_compilers_file() {
        let of = |path: &str| source_list(&Value::from(path));
        assert_eq!(
            of("/t/debug/deps/libstarter-12.rmeta"),
            Some(PathBuf::from("/t/debug/deps/starter-12.d"))
        );
        assert_eq!(
            of("/t/debug/libstarter.rlib"),
            None,
            "the list of this file has the sources of other crates, too"
        );
    }

    #[test]
    fn errors_go_to_the_library_or_to_a_suite() {
        let message = |target: &str, text: &str| {
            serde_json::json!({"reason": "compiler-message", "target": {"name": target}, "message": {
                "level": "error", "message": text, "code": {"code": "E0432"}, "rendered": "error: x\n",
                "spans": [{"is_primary": false}, {"is_primary": true, "file_name": "src/a.rs", "line_start": 7}]}})
        };
        let mut built = Built::default();
        take(&message(LIBRARY, "unresolved import"), &mut built);
        take(&message(LIBRARY, "aborting due to 1 previous error"), &mut built);
        take(&message("lab2a", "no `Raft` in the root"), &mut built);
        take(
            &serde_json::json!({"reason": "compiler-artifact", "target": {"name": "lab2b"}, "executable": "/t/b"}),
            &mut built,
        );
        assert_eq!((built.errors.len(), built.errors[0].place.as_str()), (1, "src/a.rs:7"));
        assert_eq!(built.misfits["lab2a"][0].code, "E0432");
        assert_eq!(built.binaries["lab2b"], Path::new("/t/b"));
    }
}
