//! These tests check the layers of the project: the dependencies between crates, the names that code may use,
//! and the imports between folders and between files.
//!
//! Cargo accepts any dependency between crates that makes no cycle. So the first test reads `cargo metadata`
//! and compares the dependencies with the table [`CRATES`], which follows the table of `docs/design.md`.
//! `clippy.toml` bans single types and functions. The other tests read the source files as text: they check
//! the imports between the folders of `src`, and that Raft's core uses no clock, lock or channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the project.
fn sources(dir: &str) -> Vec<PathBuf> {
    let start = root().join(dir);
    if start.is_file() {
        return vec![start];
    }
    let mut found = Vec::new();
    let mut open = vec![start];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "there is no Rust file below {dir}; was the folder moved?");
    found
}

/// The lines of code below `dirs` that have one of `words`. Comments do not count.
fn lines_with(dirs: &[&str], words: &[&str]) -> Vec<String> {
    let mut hits = Vec::new();
    for path in dirs.iter().flat_map(|dir| sources(dir)) {
        let text = fs::read_to_string(&path).expect("the file can be read");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                let name = path.strip_prefix(root()).unwrap_or(&path).display();
                hits.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    hits
}

/// Lines that may have a forbidden word, as (file, the line's beginning). The lines in this list are static
/// variables that keep data until a run has ended. With labrt's lock, another thread might run at this point.
/// Then a run would depend on whether pages are written.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("labtest/src/page.rs", "static HELD: std::sync::Mutex<"),
    ("labtest/src/kv/spare.rs", "static OPERATIONS: std::sync::Mutex<"),
    ("labtest/src/kv/spare.rs", "static ONE: std::sync::Mutex<"),
];

/// Fails with `why` if code below `dirs` has one of `words`.
#[track_caller]
fn assert_absent(why: &str, dirs: &[&str], words: &[&str]) {
    let mut hits = lines_with(dirs, words);
    hits.retain(|hit| !EXCEPTIONS.iter().any(|(file, line)| hit.starts_with(file) && hit.contains(line)));
    assert!(hits.is_empty(), "{why}:\n{}", hits.join("\n"));
}

/// Each member of the workspace, and the other members that it may depend on. Dependencies of a member's
/// tests do not count.
const CRATES: &[(&str, &[&str])] = &[
    ("labrt", &[]),
    ("labgob", &[]),
    ("labrpc", &["labrt", "labgob"]),
    ("labapi", &["labrt", "labgob", "labrpc"]),
    ("labview", &["labrt"]),
    ("porcupine", &["labview", "labrt"]),
    ("labtest", &["labapi", "porcupine", "labview", "labrt", "labgob", "labrpc"]),
    ("mit6824", &["labapi", "labrt", "labgob", "labrpc"]),
    ("starter", &["labapi", "labrt", "labgob", "labrpc"]),
    ("mit6824-demo", &["mit6824", "labtest", "labapi", "porcupine", "labrt", "labgob", "labrpc"]),
    ("mit6824-cli", &["mit6824-demo", "mit6824", "labtest", "labview", "labrt"]),
    ("mit6824-benches", &["mit6824", "labapi", "porcupine", "labrt", "labgob", "labrpc"]),
    ("mit6824-browser", &["mit6824", "labtest", "labapi", "labview", "porcupine", "labrt"]),
    ("mit6824-experiments", &["mit6824", "labtest", "labapi", "porcupine", "labrt", "labgob", "labrpc"]),
    ("xtask", &[]),
];

/// The dependencies that only a feature adds, as (crate, dependency, feature). The feature is off by default.
/// With the feature, labs 3 and 4 of the skeleton use the solution's Raft.
const BY_FEATURE: &[(&str, &str, &str)] = &[("starter", "mit6824", "solved-raft")];

/// The dependencies that are forbidden even for tests, because the judge and the skeleton must not know a
/// solution.
const NEVER: &[(&str, &str)] = &[("starter", "mit6824"), ("labtest", "mit6824"), ("labapi", "mit6824")];

/// The data that `cargo metadata` reports about a member of the workspace.
struct Member {
    name: String,
    dependencies: Vec<Dependency>,
    /// What each feature switches on: other features, and optional dependencies as `dep:name`.
    features: BTreeMap<String, Vec<String>>,
}

struct Dependency {
    name: String,
    only_tests: bool,
    optional: bool,
}

impl Member {
    /// The features that switch on this optional dependency.
    fn turned_on_by(&self, dependency: &str) -> Vec<&str> {
        let wanted = format!("dep:{dependency}");
        let turns_on = |(_, on): &(&String, &Vec<String>)| on.contains(&wanted);
        self.features.iter().filter(turns_on).map(|(name, _)| name.as_str()).collect()
    }

    /// Whether `dependency` is one of [`BY_FEATURE`], and its feature is off by default.
    fn has_by_feature(&self, dependency: &Dependency) -> bool {
        let row = |(name, other, _): &&(&str, &str, &str)| *name == self.name && *other == dependency.name;
        let Some((_, _, feature)) = BY_FEATURE.iter().find(row) else { return false };
        let is_default = self.features.contains_key("default");
        dependency.optional && self.turned_on_by(&dependency.name) == [*feature] && !is_default
    }
}

fn members() -> Vec<Member> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name is a text").to_owned();
    let dependency = |it: &serde_json::Value| Dependency {
        name: text(&it["name"]),
        only_tests: it["kind"] == "dev",
        optional: it["optional"] == true,
    };
    let list = |value: &serde_json::Value| value.as_array().expect("cargo writes a list here").clone();
    let feature =
        |(name, on): (&String, &serde_json::Value)| (name.clone(), list(on).iter().map(text).collect());
    let member = |package: &serde_json::Value| Member {
        name: text(&package["name"]),
        dependencies: list(&package["dependencies"]).iter().map(dependency).collect(),
        features: package["features"]
            .as_object()
            .expect("the features are a table")
            .iter()
            .map(feature)
            .collect(),
    };
    list(&metadata["packages"]).iter().map(member).collect()
}

#[test]
fn crates_depend_only_on_allowed_crates() {
    let members = members();
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut wrong = Vec::new();
    for member in &members {
        let name = &member.name;
        let row = CRATES.iter().find(|(crate_name, _)| crate_name == name);
        let Some((_, allowed)) = row else { panic!("the crate {name} has no row in CRATES") };
        for dependency in member.dependencies.iter().filter(|it| names.contains(&it.name.as_str())) {
            let other = &dependency.name;
            if member.has_by_feature(dependency) {
                continue;
            }
            if !dependency.only_tests && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{name} depends on {other}"));
            }
            if NEVER.contains(&(name.as_str(), other.as_str())) {
                wrong.push(format!("{name} depends on {other}, which is forbidden even for its tests"));
            }
        }
    }
    assert!(wrong.is_empty(), "CRATES does not allow these dependencies:\n{}", wrong.join("\n"));
    assert_eq!(
        members.len(),
        CRATES.len(),
        "CRATES has a crate that is not a member of the workspace: {names:?}"
    );
}

#[test]
fn a_feature_that_is_on_by_default_is_no_exception() {
    let starter = |features: &[(&str, &[&str])]| Member {
        name: "starter".to_owned(),
        dependencies: Vec::new(),
        features: features
            .iter()
            .map(|(name, on)| ((*name).to_owned(), on.iter().map(|it| (*it).to_owned()).collect()))
            .collect(),
    };
    let on_solution = |optional| Dependency { name: "mit6824".to_owned(), only_tests: false, optional };
    let solved: (&str, &[&str]) = ("solved-raft", &["dep:mit6824"]);
    assert!(starter(&[solved]).has_by_feature(&on_solution(true)));
    assert!(!starter(&[solved]).has_by_feature(&on_solution(false)));
    assert!(!starter(&[solved, ("default", &["solved-raft"])]).has_by_feature(&on_solution(true)));
    assert!(!starter(&[solved, ("sim", &["dep:mit6824"])]).has_by_feature(&on_solution(true)));
}

/// Only one file of the skeleton names the solution. This file makes only the [`RaftPeer`](labapi::RaftPeer)
/// of the solution visible.
#[test]
fn the_skeleton_names_the_solution_in_one_place() {
    let hits = lines_with(&["starter/src"], &["mit6824"]);
    let elsewhere: Vec<&String> =
        hits.iter().filter(|hit| !hit.starts_with("starter/src/raft_in_use.rs:")).collect();
    assert!(elsewhere.is_empty(), "only starter/src/raft_in_use.rs may name the solution: {elsewhere:?}");
    assert!(!hits.is_empty(), "starter/src/raft_in_use.rs does not name the solution: was the file moved?");
}

/// The folders with the code of servers, and with the code that tests the servers.
const NODE_CODE: &[&str] = &[
    "src",
    "labapi/src",
    "labtest/src",
    "labrpc/src",
    "labgob/src",
    "porcupine/src",
    "starter/src",
    "demo/src",
];

#[test]
fn only_labrt_names_the_machine() {
    let words =
        ["std::thread", "std::time::Instant", "std::sync::Mutex", "std::sync::Condvar", "std::sync::mpsc"];
    assert_absent("use labrt instead", NODE_CODE, &words);
    assert_absent("use labrt instead", NODE_CODE, &["parking_lot", "crossbeam", "corosensei"]);
}

#[test]
fn only_labgob_names_bincode() {
    assert_absent(
        "use labgob instead",
        &[
            "src",
            "labapi/src",
            "labtest/src",
            "labrpc/src",
            "labrt/src",
            "cli/src",
            "starter/src",
            "demo/src",
        ],
        &["bincode"],
    );
}

#[test]
fn the_network_knows_no_raft() {
    assert_absent("labrpc must not know Raft", &["labrpc/src"], &["mit6824", "RequestVote", "AppendEntries"]);
}

/// The folders of `src`. For each folder, the list has the other folders that it may import.
const FOLDERS: &[(&str, &[&str])] = &[
    ("raft", &[]),
    ("rsm", &["raft"]),
    ("kvraft", &["rsm", "raft"]),
    ("shardctrler", &["rsm", "raft"]),
    ("shardkv", &["shardctrler", "kvraft", "rsm", "raft"]),
];

#[test]
fn folders_import_only_allowed_folders() {
    // The check below does not find a folder in a list of imports such as `crate::{...}`. So such lists are
    // forbidden.
    assert_absent("write one import for each folder", &["src"], &["crate::{"]);
    for entry in fs::read_dir(root().join("src")).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let Some(folder) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) else {
            continue;
        };
        let row = FOLDERS.iter().find(|(name, _)| *name == folder);
        let Some((_, allowed)) = row else { panic!("src/{folder} has no row in FOLDERS") };
        for (other, _) in FOLDERS.iter().filter(|(other, _)| *other != folder && !allowed.contains(other)) {
            let words = [format!("crate::{other}"), format!("mit6824::{other}")];
            let why = format!("src/{folder} must not import src/{other}");
            assert_absent(&why, &[&format!("src/{folder}")], &words.each_ref().map(String::as_str));
        }
    }
}

/// Folders whose files form layers: the imports between the files make no cycle of two or more files. A file
/// and the folder of the same name count as one file.
const LAYERED: &[&str] = &[
    "labrpc/src",
    "labapi/src",
    "src/raft",
    "src/rsm",
    "src/kvraft",
    "src/shardctrler",
    "src/shardkv",
    "cli/src/dstest",
    "cli/src/grade",
];

/// The modules that a text imports with `prefix`. From `prefix::b::X` and `prefix::{c::{Y, Z}, d}` these are
/// `b`, `c` and `d`.
fn imported<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let name_of = |path: &'a str| {
        path.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    };
    let mut found = Vec::new();
    for rest in text.split(prefix).skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(items(list).into_iter().map(name_of)),
            None => found.push(name_of(rest)),
        }
    }
    found
}

/// The items of a list in braces. `list` begins after the first brace. If an item contains another list, it
/// stays one item.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&list[start..at]);
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// For each file of a folder: which other files of this folder the file imports.
fn imports_within(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let module_of = |path: &Path| {
        let path = path.strip_prefix(root().join(folder)).expect("the path is below the folder");
        let first = path.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    };
    let is_part = |name: &str| !["lib", "mod", "main", "tests"].contains(&name);
    let files: Vec<(String, String)> = sources(folder)
        .into_iter()
        .map(|path| (module_of(&path), fs::read_to_string(&path).expect("the file can be read")))
        .filter(|(name, _)| is_part(name))
        .collect();
    let names: BTreeSet<&String> = files.iter().map(|(name, _)| name).collect();
    let own_path = match folder.strip_prefix("src/") {
        Some(inner) => format!("crate::{inner}::"),
        None => match folder.split_once("/src/") {
            Some((_, inner)) => format!("crate::{inner}::"),
            None => "crate::".to_owned(),
        },
    };
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in &files {
        let code: Vec<&str> = text.lines().filter_map(|line| line.split("//").next()).collect();
        let code = code.join("\n");
        let mut all = imported(&code, "super::");
        all.extend(imported(&code, &own_path));
        let others = all.into_iter().map(str::to_owned).filter(|it| it != name && names.contains(it));
        imports.entry(name.clone()).or_default().extend(others);
    }
    imports
}

#[test]
fn imports_are_found_in_lists() {
    let text = "use super::b::X; use super::{c::{Y, Z}, d};";
    assert_eq!(imported(text, "super::"), ["b", "c", "d"]);
}

#[test]
fn files_of_a_folder_form_layers() {
    for folder in LAYERED {
        let mut left = imports_within(folder);
        // Again and again, removes a file that imports none of the remaining files. Stops when there is no
        // such file.
        while let Some(name) = left.iter().find(|(_, to)| to.is_empty()).map(|(name, _)| name.clone()) {
            left.remove(&name);
            left.values_mut().for_each(|to| {
                to.remove(&name);
            });
        }
        assert!(left.is_empty(), "the imports of these files of {folder} make a cycle: {left:?}");
    }
}

/// The files with the rules of the paper. They use no clock, thread, lock, channel, log or trace.
const CORE: &[&str] = &[
    "src/raft/core",
    "src/raft/core.rs",
    "src/raft/effects.rs",
    "src/raft/invariants.rs",
    "src/raft/log.rs",
    "src/raft/messages.rs",
    "src/raft/options.rs",
    "src/raft/progress.rs",
    "experiments/src/multi_paxos/core",
    "experiments/src/multi_paxos/core.rs",
    "experiments/src/multi_paxos/messages.rs",
];

/// The core of Raft, and that of Multi-Paxos in the experiments, must not wait, send, read the time, log or
/// trace. The server does all this, before or after it calls the core.
#[test]
fn the_core_is_pure() {
    let words = [
        "labrt::thread",
        "labrt::time",
        "labrt::chan",
        "labrt::node",
        "labrt::rng",
        "labrt::trace",
        "labrt::dlog",
        "dlog!",
        "trace::",
        "observe::",
        "Instant",
        "Condvar",
        "Mutex",
        "labrpc",
        "rng::",
        "println!",
    ];
    assert_absent("the rules have no clock, channel, thread, log line or trace", CORE, &words);
    assert_absent("each file of the core names what it imports", &["src/raft/core"], &["use super::*"]);
}

#[test]
fn unsafe_code_is_in_labrt_alone() {
    for crate_root in [
        "src/lib.rs",
        "labapi/src/lib.rs",
        "labtest/src/lib.rs",
        "labview/src/lib.rs",
        "porcupine/src/lib.rs",
        "labrpc/src/lib.rs",
        "labgob/src/lib.rs",
        "starter/src/lib.rs",
        "demo/src/lib.rs",
        "cli/src/main.rs",
        "benches/src/lib.rs",
        "browser/src/lib.rs",
        "experiments/src/lib.rs",
        "experiments/src/main.rs",
        "xtask/src/main.rs",
    ] {
        let text = fs::read_to_string(root().join(crate_root)).expect("the crate root can be read");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{crate_root} does not forbid unsafe code");
    }
}
