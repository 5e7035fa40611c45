//! `lab new`: the projects that it makes, the arguments that it refuses, and its messages.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]
#![cfg(feature = "new")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Ran;
use serde_json::Value;

/// A folder outside the repository. It is removed when its `Place` is dropped.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("lab-new-{}-{test}", std::process::id()));
        fs::create_dir_all(&dir).expect("the folder can be made");
        Place(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs `lab new` with these arguments in this folder.
    fn make(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        Ran::of(command.arg("new").args(args).current_dir(&self.0).output().expect("lab runs"))
    }

    /// The paths of all files in the folder.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(&self.0, &self.0, &mut files);
        files.sort();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn walk(dir: &Path, below: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            walk(&path, below, files);
        } else {
            files.push(
                path.strip_prefix(below)
                    .expect("the path is below the folder")
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Runs cargo in a new project, without the network.
fn cargo(dir: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).arg("--offline").current_dir(dir);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
        command.env_remove(name);
    }
    Ran::of(command.output().expect("cargo runs"))
}

/// The platform on which the compiler runs.
fn host() -> String {
    let ran = Ran::of(Command::new("rustc").arg("-vV").output().expect("the compiler runs"));
    let line = ran.out.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("the compiler says its platform").to_owned()
}

#[test]
fn a_project_has_all_files_and_says_what_comes_next() {
    let place = Place::new("files");
    let ran = place.make(&["My Raft"]);
    ran.says(0, &["the package my-raft in My Raft", "cd 'My Raft'", "cargo test --test lab2a", "README.md"]);
    assert!(
        ran.out.contains(&repository().display().to_string()),
        "the output must say where the crates are:\n{}",
        ran.out
    );
    let files = place.files();
    for name in [
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "clippy.toml",
        "rustfmt.toml",
        "src/lib.rs",
        "src/raft.rs",
        "tests/lab2a.rs",
    ] {
        assert!(files.contains(&format!("My Raft/{name}")), "{name} in {files:?}");
    }
    assert!(!files.iter().any(|f| f.contains(".github")), "a path of this machine is of no use elsewhere");
    assert!(read(&place.path("My Raft/tests/lab2a.rs")).contains("use my_raft::"));
    assert_eq!(read(&place.path("My Raft/src/raft.rs")), read(&repository().join("starter/src/raft.rs")));
}

#[test]
fn an_empty_folder_and_a_fresh_clone_are_good_places() {
    let place = Place::new("empty");
    fs::create_dir_all(place.path("empty")).expect("the folder can be made");
    fs::create_dir_all(place.path("clone/.git")).expect("the folder can be made");
    place.make(&["empty"]).says(0, &["the package empty"]);
    place.make(&["clone"]).says(0, &["the package clone"]);
    place.make(&["deep/er/6824", "--name", "labs"]).says(0, &["the package labs"]);
    assert!(place.path("deep/er/6824/Cargo.toml").exists());
}

#[test]
fn what_cannot_be_a_project_is_refused_and_nothing_is_written() {
    let place = Place::new("refused");
    fs::write(place.path("file"), "mine").expect("the file can be written");
    fs::create_dir_all(place.path("full")).expect("the folder can be made");
    fs::write(place.path("full/notes.txt"), "mine").expect("the file can be written");
    let inside = repository().join("no-such-folder");
    let inside = inside.to_str().expect("the path is UTF-8");
    let before = place.files();
    let cases: [(&[&str], &[&str]); 13] = [
        (&[], &["<DIR>", "Usage: lab new"]),
        (&["file"], &["file is a file", "expected a new or empty folder", "Usage: lab new"]),
        (&["file/below"], &["file/below cannot be made", "is a file"]),
        (&["full"], &["full is not empty", "notes.txt", "expected a new or empty folder"]),
        (&["6824"], &["\"6824\"", "expected a letter", "--name"]),
        (&["labrt"], &["\"labrt\"", "a crate that the project depends on", "--name"]),
        (&["x", "--name", "fn"], &["--name fn", "a word of Rust"]),
        (&["x", "--name", "My-Raft"], &["--name My-Raft", "letters a to z"]),
        (&[inside], &["no-such-folder is inside the checkout", "outside"]),
        (&["x", "--git", "https://example.org/labs.git"], &["--rev"]),
        (&["x", "--rev", "1f2e"], &["--git"]),
        (&["x", "--git", "labs", "--rev", "1f2e"], &["--git \"labs\"", "https://example.org"]),
        (&["x", "--git", "https://example.org", "--rev", "a b"], &["--rev \"a b\"", "expected a commit"]),
    ];
    for (args, texts) in cases {
        place.make(args).complains(2, texts);
    }
    assert_eq!(place.files(), before);
    assert!(!place.path("x").exists() && !Path::new(inside).exists());
}

#[test]
fn a_project_that_cannot_be_written_is_told() {
    let place = Place::new("unwritable");
    // If a symbolic link points to a path that does not exist, not even the superuser can make a folder with
    // the link's name.
    std::os::unix::fs::symlink("/nonexistent/nowhere", place.path("dangling")).expect("the link can be made");
    let ran = place.make(&["dangling"]);
    ran.complains(1, &["cannot write dangling/", "incomplete: 0 of", "Remove"]);
}

#[test]
fn with_git_it_has_a_workflow() {
    let place = Place::new("git");
    let ran = place.make(&["my-raft", "--git", "https://example.org/labs.git", "--rev", "1f2e3d4"]);
    ran.says(0, &["https://example.org/labs.git at 1f2e3d4"]);
    let manifest = read(&place.path("my-raft/Cargo.toml"));
    let line = r#"labrt = { git = "https://example.org/labs.git", rev = "1f2e3d4" }"#;
    assert!(manifest.contains(line), "{manifest}");
    assert!(!manifest.contains(&repository().display().to_string()), "{manifest}");
    let workflow = read(&place.path("my-raft/.github/workflows/labs.yml"));
    assert!(workflow.contains("cargo test --features sim --test lab2a"), "{workflow}");
}

#[test]
fn cargo_understands_the_manifest_and_keeps_the_versions_of_this_workspace() {
    let place = Place::new("metadata");
    place.make(&["my-raft"]).says(0, &[]);
    let dir = place.path("my-raft");
    // Without a platform, cargo also wants the packages of other platforms, and this machine may not have
    // them.
    let ran = cargo(&dir, &["metadata", "--format-version", "1", "--filter-platform", &host()]);
    ran.says(0, &[]);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let metadata: Value = serde_json::from_str(&ran.out).expect("the text is JSON");
    let root = dir.canonicalize().expect("the project exists");
    assert_eq!(metadata["workspace_root"].as_str(), root.to_str(), "the project is a workspace of its own");
    let packages = metadata["packages"].as_array().expect("the metadata have a list of packages");
    let own = packages.iter().find(|p| p["name"] == "my-raft").expect("the metadata have the package");
    let of_kind = |kind: &str| -> Vec<&str> {
        let targets = own["targets"].as_array().expect("the package has a list of targets").iter();
        targets.filter(|t| t["kind"][0] == kind).filter_map(|t| t["name"].as_str()).collect()
    };
    assert_eq!(of_kind("lib"), ["my_raft"]);
    assert!(of_kind("test").contains(&"lab2a"), "{:?}", of_kind("test"));
    assert!(own["features"]["sim"].is_array());
    let locked = |text: &str| -> Vec<String> {
        let entry = |e: &str| e.lines().filter(|l| l.starts_with("checksum")).map(str::to_owned).next();
        text.split("[[package]]").filter_map(entry).collect()
    };
    let (here, there) =
        (locked(&read(&repository().join("Cargo.lock"))), locked(&read(&dir.join("Cargo.lock"))));
    assert!(there.len() > 10 && there.len() < here.len(), "{} of {}", there.len(), here.len());
    assert!(
        there.iter().all(|checksum| here.contains(checksum)),
        "a dependency has another version than in this workspace"
    );
}

/// This test builds the judge for another workspace, which takes a minute or two. `lab new` is the same with
/// and without the feature `sim`, so the test runs only without it.
#[cfg(not(feature = "sim"))]
#[test]
fn the_suites_of_a_new_project_build_without_a_warning_and_fail_politely() {
    let place = Place::new("build");
    place.make(&["my-raft"]).says(0, &[]);
    let dir = place.path("my-raft");
    // The tests of `lab grade` compile the same judge in this folder.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grade-work/target");
    let run = |program: &std::ffi::OsStr, folder: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(dir.join(folder)).env("CARGO_TARGET_DIR", &target);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
            command.env_remove(name);
        }
        Ran::of(command.output().expect("the program runs"))
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let ran = run(&cargo, "", &["test", "--offline", "--features", "sim", "--test", "lab2a"]);
    ran.complains(101, &["expected one leader, got none", "replay: "]);
    let warned = ran.err.lines().any(|line| line.starts_with("warning"));
    assert!(!warned, "{}", ran.err);
    let lab = std::ffi::OsStr::new(env!("CARGO_BIN_EXE_lab"));
    let args = ["dstest", "--sim", "-n", "2", "--seed", "1", "initial_election_2a"];
    run(lab, "src", &args)
        .says(1, &["2 of 2 failed", "cargo test --features sim --test lab2a", "yes: the same"]);
    let ran = run(
        &cargo,
        "",
        &["clippy", "--offline", "--all-targets", "--features", "sim", "--", "-D", "warnings"],
    );
    ran.complains(0, &[]);
    let raft = dir.join("src/raft.rs");
    let text = read(&raft)
        + "\n/// The real clock.\npub fn now() -> std::time::Instant {\n    std::time::Instant::now()\n}\n";
    fs::write(&raft, text).expect("the file can be written");
    let ran = run(&cargo, "", &["clippy", "--offline", "--features", "sim"]);
    ran.complains(101, &["use labrt::time::Instant"]);
}
