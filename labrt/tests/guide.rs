//! A test of the table of Go's idioms in docs/guide.md. All code in this table must also be in the doc tests
//! of `labrt::go`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this test does not start a run")]

use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns the parts of a table cell that are between backticks.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|code| code.replace("\\|", "|")).collect()
}

#[test]
fn each_row_is_run_by_a_doc_test() {
    let guide = read("../docs/guide.md");
    let section = guide.split("### Go's idioms").nth(1).expect("the guide has the section");
    let section = section.split("\n## ").next().expect("the section has a text");
    let rows: Vec<(&str, &str)> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| in Go"))
        .map(|line| line.trim_matches('|').split_once(" | ").expect("a row has two columns"))
        .collect();
    assert!(rows.len() > 25, "{} rows", rows.len());
    let run = read("src/go.rs");
    for (go, here) in rows {
        let first = code(here).into_iter().next().unwrap_or_else(|| panic!("no code for {go}"));
        assert!(run.contains(&first), "{first} ({go}) is not run");
        // A cell may have more parts between backticks. If such a part ends with a semicolon or a
        // parenthesis, it is code, and the doc tests must contain it, too. Otherwise it is only a name.
        for more in code(here).into_iter().filter(|code| code.ends_with(';') || code.ends_with(')')) {
            assert!(run.contains(&more), "{more} ({go}) is not run");
        }
    }
}
