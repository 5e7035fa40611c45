//! If a test fails, the judge prints a hint. There must be a hint for each rule of the monitor, for each test
//! of the course, and for each message of the course's tests.

use labrt::collections::BTreeSet;
use labtest::hints::hint_for;
use labtest::{lab2, lab3, lab4, monitor};
use mit6824::kvraft::KvServer;
use mit6824::raft::Raft;
use mit6824::shardctrler::ShardCtrler;
use mit6824::shardkv::ShardKv;

const NO_MESSAGE: &str = "a message that the table does not have";

#[test]
fn each_rule_of_the_monitor_has_a_hint() {
    for rule in monitor::RULES {
        let hint = hint_for("any_test", &format!("{rule}: S1 votes for S2 in term 4"));
        assert_eq!(hint.map(|hint| hint.subject), Some(rule.name));
    }
}

#[test]
fn each_test_of_the_course_has_a_hint() {
    let parts = [lab2::Part::A, lab2::Part::B, lab2::Part::C, lab2::Part::D];
    let mut cases: Vec<_> = parts.into_iter().flat_map(lab2::cases::<Raft>).collect();
    cases.extend([lab3::Part::A, lab3::Part::B].into_iter().flat_map(lab3::cases::<KvServer>));
    cases.extend(lab4::cases_4a::<ShardCtrler>());
    cases.extend(lab4::cases_4b::<ShardKv>());
    let of_course = cases.iter().filter(|case| !case.go_name.is_empty());
    let without: Vec<_> =
        of_course.map(|case| &case.name).filter(|name| hint_for(name, NO_MESSAGE).is_none()).collect();
    assert!(without.is_empty(), "these tests have no hint: {without:?}");
    assert_eq!(hint_for("unknown", NO_MESSAGE), None);
}

/// Returns the texts with which the assertions in a file of labtest fail: the first string of each `panic!`,
/// `assert!` and `return Err(format!`. Strings without a space or without a letter are left out.
fn messages(file: &str) -> Vec<String> {
    let path = format!("{}/labtest/src/{file}", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for start in ["panic!(", "assert!(", "return Err(format!("] {
        for part in code.split(start).skip(1) {
            let statement = part.split(");\n").next().unwrap_or_default();
            let text = statement.split('"').nth(1).unwrap_or_default();
            // `panic!("{error}")` has no text of its own.
            let own = text.replace("{error}", "");
            if own.contains(' ') && own.contains(char::is_alphabetic) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

/// The hint of a message is more exact than the hint of a test. So each message of the course's tests must
/// have a hint.
#[test]
fn each_assertion_of_the_courses_tests_has_a_hint() {
    let files = [
        "raft/checks.rs",
        "raft/applier.rs",
        "lab2/part_a.rs",
        "lab2/part_b.rs",
        "lab2/part_c.rs",
        "lab2/part_d.rs",
        "kv/appends.rs",
        "kv/client.rs",
        "kv/generic.rs",
        "kv/speed.rs",
        "lab3/part_a.rs",
        "lab3/part_b.rs",
        "lab4/part_a/basic.rs",
        "lab4/part_a/multi.rs",
        "lab4/part_a/checks.rs",
        "lab4/part_b/moves.rs",
        "lab4/part_b/concurrent.rs",
        "lab4/part_b/unreliable.rs",
        "lab4/part_b/challenges.rs",
        "shards/clients.rs",
        "shards/steps.rs",
        "limit.rs",
    ];
    let mut all: BTreeSet<String> = files.into_iter().flat_map(messages).collect();
    // A test of ours fails with this message if it uses the harness in a wrong way.
    all.remove("wait_for_first_apply needs a strict setup");
    assert!(all.len() > 40, "found only {}: {all:?}", all.len());
    let without: Vec<_> = all.iter().filter(|text| hint_for("unknown", text).is_none()).collect();
    assert!(without.is_empty(), "these messages have no hint: {without:#?}");
}

/// The guide has the headings to which the hints send the reader.
#[test]
fn the_headings_of_the_hints_are_in_the_guide() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide.md");
    let guide = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (_, mistakes) =
        guide.split_once("\n## The usual mistakes\n").expect("the guide lists the usual mistakes");
    let mistakes = mistakes.split("\n## ").next().unwrap_or_default();
    for hint in labtest::hints::all() {
        let heading = format!("\n### {}\n", hint.heading);
        assert!(
            mistakes.contains(&heading),
            "{}: docs/guide.md has no heading {:?}",
            hint.subject,
            hint.heading
        );
        assert!(
            !hint.reasons.is_empty() && hint.reasons.len() <= 3,
            "{} has two or three reasons",
            hint.subject
        );
    }
}
