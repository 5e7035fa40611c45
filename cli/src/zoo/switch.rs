//! One copy of the sources with many animals, each behind a switch.
//!
//! A build of the project takes much longer than a run of a test. So the copy in which animals are measured
//! has nearly all animals at once. [`Switched::of`] compares the project's sources with the sources of each
//! animal, function by function. If a function differs, its body in the copy asks whether the animal's switch
//! is on:
//!
//! ```text
//! fn majority(&self) -> usize {
//!     if crate::zoo::on(17) { self.n.div_ceil(2) } else { self.n / 2 + 1 }
//! }
//! ```
//!
//! If an animal adds a function or a `use`, the copy gets this function or `use`, too. The environment
//! variable `LAB_ZOO` has the name of the animal whose switch is on. A program reads the variable once.
//! Without the variable, the copy behaves as the project does.
//!
//! An animal that changes something else, such as the fields of a struct or the parameters of a function,
//! cannot have a switch. The same is true for an animal whose switch does not compile. Such an animal needs a
//! build of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use quote::ToTokens;
use syn::spanned::Spanned;

use super::animal::{Animal, Change};
use super::diff;

/// The environment variable with the name of the animal whose switch is on.
pub const VARIABLE: &str = "LAB_ZOO";

/// If this environment variable is `1`, Raft's own assertions are on. Otherwise they are off.
pub const ASSERTIONS: &str = "LAB_ZOO_ASSERTIONS";

/// The copy has this file in addition to the project's files. The code in the file reads the two environment
/// variables.
const MODULE: &str = "src/zoo.rs";
const LIBRARY: &str = "src/lib.rs";

/// The sources with switches.
pub struct Switched {
    /// The files of the copy that differ from the project's files.
    pub files: BTreeMap<String, String>,
    /// The animals that have a switch.
    pub names: BTreeSet<String>,
    /// The animals that cannot have a switch, and why.
    pub refused: BTreeMap<String, String>,
    /// For each file: ranges of lines, and the animal to which each range belongs.
    lines: BTreeMap<String, Vec<(Range<usize>, String)>>,
}

impl Switched {
    /// Makes the sources with switches for all animals except those in `without`.
    ///
    /// # Errors
    /// If the change that puts Raft's assertions behind a switch does not fit, or `src/lib.rs` cannot be
    /// read.
    pub fn of(
        root: &Path,
        animals: &[Animal],
        without: &BTreeMap<String, String>,
    ) -> Result<Switched, String> {
        let assertions = diff::apply_changes(root, "assertions", &switched_assertions())?;
        let mut bases: BTreeMap<String, String> =
            assertions.into_iter().map(|changed| (changed.file, changed.after)).collect();
        let mut refused = without.clone();
        let mut edits: BTreeMap<String, Edits> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (number, animal) in (0..).zip(animals) {
            if refused.contains_key(&animal.name) {
                continue;
            }
            let mut changes = animal.changes.clone();
            changes.extend(switched_assertions());
            let mut found = Vec::new();
            let mut why = None;
            let all = diff::apply_changes(root, &animal.name, &changes).unwrap_or_else(|what| {
                why = Some(what);
                Vec::new()
            });
            for changed in all {
                if !animal.changes.iter().any(|change| change.file == changed.file) {
                    continue;
                }
                let base = bases.entry(changed.file.clone()).or_insert(changed.before);
                match compare(base, &changed.after) {
                    Ok(edit) => found.push((changed.file, edit)),
                    Err(what) => why = Some(format!("{}: {what}", changed.file)),
                }
            }
            let clash = found.iter().find_map(|(file, edit)| edits.get(file)?.clash(edit));
            match why.or(clash) {
                Some(why) => drop(refused.insert(animal.name.clone(), why)),
                None => {
                    names.insert(animal.name.clone());
                    for (file, edit) in found {
                        edits.entry(file).or_default().add(number, &animal.name, edit);
                    }
                }
            }
        }
        let mut lines = BTreeMap::new();
        let mut files = bases.clone();
        for (file, edits) in &edits {
            let (text, places) = edits.text(&bases[file]);
            files.insert(file.clone(), text);
            lines.insert(file.clone(), places);
        }
        let library = match bases.remove(LIBRARY) {
            Some(text) => text,
            None => fs::read_to_string(root.join(LIBRARY)).map_err(|e| format!("{LIBRARY}: {e}"))?,
        };
        files.insert(LIBRARY.to_owned(), format!("{library}\nmod zoo;\n"));
        files.insert(MODULE.to_owned(), module(animals, &names));
        Ok(Switched { files, names, refused, lines })
    }

    /// The animals to which a line of a file belongs.
    pub fn at(&self, file: &str, line: usize) -> BTreeSet<&str> {
        let places = self.lines.get(file).into_iter().flatten();
        places.filter(|(lines, _)| lines.contains(&line)).map(|(_, name)| name.as_str()).collect()
    }
}

/// The changes that put Raft's own assertions behind a switch.
fn switched_assertions() -> Vec<Change> {
    super::tree::without_assertions()
        .into_iter()
        .map(|it| Change {
            new: it
                .new
                .replace("if false && !holds", "if crate::zoo::assertions() && !holds")
                .replace("if true {", "if !crate::zoo::assertions() {"),
            ..it
        })
        .collect()
}

/// The text of the file [`MODULE`].
fn module(animals: &[Animal], names: &BTreeSet<String>) -> String {
    let mut table = String::new();
    for (number, animal) in animals.iter().enumerate().filter(|(_, it)| names.contains(&it.name)) {
        table += &format!("    ({:?}, {number}),\n", animal.name);
    }
    format!(
        r#"//! The switches of the zoo's animals. `lab zoo` writes this file.

use std::sync::OnceLock;

const NAMES: &[(&str, usize)] = &[
{table}];

/// Whether the switch of this animal is on.
#[allow(dead_code)]
#[inline]
pub(crate) fn on(number: usize) -> bool {{
    static SWITCH: OnceLock<Option<usize>> = OnceLock::new();
    *SWITCH.get_or_init(switch) == Some(number)
}}

fn switch() -> Option<usize> {{
    let name = std::env::var("{VARIABLE}").ok().filter(|name| !name.is_empty())?;
    let known = NAMES.iter().find(|(known, _)| *known == name);
    let Some((_, number)) = known else {{
        eprintln!("{VARIABLE}={{name}}: expected an animal that has a switch in this copy (src/zoo.rs)");
        std::process::exit(2);
    }};
    Some(*number)
}}

/// Whether Raft's own assertions are on.
#[inline]
pub(crate) fn assertions() -> bool {{
    static SWITCH: OnceLock<bool> = OnceLock::new();
    *SWITCH.get_or_init(|| std::env::var_os("{ASSERTIONS}").is_some_and(|it| it == "1"))
}}
"#
    )
}

/// What an animal changes in a file.
#[derive(Default)]
struct Edit {
    /// Functions that differ, and their new bodies.
    bodies: BTreeMap<String, String>,
    /// New items. Each has its container ([`Item`]), its name and its text.
    added: Vec<(String, String, String)>,
}

/// Compares two texts of a file. The error names a difference that cannot be behind a switch.
fn compare(base: &str, changed: &str) -> Result<Edit, String> {
    let (base, changed) = (Parsed::of(base)?, Parsed::of(changed)?);
    let mut edit = Edit::default();
    for (key, item) in &changed.items {
        match base.items.get(key) {
            None if item.addable => {
                edit.added.push((item.container.clone(), key.clone(), item.text.clone()));
            }
            None => return Err(format!("{key} is changed")),
            Some(old) if old.head != item.head => return Err(format!("the head of {key} is changed")),
            Some(old) => match (&old.body, &item.body) {
                (Some((_, before)), Some((_, after))) if before != after => {
                    edit.bodies.insert(key.clone(), after.clone());
                }
                _ => {}
            },
        }
    }
    match base.items.iter().find(|(key, item)| !item.removable && !changed.items.contains_key(*key)) {
        Some((key, _)) => Err(format!("{key} is changed or removed")),
        None => Ok(edit),
    }
}

/// The changes of all animals in a file.
#[derive(Default)]
struct Edits {
    /// For each function, the animals that change it: the animal's number, the animal's name, and the new
    /// body of the function.
    bodies: BTreeMap<String, Vec<(usize, String, String)>>,
    /// The new items, by container and name. The values are the animal and the text of the item.
    added: BTreeMap<(String, String), (String, String)>,
}

impl Edits {
    /// An edit cannot be added if another animal adds a different item with the same name. Returns this
    /// reason, or `None` if the edit can be added.
    fn clash(&self, edit: &Edit) -> Option<String> {
        edit.added.iter().find_map(|(container, key, text)| {
            let (other, known) = self.added.get(&(container.clone(), key.clone()))?;
            (known != text).then(|| format!("{other} adds {key}, too"))
        })
    }

    fn add(&mut self, number: usize, name: &str, edit: Edit) {
        for (key, body) in edit.bodies {
            self.bodies.entry(key).or_default().push((number, name.to_owned(), body));
        }
        for (container, key, text) in edit.added {
            self.added.entry((container, key)).or_insert((name.to_owned(), text));
        }
    }

    /// Returns the text of the file with all changes, and ranges of lines. Each range has the name of the
    /// animal to which its lines belong.
    fn text(&self, base: &str) -> (String, Vec<(Range<usize>, String)>) {
        let parsed = Parsed::of(base).expect("the text was parsed before");
        // Each insertion: the place in the old text, the new text, and the animal.
        let mut insertions: Vec<(usize, String, Option<&str>)> = Vec::new();
        for (key, variants) in &self.bodies {
            let Some((range, _)) = &parsed.items[key].body else { continue };
            let mut before = "{ ".to_owned();
            for (number, name, body) in variants {
                insertions.push((range.start, format!("{before}if crate::zoo::on({number}) "), None));
                insertions.push((range.start, body.clone(), Some(name)));
                before = " else ".to_owned();
            }
            insertions.push((range.start, before, None));
            insertions.push((range.end, " }".to_owned(), None));
        }
        for ((container, _), (name, text)) in &self.added {
            let place = parsed.containers.get(container).copied().unwrap_or(base.len());
            insertions.push((place, format!("\n{text}\n"), Some(name)));
        }
        // The sort is stable, so the parts of one function stay in their order.
        insertions.sort_by_key(|(place, ..)| *place);
        let (mut out, mut lines, mut from) = (String::new(), Vec::new(), 0);
        for (place, text, name) in insertions {
            out += &base[from..place];
            from = place;
            let first = out.lines().count().max(1);
            out += &text;
            if let Some(name) = name {
                lines.push((first..out.lines().count() + 1, name.to_owned()));
            }
        }
        out += &base[from..];
        (out, lines)
    }
}

/// An item of a file.
struct Item {
    /// The container: `""` for the file, or the head of an impl block or of a trait.
    container: String,
    /// For a function: everything except the body. Empty for other items.
    head: String,
    /// For a function: the place and the text of its body.
    body: Option<(Range<usize>, String)>,
    /// The text of the item.
    text: String,
    /// Whether an animal may add such an item.
    addable: bool,
    /// Whether an animal may remove such an item.
    removable: bool,
}

struct Parsed<'a> {
    text: &'a str,
    items: BTreeMap<String, Item>,
    /// For each container, the offset in the text at which new items can be inserted.
    containers: BTreeMap<String, usize>,
}

impl<'a> Parsed<'a> {
    fn of(text: &'a str) -> Result<Parsed<'a>, String> {
        let file = syn::parse_file(text).map_err(|error| format!("this does not parse: {error}"))?;
        let mut parsed = Parsed { text, items: BTreeMap::new(), containers: BTreeMap::new() };
        parsed.containers.insert(String::new(), text.len());
        parsed.walk("", &file.items);
        Ok(parsed)
    }

    fn walk(&mut self, container: &str, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Fn(it) => {
                    let head = head(&it.attrs, &it.vis, &it.sig);
                    self.function(container, &it.sig, head, item.span(), Some(&it.block));
                }
                syn::Item::Impl(it) => {
                    let (_, generics, bounds) = it.generics.split_for_impl();
                    let of = it.trait_.as_ref().map(|(_, path, _)| tokens(path)).unwrap_or_default();
                    let inner = format!(
                        "{container}impl {of} for {} {} {}/",
                        tokens(&it.self_ty),
                        tokens(&generics),
                        tokens(&bounds)
                    );
                    self.containers.insert(inner.clone(), it.brace_token.span.close().byte_range().start);
                    self.other(container, inner.clone(), item.span(), false);
                    for inside in &it.items {
                        match inside {
                            syn::ImplItem::Fn(it) => {
                                let head = head(&it.attrs, &it.vis, &it.sig);
                                self.function(&inner, &it.sig, head, inside.span(), Some(&it.block));
                            }
                            other => self.other(&inner, tokens(other), inside.span(), false),
                        }
                    }
                }
                syn::Item::Trait(it) => {
                    let inner = format!("{container}trait {}/", it.ident);
                    self.containers.insert(inner.clone(), it.brace_token.span.close().byte_range().start);
                    for inside in &it.items {
                        match inside {
                            syn::TraitItem::Fn(it) => {
                                let head = head(&it.attrs, &syn::Visibility::Inherited, &it.sig);
                                self.function(&inner, &it.sig, head, inside.span(), it.default.as_ref());
                            }
                            other => self.other(&inner, tokens(other), inside.span(), false),
                        }
                    }
                }
                syn::Item::Use(_) => self.other(container, tokens(item), item.span(), true),
                other => self.other(container, tokens(other), other.span(), false),
            }
        }
    }

    fn function(
        &mut self,
        container: &str,
        sig: &syn::Signature,
        head: String,
        span: proc_macro2::Span,
        block: Option<&syn::Block>,
    ) {
        let body = block.map(|block| {
            let range = block.span().byte_range();
            (range.clone(), self.text[range].to_owned())
        });
        let text = self.text[span.byte_range()].to_owned();
        let item =
            Item { container: container.to_owned(), head, body, text, addable: true, removable: false };
        self.items.insert(format!("{container}fn {}", sig.ident), item);
    }

    fn other(&mut self, container: &str, key: String, span: proc_macro2::Span, is_use: bool) {
        let text = self.text[span.byte_range()].to_owned();
        let container = container.to_owned();
        let item =
            Item { container, head: String::new(), body: None, text, addable: is_use, removable: is_use };
        self.items.insert(key, item);
    }
}

/// The tokens of a value, as text. The spaces of this text do not depend on the spaces of the source.
fn tokens(it: &impl ToTokens) -> String {
    it.to_token_stream().to_string()
}

/// The head of a function: its attributes, its visibility and its signature.
fn head(attributes: &[syn::Attribute], visibility: &syn::Visibility, signature: &syn::Signature) -> String {
    let attributes: String = attributes.iter().map(tokens).collect();
    format!("{attributes} {} {}", tokens(visibility), tokens(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str =
        "use a::B;\nstruct S(u8);\nimpl S {\n    fn one(&self) -> u8 { 1 }\n    fn two() {}\n}\n";

    #[test]
    fn a_body_gets_a_switch_and_a_new_function_is_added() {
        let changed = BASE
            .replace("{ 1 }", "{ self.other() }")
            .replace("fn two", "fn other(&self) -> u8 { 2 }\n    fn two");
        let edit = compare(BASE, &changed).expect("only a body and a new function");
        let mut edits = Edits::default();
        edits.add(7, "wrong", edit);
        let (text, lines) = edits.text(BASE);
        assert!(
            text.contains("fn one(&self) -> u8 { if crate::zoo::on(7) { self.other() } else { 1 } }\n"),
            "{text}"
        );
        assert!(text.contains("fn two() {}\n\nfn other(&self) -> u8 { 2 }\n}\n"), "{text}");
        assert!(lines.iter().any(|(lines, name)| lines.contains(&4) && name == "wrong"), "{lines:?}");
        syn::parse_file(&text).expect("the text is Rust");
    }

    #[test]
    fn two_animals_may_change_the_same_body() {
        let mut edits = Edits::default();
        for (number, body) in [(1, "{ 5 }"), (2, "{ 6 }")] {
            edits.add(number, body, compare(BASE, &BASE.replace("{ 1 }", body)).expect("only a body"));
        }
        let wanted = "{ if crate::zoo::on(1) { 5 } else if crate::zoo::on(2) { 6 } else { 1 } }";
        assert!(edits.text(BASE).0.contains(wanted), "{}", edits.text(BASE).0);
    }

    #[test]
    fn what_is_no_body_cannot_have_a_switch() {
        for (old, new) in [("S(u8)", "S(u16)"), ("fn one(&self)", "fn one()"), ("impl S", "impl T")] {
            assert!(compare(BASE, &BASE.replace(old, new)).is_err(), "{new}");
        }
    }

    #[test]
    fn two_animals_cannot_add_different_functions_with_the_same_name() {
        let add =
            |body: &str| compare(BASE, &BASE.replace("fn two", &format!("fn three() {body}\n    fn two")));
        let mut edits = Edits::default();
        edits.add(1, "a", add("{}").expect("only a new function"));
        assert_eq!(edits.clash(&add("{}").expect("only a new function")), None);
        assert!(edits.clash(&add("{ x() }").expect("only a new function")).is_some());
    }
}
