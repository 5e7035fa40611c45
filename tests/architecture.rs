//! The layers of the project, held by tests: which crate may depend on which, who may name what, and which way
//! imports point.
//!
//! Cargo accepts every arrow between crates that is no circle, so the first test reads `cargo metadata` and holds the
//! table of `docs/design.md`. `clippy.toml` bans single types and functions. The other tests look at the sources as
//! text, for arrows between the rooms of `src` and for the purity of Raft's rules.

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
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file below {dir}: has a room moved?");
    found
}

/// The lines of code below `dirs` that name one of `words`.
fn naming(dirs: &[&str], words: &[&str]) -> Vec<String> {
    let mut hits = Vec::new();
    for path in dirs.iter().flat_map(|dir| sources(dir)) {
        let text = fs::read_to_string(&path).expect("a readable file");
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

#[track_caller]
fn nobody(why: &str, dirs: &[&str], words: &[&str]) {
    let hits = naming(dirs, words);
    assert!(hits.is_empty(), "{why}:\n{}", hits.join("\n"));
}

/// Each member, and the members that it may depend on outside of its tests.
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
    ("mit6824-experiments", &["mit6824", "labapi", "labrt", "labgob", "labrpc"]),
];

/// What no crate may have even for its tests: a judge or a skeleton that knows a solution.
const NEVER: &[(&str, &str)] = &[("starter", "mit6824"), ("labtest", "mit6824"), ("labapi", "mit6824")];

/// What `cargo metadata` says of a member: its name, and its dependencies as (name, only for tests).
fn members() -> Vec<(String, Vec<(String, bool)>)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name is a text").to_owned();
    let dependency = |it: &serde_json::Value| (text(&it["name"]), it["kind"] == "dev");
    let member = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().expect("a list");
        (text(&package["name"]), dependencies.iter().map(dependency).collect())
    };
    metadata["packages"].as_array().expect("a list").iter().map(member).collect()
}

#[test]
fn crates_depend_only_on_what_they_stand_on() {
    let members = members();
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let mut wrong = Vec::new();
    for (name, dependencies) in &members {
        let row = CRATES.iter().find(|(crate_name, _)| crate_name == name);
        let Some((_, allowed)) = row else { panic!("the crate {name} has no row in the table above") };
        for (other, only_tests) in dependencies.iter().filter(|(other, _)| names.contains(&other.as_str())) {
            if !only_tests && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{name} depends on {other}"));
            }
            if NEVER.contains(&(name.as_str(), other.as_str())) {
                wrong.push(format!("{name} depends on {other}, which it may not even for its tests"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that the table does not have:\n{}", wrong.join("\n"));
    assert_eq!(members.len(), CRATES.len(), "the table has a crate that is no member: {names:?}");
}

/// The folders of node code and of the code that tests it.
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
    nobody("use labrt instead", NODE_CODE, &words);
    nobody("use labrt instead", NODE_CODE, &["parking_lot", "crossbeam", "corosensei"]);
}

#[test]
fn only_labgob_names_bincode() {
    nobody(
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
    nobody("labrpc stands below raft", &["labrpc/src"], &["mit6824", "RequestVote", "AppendEntries"]);
}

/// The rooms, which are the folders of `src`, and what each may name of the others.
const ROOMS: &[(&str, &[&str])] = &[
    ("raft", &[]),
    ("rsm", &["raft"]),
    ("kvraft", &["rsm", "raft"]),
    ("shardctrler", &["rsm", "raft"]),
    ("shardkv", &["shardctrler", "kvraft", "rsm", "raft"]),
];

#[test]
fn rooms_name_only_what_they_stand_on() {
    // So that no other room hides in a list.
    nobody("name one room an import", &["src"], &["crate::{"]);
    for entry in fs::read_dir(root().join("src")).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let Some(room) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) else {
            continue;
        };
        let place = ROOMS.iter().find(|(name, _)| *name == room);
        let Some((_, below)) = place else { panic!("src/{room} has no place among the rooms above") };
        for (other, _) in ROOMS.iter().filter(|(other, _)| *other != room && !below.contains(other)) {
            let words = [format!("crate::{other}"), format!("mit6824::{other}")];
            let why = format!("{room} does not stand on {other}");
            nobody(&why, &[&format!("src/{room}")], &words.each_ref().map(String::as_str));
        }
    }
}

/// Rooms whose files form layers: no file imports, even through others, a file that imports it. A file and the
/// folder of the same name count as one.
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

/// The module names that a text imports by `prefix`: `b`, `c` and `d` for `prefix::b::X` and `prefix::{c::{Y, Z}, d}`.
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

/// The items of a list in braces, whose first brace is gone; lists within it stay whole.
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

/// For each file of a room, the files of the room that it imports.
fn arrows(room: &str) -> BTreeMap<String, BTreeSet<String>> {
    let module_of = |path: &Path| {
        let path = path.strip_prefix(root().join(room)).expect("it lies below the room");
        let first = path.components().next().expect("a file has a name").as_os_str().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    };
    let is_part = |name: &str| !["lib", "mod", "main", "tests"].contains(&name);
    let files: Vec<(String, String)> = sources(room)
        .into_iter()
        .map(|path| (module_of(&path), fs::read_to_string(&path).expect("a readable file")))
        .filter(|(name, _)| is_part(name))
        .collect();
    let names: BTreeSet<&String> = files.iter().map(|(name, _)| name).collect();
    let own_path = match room.strip_prefix("src/") {
        Some(inner) => format!("crate::{inner}::"),
        None => match room.split_once("/src/") {
            Some((_, inner)) => format!("crate::{inner}::"),
            None => "crate::".to_owned(),
        },
    };
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in &files {
        let code: Vec<&str> = text.lines().filter_map(|line| line.split("//").next()).collect();
        let code = code.join("\n");
        let mut all = imported(&code, "super::");
        all.extend(imported(&code, &own_path));
        let others = all.into_iter().map(str::to_owned).filter(|it| it != name && names.contains(it));
        arrows.entry(name.clone()).or_default().extend(others);
    }
    arrows
}

#[test]
fn imports_are_found_in_lists() {
    let text = "use super::b::X; use super::{c::{Y, Z}, d};";
    assert_eq!(imported(text, "super::"), ["b", "c", "d"]);
}

#[test]
fn files_of_a_room_form_layers() {
    for room in LAYERED {
        let mut left = arrows(room);
        // Takes away the files that import nothing that is left, until there are none.
        while let Some(name) = left.iter().find(|(_, to)| to.is_empty()).map(|(name, _)| name.clone()) {
            left.remove(&name);
            left.values_mut().for_each(|to| {
                to.remove(&name);
            });
        }
        assert!(left.is_empty(), "{room} has a circle of imports among these files: {left:?}");
    }
}

/// The rules of the paper, which run without a world around them.
const CORE: &[&str] = &[
    "src/raft/core",
    "src/raft/core.rs",
    "src/raft/effects.rs",
    "src/raft/invariants.rs",
    "src/raft/log.rs",
    "src/raft/messages.rs",
    "src/raft/options.rs",
    "src/raft/progress.rs",
];

/// What waits, sends, tells the time, logs or traces is in the server around the rules.
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
    nobody("the rules of Raft have no clock, channel, thread, log line or trace", CORE, &words);
    nobody("each file of the core says what it needs", &["src/raft/core"], &["use super::*"]);
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
        "experiments/src/main.rs",
    ] {
        let text = fs::read_to_string(root().join(crate_root)).expect("a readable crate root");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{crate_root} does not forbid unsafe code");
    }
}
