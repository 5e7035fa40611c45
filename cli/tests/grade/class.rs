//! The submissions of a class of students. Some are good, some are bad, and some try to cheat.

use std::fs;
use std::path::{Path, PathBuf};

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in a folder of the workspace")
        .to_owned()
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("the file is in a folder")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("the folder can be read");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            put(&to, &fs::read_to_string(entry.path()).expect("a source is text"));
        }
    }
}

#[track_caller]
fn change(path: &Path, from: &str, to: &str) {
    let old = fs::read_to_string(path).expect("the source can be read");
    assert_eq!(old.matches(from).count(), 1, "{} must contain this text once: {from}", path.display());
    put(path, &old.replace(from, to));
}

/// Writes the submissions below `dir`. Returns their names.
pub fn write(dir: &Path) -> Vec<String> {
    let starter = |name: &str| {
        copy(&labs().join("starter/src"), &dir.join(name).join("src"));
        put(
            &dir.join(name).join("Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n"),
        );
        dir.join(name)
    };
    // Makes a submission whose Raft runs this code when it is started.
    let at_start = |name: &str, code: &str| {
        let path = starter(name).join("src/raft.rs");
        let make = "        let state = read_persist(&persister);\n";
        change(&path, make, &format!("        {code}\n{make}"));
    };
    starter("empty");
    right(&dir.join("right"));
    right(&dir.join("bug"));
    change(
        &dir.join("bug/src/raft/core/replication.rs"),
        "let by_majority = held[self.majority() - 1];",
        "let by_majority = held[self.majority()];",
    );
    at_start(
        "hangs",
        "std::thread::spawn(|| loop { std::hint::spin_loop(); }); loop { std::hint::spin_loop(); }",
    );
    at_start("crashes", "std::process::abort();");
    at_start("prints", "println!(\"  ... Passed --   3.0  3   50   10000    0\"); std::process::exit(0);");
    at_start("forges", FORGE);
    at_start("includes", "let _ = include_str!(\"../Cargo.toml\");");
    change(&starter("broken").join("src/raft.rs"), "self.commit_index = index;", "self.commit_index = indx;");

    let borrows = dir.join("borrows");
    let manifest =
        format!("[package]\nname = \"borrows\"\n[dependencies]\nmit6824 = {{ path = {:?} }}\n", labs());
    put(&borrows.join("Cargo.toml"), &manifest);
    put(&borrows.join("src/lib.rs"), "pub use mit6824::raft::Raft;\n");

    ["empty", "right", "bug", "hangs", "crashes", "prints", "forges", "borrows", "broken", "includes"]
        .map(str::to_owned)
        .to_vec()
}

/// Writes this project's Raft as a submission, with another name and another layout.
fn right(dir: &Path) {
    copy(&labs().join("src/raft"), &dir.join("src/raft"));
    fs::remove_dir_all(dir.join("src/raft/tests")).expect("the Raft has unit tests");
    put(&dir.join("src/all.rs"), "pub mod raft;\npub use raft::Raft;\n");
    let manifest =
        "[package]\nname = \"my-raft\"\nedition = \"2024\"\n[lib]\nname = \"mine\"\npath = \"src/all.rs\"\n";
    put(&dir.join("Cargo.toml"), manifest);
}

/// Code that writes a report in which all seeds passed, and then ends the process before the judge can report
/// a failure.
const FORGE: &str = r#"
        let report = std::env::var("LAB_REPORT").expect("the judge is to report");
        let started = std::fs::read_to_string(&report).expect("the report");
        let (_, test) = started.trim_end().split_once('\t').expect("start and test");
        let (test, seed) = test.split_once('\t').expect("test and seed");
        let first = u64::from_str_radix(seed.trim_start_matches("0x"), 16).expect("a seed");
        let end = |seed: u64| format!("end\t{test}\t{seed:#x}\tok\t0123456789abcdef\t1.0\t1.0\t\t\t0\n");
        let mut text = end(first);
        for seed in first + 1..first + 3 {
            text += &format!("start\t{test}\t{seed:#x}\n{}", end(seed));
        }
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().append(true).open(&report).expect("the report");
        file.write_all(text.as_bytes()).expect("it can be written");
        println!("PASS");
        std::process::exit(0);
"#;
