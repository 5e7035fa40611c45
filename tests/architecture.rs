//! The layers of the project, held by a test: who may name what, and which way imports point.
//!
//! `clippy.toml` bans single types and functions; this looks at the sources as text, for whole crates and for
//! arrows between rooms.

use std::fs;
use std::path::{Path, PathBuf};

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

/// The folders of node code and of the code that tests it.
const NODE_CODE: &[&str] = &["src", "labrpc/src", "labgob/src", "starter/src", "demo/src"];

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
        &["src", "labrpc/src", "labrt/src", "cli/src", "starter/src", "demo/src"],
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
    // The models are for its unit tests, which judge histories of a key/value store.
    ("porcupine", &["models", "page"]),
    ("models", &["porcupine"]),
    ("page", &[]),
    ("spacetime", &["page"]),
    ("tester", &["raft", "rsm", "kvraft", "shardctrler", "shardkv", "porcupine", "models", "spacetime"]),
];

#[test]
fn rooms_name_only_what_they_stand_on() {
    // So that no other room hides in a list.
    nobody("name one room an import", &["src"], &["crate::{", "mit6824::{"]);
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

/// A history of operations is all that is judged, and a trace all that is drawn, whoever made it.
#[test]
fn the_checker_and_the_pages_know_no_network() {
    for room in ["src/porcupine", "src/models", "src/page", "src/spacetime"]
        .into_iter()
        .filter(|room| root().join(room).exists())
    {
        nobody("a history is all that is judged, a trace all that is drawn", &[room], &["labrpc"]);
    }
}

/// The rules of the paper are pure: what waits, sends, tells the time, or tells what happens is in `server.rs` and
/// below it.
#[test]
fn the_core_is_pure() {
    let shell = root().join("src/raft/server.rs");
    assert!(shell.exists(), "the shell of the core has moved");
    let words = ["labrt::thread", "labrt::time", "labrt::chan", "Condvar", "labrpc::", "rng::"];
    let told = ["labrt::trace", "trace::", "dlog", "observe::"];
    let outside = [
        "src/raft/server",
        "src/raft/tests",
        // A sink may be a channel: that is where committed commands leave.
        "src/raft/apply_msg.rs",
        // What others use as well, and which tells the trace.
        "src/raft/observe.rs",
        "src/raft/persister.rs",
    ];
    let hits: Vec<_> = naming(&["src/raft"], &[&words[..], &told].concat())
        .into_iter()
        .filter(|hit| !outside.iter().any(|place| hit.starts_with(place)))
        .collect();
    assert!(hits.is_empty(), "the core of Raft has no clock, channel, thread or trace:\n{}", hits.join("\n"));
}

#[test]
fn unsafe_code_is_in_labrt_alone() {
    for crate_root in
        ["src/lib.rs", "labrpc/src/lib.rs", "labgob/src/lib.rs", "starter/src/lib.rs", "demo/src/lib.rs"]
    {
        let text = fs::read_to_string(root().join(crate_root)).expect("a readable crate root");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{crate_root} does not forbid unsafe code");
    }
}
