//! The layers of the project, held by tests: which crate may depend on which, who may name what, and which way
//! imports point.
//!
//! Cargo accepts every arrow between crates that is no circle, so the first test reads `cargo metadata` and holds the
//! table of `docs/design.md`. `clippy.toml` bans single types and functions. The other tests look at the sources as
//! text, for arrows between the rooms of `src` and for the purity of Raft's rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the project.
fn sources(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
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
    ("mit6824-cli", &["mit6824-demo", "labview", "labrt"]),
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

/// Rooms in which no two files import each other, directly or through others.
const WITHOUT_CIRCLES: &[&str] =
    &["src/rsm", "src/kvraft", "src/shardctrler", "src/shardkv", "cli/src/dstest"];

#[test]
fn files_of_a_room_import_each_other_in_one_direction() {
    for room in WITHOUT_CIRCLES {
        let imports = imports_of(room);
        // What imports nothing that is left can be taken away. The rest, if there is any, has a circle.
        let mut left: Vec<&str> = imports.keys().map(String::as_str).collect();
        while let Some(at) =
            left.iter().position(|file| !imports[*file].iter().any(|it| left.contains(&&**it)))
        {
            left.swap_remove(at);
        }
        assert!(left.is_empty(), "a circle among these files of {room}: {left:?}");
    }
}

/// For each file of a room, by its name as a module, the files that it imports.
fn imports_of(room: &str) -> BTreeMap<String, Vec<String>> {
    let name = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    let files: Vec<PathBuf> = sources(room)
        .into_iter()
        .filter(|path| path.parent() == Some(&root().join(room)) && name(path) != "mod")
        .collect();
    let names: Vec<String> = files.iter().map(|path| name(path)).collect();
    let mut imports = BTreeMap::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("a readable file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        let mut found = Vec::new();
        for rest in lines.flat_map(|line| line.split("super::").skip(1)) {
            let list = rest.strip_prefix('{').and_then(|list| list.split('}').next());
            for item in list.unwrap_or(rest).split(',').take(list.map_or(1, |_| usize::MAX)) {
                let item: String =
                    item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                // Through `mod.rs` a circle would hide.
                assert!(names.contains(&item), "{}: super::{item} names no file of {room}", path.display());
                found.push(item);
            }
        }
        imports.insert(name(path), found);
    }
    imports
}

/// The rules of the paper are pure: what waits, sends or tells the time is in `node.rs` and below it.
#[test]
fn the_core_is_pure() {
    let shell = root().join("src/raft/node.rs");
    assert!(shell.exists(), "the shell of the core has moved");
    let words = ["labrt::thread", "labrt::time", "labrt::chan", "Condvar", "labrpc::", "rng::"];
    let hits: Vec<_> = naming(&["src/raft"], &words)
        .into_iter()
        .filter(|hit| !hit.starts_with("src/raft/node") && !hit.starts_with("src/raft/tests"))
        // A sink may be a channel: that is where committed commands leave.
        .filter(|hit| !hit.starts_with("src/raft/apply_msg.rs"))
        .collect();
    assert!(hits.is_empty(), "the core of Raft has no clock, channel or thread:\n{}", hits.join("\n"));
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
    ] {
        let text = fs::read_to_string(root().join(crate_root)).expect("a readable crate root");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{crate_root} does not forbid unsafe code");
    }
}
