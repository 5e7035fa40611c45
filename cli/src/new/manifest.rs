//! The manifest of a new project.
//!
//! This is the starter's manifest with three changes. The package has another name. The package is a
//! workspace of its own. The starter inherits dependencies from the workspace of this repository; the new
//! manifest contains their versions or paths instead. The edition, the profiles and the versions are those of
//! this repository.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::source::Source;

const STARTER: &str = include_str!("../../../starter/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Tables that are in the new manifest, but not in the starter's manifest. The lints make `cargo clippy`
/// report an error for each name that the project's `clippy.toml` bans.
const OWN_TABLES: &str = "
# The project is no part of a workspace that may lie above it.
[workspace]

# `cargo clippy` refuses the names that clippy.toml bans: they would break virtual time.
[lints.clippy]
disallowed_types = \"deny\"
disallowed_methods = \"deny\"
disallowed_macros = \"deny\"

";

/// The manifest of the package `name`.
pub fn text(name: &str, source: &Source) -> String {
    let workspace = document(WORKSPACE);
    let mut own = document(STARTER);
    own["package"] = Item::Table(package(name, &workspace));
    own.remove("lints");
    for kind in ["dependencies", "dev-dependencies"] {
        spell_out(&mut own[kind], &workspace["workspace"]["dependencies"], source);
    }
    run_by_default(&mut own["test"]);
    let mut profiles = workspace;
    let others: Vec<String> =
        profiles.iter().map(|(key, _)| key.to_owned()).filter(|key| key != "profile").collect();
    for key in others {
        profiles.remove(&key);
    }
    without_this_program(&mut profiles["profile"]);
    let text = format!("{}{OWN_TABLES}{}", own.to_string().trim_start(), profiles.to_string().trim());
    format!("{}\n", text.trim_end())
}

/// Removes the profile of this program's own package. The new project does not depend on this package, and
/// cargo warns about profiles of packages that it does not find.
fn without_this_program(profiles: &mut Item) {
    let packages = &mut profiles["dev"]["package"];
    packages.as_table_like_mut().expect("the workspace has such profiles").remove(env!("CARGO_PKG_NAME"));
}

/// Names that the package cannot have, because its dependencies have these names.
pub fn reserved_names() -> Vec<String> {
    let workspace = document(WORKSPACE);
    let all = workspace["workspace"]["dependencies"].as_table_like().expect("the workspace has dependencies");
    let of_the_lab =
        all.iter().filter(|(_, item)| field(item, "path").is_some()).map(|(name, _)| name.to_owned());
    let starter = document(STARTER);
    let direct = starter["dependencies"].as_table_like().expect("the starter has dependencies");
    of_the_lab.chain(direct.iter().map(|(name, _)| name.to_owned())).collect()
}

fn document(text: &str) -> DocumentMut {
    text.parse().expect("cargo has read this manifest to build this program")
}

fn field<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    item.as_table_like().and_then(|table| table.get(name))
}

fn package(name: &str, workspace: &DocumentMut) -> Table {
    let shared = &workspace["workspace"]["package"];
    let mut package = Table::new();
    package["name"] = toml_edit::value(name);
    package["version"] = toml_edit::value("0.1.0");
    for key in ["edition", "rust-version"] {
        package[key] = toml_edit::value(shared[key].as_str().expect("the workspace has this key"));
    }
    package["publish"] = toml_edit::value(false);
    package
}

/// Finds each dependency that has `workspace = true`. Replaces it by the entry of the workspace for the same
/// crate.
fn spell_out(table: &mut Item, shared: &Item, source: &Source) {
    let old = table.as_table_mut().expect("the starter has these dependencies");
    let names: Vec<String> = old.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let Some((key, item)) = old.remove_entry(&name) else { continue };
        let full = dependency(&item, &shared[&name], source);
        old.insert(&name, toml_edit::value(full));
        // A comment above the dependency is a part of its key.
        if let (Some(mut new), Some(comment)) = (old.key_mut(&name), key.leaf_decor().prefix()) {
            new.leaf_decor_mut().set_prefix(comment.clone());
        }
    }
}

fn dependency(own: &Item, shared: &Item, source: &Source) -> InlineTable {
    let mut full = InlineTable::new();
    match field(shared, "path").and_then(Item::as_str) {
        Some(path) => place(&mut full, path, source),
        None => version(&mut full, shared),
    }
    if let Some(own) = own.as_table_like() {
        add_own(&mut full, own);
    }
    full
}

/// Adds the place from which a crate of the lab comes. `path` is the folder of the crate in this repository.
fn place(full: &mut InlineTable, path: &str, source: &Source) {
    match source {
        Source::Checkout(checkout) => {
            let folder = if path == "." { checkout.clone() } else { checkout.join(path) };
            full.insert("path", folder.to_string_lossy().into_owned().into());
        }
        Source::Git { url, rev } => {
            full.insert("git", url.into());
            full.insert("rev", rev.into());
        }
    }
}

/// Adds the version of a crate of the registry.
fn version(full: &mut InlineTable, shared: &Item) {
    match shared {
        Item::Value(Value::InlineTable(table)) => *full = table.clone(),
        other => drop(full.insert("version", other.as_str().expect("a dependency has a version").into())),
    }
}

/// Adds the keys that the starter's dependency has besides `workspace = true`.
fn add_own(full: &mut InlineTable, own: &dyn TableLike) {
    for (key, item) in own.iter().filter(|(key, _)| *key != "workspace") {
        let Some(value) = item.as_value() else { continue };
        match (full.get_mut(key).and_then(Value::as_array_mut), value.as_array()) {
            (Some(features), Some(more)) => add_missing(features, more),
            _ => drop(full.insert(key, value.clone())),
        }
    }
}

fn add_missing(features: &mut Array, more: &Array) {
    for feature in more {
        if !features.iter().any(|f| f.as_str() == feature.as_str()) {
            features.push(feature.clone());
        }
    }
}

/// Makes `cargo test` run the suites. In this repository these suites run only if the user names them,
/// because they fail with the unsolved starter.
fn run_by_default(tests: &mut Item) {
    let tests = tests.as_array_of_tables_mut().expect("the starter has suites");
    for (number, test) in tests.iter_mut().enumerate() {
        test.remove("test");
        if number == 0 {
            test.decor_mut().set_prefix("\n# The suites print the course's lines in the course's order: they have a harness of their own.\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn checkout() -> Source {
        Source::Checkout(PathBuf::from("/labs \"quoted\""))
    }

    #[test]
    fn nothing_is_inherited_from_a_workspace() {
        let text = text("my-raft", &checkout());
        let manifest: DocumentMut = text.parse().expect("the text is TOML");
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-raft"));
        assert!(manifest["workspace"].is_table());
        assert!(!text.contains("workspace = true") && !text.contains(".workspace"), "{text}");
        let starter = document(STARTER);
        for kind in ["dependencies", "dev-dependencies"] {
            let names = |of: &DocumentMut| -> Vec<String> {
                of[kind]
                    .as_table_like()
                    .expect("the value is a table")
                    .iter()
                    .map(|(name, _)| name.to_owned())
                    .collect()
            };
            assert_eq!(names(&manifest), names(&starter));
        }
        assert_eq!(manifest["features"].to_string(), starter["features"].to_string());
        let mut workspace = document(WORKSPACE);
        assert!(field(&workspace["profile"]["dev"]["package"], "mit6824-cli").is_some());
        without_this_program(&mut workspace["profile"]);
        let profiles = |of: &DocumentMut| of["profile"].to_string();
        assert_eq!(profiles(&manifest), profiles(&workspace));
        assert!(field(&manifest["profile"]["dev"]["package"], "mit6824-cli").is_none());
        assert_eq!(manifest["dependencies"]["labrt"]["path"].as_str(), Some("/labs \"quoted\"/labrt"));
        assert_eq!(manifest["dependencies"]["serde"]["version"].as_str(), Some("1"));
    }

    #[test]
    fn a_git_source_names_repository_and_commit() {
        let source = Source::git("https://example.org/labs.git", "1f2e").expect("the address is good");
        let manifest: DocumentMut = text("x", &source).parse().expect("the text is TOML");
        let labtest = &manifest["dev-dependencies"]["labtest"];
        assert_eq!(labtest["git"].as_str(), Some("https://example.org/labs.git"));
        assert_eq!(labtest["rev"].as_str(), Some("1f2e"));
        assert!(field(labtest, "path").is_none());
    }

    #[test]
    fn what_the_starter_adds_to_a_dependency_stays() {
        let own: DocumentMut = "x = { workspace = true, optional = true, features = [\"b\"] }"
            .parse()
            .expect("the text is TOML");
        let shared: DocumentMut = "x = { version = \"1\", features = [\"a\"] }\ny = { path = \".\" }"
            .parse()
            .expect("the text is TOML");
        let x = dependency(&own["x"], &shared["x"], &checkout());
        assert_eq!(x.get("optional").and_then(Value::as_bool), Some(true));
        assert_eq!(x.get("features").and_then(Value::as_array).map(Array::len), Some(2));
        let y = dependency(&own["x"], &shared["y"], &checkout());
        assert_eq!(y.get("path").and_then(Value::as_str), Some("/labs \"quoted\""));
        assert_eq!(y.get("optional").and_then(Value::as_bool), Some(true));
    }

    #[test]
    fn the_names_of_the_labs_crates_are_reserved() {
        let reserved = reserved_names();
        for name in ["labrt", "labtest", "mit6824", "porcupine", "serde"] {
            assert!(reserved.iter().any(|r| r == name), "{name} in {reserved:?}");
        }
        assert!(!reserved.iter().any(|r| r == "clap"));
    }
}
