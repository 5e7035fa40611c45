//! An animal of the zoo: a mistake that people make, as a change of this project's sources.
//!
//! The file `zoo/<lab>/<name>.toml` describes an animal:
//!
//! ```toml
//! title = "A server forgets its vote when it restarts"   # what the wrong code does
//! rule = "Restored as Saved"   # the rule of docs/monitor.md that it breaks, or "" if there is none
//! section = "5.2"              # the section of the paper, or the lab ("lab 3")
//! source = "akka-raft#56"      # where the mistake was seen, or "our own"
//! breaks = "safety"            # or "liveness" (a group can stop), or "slow"
//! labs = ["lab2c"]             # the test targets that may find it
//! note = "..."                 # optional: what the mistake needs, or why no test finds it
//!
//! [[change]]                   # one or more
//! file = "src/raft/core.rs"
//! old = '''
//! text that the file contains exactly once
//! '''
//! new = '''
//! the text that replaces it
//! '''
//! ```
//!
//! If such a file is not valid, each error says in which line it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::known::Known;
use crate::dstest::names::{nearest, suggestion};

/// What a mistake can do to a group of servers.
pub const BREAKS: [&str; 3] = ["safety", "liveness", "slow"];

const TEXTS: [&str; 6] = ["title", "rule", "section", "source", "breaks", "note"];
const KEYS: [&str; 8] = ["title", "rule", "section", "source", "breaks", "labs", "note", "change"];

/// A mistake, and the change that makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Animal {
    /// The name of the file, without `.toml`.
    pub name: String,
    /// The folder: `raft`, `kv` or `shards`.
    pub lab: String,
    /// The file that describes the animal.
    pub path: PathBuf,
    /// One sentence that says what the wrong code does.
    pub title: String,
    /// The rule that the monitor should name when it sees the mistake. Empty if no rule can see the mistake.
    pub rule: String,
    /// The section of the paper, or the lab.
    pub section: String,
    /// Where the mistake was seen.
    pub source: String,
    /// One of [`BREAKS`].
    pub breaks: String,
    /// The test targets that may find the mistake.
    pub labs: Vec<String>,
    /// What else a reader should know. May be empty.
    pub note: String,
    /// The changes of the sources.
    pub changes: Vec<Change>,
}

/// A text of a source file, and the text that replaces it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The file, relative to the project's folder.
    pub file: String,
    /// The old text. The file contains it exactly once.
    pub old: String,
    /// The new text.
    pub new: String,
}

impl Animal {
    /// Reads all animals in the folder `zoo` of a project, sorted by lab and name.
    ///
    /// # Errors
    /// All errors in the files. Each error is one line: the file, the line number, what was found and what
    /// was expected.
    pub fn all(root: &Path, known: &Known) -> Result<Vec<Animal>, String> {
        let (mut animals, mut wrong) = (Vec::new(), Vec::new());
        let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in files(&root.join("zoo")).map_err(|(path, e)| format!("{}: {e}", path.display()))? {
            let shown = crate::shell::shown(&path);
            match Animal::load(&path, known) {
                Ok(animal) => {
                    if let Some(other) = paths.insert(animal.name.clone(), path) {
                        let other = other.display();
                        wrong.push(format!("{shown}: {other} has the same name; expected names that differ"));
                    }
                    animals.push(animal);
                }
                Err(mistakes) => wrong.extend(mistakes.into_iter().map(|(line, what)| match line {
                    0 => format!("{shown}: {what}"),
                    line => format!("{shown}:{line}: {what}"),
                })),
            }
        }
        if wrong.is_empty() { Ok(animals) } else { Err(wrong.join("\n")) }
    }

    fn load(path: &Path, known: &Known) -> Result<Animal, Vec<(usize, String)>> {
        let text = fs::read_to_string(path).map_err(|e| vec![(0, format!("cannot be read: {e}"))])?;
        let lab = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let animal = Animal::parse(&text, known)?;
        Ok(Animal { name: name.into_owned(), lab: lab.into_owned(), path: path.to_owned(), ..animal })
    }

    /// Reads the text of a file. In the result, the name, the lab and the path are empty. Each error is
    /// returned with the number of its line. The number 0 means that the error belongs to no line.
    fn parse(text: &str, known: &Known) -> Result<Animal, Vec<(usize, String)>> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            vec![(line, format!("this is not TOML: {}", error.message().replace('\n', "; ")))]
        })?;
        let mut reader = Reader { text, wrong: Vec::new() };
        let animal = reader.animal(table.get_ref(), known);
        reader.wrong.sort();
        if reader.wrong.is_empty() { Ok(animal) } else { Err(reader.wrong) }
    }
}

/// The files of all animals, sorted.
fn files(zoo: &Path) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let list = |dir: &Path| -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<PathBuf> =
            entries.map_err(|e| (dir.to_owned(), e))?.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        Ok(paths)
    };
    let mut found = Vec::new();
    for lab in list(zoo)?.iter().filter(|path| path.is_dir()) {
        found.extend(list(lab)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")));
    }
    Ok(found)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

type Entry<'a> = Spanned<DeValue<'a>>;

/// Reads a file and collects the errors in it.
struct Reader<'a> {
    text: &'a str,
    wrong: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn complain(&mut self, offset: usize, what: String) {
        self.wrong.push((line_of(self.text, offset), what));
    }

    fn animal(&mut self, table: &DeTable<'_>, known: &Known) -> Animal {
        self.unknown(table, &KEYS);
        let [title, rule, section, source, breaks, note] =
            TEXTS.map(|key| self.text(table, key, key == "note", 0));
        for (key, value) in [("title", &title), ("section", &section), ("source", &source)] {
            if value.is_empty() && table.contains_key(key) {
                self.at(table, key, "expected a text that is not empty".to_owned());
            }
        }
        if !rule.is_empty() && !known.rules.contains(&rule) {
            let near = nearest(&rule, known.rules.iter().map(String::as_str));
            let near = if near.is_empty() { String::new() } else { format!("; {}", suggestion(&near)) };
            self.at(table, "rule", format!("{rule:?}: expected a rule of docs/monitor.md, or \"\"{near}"));
        }
        if !BREAKS.contains(&breaks.as_str()) && table.contains_key("breaks") {
            self.at(table, "breaks", format!("{breaks:?}: expected one of {}", BREAKS.join(", ")));
        }
        let labs = self.labs(table, known);
        let changes = self.changes(table);
        let (name, lab, path) = (String::new(), String::new(), PathBuf::new());
        Animal { name, lab, path, title, rule, section, source, breaks, labs, note, changes }
    }

    /// Complains about the value of a key of the table.
    fn at(&mut self, table: &DeTable<'_>, key: &str, what: String) {
        let start = table.get(key).map_or(0, |value| value.span().start);
        self.complain(start, format!("{key}: {what}"));
    }

    fn unknown(&mut self, table: &DeTable<'_>, keys: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !keys.contains(&name) {
                let what = format!("unknown key {name:?}; expected one of {}", keys.join(", "));
                self.complain(key.span().start, what);
            }
        }
    }

    /// The text of a key. `start` is the offset of the table in the file. If the key is missing, the error
    /// names the line of `start`.
    fn text(&mut self, table: &DeTable<'_>, key: &str, optional: bool, start: usize) -> String {
        match table.get(key).map(|value| (value, value.get_ref().as_str())) {
            Some((_, Some(text))) => return text.to_owned(),
            Some((value, None)) => self.complain(value.span().start, format!("{key}: expected a text")),
            None if optional => {}
            None => self.complain(start, format!("there is no {key}: expected {key} = \"...\"")),
        }
        String::new()
    }

    fn labs(&mut self, table: &DeTable<'_>, known: &Known) -> Vec<String> {
        let expected = "expected a list of test targets, such as [\"lab2a\"]";
        let Some(value) = table.get("labs") else {
            self.complain(0, format!("there is no labs: {expected}"));
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
            self.complain(value.span().start, format!("labs: {expected}"));
            return Vec::new();
        };
        let mut labs = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(suite) if known.suites.iter().any(|it| it == suite) => labs.push(suite.to_owned()),
                Some(suite) => self.complain(
                    item.span().start,
                    format!("labs: {suite:?}: expected one of {}", known.suites.join(", ")),
                ),
                None => self.complain(item.span().start, format!("labs: {expected}")),
            }
        }
        labs
    }

    fn changes(&mut self, table: &DeTable<'_>) -> Vec<Change> {
        let expected = "expected [[change]] with file, old and new";
        let Some(value) = table.get("change") else {
            self.complain(0, format!("there is no change: {expected}"));
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array().filter(|list| !list.is_empty()) else {
            self.complain(value.span().start, format!("change: {expected}"));
            return Vec::new();
        };
        list.iter().filter_map(|item| self.change(item, expected)).collect()
    }

    fn change(&mut self, item: &Entry<'_>, expected: &str) -> Option<Change> {
        let start = item.span().start;
        let Some(table) = item.get_ref().as_table() else {
            self.complain(start, format!("change: {expected}"));
            return None;
        };
        self.unknown(table, &["file", "old", "new"]);
        let [file, old, new] = ["file", "old", "new"].map(|key| self.text(table, key, false, start));
        let inside = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
        if table.contains_key("file") && (file.is_empty() || !Path::new(&file).components().all(inside)) {
            self.at(table, "file", format!("{file:?}: expected a path below the project's folder"));
        }
        if table.contains_key("old") && old.is_empty() {
            self.at(table, "old", "expected a text that is not empty".to_owned());
        }
        if !old.is_empty() && old == new {
            self.at(table, "new", "expected a text that differs from old".to_owned());
        }
        Some(Change { file, old, new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title = \"t\"\nrule = \"One Vote\"\nsection = \"5.2\"\nsource = \"our own\"\n\
                        breaks = \"safety\"\nlabs = [\"lab2a\"]\n[[change]]\nfile = \"src/a.rs\"\n\
                        old = '''\n  a\n'''\nnew = '''\n  b\n'''\n";

    fn known() -> Known {
        Known { rules: vec!["One Vote".to_owned()], suites: vec!["lab2a".to_owned()] }
    }

    fn wrong(text: &str) -> Vec<(usize, String)> {
        Animal::parse(text, &known()).expect_err("this file has a mistake")
    }

    #[test]
    fn a_file_is_read() {
        let animal = Animal::parse(GOOD, &known()).expect("this file has no mistake");
        assert_eq!((animal.title.as_str(), animal.rule.as_str()), ("t", "One Vote"));
        assert_eq!(animal.labs, ["lab2a"]);
        assert_eq!(
            animal.changes,
            [Change { file: "src/a.rs".into(), old: "  a\n".into(), new: "  b\n".into() }]
        );
    }

    #[test]
    fn each_mistake_is_reported_with_its_line() {
        let cases = [
            ("\"One Vote\"", "\"Two Votes\"", 2, "expected a rule of docs/monitor.md"),
            ("\"safety\"", "\"danger\"", 5, "expected one of safety, liveness, slow"),
            ("[\"lab2a\"]", "[\"lab9\"]", 6, "expected one of lab2a"),
            ("[\"lab2a\"]", "[]", 6, "expected a list of test targets"),
            ("[\"lab2a\"]", "3", 6, "expected a list of test targets"),
            ("section", "chapter", 3, "unknown key \"chapter\""),
            ("\"t\"", "7", 1, "title: expected a text"),
            ("\"t\"", "\"\"", 1, "title: expected a text that is not empty"),
            ("src/a.rs", "../a.rs", 8, "expected a path below the project's folder"),
            ("  b\n", "  a\n", 12, "expected a text that differs from old"),
            ("file = ", "filename = ", 7, "there is no file"),
            ("title = \"t\"", "title = ", 1, "this is not TOML"),
            ("[[change]]", "[change]", 7, "expected [[change]] with file, old and new"),
        ];
        for (old, new, line, complaint) in cases {
            let found = wrong(&GOOD.replacen(old, new, 1));
            let fits = |(at, what): &(usize, String)| *at == line && what.contains(complaint);
            assert!(found.iter().any(fits), "{new}: {found:?}");
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        for key in ["title", "rule", "section", "source", "breaks", "labs"] {
            let lines = GOOD.lines().filter(|line| !line.starts_with(key));
            let found = wrong(&lines.collect::<Vec<_>>().join("\n"));
            assert!(found.iter().any(|(_, what)| what.contains(&format!("there is no {key}"))), "{found:?}");
        }
    }
}
