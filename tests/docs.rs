//! The documents name what there is: links, files, tests, functions and commands of `README.md` and `docs/`.
//!
//! The rules look at the text alone:
//!
//! * a relative link leads to a file, and its fragment to a heading of that file;
//! * a path in backticks that begins with a folder of this project exists;
//! * a name in backticks that is written as Rust writes it (`with_an_underscore`, `Two::Parts`), or as the
//!   course's tests are (`TestLikeThis`), is a word of some source; one that ends in `...` is the beginning of one;
//! * `suite::test` is a test of `tests/suite.rs`'s kind; in a shell block, what follows `--test` is a file of
//!   `tests/`, what follows `--exact` is a test, and what `scripts/dstest.sh` is given is one of both.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and all documents.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    for entry in fs::read_dir(root().join("docs")).expect("the folder docs") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    assert!(found.len() > 3, "only {found:?}: have the documents moved?");
    found
}

/// The names in all sources: Rust, shell, TOML.
struct Names(BTreeSet<String>);

impl Names {
    fn of_the_project() -> Names {
        let mut words = BTreeSet::new();
        let mut open = vec![root().to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).expect("a readable folder") {
                let path = entry.expect("a readable folder").path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let is_ours = |path: &Path| !path.ends_with("tests/docs.rs");
                if path.is_dir() {
                    if !name.starts_with('.') && !["target", "out", "docs"].contains(&name.as_str()) {
                        open.push(path);
                    }
                } else if [".rs", ".sh", ".toml"].iter().any(|e| name.ends_with(e)) && is_ours(&path) {
                    let text = fs::read_to_string(&path).expect("a source is text");
                    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
                    words.extend(text.split(word).filter(|word| !word.is_empty()).map(str::to_owned));
                    words.extend(name.split('.').map(str::to_owned));
                }
            }
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

/// What a line of a document is in.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Text,
    Shell,
    OtherCode,
}

/// The lines of a document with their places.
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

/// What stands between backticks on a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of the links on a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The fragment that leads to a heading, as is usual: lower case, words joined by hyphens, without signs.
fn fragment(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

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
        return Some(format!("the link {target} leads nowhere"));
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

/// Is this written as a path of this project? Then whether it exists.
fn check_path(span: &str) -> Option<String> {
    let path = span.split_whitespace().next()?;
    let (first, _) = path.split_once('/')?;
    let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_the_courses = path.ends_with(".go");
    let is_ours = !first.is_empty() && !["target", "out"].contains(&first) && root().join(first).is_dir();
    if !is_plain || is_the_courses || !is_ours {
        return None;
    }
    (!root().join(path).exists()).then(|| format!("there is no {path}"))
}

fn check_name(names: &Names, span: &str) -> Option<String> {
    let name = span.strip_suffix("()").unwrap_or(span);
    let bare = name.strip_suffix("...").unwrap_or(name);
    let of_rust = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<&str> = bare.split("::").collect();
    if !parts.iter().all(|part| of_rust(part)) {
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
        return (!names.knows(test)).then(|| format!("{suite} has no test {test}"));
    }
    let unknown = match name.ends_with("...") {
        true => (!names.knows(name)).then_some(name),
        false => parts.into_iter().find(|part| !names.knows(part)),
    };
    unknown.map(|part| format!("nothing is called {part}"))
}

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
        // Options with a value, the value, options without one; the rest are suites and tests.
        let mut rest = words[at + 1..].iter();
        while let Some(word) = rest.next() {
            match *word {
                "-n" | "-p" | "-t" | "-o" | "--seed" | "--hosts" | "--package" => drop(rest.next()),
                option if option.starts_with('-') => (),
                "|" | ">" | "&&" => break,
                name if suite(name) || names.knows(name) => (),
                name => wrong.push(format!("dstest knows no {name}")),
            }
        }
    }
    wrong
}

#[test]
fn what_the_documents_name_exists() {
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
fn what_is_wrong_is_seen() {
    let readme = root().join("README.md");
    let names = Names::of_the_project();
    assert_eq!(check_link(&readme, "docs/tests.md#lab-4b"), None);
    assert!(check_link(&readme, "docs/nothing.md").is_some());
    assert!(check_link(&readme, "docs/tests.md#lab-5").is_some());
    assert_eq!(check_path("src/raft/core.rs"), None);
    assert_eq!(check_path("raft/raft.go"), None, "the course's");
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
