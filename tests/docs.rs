//! These tests check the documents and the comments: the documents name only things that exist, and comments
//! are not wider than code.
//!
//! The documents are `README.md` and the files in `docs/`. These are the rules for them:
//!
//! * A relative link leads to a file. If the link has a fragment, the fragment leads to a heading of that
//!   file.
//! * If a path in backticks begins with a folder of this project, the path exists.
//! * If a name in backticks has the form of a Rust name (`with_an_underscore`, `Two::Parts`) or of a test of
//!   the course (`TestLikeThis`), it must be a word of some source file. If the name ends in
//!   `...`, some word must begin with the letters before the dots.
//! * `suite::test` names a test that exists, if `tests/suite.rs` exists.
//! * In a shell block, `--test` is followed by the name of a file of `tests/`, and `--exact` by the name of a
//!   test. The arguments of `scripts/dstest.sh` are names of suites or tests.
//! * A name in backticks in the first column of the glossary (`docs/design.md`) is a word of some source
//!   file.
//! * The table of `docs/tests.md` has the numbers of seeds that `docs/seeds.tsv` has.
//!
//! rustfmt wraps code, but it does not change comments. So a test checks that no comment line of a Rust or
//! JavaScript file is wider than `max_width` in `rustfmt.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `README.md` and all Markdown files in `docs/` and `docs/questions/`.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    for folder in ["docs", "docs/questions"] {
        for entry in fs::read_dir(root().join(folder)).expect("the project has the folders of the documents")
        {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 3, "there are only these documents: {found:?}; have they moved?");
    found
}

/// README.md is short, so that it fits on a few screens. Details belong in the files of `docs`.
#[test]
fn the_readme_is_short() {
    let words =
        fs::read_to_string(root().join("README.md")).expect("there is a README").split_whitespace().count();
    assert!(words < 900, "README.md has {words} words; expected fewer than 900");
}

/// The book (`mdbook build docs`) has only the documents that `docs/SUMMARY.md` lists.
#[test]
fn the_book_has_all_documents() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).expect("the book has a summary");
    for path in documents().iter().filter(|path| path.starts_with(root().join("docs"))) {
        let name = path.strip_prefix(root().join("docs")).unwrap_or(path).to_string_lossy();
        let listed = summary.contains(&format!("]({name})"));
        assert!(listed || name == "SUMMARY.md", "docs/SUMMARY.md must have a link to {name}");
    }
}

/// `scripts/seeds.sh` notes each piece of seeds that passed in `docs/seeds.tsv`. The table of the suites must
/// have the same numbers.
#[test]
fn the_table_of_the_suites_has_the_seeds_that_were_run() {
    let read = |path| fs::read_to_string(root().join(path)).expect("the document exists");
    let mut seeds = BTreeMap::new();
    for line in read("docs/seeds.tsv").lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [suite, first, count, ..] = fields[..] else { panic!("expected three fields or more: {line}") };
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|e| panic!("{text} in {line}: {e}"));
        let sum = seeds.entry(suite.to_owned()).or_insert(0);
        assert_eq!(number(first), *sum + 1, "the pieces of a suite follow each other without a gap: {line}");
        *sum += number(count);
    }
    assert!(!seeds.is_empty(), "docs/seeds.tsv has no piece");
    let table = read("docs/tests.md");
    let mut wrong = Vec::new();
    for (suite, sum) in seeds {
        let row = format!("| `{suite}`:");
        let row = table.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
        let expected = match sum / 1000 {
            0 => format!("{sum} seeds"),
            thousands => format!("{thousands},{:03} seeds", sum % 1000),
        };
        if !row.ends_with(&format!("| {expected} |")) {
            wrong.push(format!("{suite}: {expected}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "in the table of docs/tests.md, the last column must say: {}",
        wrong.join(", ")
    );
}

/// All files of the project with one of these extensions. Hidden folders and folders of build results are
/// left out.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "out"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 3, "there are only these files with an extension of {extensions:?}: {found:?}");
    found
}

/// All words of the sources (Rust, shell, TOML), and the names of the source files.
struct Names(BTreeSet<String>);

impl Names {
    fn of_the_project() -> Names {
        let mut words = BTreeSet::new();
        // This file has examples of wrong names, so its words do not count.
        for path in files(&["rs", "sh", "toml"]).into_iter().filter(|path| !path.ends_with("tests/docs.rs")) {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let is_separator = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            words.extend(text.split(is_separator).filter(|word| !word.is_empty()).map(str::to_owned));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            words.extend(name.split('.').map(str::to_owned));
        }
        Names(words)
    }

    fn knows(&self, name: &str) -> bool {
        match name.strip_suffix("...") {
            Some(beginning) => self.0.iter().any(|word| word.starts_with(beginning)),
            None => self.0.contains(name),
        }
    }
}

/// The kinds of text to which a line of a document can belong.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Text,
    Shell,
    OtherCode,
}

/// The lines of a document, each with its number and its kind of text. The fences of code blocks are left
/// out.
fn lines(text: &str) -> Vec<(usize, Place, &str)> {
    let mut place = Place::Text;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            place = match (place, language.trim()) {
                (Place::Text, "sh") => Place::Shell,
                (Place::Text, _) => Place::OtherCode,
                _ => Place::Text,
            };
        } else {
            found.push((number, place, line));
        }
    }
    found
}

/// The texts between backticks on a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of the links on a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Makes the fragment of a link to this heading. It is the heading in lower case, with hyphens between the
/// words and without punctuation.
fn fragment(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns an error message if a relative link leads to no file, or to no heading.
fn check_link(document: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, wanted) = target.split_once('#').unwrap_or((target, ""));
    let file = match path {
        "" => document.to_path_buf(),
        path => document.parent().expect("a file is in a folder").join(path),
    };
    if !file.exists() {
        return Some(format!("the link {target} leads to no file"));
    }
    if wanted.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&file).unwrap_or_default();
    let headings = lines(&text).into_iter().filter(|(_, place, _)| *place == Place::Text);
    let found = headings
        .filter_map(|(_, _, line)| line.strip_prefix('#'))
        .any(|line| fragment(line.trim_start_matches('#')) == wanted);
    (!found).then(|| format!("the link {target} leads to no heading"))
}

/// Returns an error message if this text has the form of a path of this project, but the path does not exist.
fn check_path(span: &str) -> Option<String> {
    let path = span.split_whitespace().next()?;
    let (first, _) = path.split_once('/')?;
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_of_the_course = path.ends_with(".go");
    let is_ours = !first.is_empty() && !["target", "out"].contains(&first) && root().join(first).is_dir();
    if !is_plain || is_of_the_course || !is_ours {
        return None;
    }
    (!root().join(path).exists()).then(|| format!("there is no {path}"))
}

/// Returns an error message if this text has the form of a name, but no source file contains the name.
fn check_name(names: &Names, span: &str) -> Option<String> {
    let name = span.strip_suffix("()").unwrap_or(span);
    let bare = name.strip_suffix("...").unwrap_or(name);
    let is_identifier = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<&str> = bare.split("::").collect();
    if !parts.iter().all(|part| is_identifier(part)) {
        return None;
    }
    let of_the_course =
        bare.strip_prefix("Test").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    let is_snake = bare.contains('_') && bare.chars().all(|c| !c.is_ascii_uppercase());
    if !(of_the_course || is_snake || parts.len() > 1) {
        return None;
    }
    if let [suite, test] = parts[..]
        && root().join(format!("tests/{suite}.rs")).exists()
    {
        return (!names.knows(test)).then(|| format!("the suite {suite} has no test {test}"));
    }
    let unknown = match name.ends_with("...") {
        true => (!names.knows(name)).then_some(name),
        false => parts.into_iter().find(|part| !names.knows(part)),
    };
    unknown.map(|part| format!("no source has the name {part}"))
}

/// Returns error messages about a line of a shell block.
fn check_command(names: &Names, line: &str) -> Vec<String> {
    let command = line.split(" # ").next().unwrap_or_default();
    let words: Vec<&str> = command.split_whitespace().collect();
    let own_package = !words.iter().any(|word| ["-p", "--package", "--workspace"].contains(word));
    let suite = |name: &str| {
        root().join(format!("tests/{name}.rs")).exists()
            || root().join(format!("tests/{name}/main.rs")).exists()
    };
    let mut wrong: Vec<String> = words.iter().filter_map(|word| check_path(word)).collect();
    for pair in words.windows(2) {
        match pair {
            ["--test", name] if own_package && !name.contains(['*', '\'']) && !suite(name) => {
                wrong.push(format!("there is no suite {name}"));
            }
            ["--exact", name] if !names.knows(name) => wrong.push(format!("there is no test {name}")),
            _ => (),
        }
    }
    if let Some(at) = words.iter().position(|word| word.ends_with("dstest.sh")) {
        // The word after an option with a value is the value, so it is skipped. Every other word that is not
        // an option must be a suite or a test.
        let mut rest = words[at + 1..].iter();
        while let Some(word) = rest.next() {
            match *word {
                "-n" | "-p" | "-t" | "-o" | "--seed" | "--hosts" | "--package" | "--root" => {
                    let _value = rest.next();
                }
                option if option.starts_with('-') => (),
                "|" | ">" | "&&" => break,
                name if suite(name) || names.knows(name) => (),
                name => wrong.push(format!("{name} is neither a suite nor a test")),
            }
        }
    }
    wrong
}

#[test]
fn names_in_the_documents_exist() {
    let names = Names::of_the_project();
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document is text");
        for (number, place, line) in lines(&text) {
            let found: Vec<String> = match place {
                Place::Text => links(line)
                    .filter_map(|target| check_link(&document, target))
                    .chain(spans(line).filter_map(check_path))
                    .chain(spans(line).filter_map(|span| check_name(&names, span)))
                    .collect(),
                Place::Shell => check_command(&names, line),
                Place::OtherCode => Vec::new(),
            };
            let name = document.strip_prefix(root()).unwrap_or(&document).display();
            wrong.extend(found.into_iter().map(|what| format!("{name}:{number}: {what}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_in_the_glossary_exist() {
    let names = Names::of_the_project();
    let text = fs::read_to_string(root().join("docs/design.md")).expect("docs/design.md is text");
    let (_, glossary) = text.split_once("\n## Glossary\n").expect("docs/design.md has the heading Glossary");
    let words: Vec<&str> = glossary.lines().filter_map(|row| row.split('|').nth(1)).flat_map(spans).collect();
    assert!(words.len() > 5, "the glossary has only these names: {words:?}");
    let unknown: Vec<&str> = words.into_iter().filter(|word| !names.knows(word)).collect();
    assert!(unknown.is_empty(), "no source has these names of the glossary: {unknown:?}");
}

#[test]
fn wrong_names_are_found() {
    let readme = root().join("README.md");
    let names = Names::of_the_project();
    assert_eq!(check_link(&readme, "docs/tests.md#lab-4b"), None);
    assert!(check_link(&readme, "docs/nothing.md").is_some());
    assert!(check_link(&readme, "docs/tests.md#lab-5").is_some());
    assert_eq!(check_path("src/raft/core.rs"), None);
    assert_eq!(check_path("raft/raft.go"), None, "this is a file of the course");
    assert!(check_path("src/raft/nothing.rs").is_some());
    for good in ["backup_2b", "lab2b::backup_2b", "Core::append_entries", "figure_8_...", "TestBackup2B"] {
        assert_eq!(check_name(&names, good), None);
    }
    for bad in ["no_such_name_2b", "lab2b::no_such_name", "Core::no_such_rule", "no_such_...", "TestNoSuch2B"]
    {
        assert!(check_name(&names, bad).is_some(), "{bad}");
    }
    assert!(check_command(&names, "scripts/dstest.sh --sim -n 100 lab2a TestBackup2B").is_empty());
    assert_eq!(check_command(&names, "scripts/dstest.sh --sim lab2z").len(), 1);
    assert_eq!(check_command(&names, "cargo test --test lab2z -- --exact no_such_test").len(), 2);
}

/// The value of `max_width` in `rustfmt.toml`.
fn max_width() -> usize {
    let text = fs::read_to_string(root().join("rustfmt.toml")).expect("rustfmt.toml is text");
    let value = text.lines().find_map(|line| line.strip_prefix("max_width = "));
    value.and_then(|value| value.parse().ok()).expect("rustfmt.toml has a line such as max_width = 110")
}

/// The comment lines of a Rust or JavaScript file that are wider than `width`, as pairs of the line number
/// and the width. A comment after code on the same line does not count.
fn wide_comments(text: &str, width: usize) -> Vec<(usize, usize)> {
    let mut in_block = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        let ends_block = line.contains("*/");
        let is_comment = match in_block {
            true => true,
            // A line such as `/** @type {number} */ (value)` is code.
            false => {
                start.starts_with("//") || start.starts_with("/*") && (line.ends_with("*/") || !ends_block)
            }
        };
        in_block = (in_block || start.starts_with("/*")) && !ends_block;
        let columns = line.chars().count();
        if is_comment && columns > width {
            found.push((number, columns));
        }
    }
    found
}

#[test]
fn comments_are_no_wider_than_code() {
    let width = max_width();
    let mut wide = Vec::new();
    for path in files(&["rs", "js"]) {
        let text = fs::read_to_string(&path).expect("a source file is text");
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let found = wide_comments(&text, width).into_iter();
        wide.extend(found.map(|(number, columns)| format!("{name}:{number}: {columns} columns")));
    }
    let count = wide.len();
    assert!(wide.is_empty(), "{count} comment lines are wider than {width} columns:\n{}", wide.join("\n"));
}

#[test]
fn wide_comments_are_found() {
    let text = "\
// short
// as wide as ä
//! one too wide
let code_may_be_wide = 1; // a comment behind code
    /// indented
/* begins a block
   of wide lines
   short
*/
/** @type {number} */ (some_code_in_javascript)
";
    assert_eq!(wide_comments(text, 15), [(3, 16), (5, 16), (6, 17), (7, 16)]);
}

#[test]
fn the_rules_of_the_monitor_are_in_its_docs() {
    let text = fs::read_to_string(root().join("docs/monitor.md")).expect("docs/monitor.md is text");
    for rule in labtest::monitor::RULES {
        let row = format!("| {} | {} | {} |", rule.name, rule.section, rule.sentence);
        assert!(text.contains(&row), "docs/monitor.md lacks the row:\n{row}");
    }
}
