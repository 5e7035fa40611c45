//! Remarks for the teacher: places in a submission that the teacher should read. They cost no points.
//!
//! clippy finds what the labs forbid (`clippy.toml`: threads, locks, clocks and random numbers must come from
//! labrt). In submissions, clippy also searches for things that an honest solution does not need, but that
//! can be used to cheat: files, processes, variables of the environment, sockets, hooks for panics. There is
//! also a remark for each `static`. All servers run in one process, so they could talk through a `static`
//! instead of through the network.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::build::{CompileError, Failure, Order, cargo, compile_error};
use super::package::Package;
use crate::dstest::run::Stop;
use crate::dstest::scratch::Scratch;

/// How many remarks on a submission are kept at most.
const MOST: usize = 30;
/// How long clippy may take. The first time, clippy also compiles the crates of the labs.
const LIMIT: Duration = Duration::from_secs(900);

const LINTS: [&str; 3] =
    ["clippy::disallowed_methods", "clippy::disallowed_types", "clippy::disallowed_macros"];

/// Functions that get a remark, in addition to those in the labs' own clippy.toml.
const METHODS: [&str; 22] = [
    "std::env::args",
    "std::env::current_exe",
    "std::env::var",
    "std::env::var_os",
    "std::env::vars",
    "std::env::vars_os",
    "std::fs::copy",
    "std::fs::read",
    "std::fs::read_dir",
    "std::fs::read_link",
    "std::fs::read_to_string",
    "std::fs::remove_dir_all",
    "std::fs::remove_file",
    "std::fs::rename",
    "std::fs::write",
    "std::panic::catch_unwind",
    "std::panic::resume_unwind",
    "std::panic::set_hook",
    "std::panic::take_hook",
    "std::process::abort",
    "std::process::exit",
    "std::process::id",
];
const TYPES: [&str; 8] = [
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net::UnixListener",
    "std::os::unix::net::UnixStream",
    "std::process::Command",
];

/// Writes the clippy.toml of the package, which says what clippy searches for.
///
/// # Errors
/// When the clippy.toml of the labs has a mistake. The error names it.
pub fn prepare(package: &Package) -> Result<(), String> {
    package.write("clippy.toml", &clippy_toml(&package.labs)?)
}

/// The clippy.toml for submissions. It is made from the clippy.toml of the labs.
fn clippy_toml(labs: &Path) -> Result<String, String> {
    let path = labs.join("clippy.toml");
    let wrong = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    for (key, names) in [("disallowed-methods", &METHODS[..]), ("disallowed-types", &TYPES[..])] {
        let list = table.entry(key).or_insert_with(|| toml::Value::Array(Vec::new()));
        let list = list.as_array_mut().ok_or_else(|| wrong(format!("expected {key} to be a list")))?;
        list.extend(names.iter().map(|name| toml::Value::from(*name)));
    }
    toml::to_string(&table).map_err(|error| wrong(error.to_string()))
}

/// Returns the remarks on the submission that is in the package.
pub fn of(package: &Package, scratch: &Scratch, stop: &Stop) -> Vec<String> {
    let mut found = statics(&package.src(), Path::new("src"));
    let log = scratch.path("clippy.log");
    let order = Order { package, limit: LIMIT, log: &log };
    let mut args = vec!["clippy", "--offline", "--locked", "--quiet", "--lib", "--message-format=json"];
    for feature in &package.features {
        args.extend(["--features", feature]);
    }
    // `-F` sets these lints to the level `forbid`. So the submission cannot switch them off with `allow`.
    args.extend(["--", "-Aclippy::all"]);
    LINTS.iter().for_each(|lint| args.extend(["-F", *lint]));
    let mut seen = false;
    let ended = cargo(&order, &args, stop, |value| {
        seen |= value["reason"] == "compiler-artifact" || value["reason"] == "compiler-message";
        found.extend(remark(&value));
    });
    match ended {
        Ok(_) if seen => {}
        Err(Failure::Interrupted) => {}
        Ok(_) | Err(_) => {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            found.push(format!("clippy did not check the code: {first}"));
        }
    }
    found.dedup();
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

/// The remark in one message of cargo, if there is one.
fn remark(value: &Value) -> Option<String> {
    let CompileError { code, message, place, .. } = compile_error(&value["message"]);
    if code == "E0453" {
        return Some(format!("{place}: the code tries to switch off a check: {message}"));
    }
    LINTS.contains(&code.as_str()).then(|| format!("{place}: {message}"))
}

/// Makes a remark for each `static` in the files of a folder.
fn statics(dir: &Path, name: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        if path.is_dir() {
            found.extend(statics(&path, &name));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let bytes = fs::read(&path).unwrap_or_default();
            let lines = String::from_utf8_lossy(&bytes).lines().map(is_static).collect::<Vec<_>>();
            let lines = (1..).zip(lines).filter(|(_, is_static)| *is_static);
            found
                .extend(lines.map(|(line, _)| {
                    format!("{}:{line}: a static, which all servers share", name.display())
                }));
        }
    }
    found
}

fn is_static(line: &str) -> bool {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest.split_once(") ").map_or(rest, |(_, rest)| rest).trim_start(),
        None => code,
    };
    code.starts_with("static ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statics_are_seen() {
        for line in
            ["static X: u8 = 1;", "    pub static X: AtomicU64 = y;", "pub(crate) static X: M = M::new();"]
        {
            assert!(is_static(line), "{line}");
        }
        for line in ["fn f(x: &'static str) {}", "// static X", "let s: &'static T = t;", "statics();"] {
            assert!(!is_static(line), "{line}");
        }
    }

    #[test]
    fn the_rules_of_the_labs_and_our_own_are_joined() {
        let labs = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("the crate is in a folder of the workspace");
        let text = clippy_toml(labs).expect("the labs have a clippy.toml");
        for name in ["std::thread::spawn", "std::process::exit", "std::sync::Mutex", "std::fs::File"] {
            assert!(text.contains(name), "{name} is missing: {text}");
        }
    }
}
