//! The names of tests that are written in the sources. These names say which test targets can have a test,
//! and whether a name can mean a test at all. So only the targets that are needed are built, and a wrong name
//! is refused before anything is built.
//!
//! A suite of the labs is a list of names: `Case::ours("backup_2b", ..)`. The list can be in the test target
//! itself, or in a library such as `labtest`. In a library, the target is found by the module of the file: a
//! test whose name is in `src/strict/votes.rs` belongs to the targets that call `strict::main..` or
//! `strict::cases..`. All this is only a guess. If the targets that were guessed do not have the test, all
//! targets are built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::names::{is_same, is_same_without_part, last_segment};

/// The root file of a test target.
pub struct Root {
    /// The index of the target.
    pub target: usize,
    /// The path of the file.
    pub file: PathBuf,
}

/// The names of tests in the sources of a project.
#[derive(Default)]
pub struct Sources {
    found: Vec<Found>,
    /// For each module, the targets that use its list of tests.
    lists: BTreeMap<String, BTreeSet<usize>>,
    /// For each module, the targets that use anything in it.
    uses: BTreeMap<String, BTreeSet<usize>>,
    /// For each module of a library, the other modules whose lists of tests it uses.
    calls: BTreeMap<String, BTreeSet<String>>,
    /// The places where a program or a macro can make names of tests.
    computed: BTreeSet<Place>,
    /// The targets that have functions with `#[test]`. Texts in such a target are no names of tests.
    with_functions: BTreeSet<usize>,
}

/// A name in a source file.
struct Found {
    name: String,
    place: Place,
    /// Whether this is very probably the name of a test: a function with `#[test]`, or a text that is
    /// followed by a function of the same name.
    is_sure: bool,
    /// Whether the name is only the beginning of a name that is computed, as in `format!("agree_{n}")`.
    is_prefix: bool,
    /// Whether the name is the end of a text, and not a number.
    is_text: bool,
}

/// Where a name was found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In a file of this target.
    Target(usize),
    /// In this module of a library.
    Module(String),
}

impl Sources {
    /// Reads the files of test targets and the libraries that are in the folders `libraries`. A file that
    /// cannot be read is left out.
    pub fn read(roots: &[Root], libraries: &BTreeSet<PathBuf>) -> Sources {
        let mut sources = Sources::default();
        for root in roots {
            // If a target has a folder of its own, all files of this folder belong to the target.
            let files = match (root.file.file_name(), root.file.parent()) {
                (Some(name), Some(dir)) if name == "main.rs" => rust_files(dir),
                _ => vec![root.file.clone()],
            };
            for text in files.iter().filter_map(|file| fs::read_to_string(file).ok()) {
                sources.take_target(root.target, &text);
            }
        }
        for dir in libraries {
            let src = dir.join("src");
            for file in rust_files(&src) {
                if let (Some(module), Ok(text)) = (module(&src, &file), fs::read_to_string(&file)) {
                    sources.take_library(&module, &text);
                }
            }
        }
        sources
    }

    fn take_target(&mut self, target: usize, text: &str) {
        // The tests of a target may be in modules whose files were not read.
        if computes_names(text) || has_other_files(text) {
            self.computed.insert(Place::Target(target));
        }
        for word in words(text) {
            if text[word.end..].starts_with("::") {
                self.uses.entry(word.text.to_owned()).or_default().insert(target);
            }
            if calls_a_list(&word, text) {
                self.lists.entry(word.text.to_owned()).or_default().insert(target);
            }
            if word.is_test {
                self.with_functions.insert(target);
            }
            if word.opens || word.closes || word.is_function {
                self.add(&word, Place::Target(target), word.is_test || is_case(&word, text));
            }
        }
    }

    fn take_library(&mut self, module: &str, text: &str) {
        if computes_names(text) {
            self.computed.insert(Place::Module(module.to_owned()));
        }
        for word in words(text) {
            if calls_a_list(&word, text) {
                self.calls.entry(module.to_owned()).or_default().insert(word.text.to_owned());
            }
            if word.opens && (word.closes || word.is_prefix) {
                self.add(&word, Place::Module(module.to_owned()), is_case(&word, text));
            }
        }
    }

    fn add(&mut self, word: &Word<'_>, place: Place, is_sure: bool) {
        let (name, is_prefix) = (word.text.to_owned(), word.is_prefix);
        let is_text = word.closes && !name.starts_with(|c: char| c.is_ascii_digit());
        self.found.push(Found { name, place, is_sure, is_prefix, is_text });
    }

    /// Whether this name of a test is in the sources. The beginning of a name counts only if it belongs to a
    /// target. Without this rule, each name that begins with `lab` would be known, because a program makes
    /// such texts.
    pub fn knows(&self, test: &str) -> bool {
        let counts = |found: &&Found| !found.is_prefix || !self.at(&found.place).is_empty();
        self.found.iter().filter(counts).any(|found| found.means(test))
    }

    /// The names of tests that certainly belong to this target.
    pub fn tests_of(&self, target: usize) -> impl Iterator<Item = &str> {
        let is_there = move |it: &&Found| it.is_sure && self.at(&it.place).contains(&target);
        self.found.iter().filter(is_there).map(|it| it.name.as_str())
    }

    /// Whether this target certainly does not have this test: no source has the name, and the target's names
    /// are all written in the sources.
    pub fn excludes(&self, target: usize, test: &str) -> bool {
        let mut modules: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> =
            self.lists.iter().filter(|it| it.1.contains(&target)).map(|it| &**it.0).collect();
        while let Some(module) = open.pop() {
            if modules.insert(module) {
                open.extend(self.calls.get(module).into_iter().flatten().map(String::as_str));
            }
        }
        let is_of_target = |place: &Place| match place {
            Place::Target(of) => *of == target,
            Place::Module(module) => modules.contains(module.as_str()),
        };
        let has_names = self.found.iter().any(|found| found.is_sure && is_of_target(&found.place));
        has_names && !self.computed.iter().any(is_of_target) && !self.knows(test)
    }

    /// The targets that can have this test.
    pub fn targets_of(&self, test: &str) -> BTreeSet<usize> {
        let exact = |it: &Found| it.is_sure && is_same(&it.name, last_segment(test));
        let sure = |it: &Found| it.is_sure && it.means(test);
        let any = |it: &Found| it.means(test);
        let of = |fits: &dyn Fn(&Found) -> bool| -> BTreeSet<usize> {
            self.found.iter().filter(|it| fits(it)).flat_map(|it| self.at(&it.place)).collect()
        };
        let best = [of(&exact), of(&sure), of(&any)].into_iter().find(|targets| !targets.is_empty());
        best.unwrap_or_default()
    }

    fn at(&self, place: &Place) -> BTreeSet<usize> {
        match place {
            Place::Target(target) => BTreeSet::from([*target]),
            Place::Module(module) => {
                let targets = self.lists.get(module).or_else(|| self.uses.get(module));
                targets.cloned().unwrap_or_default()
            }
        }
    }

    /// The names that can be names of tests and that belong to at least one target.
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        let is_test = |it: &&Found| {
            let may_be_text = |target: &usize| it.is_text && !self.with_functions.contains(target);
            let is_likely = it.is_sure || matches!(&it.place, Place::Target(target) if may_be_text(target));
            is_likely && !it.is_prefix && !self.at(&it.place).is_empty()
        };
        self.found.iter().filter(is_test).map(|it| it.name.as_str())
    }
}

impl Found {
    fn means(&self, test: &str) -> bool {
        let wanted = last_segment(test);
        match self.is_prefix {
            true => wanted.len() > self.name.len() && wanted.starts_with(&self.name),
            false => is_same(&self.name, wanted) || is_same_without_part(&self.name, wanted),
        }
    }
}

/// The top module of a library's file: `strict` for `src/strict/votes.rs`, `rsm` for `src/rsm.rs`.
fn module(src: &Path, file: &Path) -> Option<String> {
    let first = file.strip_prefix(src).ok()?.iter().next()?.to_str()?;
    Some(first.strip_suffix(".rs").unwrap_or(first).to_owned())
}

/// The Rust files in a folder and the folders below it.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(_) if path.extension().is_some_and(|e| e == "rs") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Whether a text is the name of a test: a function of the same name follows soon, as in
/// `Case::ours("backup_2b", backup_2b::<R>)`.
fn is_case(word: &Word<'_>, text: &str) -> bool {
    if !word.opens || !word.closes {
        return false;
    }
    let rest: String = text[word.end..].chars().take(CASE).collect();
    words(&rest).iter().any(|it| it.text == word.text && !it.opens && !it.closes)
}

/// Whether the word is a module, and its list of tests is called: `strict::main_2` or `strict::cases`.
fn calls_a_list(word: &Word<'_>, text: &str) -> bool {
    let called = text[word.end..].strip_prefix("::");
    called.is_some_and(|rest| rest.starts_with("main") || rest.starts_with("cases"))
}

/// Whether a program or a macro may make names of tests in this file. In all other files, a test is a
/// function with `#[test]`, or a `Case` whose name is a text.
fn computes_names(text: &str) -> bool {
    let makes_case = |new: &str| {
        text.match_indices(new).any(|(at, _)| !text[at + new.len()..].trim_start().starts_with('"'))
    };
    // A macro at the beginning of a line can make tests.
    let is_macro = |line: &str| {
        let name = line.split_once('!').map_or("", |(name, _)| name);
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_:".contains(c))
    };
    makes_case("Case::ours(") || makes_case("Case::of_course(") || text.lines().any(is_macro)
}

/// Whether the file has modules in other files.
fn has_other_files(text: &str) -> bool {
    let is_module = |line: &str| line.trim_start().starts_with("mod ") && line.trim_end().ends_with(';');
    text.lines().any(is_module)
}

/// In a list of tests, a function begins at most this many characters after its name.
const CASE: usize = 160;

/// A word of a source file.
struct Word<'a> {
    text: &'a str,
    /// The offset of its end.
    end: usize,
    /// Whether a quotation mark comes directly before the word, or directly after it.
    opens: bool,
    closes: bool,
    /// Whether the word begins a text, and a value follows: `"agree_{n}"`.
    is_prefix: bool,
    /// Whether the word is the name of a function, and whether this function is a test.
    is_function: bool,
    is_test: bool,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_letter).map(|offset| at + offset) {
        let end = text[start..].find(|c| !is_letter(c)).map_or(text.len(), |offset| start + offset);
        let (before, after) = (&text[..start], &text[end..]);
        let is_function = before.ends_with("fn ");
        let head = before.strip_suffix("fn ").unwrap_or(before).trim_end();
        let opens = before.ends_with('"');
        found.push(Word {
            text: &text[start..end],
            end,
            opens,
            closes: after.starts_with('"'),
            is_prefix: opens && after.starts_with('{'),
            is_function,
            is_test: is_function && (head.ends_with("#[test]") || head.ends_with("#[ignore]")),
        });
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::scratch::random;
    use super::*;

    /// The sources of a project with these files. The files in `tests` are targets.
    fn sources(files: &[(&str, &str)]) -> Sources {
        let base = std::env::temp_dir().join(format!("lab-sources-{:x}", random()));
        let mut roots = Vec::new();
        for (file, text) in files {
            let path = base.join(file);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(&path, text).expect("the file can be written");
            if file.starts_with("tests/") {
                roots.push(Root { target: roots.len(), file: path });
            }
        }
        let sources = Sources::read(&roots, &[base.clone()].into());
        fs::remove_dir_all(base).expect("the test has made this folder");
        sources
    }

    fn targets(sources: &Sources, test: &str) -> Vec<usize> {
        sources.targets_of(test).into_iter().collect()
    }

    #[test]
    fn a_test_is_found_in_its_target_and_in_the_module_that_its_target_uses() {
        let found = sources(&[
            ("tests/a.rs", "use labtest::strict;\nfn main() { strict::main_2() }\n"),
            (
                "tests/b.rs",
                "fn main() { go(&[Case::ours(\"own_test\", own_test), Case::ours(\"!rare\", x)]) }",
            ),
            ("tests/c.rs", "#[test]\nfn adds_up() {}\nfn helper() { strict::rule(\"one_vote_2b\") }\n"),
            ("src/strict/votes.rs", "Case::ours(\"one_vote_2b\", one_vote_2b::<R>), call(\"text\")"),
            ("src/unused.rs", "let names = \"orphan\"; orphan();"),
        ]);
        assert_eq!(targets(&found, "one_vote_2b"), [0]);
        assert_eq!(targets(&found, "one_vote"), [0], "without the part of the lab");
        assert_eq!(targets(&found, "own_test"), [1]);
        assert_eq!(targets(&found, "rare"), [1]);
        assert_eq!(targets(&found, "inner::adds_up"), [2]);
        assert!(targets(&found, "orphan").is_empty(), "no target uses this module");
        assert!(found.knows("orphan") && !found.knows("one_votes_2b") && !found.knows("names"));
        let tests: Vec<&str> = found.tests().collect();
        for test in ["own_test", "rare", "adds_up", "one_vote_2b"] {
            assert!(tests.contains(&test), "no {test} in {tests:?}");
        }
        assert!(!tests.contains(&"helper"), "{tests:?}");
    }

    #[test]
    fn a_name_that_is_computed_is_known_by_its_beginning() {
        let found = sources(&[("tests/a.rs", "Case::ours(format!(\"agree_with_{n}\"), f)")]);
        assert!(found.knows("agree_with_3") && !found.knows("agree_without"));
        assert_eq!(targets(&found, "agree_with_3"), [0]);
    }

    #[test]
    fn the_beginning_of_a_name_in_another_program_is_not_known() {
        let found =
            sources(&[("tests/a.rs", "#[test]\nfn a() {}\n"), ("src/names.rs", "format!(\"lab{part}\")")]);
        assert!(!found.knows("lab2x"));
    }

    #[test]
    fn texts_beside_functions_are_no_names_of_tests() {
        let found = sources(&[
            ("tests/a.rs", "#[test]\nfn adds_up() { check(\"never_written\"); check(\"20\") }\n"),
            ("tests/b.rs", "fn main() { go(&[\"in_a_list\", \"2\"]) }\n"),
        ]);
        assert_eq!(found.tests().collect::<Vec<_>>(), ["adds_up", "in_a_list"]);
    }

    #[test]
    fn a_target_excludes_a_name_only_if_all_its_names_are_written() {
        let found = sources(&[
            ("tests/a.rs", "fn main() { lab2::main_2a() }"),
            (
                "tests/b.rs",
                "fn main() { lab2::cases().map(|it| Case::ours(format!(\"{option}_{it}\"), it)) }",
            ),
            ("tests/c.rs", "#[test]\nfn adds_up() {}\n"),
            ("tests/d.rs", "#[test]\nfn adds_more() {}\ntests! { adds_most }\n"),
            ("tests/e.rs", "mod more;\n#[test]\nfn adds_less() {}\n"),
            ("tests/f.rs", "fn main() { lab4::main_4a() }"),
            ("tests/g.rs", "fn main() { something_else() }"),
            ("src/lab2/a.rs", "Case::of_course(\n\"election_2a\", \"TestElection2A\", election_2a::<R>)"),
            ("src/lab2/mod.rs", "mod a;\n"),
            ("src/lab4/mod.rs", "Case::ours(\"join_4a\", join_4a), moves::cases()"),
            ("src/moves.rs", "Case::ours(name, body)"),
        ]);
        let excluding: Vec<usize> = (0..7).filter(|target| found.excludes(*target, "elections_2a")).collect();
        assert_eq!(excluding, [0, 2]);
        assert!(!found.excludes(0, "election_2a") && !found.excludes(2, "adds_up"));
    }
}
