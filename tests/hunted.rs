//! A hunt builds the project with a known mistake, and runs one test with several seeds until the test fails.
//! This file checks the two hunts that README.md and docs/guide.md show, and one more hunt. In each hunt, the
//! test must fail within a few seeds, and the printed replay line must repeat the failed run exactly.
//!
//! The mistakes come from the zoo (`zoo/README.md`). There, a mistake is called an *animal*. To build the
//! project with a mistake takes minutes, so the test that runs the hunts is ignored by default:
//!
//! ```text
//! cargo test --features sim --test hunted -- --ignored
//! ```
#![cfg(feature = "sim")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// A mistake of the zoo, and the test that finds it.
struct Hunt {
    animal: &'static str,
    test: &'static str,
    /// A part of the failure's message. It shows that the test fails because of the mistake.
    sentence: &'static str,
}

/// The mistake that README.md tells the reader to try.
const OF_THE_README: Hunt = Hunt {
    animal: "commits-older-terms-by-counting",
    test: "figure_8_to_the_letter",
    sentence: "apply error: commit index=2 server=",
};

/// The mistake: a leader that does not hear from a majority becomes a follower in its own term. A correct
/// leader stays the leader.
const ALONE: Hunt = Hunt {
    animal: "leader-without-majority-steps-down",
    test: "leader_cut_off_alone",
    sentence: "must stay the leader of its term",
};

/// The mistake in the example of docs/guide.md. The guide shows each step from the failure to the fix.
const OF_THE_GUIDE: Hunt = Hunt {
    animal: "counts-the-log-at-the-time-of-the-reply",
    test: "concurrent_starts_2b",
    sentence: "decided for index",
};

/// How many seeds a hunt may need.
const SEEDS: &str = "20";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Runs a shell command in the project's folder. Returns whether it succeeded, and all that it printed.
fn shell(command: &str) -> (bool, String) {
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).current_dir(root());
    // Cargo sets environment variables for this test. They are removed here, because a reader who types the
    // command does not have these variables.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO")) {
        if !["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS"].contains(&name.as_str()) {
            shell.env_remove(name);
        }
    }
    let ran = shell.output().expect("bash runs");
    let text = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (ran.status.success(), text)
}

/// The command with which a reader starts the hunt. The monitor (docs/monitor.md) is off, because it would
/// fail the run first. Then the message would name the broken rule, and it would not be the message of the
/// test.
fn command(hunt: &Hunt) -> String {
    format!("scripts/zoo.sh run {} --no-monitor -n {SEEDS} --tests {}", hunt.animal, hunt.test)
}

fn search(hunt: &Hunt) {
    let command = command(hunt);
    let (ran, text) = shell(&command);
    assert!(ran && text.contains(hunt.test) && text.contains(hunt.sentence), "{command}:\n{text}");
    let replay = text.lines().find_map(|line| line.strip_prefix("replay: "));
    let replay = replay.unwrap_or_else(|| panic!("{command} has printed no replay line:\n{text}"));
    let (passed, text) = shell(replay);
    assert!(!passed && text.contains(hunt.sentence), "the failure is not repeated: {replay}\n{text}");
    assert!(text.contains("this is the recorded run"), "another run: {replay}\n{text}");
    // The line that the replay itself prints also names the mistake, if the mistake has a switch.
    let again = text.lines().find_map(|line| line.strip_prefix("[lab] replay: ")).unwrap_or_default();
    let switch = format!("LAB_ZOO={} ", hunt.animal);
    assert_eq!(again.contains(&switch), replay.contains(&switch), "{again}");
}

/// All hunts are in one test, because they use the same copy of the project.
#[test]
#[ignore = "builds the project three times with a mistake"]
fn the_mistakes_are_found_and_replayed() {
    [OF_THE_README, ALONE, OF_THE_GUIDE].iter().for_each(search);
}

/// README.md and docs/guide.md show exactly the commands that this file runs.
#[test]
fn the_documents_have_these_hunts() {
    for (file, hunt) in [("README.md", OF_THE_README), ("docs/guide.md", OF_THE_GUIDE)] {
        let command = command(&hunt);
        assert!(read(file).lines().any(|line| line == command), "{file} must have the line: {command}");
        assert!(read(file).contains(hunt.sentence), "{file} must show the failure: {}", hunt.sentence);
    }
}

/// The guide shows the same change of the sources as the animal's file in `zoo/raft`.
#[test]
fn the_guide_shows_the_change_of_its_animal() {
    let animal = read(&format!("zoo/raft/{}.toml", OF_THE_GUIDE.animal));
    let change = |key: &str| {
        let (_, rest) = animal.split_once(&format!("\n{key} = '''\n")).expect("the animal has one change");
        rest.split_once("'''").expect("the text ends").0.trim_end().to_owned()
    };
    let guide = read("docs/guide.md");
    for line in [format!("-{}", change("old")), format!("+{}", change("new"))] {
        assert!(guide.lines().any(|it| it == line), "docs/guide.md must have the line: {line}");
    }
}
